"""Jobs and their files, as values and as rows of the database.

A file is ``queued``, then ``reading``, ``chunking``, ``embedding``, and ends as ``ready``, ``failed``, ``skipped`` or
``cancelled``. Every function on a connection runs inside a transaction that its caller has opened. Knows nothing of how
files are read.
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
JobCommand: TypeAlias = Literal["run", "pause", "cancel"]
FileState: TypeAlias = Literal["queued", "reading", "chunking", "embedding", "ready", "failed", "skipped", "cancelled"]
Outcome: TypeAlias = Literal["added", "replaced", "moved", "duplicate", "unchanged", "removed", "unsupported", "empty"]

ACTIVE: Final = ("reading", "chunking", "embedding")
FINAL: Final = ("ready", "failed", "skipped", "cancelled")
ENDED: Final = ("finished", "cancelled")
_ODD_PATH = "bytes:"  # No absolute path begins so; the database cannot store what is no UTF-8.


@dataclass(frozen=True, slots=True)
class JobFile:
    """One file of a job. ``done`` of ``total`` passages are embedded; ``document`` is the id of the stored document.

    ``member`` is the path inside the archive at ``path``. The outcome ``removed``: the file itself is gone, and its
    document is removed, too; ``moved``: the document was read from another path before. Files have both before they
    are worked on, with the ``document``. ``unsupported`` and ``empty`` ones are skipped: to read them again would not
    help. ``cause`` and ``hint`` say why a file failed or was skipped; of a file that
    became a document, ``cause`` says what of it is not in the text, or which document it was.
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
    """Files on their way into a corpus. ``counts`` of files by state, ``outcomes`` by outcome.

    ``bytes_done`` and ``bytes_total`` are sizes on disk of the files that need work. ``eta_s`` is None until a speed
    was measured. ``cause`` and ``hint`` say why an error paused the job.
    """

    number: int
    kind: JobKind
    state: JobState
    wanted: JobCommand
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
        """How many files the job has."""
        return sum(self.counts.values())

    @property
    def files_done(self) -> int:
        """How many of them have ended, in whatever state."""
        return sum(self.counts.get(state, 0) for state in FINAL)


