"""Training records -> one file of material that may travel to a GPU machine.

    records      the JSON Lines files: passages, questions, sentences; which articles are held out
    prose        clean prose, and the choices from it
    tokenizer    the bundled models' byte-level BPE
    embeddings   articles and questions, embedded once by the serving encoder
    candidates   questions with the passages that they may be asked over
    material     the file: written, opened, read in parts
    prepare      all of that in order

Imports corruption.word_forms and errors. May be imported by every part of training above it.
"""
