"""Corpora as their users handle them: the library's store joined with an encoder, a retriever and draft indexes.

    corpus             `Corpus`: add, search, evidence, remove, rebuild, export; what ``from app import Corpus`` gives
    searchable         what else questions may be asked of: texts, an object that searches, a retriever
    found              what others find, as documents and passages
    texts              texts in memory, cut, embedded and indexed
    judging            from passages that were found to what answers: summaries, tables, units
    given_text         a text that a program adds under a name, as a document
    opening            opens, creates and imports corpora as the settings say; builds the sample corpus
    draft_index        the suffix array over a corpus' token ids, in memory and as a file
    lookup             finds the document that somebody means by a name
    summary            what is in a corpus, how it was made, what it takes on disk
    rebuild            makes a corpus anew: index files, missing vectors, another encoder or chunking
    deletion           deletes a document, a corpus, its conversations; brings the index files in step afterwards
    deletion_signal    tells running processes that a text was deleted

Imports `app.config`, `app.conversations`, `app.loading` and the lower floors; never `app.ui`, `app.commands` or
`app.output`. Imported by `app.pipeline`, `app.output`, `app.commands` and `app.ui`.
"""
