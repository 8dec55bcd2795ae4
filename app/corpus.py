"""A corpus as its user handles it: documents in, hits and evidence out. What ``from app import Corpus`` gives.

    corpus = Corpus.open("sample")
    hits = corpus.search("When is a finally clause executed?", k=3)

Joins the library's store with encoder and retriever. Any thread may use it; what other processes add or remove is
seen by the next search. Knows nothing of models that write.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app import draft_files
from app.draft_index import DraftIndex
from app.tokens import TextTokenizer
from corpora.documents import Document
from corpora.ingest import FileOutcome, Progress, ingest
from corpora.store import CorpusStore, DocumentInfo
from decoding.interfaces import TokenIndex
from retrieval.dense import VECTORS, VectorRows
from retrieval.errors import EncoderChanged
from retrieval.evidence import select_evidence
from retrieval.hits import Evidence, Hit
from retrieval.interfaces import Encoder, Retriever
from retrieval.sentences import SentenceCache, SentenceRows, sentences_kind

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = ["Corpus", "DocumentInfo", "FileOutcome", "Progress"]


class Corpus:
    """One corpus. Make it with ``open`` or ``create``; the encoder's model is loaded when it is first needed."""

    def __init__(self, store: CorpusStore, encoder: Encoder, retriever: Retriever) -> None:
        self._store = store
        self._encoder = encoder
        self._retriever = retriever
        kind = sentences_kind(encoder.name)
        self._sentences = SentenceCache(encoder, stored=lambda passages: store.derived_of(kind, passages))
        self._drafts: dict[str, DraftIndex] = {}

    @classmethod
    def open(cls, name: str = "sample", *, settings: Settings | None = None) -> Corpus:
        """Open a corpus. The sample is built if it is not there, which takes a minute and is said on stderr.

        Raises ``CorpusNotFound`` with the nearest name, ``InvalidName``, ``NewerSchema``, ``DamagedLibrary``.
        """
        from app import build

        return build.open_corpus(name, settings)

    @classmethod
    def create(cls, name: str, *, settings: Settings | None = None) -> Corpus:
        """Make an empty corpus. Raises ``InvalidName``, ``CorpusExists``."""
        from app import build

        return build.create_corpus(name, settings)

    @property
    def name(self) -> str:
        """The name it is opened by."""
        return self._store.name

    def documents(self) -> list[DocumentInfo]:
        """All documents, in the order of their names."""
        return self._store.documents()

    def document(self, id_or_name: str) -> Document:
        """One document with its text. Raises ``DocumentNotFound``."""
        return self._store.document(id_or_name)

    def add(self, *paths: Path | str, progress: Progress | None = None) -> list[FileOutcome]:
        """Add files, and folders with all that is in them; one bad file does not stop the rest.

        A file of the same name with another text replaces its document. Raises ``EncoderChanged`` and ``LibraryError``.
        """
        vectors = VectorRows(self._encoder)
        self._require_same_encoder(vectors.kind)
        try:
            return ingest(self._store, paths, derived=[vectors, SentenceRows(self._encoder)], progress=progress)
        finally:
            draft_files.forget_removed(self._store)

    def remove(self, id_or_name: str) -> DocumentInfo:
        """Remove a document with all that was derived from it. Raises ``DocumentNotFound``."""
        info = self._store.remove(id_or_name).document
        draft_files.forget_removed(self._store)
        return info

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The at most ``k`` best passages, best first. Raises ``EmptyCorpus``, ``EncoderChanged``."""
        return self._retriever.search([query], k)[0]

    def evidence(self, query: str, hits: Sequence[Hit], limit: int = 8) -> list[Evidence]:
        """The at most ``limit`` sentences of the hits that are most similar to the query, best first."""
        return select_evidence(query, hits, encoder=self._encoder, limit=limit, cache=self._sentences)

    def token_index(self, tokens: TextTokenizer) -> TokenIndex | None:
        """What drafts may copy from the whole corpus, as this tokenizer writes it; None while there is nothing yet."""
        return self._drafts.setdefault(tokens.fingerprint, DraftIndex(self._store, tokens)).current()

    def _require_same_encoder(self, kind: str) -> None:
        """Before hours of work: vectors of two encoders could not be searched together."""
        stored = [other for other in self._store.derived_kinds() if other.startswith(VECTORS)]
        if stored and kind not in stored:
            raise EncoderChanged(stored=stored[0].removeprefix(VECTORS), wanted=kind.removeprefix(VECTORS))
