"""What a stage trains: one module a kind, each with ``model``, ``objective`` and ``save`` (`app.training.stages`).

    tasks             targets and untrained draft models: copy, quote, answer, correct
    distil            a draft model learns to write what its target writes; the frozen `Teacher`
    on_policy         the draft model writes, and learns what the target would have said
    medusa_heads      heads on a frozen target
    parallel_drafts   a drafter that fills several masked positions at once

Imports outputs, config, examples, model and loop. Only `app.training.stages` imports it.
"""
