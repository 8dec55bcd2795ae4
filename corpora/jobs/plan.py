"""What adding or syncing paths would do: for every file whether it is new, changed, unchanged, or why it is left out.

Compares files with the sources that documents were read from, by path, size and time; contents are hashed only where
these cannot tell. Writes nothing.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from corpora.jobs.discovery import FoundFile, found_files, resolve_path, safe_name, skip_reason, unused_name
from corpora.jobs.job_records import JobFile, JobKind, path_from_text, path_to_text, usual_speed
from corpora.loaders.registry import Limits, is_archive
from corpora.store.store import CorpusStore

Verdict: TypeAlias = Literal["new", "changed", "unchanged", "duplicate", "unsupported", "too large", "empty", "gone"]

_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file and what is to be done with it. ``kind`` is its suffix; ``cause`` says why it is left out,
    or of what it is a duplicate.

    ``document`` is the id of the document that is there: read from this file, or of the same content.
    """

    path: Path
    name: str
    kind: str
    bytes: int
    verdict: Verdict
    document: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All files, ``counts`` and ``bytes`` by verdict. ``estimate_s`` is None while this corpus has no job measured."""

    kind: JobKind
    files: tuple[PlannedFile, ...]
    counts: Mapping[Verdict, int]
    bytes: Mapping[Verdict, int]
    estimate_s: float | None


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a stored document was read from."""

    path: str
    size: int
    mtime_ns: int
    sha256: bytes
    document: str
    name: str


def plan(
    store: CorpusStore,
    paths: Sequence[Path | str],
    *,
    sync: bool = False,
    limits: Limits | None = None,
    called: Mapping[Path, str] | None = None,
) -> Plan:
    """A dry run. With ``sync`` documents whose files are gone from the folders are named, too.

    ``called`` are names of files that are kept under others.
    """
    with store.connections.reading() as connection:
        sources = {one.path: one for one in sources_of(connection)}
        names = {name for (name,) in connection.execute("SELECT name FROM documents")}
        speed = usual_speed(connection)
    found = found_files(paths)
    if called is not None:
        found = [_called(one, called[one.path]) if one.path in called else one for one in found]
    gone = list(_gone(sources.values(), paths, found)) if sync else []
    judged = _Judge(sources, names, {one.document for one in gone if one.document}, limits or Limits()).files(found)
    files = (*gone, *sorted(judged, key=lambda one: one.verdict != "changed"))
    counts, sizes = Counter[Verdict](), Counter[Verdict]()
    for one in files:
        counts[one.verdict] += 1
        sizes[one.verdict] += one.bytes
    work = sizes["new"] + sizes["changed"]
    estimate_s = 0.0 if work == 0 else work / speed if speed else None
    return Plan("sync" if sync else "add", files, counts, sizes, estimate_s)


def _called(file: FoundFile, name: str) -> FoundFile:
    """A file under another name; of one that came with its folder, other kinds than documents are left out."""
    return replace(file, name=safe_name(name), skip_reason=skip_reason(name) if "/" in name else None)


def job_files(planned: Plan) -> Iterator[JobFile]:
    """The same as files of a job: what needs no work has its end already."""
    for number, one in enumerate(planned.files, 1):
        file = JobFile(number, one.name, one.path, None, one.bytes, "queued")
        if one.verdict == "gone":
            yield JobFile(number, one.name, one.path, None, 0, "queued", "removed", document=one.document)
        elif one.verdict == "unsupported":
            yield JobFile(number, one.name, one.path, None, one.bytes, "skipped", "unsupported", cause=one.cause)
        elif is_archive(one.path.name):
            yield file  # What is in it is looked at one by one.
        elif one.verdict == "unchanged":
            yield JobFile(number, one.name, one.path, None, one.bytes, "skipped", "unchanged", document=one.document)
        elif one.verdict == "duplicate" and one.document is not None:
            yield JobFile(number, one.name, one.path, None, one.bytes, "skipped", "duplicate", document=one.document)
        else:
            yield file


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
    """The hash of a file's content; None if it cannot be read, which reading it for good will explain."""
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError:
        return None
    return digest.digest()


