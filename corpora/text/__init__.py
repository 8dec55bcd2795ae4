"""Text and where to cut it. Works on strings, knows no files, formats or databases.

    reading_text     the one form in which every document is stored; collects blocks and marks
    code_detection   whether a line, block, sentence or piece of text is code
    sentences        where sentences end
    line_breaks      which line breaks of a plain text a margin made
    hyphens          whether a hyphen at the end of a line belongs to the word
    reflow           hard-wrapped plain text to reading text
    chunking         sentences packed into passages, exact spans of the text
    language         which language a text is in

Imports only ``corpora.documents``, ``corpora.interfaces`` and ``corpora.errors``; every other folder may import it.
"""
