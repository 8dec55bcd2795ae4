"""The files that documents were read from, and which new files are some of them that have moved.

A new file is a moved one if it has the content of one whose path has nothing at it any more. A folder has moved if it
is gone, and half of its files, or one and all of their paths, are in another one: then a file that was edited meanwhile
is known by its path inside, and a document without a file there is one whose file is gone. Writes nothing.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from corpora.jobs.job_records import path_from_text
from corpora.loaders.registry import is_archive

_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a stored document was read from."""

    path: str
    size: int
    mtime_ns: int
    sha256: bytes
    document: str
    name: str


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that no document was read from; ``sha256`` reads it, and is None if that fails."""

    path: str
    size: int
    sha256: Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class Moves:
    """Which sources were moved, by the path at which they are now, and which were left out of a moved folder."""

    by_path: Mapping[str, Source] = field(default_factory=dict)
    left_behind: tuple[Source, ...] = ()


def sources_of(connection: sqlite3.Connection, within: str | None = None) -> Iterator[Source]:
    """The sources of all documents, or of those whose path begins with ``within``."""
    condition = "source_path IS NOT NULL" if within is None else "substr(source_path, 1, ?) = ?"
    yield from (
        Source(*record)
        for record in connection.execute(
            "SELECT source_path, source_bytes, source_mtime_ns, source_sha256, id, name FROM documents "
            f"WHERE {condition} ORDER BY name",
            () if within is None else (len(within), within),
        )
    )


def sha256_of(path: Path) -> bytes | None:
    """SHA-256 of a file's content; None if it cannot be read, which the job will report."""
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.digest()


def is_gone(path: Path) -> bool:
    """Whether there is nothing at this path, nor an archive that it may lie in; False where that cannot be seen."""
    for place in (path, *path.parents):
        try:
            status = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError):
            return False
        return place != path and not (stat.S_ISREG(status.st_mode) and is_archive(place.name))
    return True


def moves(new: Sequence[NewFile], sources: Iterable[Source]) -> Moves:
    """The sources that lie at the paths of new files now: those of equal content, and with them their whole folders."""
    sizes = {file.size for file in new}
    known = list(sources)
    alike = [source for source in known if source.size in sizes and is_gone(path_from_text(source.path))]
    by_path = _equal(new, alike) if alike else {}
    left_behind: list[Source] = []
    new_paths = {file.path for file in new}
    for old, now in sorted({folders for path, source in by_path.items() if (folders := _moved_folder(source, path))}):
        inside = [source for source in known if source.path.startswith(f"{old}{os.sep}")]
        moved = {source.path for path, source in by_path.items() if path == _within(now, source, old)}
        others = {source.path for source in by_path.values()} - moved
        rest = [source for source in inside if source.path not in moved | others]
        again = [source for source in rest if _within(now, source, old) in new_paths - by_path.keys()]
        if len(again) == len(rest) or 2 * len(moved) >= len(moved) + len(rest):
            by_path |= {_within(now, source, old): source for source in again}
            left_behind += [source for source in rest if source not in again]
    return Moves(by_path, tuple(left_behind))


def _equal(new: Sequence[NewFile], gone: Sequence[Source]) -> dict[str, Source]:
    """Sources by the paths of new files of the same content, the paths that are most alike first."""
    by_size: dict[int, list[Source]] = {}
    for source in gone:
        by_size.setdefault(source.size, []).append(source)
    pairs = [
        (-_common_end(file.path, source.path), file.path, source.path, source)
        for file in new
        if file.size in by_size
        for digest in [file.sha256()]
        for source in by_size[file.size]
        if source.sha256 == digest
    ]
    found: dict[str, Source] = {}
    taken: set[str] = set()
    for _, path, source_path, source in sorted(pairs, key=lambda pair: pair[:3]):
        if path not in found and source_path not in taken:
            found[path] = source
            taken.add(source_path)
    return found


def _moved_folder(source: Source, path: str) -> tuple[str, str] | None:
    """The topmost folder that went with this file, as it was called before and is now; None if the file went alone."""
    before, now = PurePath(source.path), PurePath(path)
    for parts in range(_common_end(path, source.path), 0, -1):
        old = before.parents[parts - 1]
        if is_gone(path_from_text(str(old))):
            return str(old), str(now.parents[parts - 1])
    return None


def _common_end(path: str, other: str) -> int:
    """How many names at their ends two paths share."""
    shared = 0
    for one, two in zip(reversed(PurePath(path).parts), reversed(PurePath(other).parts), strict=False):
        if one != two:
            break
        shared += 1
    return shared


def _within(folder: str, source: Source, old: str) -> str:
    """The path of a source of the folder ``old`` if that folder is called ``folder``."""
    return folder + source.path[len(old) :]
