"""What the page shows, as HTML built from plain values: no Gradio, no state, no clock. In reading order:

    markup        the one place where text becomes HTML: escapes every string; cuts a text at the borders of
                  overlapping spans
    chrome        header, starter questions, problems, announcements
    figures       the line of measurements under an answer or a correction, and the outcome of a proof
    answer        a turn of a conversation as a card, and the cards of a conversation
    sources       the passages beside an answer, and a whole document with its cited characters marked
    correction    a correction as a word diff
    documents     the documents of a corpus, the questions before a removal, and its receipt
    jobs          jobs as cards with their files, and the plan of one that has not started

May import ``app.conversations``, ``app.generation.events``, ``app.library.deletion`` (its receipt),
``app.output`` and value types of ``corpora``; nothing else of ``app.ui``.
"""
