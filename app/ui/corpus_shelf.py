"""The shelf over the real library: corpora of ``settings.home`` as the page sees them.

Keeps one handle a corpus, because its indexes live in it. Any thread may use it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from app.corpus import Corpus
from app.settings import Settings
from app.ui.interfaces import DocumentRow, IngestRow
from corpora.documents import Document
from corpora.ingest import Stage
from corpora.library import Library

_SAMPLE = "sample"


class CorpusShelf:
    """All corpora of one home."""

    def __init__(self, settings: Settings, *opened: Corpus) -> None:
        """``opened`` are handles that exist already; the others are opened when they are first needed."""
        self._settings = settings
        self._library = Library(settings.home)
        self._lock = threading.Lock()
        self._handles = {corpus.name: corpus for corpus in opened}

    def names(self) -> list[str]:
        """Names of the corpora, the sample first."""
        return sorted(self._library.names(), key=lambda name: (name != _SAMPLE, name))

    def documents(self, corpus: str) -> list[DocumentRow]:
        """The documents of a corpus, by name."""
        return [
            DocumentRow(id=found.id, name=found.name, characters=found.chars, passages=found.passages)
            for found in self.open(corpus).documents()
        ]

    def open(self, corpus: str) -> Corpus:
        """The handle of a corpus. Raises ``CorpusNotFound`` also for one that another process has removed."""
        with self._lock:
            if corpus not in self._handles or not self._library.exists(corpus):
                self._handles.pop(corpus, None)
                self._handles[corpus] = Corpus.open(corpus, settings=self._settings)
            return self._handles[corpus]

    def document(self, corpus: str, passage_id: str) -> Document:
        """The document that a passage is cut from. Raises ``DocumentNotFound``."""
        return self.open(corpus).document(passage_id.rpartition(":")[0])

    def create(self, corpus: str) -> None:
        """Make an empty corpus."""
        with self._lock:
            self._handles[corpus] = Corpus.create(corpus, settings=self._settings)

    def add(self, corpus: str, path: Path, tell: Callable[[str], None]) -> IngestRow:
        """Read one file into a corpus."""

        def progress(done: int, total: int, name: str, stage: Stage) -> None:
            tell(stage)

        (outcome,) = self.open(corpus).add(path, progress=progress)
        return IngestRow(path.name, outcome.status, outcome.cause or "", outcome.hint or "")

    def remove_document(self, corpus: str, document: str) -> None:
        """Remove a document by its id."""
        self.open(corpus).remove(document)

    def remove_corpus(self, corpus: str) -> None:
        """Remove a whole corpus."""
        with self._lock:
            self._handles.pop(corpus, None)
            self._library.remove(corpus)
