"""Trains the network behind the likely edits (``python -m app.training.edit_tagger.train``).

    train      tables of words, the run, and the learner: batches -> losses -> weights
    examples   sentences with errors, aligned with what undoes them

Imports corruption and data, and `app.likely_edits`, which serves what it trains. Nothing imports it.
"""
