"""Writes the documents and files of a job, with one thread, so that the encoder never waits for the disk.

A document and the end of its file are one transaction: after a kill both are stored, or neither. The progress of the
other files is written twice a second. Knows nothing of reading and embedding.
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
from corpora.jobs.job_records import FileState, JobCommand, JobFile, Outcome, path_to_text
from corpora.jobs.reader import ChunkedFile, FailedFile, StoredAlready, UnpackedArchive
from corpora.jobs.sources import sources_of
from corpora.jobs.staging import Staging
from corpora.store import records, secure_delete
from corpora.store.records import Put
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking

_REPLACED = "it replaced the document of the same name"  # said where there is no path to know a file by
_FLUSH_S = 0.5
_QUEUE_LENGTH = 64  # documents that wait to be written


@dataclass(frozen=True, slots=True)
class EmbeddedDocument:
    """A document with all its derived rows."""

    cut: ChunkedFile
    values: Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class GoneFile:
    """A file that is gone from its folder: its document is to be removed."""

    file: JobFile


Write: TypeAlias = EmbeddedDocument | StoredAlready | FailedFile | UnpackedArchive | GoneFile


class _FileCancelled(Exception):
    """The file was cancelled meanwhile: nothing of it is to be stored."""


class JobWriter:
    """The thread that writes. An error stops it, and is raised by the next call of ``put``, ``check`` or ``close``."""

    def __init__(
        self,
        store: CorpusStore,
        job: int,
        *,
        chunking: Chunking,
        ended: Callable[[JobFile], None],
        unpacked: Callable[[JobFile, Sequence[JobFile]], None],
    ) -> None:
        """``ended`` is called with each file that has ended, ``unpacked`` with an archive and the files in it."""
        self._store = store
        self._job = job
        self._chunking = chunking
        self._generation = store.generation()
        self._ended = ended
        self._unpacked = unpacked
        self._staging = Staging(store.folder)
        self._queue: queue.Queue[Write | None] = queue.Queue(_QUEUE_LENGTH)
        self._lock = threading.Lock()
        self._progress: dict[int, JobFile] = {}  # files whose state is not in the database yet
        self._flushed_s = time.monotonic()
        self._error: Exception | None = None
        self.wanted: JobCommand = "run"
        self.cancelled: set[int] = set()  # numbers of files that were cancelled
        self._thread = threading.Thread(target=self._work, name="job-writer", daemon=True)
        self._thread.start()

    def put(self, write: Write) -> None:
        """Queue something to be written. Raises what stopped the thread."""
        while True:
            self.check()
            try:
                self._queue.put(write, timeout=_FLUSH_S)
            except queue.Full:
                continue
            return

    def show(self, file: JobFile, state: FileState, done: int = 0, total: int = 0) -> None:
        """Note the progress of a file, which is written within a second. Any thread may call this."""
        with self._lock:
            self._progress[file.number] = replace(file, state=state, done=done, total=total)

    def check(self) -> None:
        """Raise what stopped the thread, if anything did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Write everything that is queued, and end. Raises what stopped the thread."""
        if self._thread.is_alive():
            while self._error is None:
                try:
                    self._queue.put(None, timeout=_FLUSH_S)
                except queue.Full:
                    continue
                break
            self._thread.join()
        self.check()

    def _work(self) -> None:
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001  raised again by ``check``
            self._error = error

    def _serve(self) -> None:
        while True:
            try:
                write = self._queue.get(timeout=_FLUSH_S)
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
                case FailedFile(failed, cause, hint, outcome):
                    state: FileState = "failed" if outcome is None else "skipped"
                    file = self._end(replace(failed, state=state, outcome=outcome, cause=cause, hint=hint))
                case GoneFile():
                    file = self._removed(write.file)
                case UnpackedArchive():
                    self._expand(write)
                    return
        except _FileCancelled:
            file = replace(_file_of(write), state="cancelled")
        with self._lock:
            self._progress.pop(file.number, None)
        self._discard(file)
        self._ended(file)

    def _stored(self, write: EmbeddedDocument) -> JobFile:
        """Store a document together with the end of its file."""
        cut = write.cut
        ends: list[JobFile] = []

        def also(connection: sqlite3.Connection, put: Put) -> None:
            ends.append(_end_of(cut, put))
            if not job_records.end_file(connection, self._job, ends[-1]):
                raise _FileCancelled

        try:
            self._store.put(
                cut.document,
                cut.passages,
                write.values,
                source=cut.source,
                moved_from=cut.moved_from,
                also=also,
                chunking=self._chunking,
                generation=self._generation,
                erase=False,
            )
        except UnstorableDocument as error:
            return self._end(replace(cut.file, state="failed", cause=error.cause, hint=error.hint))
        return ends[-1]

    def _same(self, write: StoredAlready) -> JobFile:
        """A file whose text is stored; if that document is the file's, its new path or time is stored."""
        file = replace(
            write.file, state="skipped", outcome=write.outcome, document=write.stored.id, cause=None, done=0, total=0
        )
        with self._store.connections.writing() as connection:
            stored = records.info_where(connection, "id", write.stored.id)
            if stored is None:
                file = replace(file, outcome="duplicate")  # Removed meanwhile: it will be read again.
            elif write.source is not None and write.outcome == "moved":
                moved = records.move_document(connection, stored, file.name, write.source)
                cause = f"it was {stored.name}" if moved.name != stored.name else None
                file = replace(file, state="ready", name=moved.name, cause=cause)
            elif write.source is not None and write.outcome == "unchanged":
                records.set_source(connection, stored.id, write.source)
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
        """Replace an archive by the files in it, all or nothing."""
        archive = write.file
        with self._store.connections.writing() as connection:
            stored = job_records.find_file(connection, self._job, archive.number)
            if stored is None or stored.state == "cancelled":
                raise _FileCancelled
            first = job_records.last_number(connection, self._job) + 1
            members = [replace(member, number=number) for number, member in enumerate(write.members, first)]
            members += self._gone_inside(connection, archive, members)
            job_records.insert_files(connection, self._job, members)
            job_records.delete_file(connection, self._job, archive.number)
        with self._lock:
            self._progress.pop(archive.number, None)
        self._unpacked(archive, members)

    def _gone_inside(
        self, connection: sqlite3.Connection, archive: JobFile, members: Sequence[JobFile]
    ) -> list[JobFile]:
        """In a sync, the documents of files that are gone from the archive."""
        if not job_records.is_sync(connection, self._job):
            return []
        within = f"{path_to_text(archive.path)}/"
        there = {member.member for member in members}
        gone = [source for source in sources_of(connection, within) if source.path.removeprefix(within) not in there]
        first = job_records.last_number(connection, self._job) + len(members) + 1
        return [
            JobFile(number, source.name, archive.path, None, 0, "queued", "removed", document=source.document)
            for number, source in enumerate(gone, first)
        ]

    def _end(self, file: JobFile) -> JobFile:
        with self._store.connections.writing() as connection:
            self._must_end(connection, file)
        return file

    def _must_end(self, connection: sqlite3.Connection, file: JobFile) -> None:
        if not job_records.end_file(connection, self._job, file):
            raise _FileCancelled

    def _flush(self) -> None:
        """Write the progress of files, and read the command given to the job."""
        now_s = time.monotonic()
        with self._lock:
            progress, self._progress = self._progress, {}
        with self._store.connections.writing() as connection:
            job_records.show_files(connection, self._job, progress.values())
            job_records.add_busy(connection, self._job, now_s - self._flushed_s)
            self.cancelled = job_records.cancelled_files(connection, self._job)
            self.wanted = job_records.wanted_of(connection, self._job)
        self._flushed_s = now_s

    def _discard(self, file: JobFile) -> None:
        """Delete the copy of an upload that is needed no more; a copy of a failed file stays, to be tried again."""
        if file.state == "failed" or not self._staging.holds(file.path):
            return
        with self._store.connections.reading() as connection:
            if not job_records.needs(connection, self._job, file.path):
                self._staging.discard(file.path)


def _file_of(write: Write) -> JobFile:
    return write.cut.file if isinstance(write, EmbeddedDocument) else write.file


def _end_of(cut: ChunkedFile, put: Put) -> JobFile:
    """The end of a file whose document was stored; its cause says what of it is not in the text."""
    file = replace(cut.file, cause=cut.document.notes)
    if put.status == "duplicate":
        outcome: Outcome = "unchanged" if put.is_own else "duplicate"
        return replace(file, state="skipped", outcome=outcome, document=put.document.id)
    if put.status == "replaced" and cut.source is None:
        file = replace(file, cause="; ".join(filter(None, [_REPLACED, file.cause])))
    file = replace(file, name=put.document.name)
    return replace(
        file, state="ready", outcome=put.status, document=put.document.id, done=put.passages, total=put.passages
    )
