"""The Chat tab. In reading order:

    tab             lays out the components and connects each event with its handler
    actions         handlers that run the pipeline: ask, stop, prove, show sources
    history         the tab's components by name, and handlers that show stored conversations in them
    run_question    one question from its first search to its answer, as steps that a card can show

May import ``state``, ``views`` and ``assets``; never another tab. The Library tab imports it, to keep its list of
corpora and its conversations up to date.
"""
