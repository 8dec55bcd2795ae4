"""Conversations: questions with their answers, stored for the browser that asked.

    turns         `Turn`: one question and its outcome, as JSON and back
    store         `Conversations`: the SQLite file; deletes conversations for good
    quotations    finds the conversations that quote a document, so that a deletion can take them along

Imports `app.generation.events` and `corpora`; knows no HTML and no Gradio. Imported by `app.library.deletion`,
`app.output` and `app.ui`.
"""
