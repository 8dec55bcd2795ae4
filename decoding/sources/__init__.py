"""Draft sources: where drafts come from. Each proposes a small tree of tokens that the target may write next.

To write one, read ``base``; a wrong draft costs time, never output. In reading order:

    base          what a source is: ``DraftSource``, the ``DraftContext`` that it is asked with, and
                  ``FirstChain``, which takes the first chain of another source alone
    table         the sources by name, and the default ones
    shared        what outlives a request: indexes, tables and models that the sources of many sessions share
    blend         copying, earlier outputs and common phrases as one mixture that learns which of them to trust
    rewrite       ``cursor`` and ``edits``: a text that the output rewrites, copied on after every change
    evidence      beginnings of the sentences that the retriever likes best, at sentence borders
    corpus        what follows the end of the output elsewhere in a whole corpus
    suffix_array  the draft index of a corpus, made in memory
    recycled      the target's own runners-up, kept from every verified node
    neural        a small draft model, heads on the target's hidden states, a parallel drafter
    published     published methods with their own constants, to be compared with

Imported by drafting and the engine; imports drafters, target and what is below them. No source knows another, but
``published.sam``, whose paper asks a second one.
"""
