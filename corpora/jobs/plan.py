"""Plans what adding or syncing paths would do: each file is new, changed, unchanged, a duplicate, or skipped, and why.

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

_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file and what is to be done with it. ``kind`` is its suffix; ``cause`` says why it is skipped, or of what it
    is a duplicate.

    ``document`` is the id of the stored document that was read from this file or has the same content.
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
    """All files; ``counts`` and ``bytes`` by verdict. ``estimate_s`` is None until a job of the corpus was measured."""

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
    names_by_path: Mapping[Path, str] | None = None,
) -> Plan:
    """A dry run. With ``sync``, documents whose files are gone from the folders are listed, too.

    ``names_by_path`` are the names of files whose paths have others, such as copies of uploads.
    """
    with store.connections.reading() as connection:
        sources = {source.path: source for source in sources_of(connection)}
        names = {name for (name,) in connection.execute("SELECT name FROM documents")}
        speed = usual_speed(connection)
    files_found = found_files(paths)
    if names_by_path is not None:
        files_found = [
            _renamed(file, names_by_path[file.path]) if file.path in names_by_path else file for file in files_found
        ]
    gone = list(_gone(sources.values(), paths, files_found)) if sync else []
    gone_documents = {file.document for file in gone if file.document}
    judged = _Comparison(sources, names, gone_documents, limits or Limits()).files(files_found)
    files = (*gone, *sorted(judged, key=lambda file: file.verdict != "changed"))
    counts, sizes = Counter[Verdict](), Counter[Verdict]()
    for file in files:
        counts[file.verdict] += 1
        sizes[file.verdict] += file.bytes
    work = sizes["new"] + sizes["changed"]
    estimate_s = 0.0 if work == 0 else work / speed if speed else None
    return Plan("sync" if sync else "add", files, counts, sizes, estimate_s)


def _renamed(file: FoundFile, name: str) -> FoundFile:
    """A file under another name; one that was uploaded with its folder is skipped unless it is a document."""
    return replace(file, name=safe_name(name), skip_reason=skip_reason(name) if "/" in name else None)


def job_files(planned: Plan) -> Iterator[JobFile]:
    """The files of a job by this plan: those that need no work have ended already."""
    for number, planned_file in enumerate(planned.files, 1):
        file = JobFile(number, planned_file.name, planned_file.path, None, planned_file.bytes, "queued")
        document = planned_file.document
        match planned_file.verdict:
            case "gone":
                yield replace(file, bytes=0, outcome="removed", document=document)
            case "unsupported":
                yield replace(file, state="skipped", outcome="unsupported", cause=planned_file.cause)
            case "unchanged" if not is_archive(file.path.name):  # The files in an archive are looked at one by one.
                yield replace(file, state="skipped", outcome="unchanged", document=document)
            case "duplicate" if document is not None and not is_archive(file.path.name):
                yield replace(file, state="skipped", outcome="duplicate", document=document)
            case _:
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
    """SHA-256 of a file's content; None if it cannot be read, which the job will report."""
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.digest()


class _Comparison:
    """Compares files with what is stored, and with each other."""

    def __init__(self, sources: Mapping[str, Source], names: set[str], gone: set[str], limits: Limits) -> None:
        self._sources = sources
        self._names = names
        self._limits = limits
        self._unchanged: dict[int, list[Source]] = {}  # by size, the sources that stay as they are
        for source in sources.values():
            if source.document not in gone:
                self._unchanged.setdefault(source.size, []).append(source)
        self._sizes: Counter[int] = Counter()
        self._new_names: dict[bytes, str] = {}  # of new files, by digest

    def files(self, found: Sequence[FoundFile]) -> list[PlannedFile]:
        """A verdict for each, in order, under a name that no other file has."""
        self._sizes.update(file.bytes for file in found if file.skip_reason is None)
        known = [self._known(file) for file in found]
        for planned in known:
            if planned is not None and planned.verdict == "changed":
                self._exclude_from_duplicates(path_to_text(planned.path))
        taken = {planned.name for planned in known if planned is not None}
        judged = []
        for file, decided in zip(found, known, strict=True):
            judged.append(decided or self._unknown(file, unused_name(file.name, taken)))
            taken.add(judged[-1].name)
        return judged

    def _known(self, file: FoundFile) -> PlannedFile | None:
        """The verdict on a file that a document was read from before, under that document's name; None for others."""
        path = path_to_text(file.path)
        if is_archive(file.path.name):
            inside = [source for key, source in self._sources.items() if key.startswith(f"{path}/")]
            if file.skip_reason is not None or not inside:
                return None
            same = all(source.mtime_ns == file.mtime_ns for source in inside)
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
            twins = self._unchanged.get(file.bytes, [])
            if twins or self._sizes[file.bytes] > 1:
                digest = sha256_of(file.path)
                for twin in twins:
                    if digest == twin.sha256:
                        return _planned(file, name, "duplicate", twin.document, f"it is the same as {twin.name}")
                if digest is not None and digest in self._new_names:
                    return _planned(file, name, "duplicate", cause=f"it is the same as {self._new_names[digest]}")
                if digest is not None:
                    self._new_names[digest] = name
        return _planned(file, name, "new")

    def _exclude_from_duplicates(self, path: str) -> None:
        """A file that is about to change has no duplicates."""
        source = self._sources.get(path)
        if source is not None and source in self._unchanged.get(source.size, []):
            self._unchanged[source.size].remove(source)


def _planned(
    file: FoundFile, name: str, verdict: Verdict, document: str | None = None, cause: str | None = None
) -> PlannedFile:
    kind = safe_name(PurePath(file.path).suffix.lower().removeprefix("."))
    return PlannedFile(file.path, name, kind, file.bytes, verdict, document, cause)


def _gone(sources: Iterable[Source], paths: Sequence[Path | str], found: Sequence[FoundFile]) -> Iterator[PlannedFile]:
    """Documents whose files were in one of the folders and are not there; in an unreadable folder nothing is gone."""
    folders = [resolve_path(Path(path)) for path in paths if Path(path).is_dir()]
    there = {file.path for file in found}
    unreadable = {file.path for file in found if file.unreadable_folder}
    for source in sources:
        path = path_from_text(source.path)
        above = set(path.parents)
        if above.intersection(folders) and path not in there and not above & (unreadable | _archives(there, above)):
            yield PlannedFile(path, source.name, path.suffix.lower().removeprefix("."), 0, "gone", source.document)


def _archives(there: set[Path], above: set[Path]) -> set[Path]:
    """Archives that exist: which of their members are gone is known when they are read."""
    return {path for path in above if is_archive(path.name) and path in there}
