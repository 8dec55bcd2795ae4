"""The sources ``cursor`` and ``edits``: drafting a text that the output rewrites from its beginning to its end.

    cursor    the sources: copying on behind every change, without and with likely edits
    belief    where the output stands in the text, as chances over states, and the likeliest continuations
    lattice   the text as states and arcs: copy a token, leave words out, take a likely edit

Imports the base of sources alone.
"""
