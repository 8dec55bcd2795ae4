"""Runs a job: files are read ahead, embedded in batches, and stored one by one, each with the end of its file.

One process runs a job, holding the job's lock. It claims the job first, and releases it finished, as commanded, or
paused by an error. A process that is killed writes nothing: the next one that claims the job requeues the files that
had not ended. Knows nothing of formats and of what derived rows mean.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from corpora.errors import CorporaError, one_line
from corpora.interfaces import Derived
from corpora.jobs import job_records
from corpora.jobs.batching import EmbeddingBatches, PendingDocument
from corpora.jobs.job_records import ENDED, FileState, Job, JobCommand, JobFile
from corpora.jobs.jobs import Jobs, job_busy
from corpora.jobs.reader import ChunkedFile, FailedFile, ReaderFailure, ReaderPool, StoredAlready, UnpackedArchive
from corpora.jobs.staging import Staging
from corpora.jobs.writer import EmbeddedDocument, GoneFile, JobWriter
from corpora.loaders.registry import Limits, is_archive
from corpora.store.document_names import safe_name
from corpora.store.locks import Holder, process_lock
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking

Stage: TypeAlias = Literal["reading", "storing", "done"]
# (files done, files in all, name of the current one, its stage); called by several threads, one at a time
Progress: TypeAlias = Callable[[int, int, str, Stage], None]

_READ_AHEAD_PASSAGES = 1024
_SMALLEST_BATCH = 32  # passages; with fewer, the encoder waits for files that are being read
_PAGE = 256  # files fetched from the database at a time
_WAIT_S = 0.1
_UNPACKING_WAIT_S = 0.01  # The next files come from the writer, which does not wake this thread.


def run(
    store: CorpusStore,
    number: int,
    *,
    derived: Sequence[Derived] = (),
    chunking: Chunking | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Job:
    """Run a job to its end, or until any process pauses or cancels it, or ``stop`` is set.

    A job that is paused or has ended stays as it is; one that ``stop`` interrupted is queued. Bad files fail, each with
    its cause. An error that is no fault of a file, such as a full disk, pauses the job with its cause, and is raised.
    Raises ``JobNotFound``, and ``LibraryBusy`` if another process runs the job.
    """
    jobs = Jobs(store)
    jobs.get(number)
    staging = Staging(store.folder)
    with process_lock(staging.lock_of(number)) as is_held:
        if not is_held:
            raise job_busy(jobs.get(number))
        if not _claim(store, number):
            return jobs.get(number)
        job_run = _JobRun(
            store,
            jobs.get(number),
            derived=derived,
            chunking=chunking or store.chunking() or Chunking(),
            limits=limits or Limits(),
            progress=progress or _silent,
            stop=stop or threading.Event(),
        )
        try:
            command = job_run.go()
        except BaseException as error:
            _interrupt(store, number, error)
            raise
        _release(store, number, command)
    return jobs.get(number)


class _JobRun:
    """One run of one job, by one thread with a pool of readers and a writer thread."""

    def __init__(
        self,
        store: CorpusStore,
        job: Job,
        *,
        derived: Sequence[Derived],
        chunking: Chunking,
        limits: Limits,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self._store = store
        self._job = job.number
        self._stop = stop
        self._progress = progress
        self._progress_lock = threading.Lock()
        self._done, self._total = job.files_done, job.files
        self._in_flight: dict[
            int, PendingDocument[ChunkedFile] | None
        ] = {}  # files that were taken from the queue and have not ended
        self._queued: deque[JobFile] = deque()
        self._last_fetched = 0  # the number of the last file that was fetched
        self._archive: int | None = None  # the number of the last archive that was taken from the queue
        self._duplicates: set[int] = set()
        self._batches = EmbeddingBatches[ChunkedFile](derived, stopping=self._is_unwanted)
        self._writer = JobWriter(store, job.number, chunking=chunking, ended=self._ended, unpacked=self._unpacked)
        folders = [path for path in job.paths if path.is_dir()]
        self._readers = ReaderPool(
            store, folders, chunking=chunking, limits=limits, tell=self._show_reading, threads=_reader_threads()
        )

    def go(self) -> JobCommand | None:
        """Work until all files have ended, which returns None, or until the job is commanded otherwise."""
        try:
            while not self._is_unwanted():
                self._refill()
                # With enough to compute, wait for no file; a few passages alone are not worth a batch.
                enough = self._batches.passages >= _SMALLEST_BATCH or (
                    self._batches.waiting and not self._readers.waiting
                )
                wait_s = 0.0 if enough else _WAIT_S if not self._is_unpacking() else _UNPACKING_WAIT_S
                while (read := self._readers.take(wait_s)) is not None:
                    self._take(read)
                    wait_s = 0.0
                for waiting in self._batches.step():
                    self._advance(waiting)
                self._writer.check()
                if not self._batches.waiting and self._is_all_done():
                    return None
            return self._writer.wanted
        finally:
            self._readers.close()
            self._writer.close()

    def _is_unwanted(self) -> bool:
        return self._stop.is_set() or self._writer.wanted != "run"

    def _refill(self) -> None:
        """Submit files to the readers, but not so far ahead that memory fills; drop documents that were cancelled."""
        for number in self._writer.cancelled & self._in_flight.keys():
            if (waiting := self._in_flight[number]) is not None:
                self._batches.drop(waiting)
                self._ended(waiting.item.file)
        while self._readers.waiting < 2 * self._readers.threads and self._batches.passages < _READ_AHEAD_PASSAGES:
            file = self._next_file()
            if file is None:
                return
            if file.outcome == "removed":
                self._writer.put(GoneFile(file))
            else:
                self._readers.submit(file)

    def _next_file(self) -> JobFile | None:
        """The next file of the queue, now in flight; the files in an archive come before those behind it."""
        if self._is_unpacking():
            return None
        if not self._queued:
            self._fetch()
        with self._progress_lock:
            file = self._queued.popleft() if self._queued else None
            if file is not None:
                self._in_flight[file.number] = None
                if file.member is None and file.outcome != "removed" and is_archive(file.name):
                    self._archive = file.number
        return file

    def _is_unpacking(self) -> bool:
        return self._archive in self._in_flight

    def _fetch(self) -> None:
        """Fetch more of the queue from the database; at its end from the beginning, since files may be tried again."""
        with self._progress_lock:
            taken = self._in_flight.keys() | {file.number for file in self._queued}
        with self._store.connections.reading() as connection:
            fetched = job_records.find_files(connection, self._job, ["queued"], self._last_fetched, _PAGE)
        with self._progress_lock:
            # Before and after the query: a file that has ended since was still queued when it was read.
            taken |= self._in_flight.keys() | {file.number for file in self._queued}
            self._queued.extend(file for file in fetched if file.number not in taken)
        self._last_fetched = fetched[-1].number if len(fetched) == _PAGE else 0

    def _is_all_done(self) -> bool:
        """Whether no file is in flight, and none left in the queue."""
        if self._in_flight:
            return False
        self._last_fetched = 0
        with self._store.connections.writing() as connection:
            # The document that had the same text may have been replaced or removed meanwhile.
            for number in sorted(self._duplicates):
                job_records.requeue(connection, self._job, job_records.LOST_TWIN, (number,))
        self._duplicates.clear()
        self._fetch()
        return not self._queued

    def _take(self, read: ChunkedFile | StoredAlready | FailedFile | UnpackedArchive | ReaderFailure) -> None:
        """Pass the result of reading a file on: to the encoder, or to the writer if there is nothing to embed."""
        match read:
            case ReaderFailure(error):
                raise error
            case ChunkedFile():
                with self._progress_lock:
                    if read.file.number not in self._in_flight:
                        return  # cancelled
                    self._in_flight[read.file.number] = self._batches.add(read, read.passages)
                self._writer.show(read.file, "embedding", 0, len(read.passages))
                self._report(read.file, "storing")
            case _:
                self._writer.put(read)

    def _advance(self, waiting: PendingDocument[ChunkedFile]) -> None:
        """Rows of a document were computed: write it if these were its last, else show its progress."""
        if waiting.done == len(waiting.passages):
            self._writer.put(EmbeddedDocument(waiting.item, waiting.values))
        else:
            self._writer.show(waiting.item.file, "embedding", waiting.done, len(waiting.passages))

    def _show_reading(self, file: JobFile, state: FileState) -> None:
        """Show what a reader does with a file; called by the threads of the readers."""
        self._writer.show(file, state)
        if state == "reading":
            self._report(file, "reading")

    def _report(self, file: JobFile, stage: Stage) -> None:
        with self._progress_lock:
            self._progress(self._done, self._total, file.name, stage)

    def _ended(self, file: JobFile) -> None:
        with self._progress_lock:
            if file.number not in self._in_flight:
                return
            del self._in_flight[file.number]
            if file.outcome == "duplicate":
                self._duplicates.add(file.number)
            self._done += 1
            self._progress(self._done, self._total, file.name, "done")

    def _unpacked(self, archive: JobFile, members: Sequence[JobFile]) -> None:
        with self._progress_lock:
            self._in_flight.pop(archive.number, None)
            known = self._in_flight.keys() | {file.number for file in self._queued}
            left = [member for member in members if member.state == "queued" and member.number not in known]
            self._queued.extendleft(reversed(left))
            self._total += len(members) - 1
            self._done += len(members) - len(left)


def _claim(store: CorpusStore, number: int) -> bool:
    """Become the process that runs a job; False if it is not to be run."""
    with store.connections.writing() as connection:
        job = job_records.find_job(connection, number)
        if job is None or job.state in (*ENDED, "paused"):
            return False
        job_records.stop(connection, number, job.wanted)  # its last process may have been killed
        if job.wanted != "run":
            return False
        job_records.set_state(connection, number, "running")
        job_records.set_holder(connection, number, _this_process())
        job_records.set_trouble(connection, number, None, None)
    return True


def _release(store: CorpusStore, number: int, wanted: JobCommand | None) -> None:
    """Leave a job: finished, or in the state that was commanded. Deletes copies of uploads that are needed no more."""
    with store.connections.writing() as connection:
        if wanted is None:
            job_records.set_state(connection, number, "finished")
            job_records.set_holder(connection, number, None)
        else:
            job_records.stop(connection, number, wanted)
        spare = job_records.spare_copies(connection, number)
    Staging(store.folder).discard_some(spare)


def _interrupt(store: CorpusStore, number: int, error: BaseException) -> None:
    """Leave a job after an error: paused with the cause or, if the process is only being ended, queued."""
    try:
        _pause_or_requeue(store, number, error)
    except CorporaError as another:
        try:
            store.connections.truncate_log(_WAIT_S)  # Most likely the disk is full: this may free room.
            _pause_or_requeue(store, number, error)
        except CorporaError:  # The job's lock is released all the same, so that it counts as interrupted.
            error.add_note(f"and the job could not be paused: {another}")


def _pause_or_requeue(store: CorpusStore, number: int, error: BaseException) -> None:
    with store.connections.writing() as connection:
        if not isinstance(error, Exception):
            job_records.stop(connection, number, "run")
            return
        job_records.stop(connection, number, "pause")
        cause = getattr(error, "cause", None) or f"{type(error).__name__}: {error}"
        hint = getattr(error, "hint", None) or "remedy it, then resume the job"
        job_records.set_trouble(connection, number, one_line(str(cause)), one_line(str(hint)))


def _this_process() -> Holder:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]]) if sys.argv else "python"
    return Holder(os.getpid(), safe_name(command), datetime.now(UTC))


def _reader_threads() -> int:
    """One worker process a thread: enough to be ahead of the encoder, few enough to leave it the processors."""
    return min(4, max(2, (os.cpu_count() or 2) // 2))


def _silent(done: int, total: int, name: str, stage: Stage) -> None:
    """The progress callback of a run without one."""
