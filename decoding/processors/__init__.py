"""Logits processors: what the target may write, or rather writes. They are part of its choice, and verified like it.

Each is an automaton over the output (``decoding.interfaces.Processor``), because every node of a token tree has a
history of its own. In reading order:

    token_rules  the processors that Hugging Face's generation options ask for, in its order: biased and forbidden
                 tokens, repetition, frequency and presence penalties, repeated n-grams, bad words, an early end
    quote        only marked spans of the evidence may be written: an answer that cannot hallucinate
    copy_bias    a bonus on what copying a source would write next: how conservative a correction is

Imports interfaces and errors alone; imported by target (which reads a model's generation options) and by the app.
"""
