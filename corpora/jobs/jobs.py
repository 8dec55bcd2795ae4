"""The jobs of one corpus, kept in its database, so that they survive reload, restart and kill.

Plans, creates, lists, pauses, resumes and cancels them; ``corpora.jobs.runner`` runs them. Any process may command a
job that another process runs, which notices within a second.
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
from corpora.jobs.job_records import ACTIVE, ENDED, FileState, Job, JobCommand, JobFile
from corpora.jobs.plan import Plan
from corpora.jobs.staging import Staging
from corpora.loaders.registry import Limits
from corpora.store.locks import is_held
from corpora.store.store import CorpusStore

_ENDED_JOBS_KEPT = 20
_NAMES_SHOWN = 100  # of an upload


class Jobs:
    """The jobs of one corpus. Any thread may use it. Constructing it reads and writes nothing."""

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
        names_by_path = None if names is None else dict(zip(map(Path, paths), names, strict=True))
        return planning.plan(self._store, paths, sync=sync, limits=limits, names_by_path=names_by_path)

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
        """Create a job for files, and folders with all that is in them.

        ``sync`` also queues the removal of documents whose files are gone. With ``staged`` the files are copied into
        the corpus first, since they are uploads that nobody else keeps, or moved there with ``move``; ``names`` are
        their names, if not those of their paths. ``paused``: the job is not run before ``resume``. Raises
        ``LibraryError``; files that were moved are then gone.
        """
        named = [Path(path) for path in paths]
        with self._staging.copies(named, move=move) if staged else nullcontext((None, named)) as (token, sources):
            shown_names = names or [path.name for path in named]
            names_by_path = dict(zip(sources, shown_names, strict=True)) if staged else None
            planned = planning.plan(self._store, sources, sync=sync, limits=limits, names_by_path=names_by_path)
            with self._connections.writing() as connection:
                shown = _tops(shown_names) if staged else [resolve_path(path) for path in named]
                number = job_records.insert_job(connection, planned.kind, shown, token)
                job_records.insert_files(connection, number, planning.job_files(planned))
                if paused:
                    job_records.stop(connection, number, "pause")
                old_tokens = _delete_old(connection)
                tokens = _tokens(connection)
        for old_token in old_tokens:
            self._staging.discard_all(old_token)
        self._staging.sweep(tokens)
        return self.get(number)

    def all(self) -> list[Job]:
        """All jobs, the latest first; of those that ended only the last 20."""
        with self._connections.reading() as connection:
            return [self._with_actual_state(job) for job in job_records.all_jobs(connection)]

    def get(self, number: int) -> Job:
        """One job. Raises ``JobNotFound``."""
        with self._connections.reading() as connection:
            return self._with_actual_state(_found(connection, number))

    def waiting(self) -> list[Job]:
        """Jobs that a process should run, the oldest first: new ones, and those whose process ended before they did.

        Also deletes copies of uploads that a kill left without a job.
        """
        with self._connections.reading() as connection:
            tokens = _tokens(connection)
            unfinished = [self._with_actual_state(job) for job in job_records.all_jobs(connection, ended=False)]
        self._staging.sweep(tokens)
        return [job for job in reversed(unfinished) if job.state == "queued"]

    def files(
        self, number: int, states: Iterable[FileState] = (), *, offset: int = 0, limit: int | None = None
    ) -> list[JobFile]:
        """Files of a job in order, of all states or of these. Raises ``JobNotFound``."""
        with self._connections.reading() as connection:
            _require(connection, number)
            return job_records.find_files(
                connection, number, states, after=0, limit=-1 if limit is None else limit, offset=offset
            )

    def pause(self, number: int) -> Job:
        """Stop a job after the batch that is being embedded now. Raises ``JobNotFound``."""
        return self._command(number, "pause")

    def resume(self, number: int) -> Job:
        """Queue a paused job again; a process has to ``run`` it. Raises ``JobNotFound``."""
        return self._command(number, "run")

    def cancel(self, number: int, file: int | None = None) -> Job:
        """Cancel a whole job, or one file of it. What is in the corpus stays there. Raises ``JobNotFound``."""
        if file is None:
            return self._command(number, "cancel")
        with self._connections.writing() as connection:
            cancelled = _found_file(connection, number, file)
            if cancelled.state in ("queued", *ACTIVE):
                job_records.end_file(connection, number, replace(cancelled, state="cancelled"))
        self._staging.discard(cancelled.path)
        return self.get(number)

    def retry(self, number: int, file: int | None = None) -> Job:
        """Queue one file that failed or was cancelled again, or all that failed; a process has to ``run`` the job.

        Raises ``JobNotFound``.
        """
        with self._connections.writing() as connection:
            job = _found(connection, number)
            if file is None:
                requeued = job_records.requeue(connection, number, "state = 'failed'")
            else:
                _found_file(connection, number, file)
                requeued = job_records.requeue(
                    connection, number, "state IN ('failed', 'cancelled') AND number = ?", (file,)
                )
            if requeued and job.state in ENDED:
                job_records.set_state(connection, number, "queued")
        return self.get(number)

    def remove(self, number: int) -> None:
        """Delete a job and its copies of uploads. Raises ``JobNotFound``, ``LibraryBusy`` while it is running."""
        with self._connections.writing() as connection:
            job = self._with_actual_state(_found(connection, number))
            if job.state == "running":
                raise job_busy(job)
            token = _token(connection, number)
            connection.execute("DELETE FROM jobs WHERE number = ?", (number,))
        if token is not None:
            self._staging.discard_all(token)

    def _command(self, number: int, command: JobCommand) -> Job:
        """Store a command for the process that runs the job; if none does, carry it out here."""
        token = None
        with self._connections.writing() as connection:
            job = self._with_actual_state(_found(connection, number))
            if job.state in ENDED:
                return job
            connection.execute("UPDATE jobs SET wanted = ? WHERE number = ?", (command, number))
            if job.state != "running":
                job_records.stop(connection, number, command)
                token = _token(connection, number) if command == "cancel" else None
            if command == "run":
                job_records.set_trouble(connection, number, None, None)
        if token is not None:
            self._staging.discard_all(token)
        return self.get(number)

    def _with_actual_state(self, job: Job) -> Job:
        """A job whose process has ended before it did counts as queued, without a holder."""
        if job.state != "running" or is_held(self._staging.lock_of(job.number)):
            return job
        return replace(job, state="queued", holder=None)


def job_busy(job: Job) -> LibraryBusy:
    """The error that names the process running a job."""
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
    """The top-level files and folders of an upload, which are shown as its paths."""
    return [Path(name) for name in list(dict.fromkeys(name.split("/")[0] for name in names))[:_NAMES_SHOWN]]


def _delete_old(connection: sqlite3.Connection) -> list[str]:
    """Delete all ended jobs but the last; returns the staging tokens of their uploads."""
    old = connection.execute(
        "SELECT number, staging FROM jobs WHERE state IN ('finished', 'cancelled') "
        "ORDER BY number DESC LIMIT -1 OFFSET ?",
        (_ENDED_JOBS_KEPT,),
    ).fetchall()
    connection.executemany("DELETE FROM jobs WHERE number = ?", [(number,) for number, _ in old])
    return [token for _, token in old if token is not None]


def _tokens(connection: sqlite3.Connection) -> set[str]:
    return {token for (token,) in connection.execute("SELECT staging FROM jobs WHERE staging IS NOT NULL")}


def _token(connection: sqlite3.Connection, number: int) -> str | None:
    record = connection.execute("SELECT staging FROM jobs WHERE number = ?", (number,)).fetchone()
    return None if record is None or record[0] is None else str(record[0])
