"""Text and where to cut it. Works on strings, knows no files, formats or databases.

    reading_text     the one form in which every document is stored; collects blocks and marks
    code_detection   whether a line, block, sentence or piece of text is code
    sentences        where sentences end
    reflow           hard-wrapped plain text to reading text
    chunking         sentences packed into passages, exact spans of the text
    language         which language a text is in

Imports only ``corpora.documents``, ``corpora.interfaces`` and ``corpora.errors``; every other folder may import it.
"""
