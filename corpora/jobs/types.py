"""Jobs and their files as values: what state they are in, and what became of them. Knows nothing of the database.

A file is ``queued``, then ``reading``, ``chunking``, ``embedding``, and ends as ``ready``, ``failed``, ``skipped`` or
``cancelled``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

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
class Holder:
    """The process that runs a job; ``command`` is what a person started it with."""

    pid: int
    command: str
    since: datetime


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
