"""The models and heads that the neural draft sources draft with: their files, forwards and costs.

    medusa_heads     heads on the target's last hidden state (blockwise decoding, Medusa)
    parallel_model   a small model that fills several masked positions in one forward (SpecDec)
    layer_skip       the target without some of its layers as its own draft model (Draft & Verify)
    draft_cost       moving averages of what a drafter's forwards and prompts cost

A draft model is a ``Target`` of its own (``decoding.sources.neural.draft_model``). Imported by sources; imports target
and what is below it, and knows neither sources nor how drafters are trained.
"""
