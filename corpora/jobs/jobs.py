"""Jobs of one corpus: files on their way in, kept in its database, so that they survive reload, restart and kill.

Plans, creates, lists and steers them; ``corpora.jobs.runner`` runs them. Any process may steer a job that another
runs: what is wanted of it is seen there within a second.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from corpora.errors import JobNotFound, LibraryBusy
from corpora.jobs import job_records
from corpora.jobs import plan as planning
from corpora.jobs.discovery import resolve_path
from corpora.jobs.job_records import ACTIVE, ENDED, FileState, Job, JobFile, Wanted
from corpora.jobs.plan import Plan
from corpora.jobs.staging import Staging
from corpora.loaders.registry import Limits
from corpora.store.locks import is_held
from corpora.store.store import CorpusStore

_KEPT = 20  # ended jobs
_SHOWN = 100  # names of an upload


class Jobs:
    """The jobs of one corpus. Any thread may use it. Making it reads and writes nothing."""

    def __init__(self, store: CorpusStore) -> None:
        self._connections = store.connections
        self._store = store
        self._staging = Staging(store.folder)

    def plan(
        self,
        paths: Sequence[Path | str],
        *,
        sync: bool = False,
        limits: Limits | None = None,
        names: Sequence[str] | None = None,
    ) -> Plan:
        """A dry run: every file with what would be done with it. ``names`` as in ``create``."""
        called = None if names is None else dict(zip(map(Path, paths), names, strict=True))
        return planning.plan(self._store, paths, sync=sync, limits=limits, called=called)

    def create(
        self,
        paths: Sequence[Path | str],
        *,
        sync: bool = False,
        staged: bool = False,
        move: bool = False,
        names: Sequence[str] | None = None,
        paused: bool = False,
        limits: Limits | None = None,
    ) -> Job:
        """Queue files, and folders with all that is in them. ``sync`` also queues the removal of what is gone.

        With ``staged`` the files are copied into the corpus first, since nobody else will keep them, or moved there
        with ``move``; ``names`` are what they are called, if not what their paths say. ``paused``: nobody runs it
        before ``resume``. Raises ``LibraryError``; files that were moved are then gone.
        """
        named = [Path(path) for path in paths]
        with self._staging.copies(named, move=move) if staged else nullcontext((None, named)) as (token, kept):
            given = names or [path.name for path in named]
            called = dict(zip(kept, given, strict=True)) if staged else None
            planned = planning.plan(self._store, kept, sync=sync, limits=limits, called=called)
            with self._connections.writing() as connection:
                shown = _tops(given) if staged else [resolve_path(path) for path in named]
                number = job_records.insert_job(connection, planned.kind, shown, token)
                job_records.insert_files(connection, number, planning.job_files(planned))
                if paused:
                    job_records.stop(connection, number, "pause")
                doomed = _forget_old(connection)
                tokens = _tokens(connection)
        for token_of_old in doomed:
            self._staging.discard_all(token_of_old)
        self._staging.sweep(tokens)
        return self.get(number)

    def all(self) -> list[Job]:
        """All jobs, the latest first; of those that ended the last 20."""
        with self._connections.reading() as connection:
            return [self._seen(job) for job in job_records.all_jobs(connection)]

    def get(self, number: int) -> Job:
        """One job. Raises ``JobNotFound``."""
        with self._connections.reading() as connection:
            return self._seen(_found(connection, number))

    def waiting(self) -> list[Job]:
        """Jobs that somebody should run, the oldest first: new ones, and those whose process ended in the middle.

        Copies of uploads that a kill left without a job are swept away.
        """
        with self._connections.reading() as connection:
            tokens = _tokens(connection)
            going = [self._seen(job) for job in job_records.all_jobs(connection, ended=False)]
        self._staging.sweep(tokens)
        return [job for job in reversed(going) if job.state == "queued"]

    def files(
        self, number: int, states: Iterable[FileState] = (), *, offset: int = 0, limit: int | None = None
    ) -> list[JobFile]:
        """Files of a job in order, of all states or of some. Raises ``JobNotFound``."""
        with self._connections.reading() as connection:
            _require(connection, number)
            return job_records.find_files(
                connection, number, states, after=0, limit=-1 if limit is None else limit, offset=offset
            )

    def pause(self, number: int) -> Job:
        """Stop after what is being embedded now; ``resume`` goes on with it."""
        return self._steer(number, "pause")

    def resume(self, number: int) -> Job:
        """Let a paused job be run again; somebody has to run it."""
        return self._steer(number, "run")

    def cancel(self, number: int, file: int | None = None) -> Job:
        """Give up a whole job, or one file of it. What is in the corpus stays there."""
        if file is None:
            return self._steer(number, "cancel")
        with self._connections.writing() as connection:
            one = _found_file(connection, number, file)
            if one.state in ("queued", *ACTIVE):
                job_records.end_file(connection, number, replace(one, state="cancelled"))
        self._staging.discard(one.path)
        return self.get(number)

    def retry(self, number: int, file: int | None = None) -> Job:
        """Queue again one file that failed or was cancelled, or all that failed; somebody has to run the job."""
        with self._connections.writing() as connection:
            job = _found(connection, number)
            if file is None:
                again = job_records.requeue(connection, number, "state = 'failed'")
            else:
                _found_file(connection, number, file)
                again = job_records.requeue(
                    connection, number, "state IN ('failed', 'cancelled') AND number = ?", (file,)
                )
            if again and job.state in ENDED:
                job_records.set_state(connection, number, "queued")
        return self.get(number)

    def remove(self, number: int) -> None:
        """Forget a job and its copies of uploads. Raises ``JobNotFound``, ``LibraryBusy`` while it is running."""
        with self._connections.writing() as connection:
            job = self._seen(_found(connection, number))
            if job.state == "running":
                raise job_busy(job)
            token = _token(connection, number)
            connection.execute("DELETE FROM jobs WHERE number = ?", (number,))
        if token is not None:
            self._staging.discard_all(token)

    def _steer(self, number: int, wanted: Wanted) -> Job:
        """Say what is wanted; do it here if nobody runs the job."""
        token = None
        with self._connections.writing() as connection:
            job = self._seen(_found(connection, number))
            if job.state in ENDED:
                return job
            connection.execute("UPDATE jobs SET wanted = ? WHERE number = ?", (wanted, number))
            if job.state != "running":
                job_records.stop(connection, number, wanted)
                token = _token(connection, number) if wanted == "cancel" else None
            if wanted == "run":
                job_records.set_trouble(connection, number, None, None)
        if token is not None:
            self._staging.discard_all(token)
        return self.get(number)

    def _seen(self, job: Job) -> Job:
        """A job whose process has ended in the middle waits to be run; nobody holds it."""
        if job.state != "running" or is_held(self._staging.lock_of(job.number)):
            return job
        return replace(job, state="queued", holder=None)


def job_busy(job: Job) -> LibraryBusy:
    """The error that names who runs a job."""
    holder = job.holder
    by = f"process {holder.pid} ({holder.command}) since {holder.since:%Y-%m-%d %H:%M} UTC" if holder else "a process"
    return LibraryBusy(f"job {job.number} is being run by {by}", hint="wait for it, or pause it first")


def _found(connection: sqlite3.Connection, number: int) -> Job:
    _require(connection, number)
    job = job_records.find_job(connection, number)
    assert job is not None, "it is there"
    return job


def _require(connection: sqlite3.Connection, number: int) -> None:
    if not job_records.is_job(connection, number):
        raise JobNotFound(f"there is no job {number}", hint="list the jobs of the corpus to see their numbers")


def _found_file(connection: sqlite3.Connection, job: int, number: int) -> JobFile:
    _require(connection, job)
    file = job_records.find_file(connection, job, number)
    if file is None:
        raise JobNotFound(f"job {job} has no file {number}", hint="list the files of the job to see their numbers")
    return file


def _tops(names: Sequence[str]) -> list[Path]:
    """What an upload is called in short: the files and folders that were chosen, as many as one may want to see."""
    return [Path(name) for name in list(dict.fromkeys(name.split("/")[0] for name in names))[:_SHOWN]]


def _forget_old(connection: sqlite3.Connection) -> list[str]:
    """Delete ended jobs except for the last; the tokens of their copies."""
    old = connection.execute(
        "SELECT number, staging FROM jobs WHERE state IN ('finished', 'cancelled') "
        "ORDER BY number DESC LIMIT -1 OFFSET ?",
        (_KEPT,),
    ).fetchall()
    connection.executemany("DELETE FROM jobs WHERE number = ?", [(number,) for number, _ in old])
    return [token for _, token in old if token is not None]


def _tokens(connection: sqlite3.Connection) -> set[str]:
    return {token for (token,) in connection.execute("SELECT staging FROM jobs WHERE staging IS NOT NULL")}


def _token(connection: sqlite3.Connection, number: int) -> str | None:
    record = connection.execute("SELECT staging FROM jobs WHERE number = ?", (number,)).fetchone()
    return None if record is None or record[0] is None else str(record[0])
