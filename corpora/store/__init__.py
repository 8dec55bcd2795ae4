"""A corpus on disk. The SQLite database is the truth; every other file is derived from it and can be made anew.

    library          named corpora under one home: create, open, remove
    corpus_names     what a corpus may be called
    store            one corpus: add, replace and remove documents; settings; checkpoint and close
    passage_rows     the reading half of a store: passages and derived rows, by row
    listing          the list of documents, a part of it at a time
    document_names   names that are safe to show, and tell two files of one name apart
    records          rows of the database as values, and back
    generations      another chunking or encoder for all texts, built beside the current one and swapped in
    schema           tables, format versions, migration, SQLite's errors with a remedy
    connections      connections lent to threads, snapshots, transactions, the write-ahead log
    locks            one writer to a corpus, one process to a job
    secure_delete    overwrites what was deleted, writes the checksum of a database at rest
    checksum         the stored SHA-256 and size of a database at rest
    raw_file         the bytes of a database, read and wiped by a process of its own
    page_wipe        the program that this process runs
    atomic_write     files that are replaced whole or not at all
    index_files      checked, memory-mapped index files beside the database

Imports ``corpora.text`` (for chunking) and the modules below it. ``jobs``, ``transfer``, ``recovery`` and other floors
import it; it imports none of them.
"""
