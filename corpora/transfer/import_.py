"""Imports a new corpus from a file that ``corpora.transfer.export`` wrote, be it from a stranger.

Read as a stream, every field checked, and built in a temporary folder: the corpus appears under its name when all of it
was read and its checksums were right, or not at all. Vectors of the file are used only if they are of the kinds that
this library uses, and a sample of them is computed anew to check them. Knows nothing of what vectors mean.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from corpora.documents import Document, Passage
from corpora.errors import CorpusExists, DamagedExport, LibraryError, UnreadableFile, UnstorableDocument
from corpora.interfaces import Derived
from corpora.store import records
from corpora.store.corpus_names import checked_name
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking
from corpora.text.chunking import passages as cut
from corpora.transfer.archive import ArchiveReader
from corpora.transfer.export import DOCUMENTS, Progress
from corpora.transfer.format import MOST_LINE_BYTES, Manifest, read_document, require
from corpora.transfer.vectors import VectorKind, VectorReader

# (kind, passages, values): whether these are the values of this kind for these passages
VectorCheck: TypeAlias = Callable[[str, Sequence[Passage], Sequence[bytes]], bool]

_COMPARED: Final = 64  # passages whose vectors are computed anew
_SIZE_FACTOR: Final = 3  # A database is up to so many times as large as an export.


@dataclass(frozen=True, slots=True)
class Imported:
    """What was stored. Vectors of ``reused`` kinds are those of the file, those of ``computed`` were computed here."""

    name: str
    documents: int
    passages: int
    reused: tuple[str, ...]
    computed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the new corpus shall have. ``chunking`` None: as in the file. ``fits`` None: its vectors are not used."""

    derived: Sequence[Derived] = ()
    vectors: Sequence[VectorKind] = ()
    chunking: Chunking | None = None
    fits: VectorCheck | None = None


def import_corpus(
    library: Library,
    path: Path,
    name: str | None = None,
    *,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Create the corpus ``name`` (None: its name in the export) from the export at ``path``.

    Raises ``DamagedExport``, ``CorpusExists``, ``InvalidName``, ``UnreadableFile``, ``LibraryError``.
    """
    with _named(path), _renamable(), _opened(path) as source:
        manifest = source.manifest
        new = checked_name(name if name is not None else manifest.name)
        options = options or ImportOptions()
        require(DOCUMENTS in manifest.parts, "it holds no documents")
        try:
            with library.building(new) as store:
                return _Import(source, store, options, progress).run()
        except _VectorMismatch:
            rest = ImportOptions(options.derived, (), options.chunking)
            with library.building(new) as store:
                return _Import(source, store, rest, progress).run()


class _VectorMismatch(Exception):
    """The vectors of the file are not those of its passages."""


class _Import:
    """One run over an export, into a store that is not published yet."""

    def __init__(
        self, source: ArchiveReader, store: CorpusStore, options: ImportOptions, progress: Progress | None
    ) -> None:
        self._source = source
        self._store = store
        self._options = options
        self._progress = progress
        self._manifest: Manifest = source.manifest
        self._recut = options.chunking is not None and options.chunking != self._manifest.chunking
        self._readers = {} if self._recut or options.fits is None else self._vector_readers()
        self._is_first = True
        self._sampled = random.Random()  # unpredictable for the author of the file

    def run(self) -> Imported:
        _require_room(self._store.folder, sum(part.bytes for part in self._manifest.parts.values()))
        documents = passages = stored = 0
        for line in self._source.part(DOCUMENTS).lines(MOST_LINE_BYTES):
            document, exported = read_document(line)
            documents, passages = documents + 1, passages + len(exported)
            stored += self._put(document, exported)
            if self._progress is not None:
                self._progress(documents, self._manifest.documents)
        is_whole = (documents, passages) == (self._manifest.documents, self._manifest.passages)
        require(is_whole, "it holds more or fewer documents than it says")
        for reader in self._readers.values():
            reader.finish()
        chunking = self._options.chunking or self._manifest.chunking
        if chunking is not None:
            self._store.set_chunking(chunking)
        computed = tuple(rows.kind for rows in self._options.derived if rows.kind not in self._readers)
        return Imported(self._store.name, documents, stored, tuple(self._readers), computed)

    def _put(self, document: Document, passages: Sequence[Passage]) -> int:
        given = {kind: reader.take(len(passages)) for kind, reader in self._readers.items()}
        if self._options.chunking is not None and self._recut:
            passages = cut(document, **asdict(self._options.chunking))
        self._compare(passages, given)
        missing = [rows for rows in self._options.derived if rows.kind not in given]
        values = given | {rows.kind: rows.compute(passages) for rows in missing}
        try:
            records.check_storable(document, passages)
        except UnstorableDocument as error:
            raise DamagedExport(error.cause, hint="get the file again from where it was exported") from error
        # Not ``put``: a corpus may hold two documents of one text, and ``put`` would drop the second.
        with self._store.connections.writing() as connection:
            is_new = records.info_where(connection, "id", document.id) is None
            require(is_new, f"two of its documents have the id {document.id}")
            is_new = records.info_where(connection, "name", document.name) is None
            require(is_new, f"two of its documents are called {document.name}")
            number = records.insert_document(connection, document, source=None)
            records.insert_passages(connection, number, passages, values, generation=records.generation(connection))
            records.set_version(connection, records.version(connection) + 1)
        return len(passages)

    def _compare(self, passages: Sequence[Passage], given: dict[str, list[bytes]]) -> None:
        """Compute some vectors again: one of the first document, and a random sample of the others."""
        if not passages or not given or self._options.fits is None:
            return
        chance = _COMPARED * len(passages) / max(1, self._manifest.passages)
        if self._is_first or self._sampled.random() < chance:
            self._is_first = False
            sample = self._sampled.randrange(len(passages))
            for kind, values in given.items():
                if not self._options.fits(kind, passages[sample : sample + 1], values[sample : sample + 1]):
                    raise _VectorMismatch

    def _vector_readers(self) -> dict[str, VectorReader]:
        readers = {}
        known = {rows.kind for rows in self._options.derived}
        for vectors in self._options.vectors:
            part = self._manifest.parts.get(vectors.file)
            if part is not None and part.kind == vectors.kind and vectors.kind in known:
                require(part.dimension is not None, "its vectors have no dimension")
                stream, passages = self._source.part(vectors.file), self._manifest.passages
                readers[vectors.kind] = VectorReader(stream, part, passages=passages, one_each=vectors.one_each)
        return readers


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in the errors about it."""
    try:
        yield
    except DamagedExport as error:
        raise DamagedExport(f"{path.name} cannot be imported: {error.cause}", hint=error.hint) from error


@contextmanager
def _renamable() -> Iterator[None]:
    """Hint at the option that gives an import another name."""
    try:
        yield
    except CorpusExists as error:
        raise CorpusExists(error.cause, hint="choose another name for it: --name NAME") from error


@contextmanager
def _opened(path: Path) -> Iterator[ArchiveReader]:
    try:
        source = ArchiveReader(path)
    except IsADirectoryError as error:
        raise UnreadableFile(f"{path} is a folder", hint="name the file in it that an export wrote") from error
    except FileNotFoundError as error:
        raise UnreadableFile(f"{path} does not exist", hint="check the path") from error
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from error
    with source:
        yield source


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < _SIZE_FACTOR * size:
        raise LibraryError(
            f"importing it may take {_SIZE_FACTOR * size // 2**20} MiB, and {free // 2**20} MiB are free",
            hint="free some space, or set SPANDRAFT_HOME to another disk",
        )