def path_to_text(path: Path) -> str:
    """A path in the form in which the database stores it, also one that is no UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return _ODD_PATH + os.fsencode(path).hex()
    return str(path)


def path_from_text(stored: str) -> Path:
    """The path that ``path_to_text`` encoded."""
    if stored.startswith(_ODD_PATH):
        encoded, *inside = stored.removeprefix(_ODD_PATH).split("/")
        return Path(os.fsdecode(bytes.fromhex(encoded)), *inside)
    return Path(stored)


_ENOUGH_S = 2.0  # A speed measured for less time says nothing.
_JOB = "SELECT number, kind, state, wanted, paths, created_at, finished_at, busy_s, holder, cause, hint FROM jobs"
_FILE = "SELECT number, name, path, member, bytes, state, outcome, done, total, document, cause, hint FROM job_files"
# The condition for a duplicate whose document has been removed meanwhile.
LOST_TWIN = "number = ? AND outcome = 'duplicate' AND document NOT IN (SELECT id FROM documents)"


def insert_job(connection: sqlite3.Connection, kind: JobKind, paths: Sequence[Path], staging: str | None) -> int:
    """Insert a queued job without files; returns its number."""
    stored = json.dumps([path_to_text(path) for path in paths], ensure_ascii=False)
    number = connection.execute(
        "INSERT INTO jobs (kind, state, paths, staging, created_at) VALUES (?, 'queued', ?, ?, ?)",
        (kind, stored, staging, _now()),
    ).lastrowid
    assert number is not None, "an insert always has a row"
    return number


def insert_files(connection: sqlite3.Connection, job: int, files: Iterable[JobFile]) -> None:
    """Insert files of a job, with the numbers that they have."""
    connection.executemany(
        "INSERT INTO job_files (job, number, name, path, member, bytes, state, outcome, done, total, document, cause, "
        "hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(job, *_columns(file)) for file in files],
    )


def find_job(connection: sqlite3.Connection, number: int) -> Job | None:
    """A job as it is stored; None if there is none of that number."""
    record = connection.execute(f"{_JOB} WHERE number = ?", (number,)).fetchone()
    return None if record is None else _job(connection, record)


def all_jobs(connection: sqlite3.Connection, *, ended: bool = True) -> list[Job]:
    """All jobs, the latest first; without ``ended`` only those that have not ended."""
    query = f"{_JOB} WHERE ? OR state NOT IN ('finished', 'cancelled') ORDER BY number DESC"
    return [_job(connection, record) for record in connection.execute(query, (ended,)).fetchall()]


def is_job(connection: sqlite3.Connection, number: int) -> bool:
    """Whether there is a job of that number."""
    return connection.execute("SELECT 1 FROM jobs WHERE number = ?", (number,)).fetchone() is not None


def find_files(
    connection: sqlite3.Connection, job: int, states: Iterable[FileState], after: int, limit: int, offset: int = 0
) -> list[JobFile]:
    """Files of a job with a number above ``after``, in order."""
    chosen = tuple(states)
    within = f"AND state IN ({', '.join('?' * len(chosen))})" if chosen else ""
    query = f"{_FILE} WHERE job = ? AND number > ? {within} ORDER BY number LIMIT ? OFFSET ?"
    return [_file(record) for record in connection.execute(query, (job, after, *chosen, limit, offset))]


def find_file(connection: sqlite3.Connection, job: int, number: int) -> JobFile | None:
    """One file of a job."""
    record = connection.execute(f"{_FILE} WHERE job = ? AND number = ?", (job, number)).fetchone()
    return None if record is None else _file(record)


def set_state(connection: sqlite3.Connection, job: int, state: JobState) -> None:
    """Set the state of a job, and the time at which it ended."""
    ended = _now() if state in ENDED else None
    connection.execute(
        "UPDATE jobs SET state = ?, wanted = CASE ? WHEN 'queued' THEN 'run' ELSE wanted END, finished_at = ? "
        "WHERE number = ?",
        (state, state, ended, job),
    )


def stop(connection: sqlite3.Connection, job: int, wanted: JobCommand) -> None:
    """Store that no process runs a job any more: requeue unfinished files, and set the state that is wanted."""
    requeue(connection, job, "state IN ('reading', 'chunking', 'embedding')")
    if wanted == "cancel":
        connection.execute("UPDATE job_files SET state = 'cancelled' WHERE job = ? AND state = 'queued'", (job,))
    states: dict[JobCommand, JobState] = {"run": "queued", "pause": "paused", "cancel": "cancelled"}
    set_state(connection, job, states[wanted])
    set_holder(connection, job, None)


def set_trouble(connection: sqlite3.Connection, job: int, cause: str | None, hint: str | None) -> None:
    """Store why an error paused a job; None: no error."""
    connection.execute("UPDATE jobs SET cause = ?, hint = ? WHERE number = ?", (cause, hint, job))


def set_holder(connection: sqlite3.Connection, job: int, holder: Holder | None) -> None:
    """Store which process runs a job; None: none."""
    stored = None if holder is None else json.dumps([holder.pid, holder.command, holder.since.isoformat()])
    connection.execute("UPDATE jobs SET holder = ? WHERE number = ?", (stored, job))


def end_file(connection: sqlite3.Connection, job: int, file: JobFile) -> bool:
    """Store the end of a file; False, and nothing changes, if it was cancelled or the job is gone."""
    return (
        connection.execute(
            "UPDATE job_files SET name = ?, state = ?, outcome = ?, done = ?, total = ?, document = ?, cause = ?, "
            "hint = ? WHERE job = ? AND number = ? AND state != 'cancelled'",
            (
                file.name,
                file.state,
                file.outcome,
                file.done,
                file.total,
                file.document,
                file.cause,
                file.hint,
                job,
                file.number,
            ),
        ).rowcount
        > 0
    )


def show_files(connection: sqlite3.Connection, job: int, files: Iterable[JobFile]) -> None:
    """Store the progress of files; those that have ended meanwhile stay as they are."""
    connection.executemany(
        "UPDATE job_files SET state = ?, done = ?, total = ? WHERE job = ? AND number = ? "
        "AND state IN ('queued', 'reading', 'chunking', 'embedding')",
        [(file.state, file.done, file.total, job, file.number) for file in files],
    )


def add_busy(connection: sqlite3.Connection, job: int, seconds: float) -> None:
    """Add to the time for which a job was run."""
    connection.execute("UPDATE jobs SET busy_s = busy_s + ? WHERE number = ?", (seconds, job))


def wanted_of(connection: sqlite3.Connection, job: int) -> JobCommand:
    """The command given to a job; ``cancel`` if it is gone."""
    record = connection.execute("SELECT wanted FROM jobs WHERE number = ?", (job,)).fetchone()
    wanted: JobCommand = "cancel" if record is None else record[0]
    return wanted


def cancelled_files(connection: sqlite3.Connection, job: int) -> set[int]:
    """Numbers of the files that are cancelled."""
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
    """Whether the job also removes documents whose files are gone."""
    return connection.execute("SELECT 1 FROM jobs WHERE number = ? AND kind = 'sync'", (job,)).fetchone() is not None


def last_number(connection: sqlite3.Connection, job: int) -> int:
    """The highest number of a job's files."""
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM job_files WHERE job = ?", (job,)).fetchone()
    return int(number)


