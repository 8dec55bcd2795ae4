"""Drafting: asks the sources, merges what they propose into one token tree, and decides how much of it to verify.

    drafter       the sources of one session: asks, merges, learns
    calibration   how often a source is right, learned from what was accepted
    budget        which drafted nodes pay for themselves
    cost_model    T(n), the time of a forward over n nodes, measured and refined
    backoff       when no source is worth asking
    presets       published methods by name: sources, shape, limit, criterion

Imported by scheduling and the engine; imports sources, cuda, target and what is below them.
"""
