"""Sources that guess with a network: a small draft model, heads on the target's hidden states, a parallel drafter.

    draft_model    the small model and its source: it writes ahead, or reads over what other sources copied
    writing        what a small model writes by itself: a chain, a tree, a sampled chain
    marking        where a small model would deviate from a copied chain, and with what
    draft_cache    its key-value cache, kept in step with an output that changes
    heads          the source of the target's own heads (blockwise decoding, Medusa)
    parallel       the source of a parallel drafter (SpecDec)
    product_tree   the likeliest combinations of guesses for several positions ahead

Imports drafters, target and verification. These sources cost time: ``cost_s`` says how much.
"""
