"""Short programs that use Spandraft from Python, each a page to copy from; nothing imports them.

    answer             a question over documents, with citations
    stream_and_cancel  the events of an answer while it is written, and how to stop it
    correct            a text corrected, change by change
    own_source         a draft source of one's own, on the decoder alone
    own_search         a search of one's own, or a list of texts, asked and cited
    own_corpus         a corpus of one's own: made, filled, searched, removed

They may import anything of the floors, public names first. ``tests/app/examples`` runs each as a process and looks at
what it prints.
"""
