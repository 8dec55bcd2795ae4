"""Tokens a second on one target, and what changes when drafts or batches do.

    bench          the bench `speed`: drafts on and off, presets, Hugging Face
    contenders     the methods that it times, as functions of a request
    hugging_face   transformers' own generation with our processors
    concurrency    the bench `concurrency`: many requests at once
    divergence     the bench `divergence`: tokens flipped by reduced precision

Imports workload, methods, report. Nothing imports it but tests.
"""
