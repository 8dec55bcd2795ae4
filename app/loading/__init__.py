"""Settings to loaded models: the only folder that decides which model, scorer or proposer is used. It returns parts;
``app.pipeline`` and ``app.library`` put them together. Heavy libraries are imported where they are first needed.

Reading order:

    bundled        where the files lie that come with Spandraft, and checksums of those that belong to no one model
    models         target and tokenizer by name; errors for what is missing
    calibrations   the logit biases of a target, found by its shape
    engine         ``request_builder``: the target over a decoder's engine
    drafters       models that draft for it
    sources        which draft sources run, by settings
    search_models  ``SearchModels``: encoder and relevance scorer, shared by all corpora of a process
    minilm         the bundled encoder without sentence-transformers
    minilm_float32    its layers in float32
    minilm_bfloat16   the same in bfloat16, for documents
    pair_tokens    a question and a unit as one row of pieces
    minilm_cross_encoder   the encoder, changed so that it reads both together
    edit_proposer  who proposes likely edits
    environment    what is set before libraries load: how worker threads wait, where compiled loops are kept

Imports generation, likely_edits, phrases, config, errors. Imported by library, pipeline, bench, training and commands.
"""
