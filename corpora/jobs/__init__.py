"""Files and folders on their way into a corpus. A job is kept in the corpus' database: it survives restart and kill.

    ingest         add files in one call: a job that is created and run at once
    jobs           the jobs of a corpus: create, list, pause, resume, cancel
    job_records    jobs and their files, as values and as rows
    discovery      which files a path means, and which of them are no documents
    plan           what adding them would do: new, changed, moved, unchanged, duplicate, gone
    sources        the files that documents were read from, and which of them have moved
    staging        uploads wait here until they are documents
    runner         runs a job: one thread with helpers
    reader         threads that read and chunk files ahead of the encoder
    batching       passages of many documents in batches of like length, for the encoder
    writer         the thread that writes: a document and the end of its file in one transaction

Imports ``corpora.store``, ``corpora.loaders`` and what is below them; no other folder of this floor imports it.
"""
