"""Rows of tokens that targets and draft models are trained on.

    mixture   what a row is, and how rows become batches
    answers   a question, its evidence, and the sentence that answers
    grammar   a text with errors, and its correction
    copying   rows that are predicted by looking back alone

Imports corruption and data. May be imported by config, outputs, objectives and evaluation.
"""
