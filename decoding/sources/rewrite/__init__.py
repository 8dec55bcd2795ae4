"""The sources ``cursor`` and ``edits``: drafting a text that the output rewrites from its beginning to its end.

    cursor      the sources: copying on after every change, without and with likely edits
    rewriting   where the output stands in the text, as probabilities over the states of a lattice (copy a token, leave
                words out, take a likely edit), and the likeliest continuations

Imports the base of sources alone.
"""
