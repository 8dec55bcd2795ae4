"""Jobs and their files as values: what state they are in, and what became of them. Knows nothing of the database.

A file is ``queued``, then ``reading``, ``chunking``, ``embedding``, and ends as ``ready``, ``failed``, ``skipped`` or
``cancelled``.

The rows of the database that are jobs and their files. Runs inside transactions of others.

Knows nothing of how files are read.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from corpora.store.locks import Holder

JobKind: TypeAlias = Literal["add", "sync"]
JobState: TypeAlias = Literal["queued", "running", "paused", "finished", "cancelled"]
Wanted: TypeAlias = Literal["run", "pause", "cancel"]
FileState: TypeAlias = Literal["queued", "reading", "chunking", "embedding", "ready", "failed", "skipped", "cancelled"]
Outcome: TypeAlias = Literal["added", "replaced", "duplicate", "unchanged", "removed", "unsupported"]

ACTIVE: Final = ("reading", "chunking", "embedding")
FINAL: Final = ("ready", "failed", "skipped", "cancelled")
ENDED: Final = ("finished", "cancelled")
_ODD_PATH = "bytes:"  # No absolute path begins so; the database cannot hold what is no UTF-8.


@dataclass(frozen=True, slots=True)
class JobFile:
    """One file of a job. ``done`` of ``total`` passages are embedded; ``document`` is the id of the stored one.

    ``member`` is the path inside the archive at ``path``. With the outcome ``removed``, the file itself is gone and
    its document goes too. ``cause`` and ``hint`` say why a file failed or was skipped.
    """

    number: int
    name: str
    path: Path
    member: str | None
    bytes: int
    state: FileState
    outcome: Outcome | None = None
    done: int = 0
    total: int = 0
    document: str | None = None
    cause: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Files on their way into a corpus. ``counts`` by state, ``outcomes`` by outcome, bytes of files on disk.

    ``bytes_done`` and ``bytes_total`` leave out what needs no work. ``eta_s`` is None while nothing was measured.
    ``cause`` and ``hint`` say why a job was paused by itself.
    """

    number: int
    kind: JobKind
    state: JobState
    wanted: Wanted
    paths: tuple[Path, ...]
    counts: Mapping[FileState, int]
    outcomes: Mapping[Outcome, int]
    bytes_done: int
    bytes_total: int
    eta_s: float | None
    busy_s: float
    created_at: datetime
    finished_at: datetime | None
    holder: Holder | None
    cause: str | None
    hint: str | None

    @property
    def files(self) -> int:
        """How many files it has."""
        return sum(self.counts.values())

    @property
    def files_done(self) -> int:
        """How many of them need nothing more, however they ended."""
        return sum(self.counts.get(state, 0) for state in FINAL)


