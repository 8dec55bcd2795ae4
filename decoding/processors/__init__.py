"""Logits processors: what the target may write, or rather writes. They are part of its choice, and verified like it.

Each is an automaton over the output (``decoding.interfaces.Processor``), because every node of a token tree has a
history of its own. In reading order:

    rules        the processors that Hugging Face's generation options ask for, in its order
    forbidding   biased and forbidden tokens, bad words, repeated n-grams, an early end
    penalties    repetition, frequency and presence penalties
    quote        only marked spans of the evidence may be written: an answer that cannot hallucinate
    copy_bias    a bonus on what copying a source would write next: how conservative a correction is

Imports interfaces and errors alone; imported by target (which reads a model's generation options) and by the app.
"""
