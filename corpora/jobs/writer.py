"""What becomes of the files of a job, written by one thread, so that the encoder waits for no disk.

A document and the end of its file are one transaction: after a kill it is stored and marked, or neither. How far
the others are is written twice a second. Knows nothing of reading and embedding.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from corpora.errors import DocumentNotFound, UnstorableDocument
from corpora.jobs import job_records
from corpora.jobs.job_records import FileState, JobFile, Outcome, Wanted, path_to_text
from corpora.jobs.plan import sources_of
from corpora.jobs.reader import ChunkedFile, FailedFile, StoredAlready, UnpackedArchive
from corpora.jobs.staging import Staging
from corpora.store import records, secure_delete
from corpora.store.records import Put
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking

_FLUSH_S = 0.5
_ROOM = 64  # documents that wait to be written


@dataclass(frozen=True, slots=True)
class EmbeddedDocument:
    """A document with all its rows."""

    cut: ChunkedFile
    values: Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class GoneFile:
    """A file that is not in its folder any more: its document is to go."""

    file: JobFile


Write: TypeAlias = EmbeddedDocument | StoredAlready | FailedFile | UnpackedArchive | GoneFile


class _FileCancelled(Exception):
    """The file was cancelled while it was on its way: nothing of it is to be stored."""


class JobWriter:
    """The thread that writes. What it cannot write stops it; the error is raised to whoever hands it more."""

    def __init__(
        self,
        store: CorpusStore,
        job: int,
        *,
        chunking: Chunking,
        ended: Callable[[JobFile], None],
        unpacked: Callable[[JobFile, Sequence[JobFile]], None],
    ) -> None:
        """``ended`` is told of each file that has come to its end, ``unpacked`` of what an archive became."""
        self._store = store
        self._job = job
        self._chunking = chunking
        self._generation = store.generation()
        self._ended = ended
        self._unpacked = unpacked
        self._staging = Staging(store.folder)
        self._given: queue.Queue[Write | None] = queue.Queue(_ROOM)
        self._lock = threading.Lock()
        self._live: dict[int, JobFile] = {}  # files whose state is not in the database yet
        self._flushed_s = time.monotonic()
        self._error: Exception | None = None
        self.wanted: Wanted = "run"
        self.withdrawn: set[int] = set()  # numbers of files that were cancelled
        self._thread = threading.Thread(target=self._work, name="job-writer", daemon=True)
        self._thread.start()

    def put(self, write: Write) -> None:
        """Have something written, in turn. Raises what stopped the thread."""
        while True:
            self.check()
            try:
                self._given.put(write, timeout=_FLUSH_S)
            except queue.Full:
                continue
            return

    def show(self, file: JobFile, state: FileState, done: int = 0, total: int = 0) -> None:
        """A file has got on; written soon, not now. Any thread may say so."""
        with self._lock:
            self._live[file.number] = replace(file, state=state, done=done, total=total)

    def check(self) -> None:
        """Raises what stopped the thread."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Write all that was handed in, and end. Raises what stopped the thread."""
        if self._thread.is_alive():
            while self._error is None:
                try:
                    self._given.put(None, timeout=_FLUSH_S)
                except queue.Full:
                    continue
                break
            self._thread.join()
        self.check()

    def _work(self) -> None:
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001  raised again to whoever hands over more
            self._error = error

    def _serve(self) -> None:
        while True:
            try:
                write = self._given.get(timeout=_FLUSH_S)
            except queue.Empty:
                self._flush()
                continue
            if write is None:
                self._flush()
                if secure_delete.is_erase_pending(
                    self._store.connections
                ):  # once for all that was replaced and removed
                    secure_delete.erase(self._store.connections)
                return
            self._write(write)
            if time.monotonic() - self._flushed_s >= _FLUSH_S:
                self._flush()

    def _write(self, write: Write) -> None:
        try:
            match write:
                case EmbeddedDocument():
                    file = self._stored(write)
                case StoredAlready():
                    file = self._same(write)
                case FailedFile(one, cause, hint):
                    file = self._end(replace(one, state="failed", outcome=None, cause=cause, hint=hint))
                case GoneFile():
                    file = self._removed(write.file)
                case UnpackedArchive():
                    self._expand(write)
                    return
        except _FileCancelled:
            file = replace(_file_of(write), state="cancelled")
        with self._lock:
            self._live.pop(file.number, None)
        self._discard(file)
        self._ended(file)

    def _stored(self, write: EmbeddedDocument) -> JobFile:
        """Store a document together with the end of its file."""
        cut = write.cut
        ends: list[JobFile] = []

        def also(connection: sqlite3.Connection, put: Put) -> None:
            ends.append(_end_of(cut.file, put))
            if not job_records.end_file(connection, self._job, ends[-1]):
                raise _FileCancelled

        try:
            self._store.put(
                cut.document,
                cut.passages,
                write.values,
                source=cut.source,
                also=also,
                chunking=self._chunking,
                generation=self._generation,
                erase=False,
            )
        except UnstorableDocument as error:
            return self._end(replace(cut.file, state="failed", cause=error.cause, hint=error.hint))
        return ends[-1]

    def _same(self, write: StoredAlready) -> JobFile:
        """A file brings nothing new; if it is the one that its document was read from, its new time is kept."""
        own = write.twin.name == write.file.name
        outcome: Outcome = "unchanged" if own else "duplicate"
        file = replace(write.file, state="skipped", outcome=outcome, document=write.twin.id, done=0, total=0)
        with self._store.connections.writing() as connection:
            if own and write.source is not None:
                records.set_source(connection, write.twin.id, write.source)
            self._must_end(connection, file)
        return file

    def _removed(self, file: JobFile) -> JobFile:
        """Remove the document of a file that is gone."""
        ended = replace(file, state="ready", outcome="removed")
        if file.document is None:
            return self._end(ended)
        try:
            self._store.remove(file.document, also=lambda connection, _: self._must_end(connection, ended), erase=False)
        except DocumentNotFound:
            return self._end(ended)
        return ended

    def _expand(self, write: UnpackedArchive) -> None:
        """Put what is in an archive in its place, all or nothing."""
        archive = write.file
        with self._store.connections.writing() as connection:
            still = job_records.find_file(connection, self._job, archive.number)
            if still is None or still.state == "cancelled":
                raise _FileCancelled
            last = job_records.last_number(connection, self._job)
            members = [replace(one, number=last + at) for at, one in enumerate(write.members, 1)]
            members += self._gone_inside(connection, archive, members)
            job_records.insert_files(connection, self._job, members)
            job_records.delete_file(connection, self._job, archive.number)
        with self._lock:
            self._live.pop(archive.number, None)
        self._unpacked(archive, members)

    def _gone_inside(
        self, connection: sqlite3.Connection, archive: JobFile, members: Sequence[JobFile]
    ) -> list[JobFile]:
        """In a sync, documents of files that were in the archive and are not any more."""
        if not job_records.is_sync(connection, self._job):
            return []
        within = f"{path_to_text(archive.path)}/"
        there = {one.member for one in members}
        gone = [one for one in sources_of(connection, within) if one.path.removeprefix(within) not in there]
        first = job_records.last_number(connection, self._job) + len(members) + 1
        return [
            JobFile(number, one.name, archive.path, None, 0, "queued", "removed", document=one.document)
            for number, one in enumerate(gone, first)
        ]

    def _end(self, file: JobFile) -> JobFile:
        with self._store.connections.writing() as connection:
            self._must_end(connection, file)
        return file

    def _must_end(self, connection: sqlite3.Connection, file: JobFile) -> None:
        if not job_records.end_file(connection, self._job, file):
            raise _FileCancelled

    def _flush(self) -> None:
        """Write how far files are, and see what is wanted."""
        now_s = time.monotonic()
        with self._lock:
            live, self._live = self._live, {}
        with self._store.connections.writing() as connection:
            job_records.show_files(connection, self._job, live.values())
            job_records.add_busy(connection, self._job, now_s - self._flushed_s)
            self.withdrawn = job_records.cancelled_files(connection, self._job)
            self.wanted = job_records.wanted_of(connection, self._job)
        self._flushed_s = now_s

    def _discard(self, file: JobFile) -> None:
        """Delete the copy of an upload that is needed no more; one that failed is kept to be tried again."""
        if file.state == "failed" or not self._staging.holds(file.path):
            return
        with self._store.connections.reading() as connection:
            if not job_records.needs(connection, self._job, file.path):
                self._staging.discard(file.path)


def _file_of(write: Write) -> JobFile:
    return write.cut.file if isinstance(write, EmbeddedDocument) else write.file


def _end_of(file: JobFile, put: Put) -> JobFile:
    """The end of a file whose document was put."""
    if put.status == "duplicate":
        outcome: Outcome = "unchanged" if put.document.name == file.name else "duplicate"
        return replace(file, state="skipped", outcome=outcome, document=put.document.id)
    return replace(
        file, state="ready", outcome=put.status, document=put.document.id, done=put.passages, total=put.passages
    )
