"""Plans what adding or syncing paths would do: each file is new, changed, moved, unchanged, a duplicate, or skipped.

A document is known by the path of its file; where it has none, as uploads have, by its name. Files are compared with
the sources that documents were read from, by path, size and time; contents are hashed only where these cannot tell.
Writes nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from corpora.jobs.discovery import FoundFile, found_files, resolve_path, skip_reason
from corpora.jobs.job_records import JobFile, JobKind, path_from_text, path_to_text, twins_of_documents, usual_speed
from corpora.jobs.sources import Moves, NewFile, Source, moves, sha256_of, sources_of
from corpora.jobs.staging import Staging
from corpora.loaders.registry import Limits, is_archive
from corpora.store.document_names import names_apart, safe_name, unused_name
from corpora.store.store import CorpusStore

Verdict: TypeAlias = Literal[
    "new", "changed", "moved", "unchanged", "duplicate", "unsupported", "too large", "empty", "gone"
]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file and what is to be done with it. ``kind`` is its suffix; ``cause`` says why it is skipped, of what it is
    a duplicate, or what it was before.

    ``document`` is the id of the stored document that was read from this file or has the same content. ``has_moved``:
    the document was read from another path, at which there is nothing any more.
    """

    path: Path
    name: str
    kind: str
    bytes: int
    verdict: Verdict
    document: str | None = None
    cause: str | None = None
    has_moved: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All files; ``counts`` and ``bytes`` by verdict. ``estimate_s`` is None until a job of the corpus was measured."""

    kind: JobKind
    files: tuple[PlannedFile, ...]
    counts: Mapping[Verdict, int]
    bytes: Mapping[Verdict, int]
    estimate_s: float | None


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
        named_paths: dict[str, str | None] = dict(connection.execute("SELECT name, source_path FROM documents"))
        speed = usual_speed(connection)
        twins = twins_of_documents(connection)
    files_found = found_files(paths)
    if names_by_path is not None:
        files_found = [
            _renamed(file, names_by_path[file.path]) if file.path in names_by_path else file for file in files_found
        ]
    files_found += _orphaned(files_found, sources, twins, [Path(path) for path in paths] if sync else [])
    staging = Staging(store.folder)
    uploads = {file.path for file in files_found if staging.holds(file.path)}
    moved = moves(_new_files((file for file in files_found if file.path not in uploads), sources), sources.values())
    gone = list(_gone(sources.values(), moved, paths, files_found)) if sync else []
    names = _Names(named_paths, uploads)
    gone_documents = {file.document for file in gone if file.document}
    judged = _Comparison(sources, moved, names, gone_documents, limits or Limits()).files(files_found)
    files = (*gone, *sorted(judged, key=lambda file: file.verdict != "changed"))
    counts, sizes = Counter[Verdict](), Counter[Verdict]()
    for file in files:
        counts[file.verdict] += 1
        sizes[file.verdict] += file.bytes
    work = sizes["new"] + sizes["changed"]
    estimate_s = 0.0 if work == 0 else work / speed if speed else None
    return Plan("sync" if sync else "add", files, counts, sizes, estimate_s)


def _orphaned(
    found: Sequence[FoundFile],
    sources: Mapping[str, Source],
    twins: Mapping[str, Sequence[Path]],
    synced: Sequence[Path],
) -> list[FoundFile]:
    """Files of other places that were duplicates of a document whose own file has changed, or is gone from a folder.

    They still have its text, and were handed in, so that they are to become documents.
    """
    there = {file.path: file for file in found}
    folders = {resolve_path(path) for path in synced}
    orphaned: dict[Path, FoundFile] = {}
    for source in sources.values():
        path = path_from_text(source.path)
        paths = [twin for twin in twins.get(source.document, ()) if twin not in there]
        if not paths or not (path in there or folders.intersection(path.parents)) or sha256_of(path) == source.sha256:
            continue
        for twin in paths:
            if path_to_text(twin) not in sources and sha256_of(twin) == source.sha256:
                orphaned |= {file.path: file for file in found_files([twin])}
    return list(orphaned.values())


def _renamed(file: FoundFile, name: str) -> FoundFile:
    """A file under another name; one that was uploaded with its folder is skipped unless it is a document."""
    return replace(file, name=safe_name(name), skip_reason=skip_reason(name) if "/" in name else None)


def job_files(planned: Plan) -> Iterator[JobFile]:
    """The files of a job by this plan: those that need no work have ended already."""
    for number, planned_file in enumerate(planned.files, 1):
        file = JobFile(number, planned_file.name, planned_file.path, None, planned_file.bytes, "queued")
        document = planned_file.document
        if planned_file.has_moved:
            yield replace(file, outcome="moved", document=document)
            continue
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


def _new_files(found: Iterable[FoundFile], sources: Mapping[str, Source]) -> list[NewFile]:
    """The files that no document was read from."""
    return [
        NewFile(path, file.bytes, partial(sha256_of, file.path))
        for file in found
        if file.skip_reason is None and file.bytes and not is_archive(file.path.name)
        for path in [path_to_text(file.path)]
        if path not in sources
    ]


@dataclass(frozen=True, slots=True)
class _Names:
    """The paths of documents by their names: None where a document has none, and is known by its name.

    ``uploads`` are the paths of copies that will be deleted: these files are known by their names, too.
    """

    paths: Mapping[str, str | None]
    uploads: Set[Path]

    def is_of(self, name: str, path: Path) -> bool:
        """Whether a file of that name, whose path is new, is the document of that name."""
        return name in self.paths and (path in self.uploads or self.paths[name] is None)

    def apart(self, found: Sequence[FoundFile], taken: set[str]) -> list[str]:
        """A name for each file that no other has: several of one name are named by more of their paths."""
        names = [file.name for file in found]
        while self._parted(found, names):
            pass
        shown = set(taken)
        for number, name in enumerate(names):
            names[number] = unused_name(name, shown)
            shown.add(names[number])
        return names

    def _parted(self, found: Sequence[FoundFile], names: list[str]) -> bool:
        """Give files of one name longer ones; False if none could be."""
        is_any = False
        first: dict[str, int] = {}
        for number, name in enumerate(list(names)):
            other = first.setdefault(name, number)
            if other == number or found[number].path in self.uploads:
                continue
            apart = names_apart(name, path_to_text(found[number].path), path_to_text(found[other].path))
            if apart is not None:
                names[number], names[other] = apart
                is_any = True
        return is_any


class _Comparison:
    """Compares files with what is stored, and with each other."""

    def __init__(
        self, sources: Mapping[str, Source], moved: Moves, names: _Names, gone: set[str], limits: Limits
    ) -> None:
        self._sources = sources
        self._moved = moved
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
        known = [self._known(file) or self._was_moved(file) for file in found]
        for planned in known:
            if planned is not None and planned.verdict == "changed":
                self._exclude_from_duplicates(planned)
        taken = {planned.name for planned in known if planned is not None}
        names = iter(
            self._names.apart([file for file, planned in zip(found, known, strict=True) if planned is None], taken)
        )
        return [planned or self._unknown(file, next(names)) for file, planned in zip(found, known, strict=True)]

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

    def _was_moved(self, file: FoundFile) -> PlannedFile | None:
        """The verdict on a file that a document was read from at another path; None for others."""
        source = self._moved.by_path.get(path_to_text(file.path))
        if source is None:
            return None
        same = source.size == file.bytes and source.sha256 == sha256_of(file.path)
        verdict: Verdict = "moved" if same else "changed"
        planned = _planned(file, file.name, verdict, source.document, f"it was {source.name}")
        return replace(planned, has_moved=True)

    def _unknown(self, file: FoundFile, name: str) -> PlannedFile:
        if file.skip_reason is not None:
            return _planned(file, name, "unsupported", cause=file.skip_reason)
        if file.bytes > self._limits.file_bytes:
            return _planned(file, name, "too large", cause=f"it is larger than {self._limits.file_bytes // 2**20} MiB")
        if file.bytes == 0 and os.path.isfile(file.path):
            return _planned(file, name, "empty", cause="there is nothing in it")
        if self._names.is_of(name, file.path):
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

    def _exclude_from_duplicates(self, planned: PlannedFile) -> None:
        """A file that is about to change has no duplicates."""
        path = path_to_text(planned.path)
        source = self._moved.by_path.get(path) or self._sources.get(path)
        if source is not None and source in self._unchanged.get(source.size, []):
            self._unchanged[source.size].remove(source)


def _planned(
    file: FoundFile, name: str, verdict: Verdict, document: str | None = None, cause: str | None = None
) -> PlannedFile:
    kind = safe_name(PurePath(file.path).suffix.lower().removeprefix("."))
    return PlannedFile(file.path, name, kind, file.bytes, verdict, document, cause)


def _gone(
    sources: Iterable[Source], moved: Moves, paths: Sequence[Path | str], found: Sequence[FoundFile]
) -> Iterator[PlannedFile]:
    """Documents whose files were in one of the folders, or in one that was moved, and are not there.

    In an unreadable folder nothing is gone.
    """
    elsewhere = {source.document for source in moved.by_path.values()}
    left_behind = {source.document for source in moved.left_behind}
    folders = [resolve_path(Path(path)) for path in paths if Path(path).is_dir()]
    there = {file.path for file in found}
    unreadable = {file.path for file in found if file.unreadable_folder}
    for source in sources:
        path = path_from_text(source.path)
        above = set(path.parents)
        is_inside = bool(above.intersection(folders)) or source.document in left_behind
        is_known = path in there or source.document in elsewhere
        if is_inside and not is_known and not above & (unreadable | _archives(there, above)):
            yield PlannedFile(path, source.name, path.suffix.lower().removeprefix("."), 0, "gone", source.document)


def _archives(there: set[Path], above: set[Path]) -> set[Path]:
    """Archives that exist: which of their members are gone is known when they are read."""
    return {path for path in above if is_archive(path.name) and path in there}
