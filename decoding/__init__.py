"""The decoder: drafts from many sources, one token tree, one forward pass of the target to verify it.

Works on token ids. Imports nothing from the other floors. To read it, in this order:

    interfaces   what goes in, what comes out, what plugs in
    session      one request: draft, accept, commit          acceptance   the walk that makes it lossless
    batch        the loop: many sessions in each forward     door, turns, seat  who comes in, whose turn it is
    tree         drafts merged by prefix                     drafting     asks the sources
    budget       which nodes pay for themselves              calibration  how often a source is right
    pauses       when no source is worth asking
    target       trees in one forward pass                   masks        who sees whom
    cache        keys and values, compacted in place         prefixes     prompts that begin alike
    logits       what comes back from the device             sampling     logits to token
    criteria     other acceptance rules, the lossy ones too  processors/  what the target may write
    ahead        heads on the target's hidden states         hidden       how these are come by
    parallel     a drafter of many places at once            layer_skip   the target without some layers
    prompt_cost  what reading a prompt costs a drafter
    sources/     where drafts come from, one file each       presets      published methods from the same parts
    stats        what happened, by source and depth          engine       puts it all together

And what surrounds it:

    loading, placement, defaults   models, their devices, and what they say about themselves
    selfcheck, verification        the proof, at load, that a model verifies trees exactly; chains or plain steps else
    statecache                     models with a recurrent state
    memory, short_memory           running out of memory as an outcome
    graphs, buckets, pool, heads, transfer   the same forwards in fixed shapes, as CUDA graphs

Of the sources, ``blend`` is the widest (copying, earlier outputs and phrases as one mixture; its kernels stand in
``advancing``, ``mixture``, ``candidates``, ``places`` and ``weights``), ``edits`` writes corrections (``rewriting``,
``lattice``), ``evidence``, ``corpus``, ``recycled``, ``draft_model``, ``heads`` and ``parallel`` are what they are
called; the others are published rules.
"""
