"""How the bundled models are made (`spandraft train`). Nothing here is needed to serve them.

From the bottom up; a module imports what stands above it in this list:

    errors         what can go wrong, each with a hint
    corruption/    clean sentences -> sentences with errors
    data/          training records -> one file of material
    loop/          the trainer: steps over numbered batches, resumable
    model          the trained Llama, and its folder as transformers loads it
    examples/      rows of tokens for the two tasks and for copying
    config         stages and models, read from TOML; where a run keeps its results
    outputs/       what a target writes over training prompts
    objectives/    one module a kind of stage: model, objective, save
    stages         runs the stages of a run
    export         a run's results -> the folders that are bundled
    evaluation/    held-out items, measures, curves

Run by hand, each for one bundled file:

    edit_tagger/   the network behind the likely edits
    relevance/     the scorer of evidence, the first stage of judging it
    cross_encoder/  the second stage
    answer_biases  how a target that is not ours quotes: biases for its `spandraft.json`
    phrases        the table of common phrases
    blend_weights  the start weights of the blend source

`stages` and all that it imports run on a machine with nothing but torch and transformers.
"""
