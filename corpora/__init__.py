"""Documents in, passages out: the bottom floor, which needs no model and knows neither tokens nor questions.

In reading order:

    documents    Document, Passage, Mark: text, identity, exact spans, and what a person calls a location
    interfaces   Loader and Derived: what plugs in here
    counts       numbers with their nouns, for messages
    errors       every error of this floor, one line of cause, one line of remedy
    text         reading text: reflow, sentences, passages, language
    loaders      files of a dozen formats to documents, each read in a sandboxed process
    store        a corpus on disk: documents, passages and derived rows in one SQLite database, index files beside it
    jobs         files and folders on their way into a corpus, across restarts and kills
    transfer     a corpus as one file: export and import
    recovery     is a corpus what was written, and what can be read of one that is not
    sample       the sample corpus: the language reference that every Python carries along

``text`` imports only documents, interfaces, counts and errors; ``loaders`` and ``store`` import ``text``; ``jobs``,
``transfer`` and ``recovery`` import ``store``, and ``jobs`` the loaders, too. Nothing here imports another floor.
Importing this package imports nothing else: the public names below are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corpora.documents import Document, Mark, Passage
    from corpora.errors import CorporaError, LibraryError, LoaderError
    from corpora.interfaces import Derived, Loader
    from corpora.jobs.ingest import FileOutcome, ingest
    from corpora.jobs.jobs import Jobs
    from corpora.loaders.registry import Limits
    from corpora.loaders.sandboxed_loader import load_bytes, load_file
    from corpora.recovery.verify import verify
    from corpora.sample import sample_documents
    from corpora.store.library import Library
    from corpora.store.store import CorpusStore
    from corpora.text.chunking import Chunking, passages, sentences
    from corpora.transfer.export import export_corpus
    from corpora.transfer.import_ import import_corpus

__all__ = [
    "Chunking",
    "CorporaError",
    "CorpusStore",
    "Derived",
    "Document",
    "FileOutcome",
    "Jobs",
    "Library",
    "LibraryError",
    "Limits",
    "Loader",
    "LoaderError",
    "Mark",
    "Passage",
    "export_corpus",
    "import_corpus",
    "ingest",
    "load_bytes",
    "load_file",
    "passages",
    "sample_documents",
    "sentences",
    "verify",
]

_HOMES = {
    "Chunking": "corpora.text.chunking",
    "CorporaError": "corpora.errors",
    "CorpusStore": "corpora.store.store",
    "Derived": "corpora.interfaces",
    "Document": "corpora.documents",
    "FileOutcome": "corpora.jobs.ingest",
    "Jobs": "corpora.jobs.jobs",
    "Library": "corpora.store.library",
    "LibraryError": "corpora.errors",
    "Limits": "corpora.loaders.registry",
    "Loader": "corpora.interfaces",
    "LoaderError": "corpora.errors",
    "Mark": "corpora.documents",
    "Passage": "corpora.documents",
    "export_corpus": "corpora.transfer.export",
    "import_corpus": "corpora.transfer.import_",
    "ingest": "corpora.jobs.ingest",
    "load_bytes": "corpora.loaders.sandboxed_loader",
    "load_file": "corpora.loaders.sandboxed_loader",
    "passages": "corpora.text.chunking",
    "sample_documents": "corpora.sample",
    "sentences": "corpora.text.chunking",
    "verify": "corpora.recovery.verify",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
