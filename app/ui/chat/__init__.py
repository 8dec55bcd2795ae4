"""The Chat tab. In reading order:

    tab        lays out the components and connects each event with its handler
    actions    runs a question step by step, and the handlers that do so: ask, stop, prove, show sources
    history    the tab's components by name, and handlers that show stored conversations in them

May import ``state``, ``views`` and ``assets``; never another tab. The Library tab imports it, to keep its list of
corpora and its conversations up to date.
"""
