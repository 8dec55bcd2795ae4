"""The Library tab. In reading order:

    tab               lays out the components and connects each event with its handler
    components        the tab's components by name, and what a browser remembers of its view
    corpus_actions    handlers for corpora and documents: show, create, find, remove
    job_actions       which jobs, files and dry runs are shown; handlers that begin a job from an upload and steer it

May import ``chat``, ``state``, ``views`` and ``assets``.
"""