def path_to_text(path: Path) -> str:
    """A path as the database holds it, also one that is no UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return _ODD_PATH + os.fsencode(path).hex()
    return str(path)


def path_from_text(stored: str) -> Path:
    """What ``path_to_text`` made of it."""
    if stored.startswith(_ODD_PATH):
        return Path(os.fsdecode(bytes.fromhex(stored.removeprefix(_ODD_PATH))))
    return Path(stored)


_ENOUGH_S = 2.0  # A speed measured for less time says nothing.
_JOB = "SELECT number, kind, state, wanted, paths, created_at, finished_at, busy_s, holder, cause, hint FROM jobs"
_FILE = "SELECT number, name, path, member, bytes, state, outcome, done, total, document, cause, hint FROM job_files"
# A duplicate whose document is not there any more.
LOST_TWIN = "number = ? AND outcome = 'duplicate' AND document NOT IN (SELECT id FROM documents)"


def insert_job(connection: sqlite3.Connection, kind: JobKind, paths: Sequence[Path], staging: str | None) -> int:
    """A new queued job without files; its number."""
    stored = json.dumps([path_to_text(path) for path in paths], ensure_ascii=False)
    number = connection.execute(
        "INSERT INTO jobs (kind, state, paths, staging, created_at) VALUES (?, 'queued', ?, ?, ?)",
        (kind, stored, staging, _now()),
    ).lastrowid
    assert number is not None, "an insert always has a row"
    return number


def insert_files(connection: sqlite3.Connection, job: int, files: Iterable[JobFile]) -> None:
    """Put files into a job, under the numbers that they bring."""
    connection.executemany(
        "INSERT INTO job_files (job, number, name, path, member, bytes, state, outcome, done, total, document, cause, "
        "hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(job, *_columns(one)) for one in files],
    )


def find_job(connection: sqlite3.Connection, number: int) -> Job | None:
    """One job as the database has it."""
    record = connection.execute(f"{_JOB} WHERE number = ?", (number,)).fetchone()
    return None if record is None else _job(connection, record)


def all_jobs(connection: sqlite3.Connection, *, ended: bool = True) -> list[Job]:
    """All jobs, the latest first; without those that ended, if they are not asked for."""
    query = f"{_JOB} WHERE ? OR state NOT IN ('finished', 'cancelled') ORDER BY number DESC"
    return [_job(connection, record) for record in connection.execute(query, (ended,)).fetchall()]


def is_job(connection: sqlite3.Connection, number: int) -> bool:
    """Is there a job of that number?"""
    return connection.execute("SELECT 1 FROM jobs WHERE number = ?", (number,)).fetchone() is not None


def find_files(
    connection: sqlite3.Connection, job: int, states: Iterable[FileState], after: int, limit: int, offset: int = 0
) -> list[JobFile]:
    """Files of a job with a number above ``after``, in order."""
    wanted = tuple(states)
    within = f"AND state IN ({', '.join('?' * len(wanted))})" if wanted else ""
    query = f"{_FILE} WHERE job = ? AND number > ? {within} ORDER BY number LIMIT ? OFFSET ?"
    return [_file(record) for record in connection.execute(query, (job, after, *wanted, limit, offset))]


def find_file(connection: sqlite3.Connection, job: int, number: int) -> JobFile | None:
    """One file of a job."""
    record = connection.execute(f"{_FILE} WHERE job = ? AND number = ?", (job, number)).fetchone()
    return None if record is None else _file(record)


def set_state(connection: sqlite3.Connection, job: int, state: JobState) -> None:
    """Where a job is; one that ended gets its time."""
    ended = _now() if state in ENDED else None
    connection.execute(
        "UPDATE jobs SET state = ?, wanted = CASE ? WHEN 'queued' THEN 'run' ELSE wanted END, finished_at = ? "
        "WHERE number = ?",
        (state, state, ended, job),
    )


def stop(connection: sqlite3.Connection, job: int, wanted: Wanted) -> None:
    """Nobody runs a job any more: put what was in the middle back, and the job where it is wanted."""
    requeue(connection, job, "state IN ('reading', 'chunking', 'embedding')")
    if wanted == "cancel":
        connection.execute("UPDATE job_files SET state = 'cancelled' WHERE job = ? AND state = 'queued'", (job,))
    states: dict[Wanted, JobState] = {"run": "queued", "pause": "paused", "cancel": "cancelled"}
    set_state(connection, job, states[wanted])
    set_holder(connection, job, None)


def set_trouble(connection: sqlite3.Connection, job: int, cause: str | None, hint: str | None) -> None:
    """Why a job is paused; None for no trouble."""
    connection.execute("UPDATE jobs SET cause = ?, hint = ? WHERE number = ?", (cause, hint, job))


def set_holder(connection: sqlite3.Connection, job: int, holder: Holder | None) -> None:
    """Who runs a job."""
    stored = None if holder is None else json.dumps([holder.pid, holder.command, holder.since.isoformat()])
    connection.execute("UPDATE jobs SET holder = ? WHERE number = ?", (stored, job))


def end_file(connection: sqlite3.Connection, job: int, file: JobFile) -> bool:
    """A file has come to its end; False, and nothing changes, if it was cancelled or the job is gone."""
    return (
        connection.execute(
            "UPDATE job_files SET state = ?, outcome = ?, done = ?, total = ?, document = ?, cause = ?, hint = ? "
            "WHERE job = ? AND number = ? AND state != 'cancelled'",
            (file.state, file.outcome, file.done, file.total, file.document, file.cause, file.hint, job, file.number),
        ).rowcount
        > 0
    )


def show_files(connection: sqlite3.Connection, job: int, files: Iterable[JobFile]) -> None:
    """How far files are; those that have ended meanwhile stay as they are."""
    connection.executemany(
        "UPDATE job_files SET state = ?, done = ?, total = ? WHERE job = ? AND number = ? "
        "AND state IN ('queued', 'reading', 'chunking', 'embedding')",
        [(one.state, one.done, one.total, job, one.number) for one in files],
    )


def add_busy(connection: sqlite3.Connection, job: int, seconds: float) -> None:
    """Time in which a job was run."""
    connection.execute("UPDATE jobs SET busy_s = busy_s + ? WHERE number = ?", (seconds, job))


def wanted_of(connection: sqlite3.Connection, job: int) -> Wanted:
    """What somebody wants of a job; of one that is gone, that it ends."""
    record = connection.execute("SELECT wanted FROM jobs WHERE number = ?", (job,)).fetchone()
    wanted: Wanted = "cancel" if record is None else record[0]
    return wanted


def cancelled_files(connection: sqlite3.Connection, job: int) -> set[int]:
    """Numbers of the files that were cancelled."""
    query = "SELECT number FROM job_files WHERE job = ? AND state = 'cancelled'"
    return {number for (number,) in connection.execute(query, (job,))}


def spare_copies(connection: sqlite3.Connection, job: int) -> list[Path]:
    """Copies of uploads that no file of the job needs any more."""
    query = (
        "SELECT DISTINCT f.path FROM job_files f JOIN jobs j ON j.number = f.job AND j.staging IS NOT NULL "
        "WHERE f.job = ? AND f.state IN ('ready', 'skipped', 'cancelled')"
    )
    paths = [path_from_text(path) for (path,) in connection.execute(query, (job,))]
    return [path for path in paths if not needs(connection, job, path)]


def is_sync(connection: sqlite3.Connection, job: int) -> bool:
    """Does what is gone go from the corpus, too?"""
    return connection.execute("SELECT 1 FROM jobs WHERE number = ? AND kind = 'sync'", (job,)).fetchone() is not None


def last_number(connection: sqlite3.Connection, job: int) -> int:
    """The highest number of a job's files."""
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM job_files WHERE job = ?", (job,)).fetchone()
    return int(number)


