"""A corpus as its user handles it: documents in, hits and evidence out. What ``from app import Corpus`` gives.

    corpus = Corpus.open("sample")
    hits = corpus.search("When is a finally clause executed?", k=3)

Joins the library's store with an encoder and a retriever. Any thread may use it; the next search sees what other
processes added or removed. Knows nothing of models that write.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.corpus_options import CorpusConfig, fitting_chunking
from app.conversations.quotations import QuotingConversation
from app.errors import InputError
from app.library import deletion, opening
from app.library import rebuild as rebuilding
from app.library.deletion import Receipt
from app.library.deletion_signal import DeletionWatch, signal_deletion
from app.library.draft_index import DraftIndex
from app.library.given_text import given_document, same_text
from app.library.judging import Judges
from app.library.lookup import passages_of
from app.library.opening import CorpusParts
from app.library.rebuild import Rebuilt
from app.loading.search_models import SearchModels
from corpora.documents import Document, Passage
from corpora.errors import DocumentNotFound
from corpora.interfaces import Derived
from corpora.jobs.ingest import FileOutcome, Status, outcomes_of
from corpora.jobs.job_records import Job
from corpora.jobs.jobs import Jobs
from corpora.jobs.plan import Plan
from corpora.jobs.runner import Progress, run
from corpora.recovery.verify import Finding, verify
from corpora.store.records import DocumentInfo
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages
from corpora.transfer.export import Exported, export_corpus
from corpora.transfer.export import Progress as ExportProgress
from corpora.transfer.import_ import Imported
from retrieval.dense import VECTORS, vectors_kind
from retrieval.errors import EncoderChanged
from retrieval.evidence.extractive_summary import Summaries
from retrieval.evidence.relevance import CosineRelevance, Relevance
from retrieval.evidence.selection import select_evidence
from retrieval.evidence.sentences import SentenceCache, sentences_kind
from retrieval.hybrid import HybridRetriever
from retrieval.interfaces import Encoder, Evidence, Hit, Query, Retrieved, Retriever
from retrieval.tables.answers import TableAnswers

if TYPE_CHECKING:
    from app.config.settings import Settings
    from app.generation.tokenizer import TextTokenizer
    from decoding.interfaces import TokenIndex

__all__ = ["Corpus", "DocumentInfo", "Exported", "FileOutcome", "Job", "Plan", "Progress", "Receipt"]

log = logging.getLogger(__name__)


class Corpus:
    """One corpus. Make it with ``open`` or ``create``; the encoder's model is loaded when it is first needed."""

    def __init__(
        self,
        store: CorpusStore,
        encoder: Encoder,
        retriever: Retriever,
        config: CorpusConfig | None = None,
        *,
        relevance: Callable[[], Relevance] = CosineRelevance,
    ) -> None:
        """``relevance`` returns the scorer of evidence; it is called when evidence is selected."""
        self._store = store
        self._encoder = encoder
        self._retriever = retriever
        self._relevance = relevance
        self._config = config or CorpusConfig(store.folder.parents[1])
        self._lock = threading.Lock()
        self._deletions = DeletionWatch(self._config.home)
        self._sentences = self._empty_sentence_cache()
        self._tables = TableAnswers(encoder, self._document_if_there, store.passages_at)
        summaries = Summaries(store.passages_at, lambda passages: self._sentences.lookup(passages))
        self._judges = Judges(summaries, self._tables, self._units, lambda: self._relevance())
        self._draft_indexes: dict[str, DraftIndex] = {}

    @classmethod
    def open(
        cls, name: str = "sample", *, settings: Settings | None = None, models: SearchModels | None = None
    ) -> Corpus:
        """Open a corpus. The sample is built if it is not there, which takes a minute and is said on stderr.

        Corpora that are opened with the same ``models`` share the encoder; None: one of their own, by the settings.
        Raises ``CorpusNotFound`` with the nearest name, ``InvalidName``, ``NewerSchema``, ``DamagedLibrary``.
        """
        return cls._assembled(opening.open_corpus(name, settings, models=models))

    @classmethod
    def create(cls, name: str, *, settings: Settings | None = None, models: SearchModels | None = None) -> Corpus:
        """Make an empty corpus. Raises ``InvalidName``, ``CorpusExists``, ``EncoderNotFound``."""
        return cls._assembled(opening.create_corpus(name, settings, models=models))

    @classmethod
    def import_(
        cls,
        path: Path | str,
        name: str | None = None,
        *,
        recompute: bool = False,
        settings: Settings | None = None,
        progress: ExportProgress | None = None,
    ) -> Corpus:
        """Make a new corpus of a file that ``export`` wrote; ``name`` None: as it was called there.

        The file may come from anybody: nothing in it is run, and all of it is checked. Its vectors are used if they are
        of the encoder that the settings name, and some of them are computed again to check; ``recompute`` computes all.
        Raises ``DamagedExport``, ``CorpusExists``, ``InvalidName``, ``UnreadableFile``.
        """
        return cls.import_with_report(path, name, recompute=recompute, settings=settings, progress=progress)[0]

    @classmethod
    def import_with_report(
        cls,
        path: Path | str,
        name: str | None = None,
        *,
        recompute: bool = False,
        settings: Settings | None = None,
        progress: ExportProgress | None = None,
    ) -> tuple[Corpus, Imported]:
        """Like ``import_``; also says what was stored, and which vectors came from the file."""
        parts, imported = opening.import_corpus(Path(path), name, settings, recompute=recompute, progress=progress)
        return cls._assembled(parts), imported

    @classmethod
    def _assembled(cls, parts: CorpusParts) -> Corpus:
        encoder = parts.models.encoder
        retriever = HybridRetriever(parts.store, encoder, english=parts.models.english)
        corpus = cls(parts.store, encoder, retriever, parts.config, relevance=parts.models.relevance)
        if parts.is_new:
            corpus.flush()
        return corpus

    @property
    def name(self) -> str:
        """The name it is opened by."""
        return self._store.name

    @property
    def store(self) -> CorpusStore:
        """What is on disk, for listing, verifying and rebuilding."""
        return self._store

    @property
    def jobs(self) -> Jobs:
        """The ingestion jobs: list, pause, resume, cancel and retry them, in whatever process they run."""
        return Jobs(self._store)

    def documents(self) -> list[DocumentInfo]:
        """All documents, in the order of their names."""
        return self._store.documents()

    def document(self, id_or_name: str) -> Document:
        """One document with its text. Raises ``DocumentNotFound``."""
        return self._store.document(id_or_name)

    def passages(self, id_or_name: str) -> list[Passage]:
        """The passages of one document, in order. Raises ``DocumentNotFound``."""
        return passages_of(self._store, self._store.document(id_or_name).id)

    def plan(self, *paths: Path | str, sync: bool = False) -> Plan:
        """What ``add``, or ``sync``, would do with each file. Nothing is changed."""
        return self.jobs.plan(paths, sync=sync)

    def add(self, *paths: Path | str, progress: Progress | None = None) -> list[FileOutcome]:
        """Add files, and folders with all that is in them; one bad file does not stop the others.

        A file that was read before is read again only if it changed; a changed text replaces its document. Raises
        ``EncoderChanged``, ``ChunkingChanged`` and ``LibraryError``.
        """
        return self._ingest(paths, sync=False, progress=progress)

    def add_text(self, text: str, name: str) -> FileOutcome:
        """Add a text under a name, as a file of that name would be added: another text under it replaces this one.

        The text is kept as it is, to the character. The outcome is ``added``, ``replaced``, ``unchanged``, or
        ``duplicate`` if a document of another name has the same text. Raises ArgumentError, InputError and what ``add``
        raises.
        """
        document = given_document(text, name)
        chunking, generation = self._require_fitting(), self._store.generation()
        same = same_text(self._store, document)
        if same is not None:
            status: Status = "unchanged" if same.name == name else "duplicate"
            return FileOutcome(Path(name), status, same, same.passages)
        if self._store.encoder() is None:
            self._store.set_encoder(self._encoder.name)
        cut = passages(document, **asdict(chunking))
        values = {rows.kind: rows.compute(cut) for rows in self.derived()}
        put = self._store.put(document, cut, values, chunking=chunking, generation=generation)
        if put.status == "replaced":
            signal_deletion(self._config.home)
        self.flush()
        return FileOutcome(Path(name), put.status, put.document, put.passages)

    def sync(self, *paths: Path | str, progress: Progress | None = None) -> list[FileOutcome]:
        """Like ``add``, and documents whose files are gone from these folders are removed."""
        return self._ingest(paths, sync=True, progress=progress)

    def begin(self, *paths: Path | str, sync: bool = False, staged: bool = False) -> Job:
        """Queue files as a job for ``run``. ``staged``: the corpus keeps copies of them until they are read."""
        if "" in paths:
            raise InputError('"" is no path', hint="name a file or a folder; . is the current folder")
        self._require_fitting()
        return self.jobs.create(paths, sync=sync, staged=staged)

    def run(self, job: int, *, progress: Progress | None = None, stop: threading.Event | None = None) -> Job:
        """Work through a job to its end, or until it is paused or cancelled by anybody, or ``stop`` is set.

        Raises ``JobNotFound``, ``LibraryBusy`` if another process runs it, and what ``add`` raises.
        """
        chunking = self._require_fitting()
        if self._store.encoder() is None:
            self._store.set_encoder(self._encoder.name)
        try:
            done = run(self._store, job, derived=self.derived(), chunking=chunking, progress=progress, stop=stop)
        finally:
            self._finish(job)
        return done

    def quoting(self, id_or_name: str) -> list[QuotingConversation]:
        """The conversations, asked of this corpus, that quote a document: those that ``remove`` can take along.

        Raises ``DocumentNotFound``.
        """
        return deletion.quoting_document(self._store, id_or_name, home=self._config.home)

    def remove(self, id_or_name: str, *, with_conversations: bool | Collection[str] = False) -> Receipt:
        """Remove a document for good: its text, vectors, terms, draft indexes, and earlier outputs from it.

        The receipt says what was removed, and which conversations of this corpus quote it; ``with_conversations``
        removes these, too, or of them those whose ids are given. Raises ``DocumentNotFound``, ``LibraryBusy``.
        """
        return deletion.remove_document(
            self._store,
            id_or_name,
            home=self._config.home,
            retriever=self._retriever,
            with_conversations=with_conversations,
        )

    def verify(self) -> list[Finding]:
        """Every file that is not what was written, with the cause and the remedy; empty if all is well."""
        return verify(self._store.folder)

    def rebuild(self, *, progress: ExportProgress | None = None, stop: threading.Event | None = None) -> Rebuilt:
        """Make the index files anew, and, if encoder or chunking of the settings are others, all passages.

        Questions are answered from the old passages until the new ones replace them, all at once. An interrupted
        rebuild continues where it stopped. Raises ``LibraryError`` and what the encoder raises.
        """
        return rebuilding.rebuild(
            self._store, self._encoder, self._retriever, self._config, progress=progress, stop=stop
        )

    def export(self, path: Path | str, *, progress: ExportProgress | None = None) -> Exported:
        """Write the corpus to one file that can be given to anybody; an existing file is replaced.

        Raises ``LibraryError``, ``UnstorableDocument``.
        """
        return export_corpus(self._store, Path(path), opening.vector_kinds(self._encoder), progress=progress)

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The at most ``k`` best passages, best first. Raises ``EmptyCorpus``, ``EncoderChanged``."""
        return self._retriever.search([query], k)[0]

    def evidence(self, query: str | Query, hits: Sequence[Hit], limit: int | None = 8) -> list[Evidence]:
        """The at most ``limit`` sentences (None: all) of the hits most likely to answer the query, best first."""
        with self._lock:
            if self._deletions.happened():
                self._sentences = self._empty_sentence_cache()
                self._tables.forget()
            sentences = self._sentences
        relevance = self._relevance()
        return select_evidence(query, hits, encoder=self._encoder, limit=limit, cache=sentences, relevance=relevance)

    def retrieve(self, question: str, k: int = 5, sentences: int = 8) -> Retrieved:
        """``search`` and ``evidence`` in one, with the question embedded once. Raises as ``search`` does.

        Where the question is over a table, its rows, or what is computed of them, are ahead of all other evidence;
        where it asks what a document is about, the most telling sentences of that are all the evidence.
        """
        query = Query(question, self._encoder, spelled=self._retriever.spelled(question))
        return self._judges.retrieved(query, self._retriever.find, k, sentences)

    def _units(self, query: Query, hits: Sequence[Hit]) -> Sequence[Evidence]:
        return self.evidence(query, hits, None)

    def token_index(self, tokens: TextTokenizer) -> TokenIndex | None:
        """The draft index of the whole corpus for a tokenizer; None while there is none yet."""
        index = self._draft_indexes.get(tokens.fingerprint)
        if index is None:
            index = self._draft_indexes.setdefault(tokens.fingerprint, DraftIndex(self._store, tokens))
        return index.current()

    def derived(self) -> list[Derived]:
        """What is computed of every passage of this corpus."""
        return opening.derived_rows(self._encoder)

    def flush(self) -> None:
        """Write everything to disk: index files in step with the database, the database checkpointed and sealed."""
        self._update_index_files()
        self._store.checkpoint()

    def close(self) -> None:
        """Flush, and close the files. The corpus must be opened again to be used."""
        self._update_index_files()
        self._store.close()

    def _update_index_files(self) -> None:
        """Update the index files; a failure is logged and costs time only, because they can be made anew."""
        for line in deletion.update_index_files(self._store, self._retriever):
            log.warning("%s: %s", self.name, line)

    def _ingest(self, paths: Sequence[Path | str], *, sync: bool, progress: Progress | None) -> list[FileOutcome]:
        job = self.begin(*paths, sync=sync)
        self.run(job.number, progress=progress)
        return outcomes_of(self._store, self.jobs.files(job.number))

    def _finish(self, job: int) -> None:
        """After a job: removed text leaves the index files and running processes, added text enters the files."""
        outcomes = self.jobs.get(job).outcomes
        if outcomes.get("replaced") or outcomes.get("removed"):
            signal_deletion(self._config.home)
        self.flush()

    def _empty_sentence_cache(self) -> SentenceCache:
        return SentenceCache(
            self._encoder,
            stored=lambda passages: self._store.derived_of(sentences_kind(self._encoder.name), passages),
        )

    def _document_if_there(self, document_id: str) -> Document | None:
        try:
            return self._store.document(document_id)
        except DocumentNotFound:
            return None

    def _require_fitting(self) -> Chunking:
        """Refuse other chunking or another encoder before hours of work: they cannot be searched together.

        Raises ``EncoderChanged``, ``ChunkingChanged``.
        """
        kind = vectors_kind(self._encoder.name)
        stored = [other for other in self._store.derived_kinds() if other.startswith(VECTORS)]
        own = self._store.encoder()
        if not stored and own is not None and own != self._encoder.name:
            raise EncoderChanged(corpus=self.name, stored=own, wanted=self._encoder.name)
        if stored and kind not in stored:
            raise EncoderChanged(corpus=self.name, stored=stored[0].removeprefix(VECTORS), wanted=self._encoder.name)
        return fitting_chunking(self._store, self._config)
