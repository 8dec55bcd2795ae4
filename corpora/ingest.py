"""Files and folders to documents of a corpus: each read, cut, and stored with its derived rows, or named as failed.

One bad file does not stop the rest, and leaves nothing behind. While a document is being computed, the next
files are being read by their child processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from corpora.chunking import Chunking, passages
from corpora.documents import Document
from corpora.errors import LoaderError
from corpora.interfaces import Derived
from corpora.loaders import Limits, load_file
from corpora.store import CorpusStore, DocumentInfo

Status: TypeAlias = Literal["added", "replaced", "duplicate", "failed"]
Stage: TypeAlias = Literal["reading", "storing", "done"]
# (files done, files in all, name of the current one, what happens to it)
Progress: TypeAlias = Callable[[int, int, str, Stage], None]

_READ_AHEAD = 2  # child processes at a time


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file. ``cause`` and ``hint`` are set only if it failed.

    ``document`` is the stored one, for a duplicate the one that had the same text already.
    """

    path: Path
    status: Status
    document: DocumentInfo | None = None
    passages: int = 0
    cause: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to add and the name that its document gets: within a folder, the way from that folder on."""

    path: Path
    name: str


def ingest(
    store: CorpusStore,
    paths: Sequence[Path | str],
    *,
    derived: Sequence[Derived] = (),
    chunking: Chunking | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> list[FileOutcome]:
    """Add files, and folders with all that is in them. Raises only what concerns the corpus: ``LibraryError``."""
    tell = progress or _silent
    chunking = chunking or Chunking()
    files = found_files(paths)
    outcomes: list[FileOutcome] = []
    with ThreadPoolExecutor(_READ_AHEAD, thread_name_prefix="loader") as pool:
        for file, reading in _read_ahead(pool, files, limits):
            tell(len(outcomes), len(files), file.name, "reading")
            try:
                document = reading.result()
            except LoaderError as error:
                outcomes.append(FileOutcome(file.path, "failed", cause=error.cause, hint=error.hint))
            else:
                tell(len(outcomes), len(files), file.name, "storing")
                outcomes.append(_stored(store, file.path, document, derived, chunking))
            tell(len(outcomes), len(files), file.name, "done")
    return outcomes


def found_files(paths: Sequence[Path | str]) -> list[FoundFile]:
    """The files that are meant, each once: folders in alphabetical order, without hidden files and symbolic links.

    A path that was named itself is taken as it is, so that a file that is missing or of an unknown kind is said to be.
    """
    found: dict[Path, FoundFile] = {}
    for path in map(Path, paths):
        files = _in_folder(path, path.resolve().name) if path.is_dir() else [FoundFile(path, path.name)]
        for file in files:
            found.setdefault(file.path.absolute(), file)
    return list(found.values())


def _in_folder(folder: Path, name: str) -> Iterator[FoundFile]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError:
        yield FoundFile(folder, name)  # reading it will fail too, and say why
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _in_folder(entry, f"{name}/{entry.name}")
        elif entry.is_file():
            yield FoundFile(entry, f"{name}/{entry.name}")


def _read_ahead(
    pool: ThreadPoolExecutor, files: Sequence[FoundFile], limits: Limits | None
) -> Iterator[tuple[FoundFile, Future[Document]]]:
    """Files in order, a few being read before they are asked for."""
    waiting: deque[tuple[FoundFile, Future[Document]]] = deque()
    coming = iter(files)
    try:
        while True:
            for file in islice(coming, _READ_AHEAD + 1 - len(waiting)):
                waiting.append((file, pool.submit(load_file, file.path, file.name, limits=limits)))
            if not waiting:
                return
            yield waiting.popleft()
    finally:
        for _, future in waiting:
            future.cancel()


def _stored(
    store: CorpusStore, path: Path, document: Document, derived: Sequence[Derived], chunking: Chunking
) -> FileOutcome:
    """Cut a document and store it whole."""
    was_there = store.find(document.name) is not None
    cut = passages(document, **asdict(chunking))
    if not store.add(document, cut, derived):
        twin = store.twin(document)
        return FileOutcome(path, "duplicate", twin, twin.passages if twin else 0)
    return FileOutcome(path, "replaced" if was_there else "added", store.find(document.name), len(cut))


def _silent(done: int, total: int, name: str, stage: Stage) -> None:
    """Progress that nobody watches."""
