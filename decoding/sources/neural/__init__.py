"""Sources that guess with a network: a small draft model, heads on the target's hidden states, a parallel drafter.

    draft_model     the small model and its source: it writes a chain, a tree or a sampled chain ahead of the target,
                    or marks where it would deviate from what other sources copied
    draft_cache     its key-value cache, kept in step with an output that changes
    multi_position  the sources that guess several positions at once: the target's own heads (blockwise decoding,
                    Medusa), a parallel drafter (SpecDec); and the tree of their likeliest combinations

Imports drafters, target and verification. These sources cost time: ``cost_s`` says how much.
"""
