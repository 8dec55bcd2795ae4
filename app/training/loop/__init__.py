"""The trainer: steps over batches that are a pure function of their number, resumable at any step.

    trainer      the loop; `Objective` is what it trains for
    plan         steps, rates and the two optimizers
    batches      batches made ahead by worker processes, and moved to the device
    checkpoint   the state of a stage on disk
    progress     the log of a stage
    process      signals and memory of a long run

Imports errors only. Must not know tasks, architectures or data.
"""
