"""How a process takes a job over, and how it leaves it: finished, paused with a cause, or to be run by the next.

Every way out writes where the job is; a process that is killed writes nothing, and ``_claim`` tidies up after it.
Whoever calls these holds the job's lock. Knows nothing of reading and embedding.

Runs a job: files are read ahead, embedded together, and stored one by one, each with the end of its file.

One process runs a job. It may be killed at any instant: whoever runs the job next goes on with the files that had
not come to their end. Knows nothing of formats and of what derived rows mean.
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
from corpora.jobs.discovery import safe_name
from corpora.jobs.job_records import ENDED, FileState, Job, JobFile, Wanted
from corpora.jobs.jobs import Jobs, job_busy
from corpora.jobs.reader import ChunkedFile, FailedFile, ReaderFailure, ReaderPool, StoredAlready, UnpackedArchive
from corpora.jobs.staging import Staging
from corpora.jobs.writer import EmbeddedDocument, GoneFile, JobWriter
from corpora.loaders.registry import Limits, is_archive
from corpora.store.locks import Holder, process_lock
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking


def _claim(store: CorpusStore, number: int) -> bool:
    """Take a job over; False if nobody wants it to be run."""
    with store.connections.writing() as connection:
        job = job_records.find_job(connection, number)
        if job is None or job.state in (*ENDED, "paused"):
            return False
        job_records.stop(connection, number, job.wanted)  # whoever held it before may have died in the middle
        if job.wanted != "run":
            return False
        job_records.set_state(connection, number, "running")
        job_records.set_holder(connection, number, _this_process())
        job_records.set_trouble(connection, number, None, None)
    return True


def _release(store: CorpusStore, number: int, wanted: Wanted | None) -> None:
    """Leave a job: finished, or as it is wanted."""
    with store.connections.writing() as connection:
        if wanted is None:
            job_records.set_state(connection, number, "finished")
            job_records.set_holder(connection, number, None)
        else:
            job_records.stop(connection, number, wanted)
        spare = job_records.spare_copies(connection, number)
    Staging(store.folder).discard_some(spare)


def _interrupt(store: CorpusStore, number: int, error: BaseException) -> None:
    """Leave a job that cannot go on: paused with the cause, or, if somebody only ended the process, queued."""
    try:
        _put_down(store, number, error)
    except CorporaError as another:
        try:
            store.connections.truncate_log(_PATIENCE_S)  # a full disk, most likely: now there may be room for a word
            _put_down(store, number, error)
        except CorporaError:  # The job's lock is let go all the same, so that it counts as interrupted.
            error.add_note(f"and the job could not be paused: {another}")


def _put_down(store: CorpusStore, number: int, error: BaseException) -> None:
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


Stage: TypeAlias = Literal["reading", "storing", "done"]
# (files done, files in all, name of the current one, what happens to it); told by several threads, one at a time
Progress: TypeAlias = Callable[[int, int, str, Stage], None]

_READ_AHEAD_PASSAGES = 1024
_ENOUGH = 32  # passages
_PAGE = 256  # files fetched from the database at a time
_PATIENCE_S = 0.1
_UNPACKING_S = 0.01  # the writer, who gives no sign, has what follows


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
    """Run a job to its end, or until it is paused or cancelled by anybody, or ``stop`` is set.

    A job that is paused or has ended is left as it is; one that ``stop`` interrupted is queued. Bad files fail, each
    with its cause. What is no fault of a file, such as a full disk, pauses the job with its cause, and is raised.
    Raises ``JobNotFound``, and ``LibraryBusy`` if another process runs the job.
    """
    jobs = Jobs(store)
    jobs.get(number)
    staging = Staging(store.folder)
    with process_lock(staging.lock_of(number)) as mine:
        if not mine:
            raise job_busy(jobs.get(number))
        if not _claim(store, number):
            return jobs.get(number)
        running = _JobRun(
            store,
            jobs.get(number),
            derived=derived,
            chunking=chunking or store.chunking() or Chunking(),
            limits=limits or Limits(),
            progress=progress or _silent,
            stop=stop or threading.Event(),
        )
        try:
            wanted = running.go()
        except BaseException as error:
            _interrupt(store, number, error)
            raise
        _release(store, number, wanted)
    return jobs.get(number)


class _JobRun:
    """One run of one job, by one thread with helpers for reading and writing."""

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
        self._writing = JobWriter(store, job.number, chunking=chunking, ended=self._ended, unpacked=self._unpacked)
        folders = [path for path in job.paths if path.is_dir()]
        self._reading = ReaderPool(
            store, folders, chunking=chunking, limits=limits, tell=self._tell, threads=_reader_threads()
        )

    def go(self) -> Wanted | None:
        """Work until all is done, which gives None, or something else is wanted."""
        try:
            while not self._is_unwanted():
                self._read_more()
                # Whoever has enough to compute waits for nobody; a few passages alone are not worth a batch.
                enough = self._batches.passages >= _ENOUGH or (self._batches.waiting and not self._reading.waiting)
                patience_s = 0.0 if enough else _PATIENCE_S if not self._is_unpacking() else _UNPACKING_S
                while (read := self._reading.take(patience_s)) is not None:
                    self._take(read)
                    patience_s = 0.0
                for waiting in self._batches.step():
                    self._got_on(waiting)
                self._writing.check()
                if not self._batches.waiting and self._is_all_done():
                    return None
            return self._writing.wanted
        finally:
            self._reading.close()
            self._writing.close()

    def _is_unwanted(self) -> bool:
        return self._stop.is_set() or self._writing.wanted != "run"

    def _read_more(self) -> None:
        """Keep the readers busy, but not so far ahead that memory fills."""
        for number in self._writing.withdrawn & self._in_flight.keys():
            if (waiting := self._in_flight[number]) is not None:
                self._batches.drop(waiting)
                self._ended(waiting.item.file)
        while self._reading.waiting < 2 * self._reading.threads and self._batches.passages < _READ_AHEAD_PASSAGES:
            file = self._next_file()
            if file is None:
                return
            if file.outcome == "removed":
                self._writing.put(GoneFile(file))
            else:
                self._reading.give(file)

    def _next_file(self) -> JobFile | None:
        """The next file of the queue, in flight then; what is in an archive comes before what stands behind it."""
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
        """More of the queue from the database; at its end from the beginning, since files may be tried again."""
        with self._progress_lock:
            taken = self._in_flight.keys() | {one.number for one in self._queued}
        with self._store.connections.reading() as connection:
            found = job_records.find_files(connection, self._job, ["queued"], self._last_fetched, _PAGE)
        with self._progress_lock:
            # Those of before as well: one that has ended since was still queued when it was looked for.
            taken |= self._in_flight.keys() | {one.number for one in self._queued}
            self._queued.extend(one for one in found if one.number not in taken)
        self._last_fetched = found[-1].number if len(found) == _PAGE else 0

    def _is_all_done(self) -> bool:
        """Is nothing in flight, and nothing left in the queue?"""
        if self._in_flight:
            return False
        self._last_fetched = 0
        with self._store.connections.writing() as connection:
            # The document that had the same text may have been replaced meanwhile.
            for number in sorted(self._duplicates):
                job_records.requeue(connection, self._job, job_records.LOST_TWIN, (number,))
        self._duplicates.clear()
        self._fetch()
        return not self._queued

    def _take(self, read: ChunkedFile | StoredAlready | FailedFile | UnpackedArchive | ReaderFailure) -> None:
        """A file has been read."""
        match read:
            case ReaderFailure(error):
                raise error
            case ChunkedFile():
                with self._progress_lock:
                    if read.file.number not in self._in_flight:
                        return  # cancelled
                    self._in_flight[read.file.number] = self._batches.add(read, read.passages)
                self._writing.show(read.file, "embedding", 0, len(read.passages))
                self._told(read.file, "storing")
            case _:
                self._writing.put(read)

    def _got_on(self, waiting: PendingDocument[ChunkedFile]) -> None:
        """Rows of a document were computed, perhaps its last."""
        if waiting.done == len(waiting.passages):
            self._writing.put(EmbeddedDocument(waiting.item, waiting.values))
        else:
            self._writing.show(waiting.item.file, "embedding", waiting.done, len(waiting.passages))

    def _tell(self, file: JobFile, state: FileState) -> None:
        """A reader says what it does."""
        self._writing.show(file, state)
        if state == "reading":
            self._told(file, "reading")

    def _told(self, file: JobFile, stage: Stage) -> None:
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
            known = self._in_flight.keys() | {one.number for one in self._queued}
            left = [one for one in members if one.state == "queued" and one.number not in known]
            self._queued.extendleft(reversed(left))
            self._total += len(members) - 1
            self._done += len(members) - len(left)


def _reader_threads() -> int:
    """One child process a thread: enough to be ahead of an encoder, few enough to leave it the processors."""
    return min(4, max(2, (os.cpu_count() or 2) // 2))


def _silent(done: int, total: int, name: str, stage: Stage) -> None:
    """Progress that nobody watches."""