def delete_file(connection: sqlite3.Connection, job: int, number: int) -> None:
    """Delete a file from a job."""
    connection.execute("DELETE FROM job_files WHERE job = ? AND number = ?", (job, number))


def needs(connection: sqlite3.Connection, job: int, path: Path) -> bool:
    """Whether a file of the job has still to be read from this path, perhaps again."""
    return (
        connection.execute(
            "SELECT 1 FROM job_files WHERE job = ? AND path = ? AND state NOT IN ('ready', 'skipped', 'cancelled')",
            (job, path_to_text(path)),
        ).fetchone()
        is not None
    )


def requeue(connection: sqlite3.Connection, job: int, where: str, parameters: Sequence[object] = ()) -> int:
    """Queue files of a job again; returns how many. A removal stays a removal, a move a move."""
    return connection.execute(
        "UPDATE job_files SET state = 'queued', outcome = CASE WHEN outcome IN ('removed', 'moved') THEN outcome END, "
        "done = 0, total = 0, document = CASE WHEN outcome IN ('removed', 'moved') THEN document END, cause = NULL, "
        "hint = NULL "
        f"WHERE job = ? AND ({where})",
        (job, *parameters),
    ).rowcount


def twins_of_documents(connection: sqlite3.Connection) -> dict[str, list[Path]]:
    """The paths of files that were found to be duplicates, by the id of the document that has their text."""
    twins: dict[str, list[Path]] = {}
    for document, path in connection.execute(
        "SELECT DISTINCT document, path FROM job_files WHERE outcome = 'duplicate' AND member IS NULL "
        "AND document IN (SELECT id FROM documents)"
    ):
        twins.setdefault(document, []).append(path_from_text(path))
    return twins


def usual_speed(connection: sqlite3.Connection) -> float | None:
    """Bytes of files per second, over the last five jobs that were measured; None if none was."""
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


def _columns(file: JobFile) -> tuple[object, ...]:
    identity = file.number, file.name, path_to_text(file.path), file.member, file.bytes
    return (*identity, file.state, file.outcome, file.done, file.total, file.document, file.cause, file.hint)


def _file(record: tuple[Any, ...]) -> JobFile:
    number, name, path, *rest = record
    return JobFile(number, name, path_from_text(path), *rest)


def _now() -> str:
    return datetime.now(UTC).isoformat()