def delete_file(connection: sqlite3.Connection, job: int, number: int) -> None:
    """Take a file out of a job."""
    connection.execute("DELETE FROM job_files WHERE job = ? AND number = ?", (job, number))


def needs(connection: sqlite3.Connection, job: int, path: Path) -> bool:
    """Is there a file of the job that has still to be read, perhaps again, from this path?"""
    return (
        connection.execute(
            "SELECT 1 FROM job_files WHERE job = ? AND path = ? AND state NOT IN ('ready', 'skipped', 'cancelled')",
            (job, path_to_text(path)),
        ).fetchone()
        is not None
    )


def requeue(connection: sqlite3.Connection, job: int, where: str, parameters: Sequence[object] = ()) -> int:
    """Put files of a job back to the start; how many there were. What is to be removed stays to be removed."""
    return connection.execute(
        "UPDATE job_files SET state = 'queued', outcome = CASE outcome WHEN 'removed' THEN 'removed' END, done = 0, "
        "total = 0, document = CASE outcome WHEN 'removed' THEN document END, cause = NULL, hint = NULL "
        f"WHERE job = ? AND ({where})",
        (job, *parameters),
    ).rowcount


def usual_speed(connection: sqlite3.Connection) -> float | None:
    """Bytes of files a second, of the last jobs that were measured; None if none was."""
    worked, busy_s = connection.execute(
        "WITH measured AS (SELECT number, busy_s FROM jobs WHERE busy_s >= ? ORDER BY number DESC LIMIT 5) "
        "SELECT (SELECT sum(bytes) FROM job_files WHERE job IN (SELECT number FROM measured) AND state = 'ready' "
        "AND outcome IN ('added', 'replaced')), (SELECT sum(busy_s) FROM measured)",
        (_ENOUGH_S,),
    ).fetchone()
    return worked / busy_s if worked and busy_s else None


def _job(connection: sqlite3.Connection, record: tuple[Any, ...]) -> Job:
    number, kind, state, wanted, paths, created_at, finished_at, busy_s, holder, cause, hint = record
    counts: dict[FileState, int] = {}
    outcomes: dict[Outcome, int] = {}
    done = total = worked = 0
    for file_state, outcome, files, size, partly in connection.execute(
        "SELECT state, outcome, count(*), sum(bytes), sum(CASE WHEN total > 0 THEN bytes * done / total ELSE 0 END) "
        "FROM job_files WHERE job = ? GROUP BY state, outcome",
        (number,),
    ):
        counts[file_state] = counts.get(file_state, 0) + files
        if outcome is not None:
            outcomes[outcome] = outcomes.get(outcome, 0) + files
        if file_state == "skipped" and outcome != "duplicate":
            continue
        total += size
        done += size if file_state in FINAL else partly
        if file_state in ACTIVE:
            worked += partly
        elif file_state == "ready":
            worked += size
    left = total - done if state not in ENDED else 0
    speed = worked / busy_s if worked and busy_s >= _ENOUGH_S else usual_speed(connection) if left else None
    return Job(
        number=number,
        kind=kind,
        state=state,
        wanted=wanted,
        paths=tuple(path_from_text(path) for path in json.loads(paths)),
        counts=counts,
        outcomes=outcomes,
        bytes_done=done,
        bytes_total=total,
        eta_s=0.0 if left == 0 else left / speed if speed else None,
        busy_s=busy_s,
        created_at=datetime.fromisoformat(created_at),
        finished_at=None if finished_at is None else datetime.fromisoformat(finished_at),
        holder=None if holder is None else _holder(holder),
        cause=cause,
        hint=hint,
    )


def _holder(stored: str) -> Holder:
    pid, command, since = json.loads(stored)
    return Holder(pid, command, datetime.fromisoformat(since))


def _columns(one: JobFile) -> tuple[object, ...]:
    where = one.number, one.name, path_to_text(one.path), one.member, one.bytes
    return (*where, one.state, one.outcome, one.done, one.total, one.document, one.cause, one.hint)


def _file(record: tuple[Any, ...]) -> JobFile:
    number, name, path, *rest = record
    return JobFile(number, name, path_from_text(path), *rest)


def _now() -> str:
    return datetime.now(UTC).isoformat()
