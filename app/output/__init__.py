"""Results as text and JSON that others rely on, shared by command line and page. Pure functions, no HTML.

    answer_json     answers, corrections, passages, errors as JSON
    library_json    corpora, documents, jobs, plans as JSON
    receipts        what a deletion took, as lines and as JSON
    links           which characters of an answer are linked to which of a passage
    shown_text      what of an answer is not shown: numbers said twice, copied marks of lists
    formatting      sizes, durations, counts, dates for people

Imports the types that it writes out (`app.generation.events`, `app.library`, `app.conversations`, `corpora`,
`retrieval.interfaces`). Imported by `app.cli`, `app.commands` and `app.ui`.
"""