class _Judge:
    """Compares found files with what is stored, and with each other."""

    def __init__(self, sources: Mapping[str, Source], names: set[str], gone: set[str], limits: Limits) -> None:
        self._sources = sources
        self._names = names
        self._limits = limits
        self._kept: dict[int, list[Source]] = {}  # by size, those that stay as they are
        for one in sources.values():
            if one.document not in gone:
                self._kept.setdefault(one.size, []).append(one)
        self._sizes: Counter[int] = Counter()
        self._seen: dict[bytes, str] = {}  # the names of new files

    def files(self, found: Sequence[FoundFile]) -> list[PlannedFile]:
        """A verdict for each, in order, under a name that no other file has."""
        self._sizes.update(one.bytes for one in found if one.skip_reason is None)
        known = [self._known(one) for one in found]
        for one in known:
            if one is not None and one.verdict == "changed":
                self._forget(path_to_text(one.path))
        taken = {one.name for one in known if one is not None}
        judged = []
        for file, decided in zip(found, known, strict=True):
            judged.append(decided or self._unknown(file, unused_name(file.name, taken)))
            taken.add(judged[-1].name)
        return judged

    def _known(self, file: FoundFile) -> PlannedFile | None:
        """The verdict on what a document was read from before, under the name that it has; None for other files."""
        path = path_to_text(file.path)
        if is_archive(file.path.name):
            inside = [one for key, one in self._sources.items() if key.startswith(f"{path}/")]
            if file.skip_reason is not None or not inside:
                return None
            same = all(one.mtime_ns == file.mtime_ns for one in inside)
            return _planned(file, file.name, "unchanged" if same else "changed")
        source = self._sources.get(path)
        if source is None or file.skip_reason is not None:
            return None
        same = source.size == file.bytes and (source.mtime_ns == file.mtime_ns or source.sha256 == sha256_of(file.path))
        return _planned(file, source.name, "unchanged" if same else "changed", source.document)

    def _unknown(self, file: FoundFile, name: str) -> PlannedFile:
        if file.skip_reason is not None:
            return _planned(file, name, "unsupported", cause=file.skip_reason)
        if file.bytes > self._limits.file_bytes:
            return _planned(file, name, "too large", cause=f"it is larger than {self._limits.file_bytes // 2**20} MiB")
        if file.bytes == 0 and os.path.isfile(file.path):
            return _planned(file, name, "empty", cause="there is nothing in it")
        if name in self._names:
            return _planned(file, name, "changed")
        if file.bytes and not is_archive(file.path.name):
            twins = self._kept.get(file.bytes, [])
            if twins or self._sizes[file.bytes] > 1:
                digest = sha256_of(file.path)
                for twin in twins:
                    if digest == twin.sha256:
                        return _planned(file, name, "duplicate", twin.document, f"it is the same as {twin.name}")
                if digest is not None and digest in self._seen:
                    return _planned(file, name, "duplicate", cause=f"it is the same as {self._seen[digest]}")
                if digest is not None:
                    self._seen[digest] = name
        return _planned(file, name, "new")

    def _forget(self, path: str) -> None:
        """What is about to change is nobody's twin."""
        source = self._sources.get(path)
        if source is not None and source in self._kept.get(source.size, []):
            self._kept[source.size].remove(source)


def _planned(
    file: FoundFile, name: str, verdict: Verdict, document: str | None = None, cause: str | None = None
) -> PlannedFile:
    kind = safe_name(PurePath(file.path).suffix.lower().removeprefix("."))
    return PlannedFile(file.path, name, kind, file.bytes, verdict, document, cause)


def _gone(sources: Iterable[Source], paths: Sequence[Path | str], found: Sequence[FoundFile]) -> Iterator[PlannedFile]:
    """Documents whose files lay in one of the folders and are not there; what cannot be looked at is not gone."""
    folders = [resolve_path(Path(path)) for path in paths if Path(path).is_dir()]
    there = {one.path for one in found}
    unseen = {one.path for one in found if one.unreadable_folder}
    for source in sources:
        path = path_from_text(source.path)
        above = set(path.parents)
        if above.intersection(folders) and path not in there and not above & (unseen | _archives(there, above)):
            yield PlannedFile(path, source.name, path.suffix.lower().removeprefix("."), 0, "gone", source.document)


def _archives(there: set[Path], above: set[Path]) -> set[Path]:
    """Archives that are there: what has gone from inside of one is seen when it is read."""
    return {path for path in above if is_archive(path.name) and path in there}
