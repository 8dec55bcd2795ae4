"""What all tabs share; nothing here builds HTML or knows a component of the page. In reading order:

    app_state          the objects of the application, in one place
    interfaces         protocols: the pipeline that streams, the registry of corpora
    browser_events     what a browser sends with an event: its scope, its tab, values that must not be trusted
    runs               streams that run for browser tabs: read in batches, stopped on request
    error_display      turns an exception into the two lines that a user sees
    corpus_registry    the corpora of this installation, one open handle each
    job_workers        the threads that run jobs
    uploads            files on their way from a browser to a job, and the routes that receive them

May import ``app.config``, ``app.conversations``, ``app.generation.events``, ``app.library``,
``app.loading.search_models`` and ``corpora``; never ``views``, a tab, or ``serving``.
"""
