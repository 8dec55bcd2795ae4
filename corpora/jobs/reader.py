"""Reads the files of a job into chunked documents, with a few threads, ahead of the encoder.

Worker processes do the reading itself (``corpora.loaders``). A text that is stored already is recognised here, so that
nothing is computed for it. Writes nothing.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from corpora.documents import Document, Passage
from corpora.errors import EmptyFile, LoaderError, MissingFile, UnknownSuffix
from corpora.jobs.discovery import skip_reason
from corpora.jobs.job_records import FileState, JobFile, Outcome, path_from_text, path_to_text
from corpora.jobs.sources import is_gone
from corpora.jobs.staging import Staging
from corpora.loaders.registry import Limits, is_archive, loader_name
from corpora.loaders.sandboxed_loader import Member, expand, load_bytes, printable, read_file
from corpora.store import records
from corpora.store.document_names import safe_name, unused_name
from corpora.store.records import DocumentInfo, SourceFile
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages


@dataclass(frozen=True, slots=True)
class ChunkedFile:
    """A document that has still to be embedded and stored; ``moved_from`` is the id of the one that it was before."""

    file: JobFile
    document: Document
    passages: Sequence[Passage]
    source: SourceFile | None
    moved_from: str | None = None


@dataclass(frozen=True, slots=True)
class StoredAlready:
    """A file whose text is stored already, in the document ``stored``: its own one, that of a file which has moved to
    this path, or another.
    """

    file: JobFile
    stored: DocumentInfo
    source: SourceFile | None
    outcome: Literal["unchanged", "moved", "duplicate"]


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that did not become a document. ``outcome`` None: reading it again may help."""

    file: JobFile
    cause: str
    hint: str
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class UnpackedArchive:
    """An archive and the files in it, each with a state of its own; they have no numbers yet."""

    file: JobFile
    members: tuple[JobFile, ...]


@dataclass(frozen=True, slots=True)
class ReaderFailure:
    """An error that is no fault of a file."""

    error: Exception


ReadResult: TypeAlias = ChunkedFile | StoredAlready | FailedFile | UnpackedArchive | ReaderFailure


