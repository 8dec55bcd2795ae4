"""Whether a corpus on disk is what was written, and what can be read of one that is not.

    verify          checks every file and says what is wrong and what to do
    recovery        a new database of all documents that can still be read; names who still has the damaged one open
    page_carving    documents out of the pages of a database that SQLite refuses to open

Imports ``corpora.store`` and what is below it, never the other way.
"""
