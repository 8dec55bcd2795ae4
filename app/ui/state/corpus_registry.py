"""The corpora of ``settings.home`` as the page sees them: the ``Registry`` over the real library.

Keeps one handle a corpus, because the handle holds the corpus' indexes in memory. Thread-safe.
"""

from __future__ import annotations

import threading

from app.config.settings import Settings
from app.conversations.quotations import QuotingConversation
from app.library.corpus import Corpus
from app.library.deletion import Receipt, quoting_corpus
from app.library.deletion_signal import signal_deletion
from app.loading.search_models import SearchModels
from corpora.documents import Document
from corpora.jobs.job_records import Job
from corpora.jobs.jobs import Jobs
from corpora.store.library import Library
from corpora.store.listing import Holdings, Listing
from corpora.store.listing import holdings as holdings_of
from corpora.store.listing import listing as listed

_SAMPLE = "sample"


class CorpusRegistry:
    """All corpora of one home."""

    def __init__(self, settings: Settings, *opened: Corpus, models: SearchModels | None = None) -> None:
        """``opened`` are handles that exist already; the others are opened when they are first needed.

        All of them share the encoder of ``models``.
        """
        self._models = models if models is not None else SearchModels(settings)
        self._settings = settings
        self._library = Library(settings.home)
        self._lock = threading.Lock()
        self._handles = {corpus.name: corpus for corpus in opened}

    def names(self) -> list[str]:
        """Names of the corpora, the sample first."""
        return sorted(self._library.names(), key=lambda name: (name != _SAMPLE, name))

    def open(self, corpus: str) -> Corpus:
        """The handle of a corpus. Raises ``CorpusNotFound`` also for one that another process has removed."""
        with self._lock:
            if corpus not in self._handles or not self._library.exists(corpus):
                self._handles.pop(corpus, None)
                self._handles[corpus] = self._open(corpus)
            return self._handles[corpus]

    def document(self, corpus: str, passage_id: str) -> Document:
        """The document that a passage is cut from. Raises ``DocumentNotFound``."""
        return self.open(corpus).store.document(passage_id.rpartition(":")[0])

    def listing(self, corpus: str, *, name_filter: str = "", offset: int = 0, limit: int = 50) -> Listing:
        """A part of the documents, filtered by name."""
        return listed(self.open(corpus).store, wanted=name_filter, offset=offset, limit=limit)

    def holdings(self, corpus: str, document: str) -> Holdings | None:
        """What the corpus holds of a document; None if there is no such document."""
        return holdings_of(self.open(corpus).store, document)

    def version(self, corpus: str) -> int:
        """Grows with every change of the corpus."""
        return self.open(corpus).store.version()

    def create(self, corpus: str) -> str:
        """Make an empty corpus; returns its name, in the one Unicode form that names have."""
        with self._lock:
            made = self._create(corpus)
            self._handles[made.name] = made
        return made.name

    def quoting(self, corpus: str, document: str | None = None) -> list[QuotingConversation]:
        """The conversations, asked of a corpus, that quote a document by its id; None: that quote any of it."""
        if document is None:
            return quoting_corpus(self._library, corpus, home=self._settings.home)
        return self.open(corpus).quoting(document)

    def remove_document(self, corpus: str, document: str) -> Receipt:
        """Remove a document by its id."""
        return self.open(corpus).remove(document)

    def remove_corpus(self, corpus: str) -> None:
        """Remove a whole corpus."""
        with self._lock:
            self._handles.pop(corpus, None)
            # ``deletion.remove_corpus`` counts what goes, for which the database must open: this one may be damaged.
            self._library.remove(corpus)
            signal_deletion(self._settings.home)

    def jobs(self, corpus: str) -> Jobs:
        """The jobs of a corpus."""
        return self.open(corpus).jobs

    def run_job(self, corpus: str, number: int, stop: threading.Event) -> Job:
        """Run a job until it ends, is paused, or ``stop`` is set."""
        return self.open(corpus).run(number, stop=stop)

    def close(self) -> None:
        """Close every corpus' database. Index files need nothing: they were written when something changed."""
        with self._lock:
            handles, self._handles = list(self._handles.values()), {}
        for handle in handles:
            handle.store.close()

    def _open(self, corpus: str) -> Corpus:
        return Corpus.open(corpus, settings=self._settings, models=self._models)

    def _create(self, corpus: str) -> Corpus:
        return Corpus.create(corpus, settings=self._settings, models=self._models)
