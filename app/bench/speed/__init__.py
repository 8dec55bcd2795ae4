"""Tokens a second on one target, and what changes when drafts or batches do.

    bench          the bench `speed`: drafts on and off, presets, Hugging Face, llama.cpp
    contenders     the methods that it times, as functions of a request; which cannot run, and why
    ran            what each of them answers
    hugging_face   transformers' own generation with our processors
    peers          other programs on the same model, in child processes
    peer_program   what runs there: llama.cpp or dejavuu
    concurrency    the bench `concurrency`: many requests at once
    divergence     the bench `divergence`: tokens flipped by reduced precision

Imports workload, methods, report. Nothing imports it but tests.
"""
