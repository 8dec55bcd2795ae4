"""A corpus as one file that can be given to anybody, and read from anybody.

    export     writes it, a document at a time
    import_    reads it into a new corpus, every field checked
    format     the manifest and one line of JSON a document, checked both ways
    archive    the zip around them: stored, streamed, nothing larger than it says
    vectors    safetensors files of float32, streamed

Imports ``corpora.store`` and what is below it; no other folder of this floor imports it.
"""
