"""The Library tab. In reading order:

    tab               lays out the components and connects each event with its handler
    components        the tab's components by name, and what a browser remembers of its view
    corpus_actions    handlers for corpora and documents: show, create, find, remove
    job_actions       handlers for jobs: begin one from an upload, steer it, show how far the jobs are
    job_board         which jobs and files are shown, and dry runs of jobs that have not started

May import ``chat``, ``state``, ``views`` and ``assets``.
"""
