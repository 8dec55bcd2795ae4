"""Files to documents: a loader a format, each run in a worker process that may touch nothing but the file's bytes.

    registry             which loader reads which suffix, and what reading one file may cost
    sandboxed_loader     the way in: ``load_file``, ``load_bytes``, and ``expand`` for archives
    isolation/           the worker processes and what the kernel forbids them
    formats/             one module a format, and what several of them share

Imports ``corpora.text`` and the modules below it; ``corpora.jobs`` and other floors import ``registry`` and
``sandboxed_loader``, nobody outside imports the two folders. Importing any of this imports no format library.
"""