class ReaderPool:
    """Threads that read files; results come out in the order in which they are ready.

    Files of the same size, which may be one file twice, come out in the order of submission: of two equal
    files the first becomes the document, whichever was read faster.
    """

    def __init__(
        self,
        store: CorpusStore,
        folders: Sequence[Path],
        *,
        chunking: Chunking,
        limits: Limits,
        tell: Callable[[JobFile, FileState], None],
        threads: int,
    ) -> None:
        """``folders`` are those that the job names: no link below them is followed. Any thread calls ``tell``."""
        self._reader = _FileReader(store, folders, chunking, limits, tell)
        self._submitted: queue.SimpleQueue[JobFile | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[ReadResult] = queue.SimpleQueue()
        # By size, the numbers of the files that were submitted and not taken, in order.
        self._order: dict[int, deque[int]] = {}
        self._early: dict[int, ReadResult] = {}  # by number, results that wait for a file of the same size
        self._ready: deque[ReadResult] = deque()
        self.threads = threads
        self.waiting = 0  # files submitted and not taken
        for number in range(threads):
            # Daemons, so that neither a stop nor the end of the process waits for a slow file.
            threading.Thread(target=self._work, name=f"job-reader-{number}", daemon=True).start()

    def submit(self, file: JobFile) -> None:
        """Queue a file to be read."""
        self.waiting += 1
        self._order.setdefault(file.bytes, deque()).append(file.number)
        self._submitted.put(file)

    def take(self, timeout_s: float) -> ReadResult | None:
        """The next result, or None if there is none in time."""
        while not self._ready:
            try:
                self._sort_in(self._results.get(timeout=timeout_s) if timeout_s > 0 else self._results.get_nowait())
            except queue.Empty:
                return None
        self.waiting -= 1
        return self._ready.popleft()

    def _sort_in(self, read: ReadResult) -> None:
        if isinstance(read, ReaderFailure):
            self._ready.append(read)
            return
        order = self._order[read.file.bytes]
        self._early[read.file.number] = read
        while order and order[0] in self._early:
            self._ready.append(self._early.pop(order.popleft()))
        if not order:
            del self._order[read.file.bytes]

    def close(self) -> None:
        """End the threads; what they are reading is thrown away."""
        while True:
            try:
                self._submitted.get_nowait()
            except queue.Empty:
                break
        for _ in range(self.threads):
            self._submitted.put(None)

    def _work(self) -> None:
        while (file := self._submitted.get()) is not None:
            try:
                self._results.put(self._reader.read(file))
            except Exception as error:  # noqa: BLE001  raised by the thread that takes the result
                self._results.put(ReaderFailure(error))


class _FileReader:
    """Reads files one by one; shared by the threads of the pool."""

    def __init__(
        self,
        store: CorpusStore,
        folders: Sequence[Path],
        chunking: Chunking,
        limits: Limits,
        tell: Callable[[JobFile, FileState], None],
    ) -> None:
        self._store = store
        self._folders = folders
        self._chunking = chunking
        self._limits = limits
        self._tell = tell
        self._staging = Staging(store.folder)
        self._lock = threading.Lock()
        self._archive: tuple[Path, dict[str, Member]] | None = None  # the archive that was expanded last

    def read(self, file: JobFile) -> ReadResult:
        """Everything from the file up to the chunked document."""
        self._tell(file, "reading")
        try:
            if file.member is None and is_archive(file.name):
                return self._unpacked(file)
            data, source = self._content(file)
            moved_from = file.document if file.outcome == "moved" else None
            if source is not None and (same := self._unchanged(file, source, moved_from)) is not None:
                return same
            document = load_bytes(data, file.name, limits=self._limits)
        except LoaderError as error:
            return FailedFile(file, error.cause, error.hint, _hopeless(error))
        if (same := self._same_text(file, document, source, moved_from)) is not None:
            return same
        self._tell(file, "chunking")
        return ChunkedFile(file, document, passages(document, **asdict(self._chunking)), source, moved_from)

    def _content(self, file: JobFile) -> tuple[bytes, SourceFile | None]:
        """The bytes of a file, or of one inside an archive, and the source to store; None for a copy of an upload."""
        mtime_ns = _mtime_ns(file.path)  # before it is read, so that a change meanwhile is noticed next time
        if file.member is None:
            if os.path.lexists(file.path):  # what is not there is missing, whatever it is called
                loader_name(file.name)  # an unknown suffix is refused before anything is read
            data = read_file(file.path, self._limits.file_bytes + 1, within=self._within(file.path))
            path = path_to_text(file.path)
        else:
            data = self._member(file, file.member)
            path = f"{path_to_text(file.path)}/{file.member}"
        if self._staging.holds(file.path):  # a copy that will be deleted
            return data, None
        return data, SourceFile(path, len(data), mtime_ns, hashlib.sha256(data).digest())

    def _unchanged(self, file: JobFile, source: SourceFile, moved_from: str | None) -> StoredAlready | None:
        """The file, if its document was read from this content at this path, or at the one that it has moved from."""
        with self._store.connections.reading() as connection:
            own = records.own_document(connection, file.name, source.path, moved_from)
            before = None if own is None else records.source_of(connection, own.id)
        if own is None or before is None or before.sha256 != source.sha256:
            return None
        return StoredAlready(file, own, source, "unchanged" if before.path == source.path else "moved")

    def _same_text(
        self, file: JobFile, document: Document, source: SourceFile | None, moved_from: str | None
    ) -> StoredAlready | None:
        """The file, if its text is stored already."""
        path = None if source is None else source.path
        with self._store.connections.reading() as connection:
            own = records.own_document(connection, document.name, path, moved_from)
            stored = records.same_text(connection, own, records.text_digest(document))
            before = None if stored is None else records.source_of(connection, stored.id)
        if stored is None:
            return None
        if before is not None and path is not None and before.path != path and is_gone(path_from_text(before.path)):
            return StoredAlready(file, stored, source, "moved")
        return StoredAlready(file, stored, source, "duplicate" if own is None else "unchanged")

    def _unpacked(self, archive: JobFile) -> UnpackedArchive:
        inside = self._opened(archive.path, archive.name, anew=True)
        if not inside:
            raise EmptyFile(f"{archive.name} is empty", hint="add an archive with files in it")
        taken: set[str] = set()
        members = []
        for path, member in inside.items():
            name = unused_name(safe_name(f"{archive.name}/{path}"), taken)
            taken.add(name)
            members.append(_member_of(archive, path, member, name))
        return UnpackedArchive(archive, tuple(members))

    def _member(self, file: JobFile, member: str) -> bytes:
        archive = file.name[: -len(member) - 1]
        content = self._opened(file.path, archive).get(member)
        if content is None:
            raise MissingFile(f"{member} is not in {archive} any more", hint="add the archive again")
        if content.error is not None:
            raise content.error
        return content.data

    def _opened(self, path: Path, name: str, *, anew: bool = False) -> dict[str, Member]:
        """The members of an archive by their path inside it. Only the last archive is kept in memory."""
        with self._lock:
            if anew or self._archive is None or self._archive[0] != path:
                self._archive = None
                data = read_file(path, self._limits.file_bytes + 1, within=self._within(path))
                outer = len(printable(name)) + 1
                self._archive = path, {member.name[outer:]: member for member in expand(data, name, self._limits)}
            return self._archive[1]

    def _within(self, path: Path) -> Path | None:
        return next((folder for folder in self._folders if folder in path.parents), None)


def _member_of(archive: JobFile, path: str, member: Member, name: str) -> JobFile:
    """A file inside an archive as a file of the job: to be read, or why it is not."""
    file = replace(archive, name=name, member=path, bytes=len(member.data), state="queued")
    reason = skip_reason(PurePosixPath(path).name)
    if reason is not None:
        return replace(file, state="skipped", outcome="unsupported", cause=reason)
    if member.error is not None:
        outcome = _hopeless(member.error)
        state: FileState = "failed" if outcome is None else "skipped"
        return replace(file, state=state, outcome=outcome, cause=member.error.cause, hint=member.error.hint)
    return file


def _hopeless(error: LoaderError) -> Outcome | None:
    """The outcome of a file that is not to be tried again: nothing can read its kind, or there is nothing in it."""
    if isinstance(error, UnknownSuffix):
        return "unsupported"
    return "empty" if isinstance(error, EmptyFile) else None


def _mtime_ns(path: Path) -> int:
    """When a file was changed; 0, which no file has, if that cannot be read."""
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0
