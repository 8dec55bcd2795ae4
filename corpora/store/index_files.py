"""Index files: what is computed from the database of a corpus, stored so that opening the corpus takes no time.

    CORPUS/indexes/KIND.index    CORPUS/drafts/KIND.index

Two lines of text, then parts of bytes, each filled up with zeros to a multiple of 64:

    spandraft index 1 SHA-256-OF-FORMAT-AND-NEXT-LINE
    {"kind": ..., "last_row": ..., "parts": [[NAME, BYTES, SHA-256], ...], ...}

Hashes cover every byte, so that a damaged file is always recognised. Files are replaced whole; one process or thread
writes into a folder at a time, readers never wait. ``verify``, ``delete_all`` and ``IndexFolder.paths`` are the way to
every index file of a corpus, whoever wrote it. Knows nothing of what the parts mean.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from corpora.errors import DamagedIndex, LibraryBusy, LibraryError, NewerSchema
from corpora.store import atomic_write, locks
from corpora.store.corpus_names import in_shell

FORMAT: Final = 1
FOLDERS: Final = ("indexes", "drafts")
_SUFFIX: Final = ".index"
_LOCK: Final = ".lock"
_ALIGNMENT: Final = 64
_LONGEST_HEADER: Final = 1 << 16
_FIRST_LINE: Final = re.compile(rb"spandraft index ([0-9]{1,9}) ([0-9a-f]{64})\n")
_LOCK_TIMEOUT_S: Final = 60.0
_LOCK_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class IndexHeader:
    """What a file holds: ``count`` rows up to ``last_row``, of a store at this version and generation."""

    kind: str
    last_row: int
    version: int
    generation: int
    count: int


@dataclass(frozen=True, slots=True)
class IndexFile:
    """The content of a file whose hashes were right."""

    header: IndexHeader
    parts: Mapping[str, memoryview]


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """A file that cannot be used, why, and what to do about it."""

    file: Path
    cause: str
    hint: str


class IndexFolder:
    """The index files of one folder of a corpus. Constructing this creates nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, kind: str) -> Path:
        """The path of the file of this kind; a kind is free text, so its hash is in the name."""
        prefix = re.sub(r"[^a-z0-9]+", "-", kind.split(":")[0].lower()) or "index"
        return self.folder / f"{prefix}-{hashlib.sha256(kind.encode()).hexdigest()[:16]}{_SUFFIX}"

    def paths(self) -> list[Path]:
        """All index files that are there."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if path.suffix == _SUFFIX and path.name[0] != ".")

    def load(self, kind: str, *, mapped: bool = False) -> IndexFile | None:
        """The file of this kind, all of it checked; None if there is none, or one of an older format.

        With ``mapped`` the file is memory-mapped, not read into memory. Raises ``DamagedIndex``, ``NewerSchema``.
        """
        file = load(self.path(kind), mapped=mapped)
        if file is not None and file.header.kind != kind:
            raise _damaged(self.path(kind), f"it holds {file.header.kind}")
        return file

    def save(self, header: IndexHeader, parts: Mapping[str, memoryview]) -> None:
        """Replace the file of this kind. Call it inside ``writing()``. Raises OSError."""
        atomic_write.write_file(self.path(header.kind), _chunks(header, parts), check=load)

    def delete(self, which: Callable[[Path], bool]) -> None:
        """Delete the files for which ``which`` is true. Call it inside ``writing()``. Raises OSError."""
        for path in self.paths():
            if which(path):
                atomic_write.remove_file(path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock of this folder: no other thread or process writes into it. Raises ``LibraryBusy``, OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(handle, self.folder)
            for unfinished in self.folder.glob(f"{atomic_write.UNFINISHED}*{_SUFFIX}"):
                atomic_write.remove_file(unfinished)  # left by a kill, since whoever writes holds the lock
            yield
        finally:
            locks.unlock(handle)  # a child that was forked meanwhile has the handle, too
            os.close(handle)


def load(path: Path, *, mapped: bool = False) -> IndexFile | None:
    """As ``IndexFolder.load``, for a file of any kind."""
    with _explained(path):
        content = _content(path, mapped)
        described = None if content is None else _header(content[:_LONGEST_HEADER], path)
        if content is None or described is None:
            return None
        header, offset, sizes = described
        parts: dict[str, memoryview] = {}
        for name, size, digest in sizes:
            stored = content[offset : offset + _padded(size)]
            _require(len(stored) == _padded(size), path, "its end is missing")
            _require(hashlib.sha256(stored).hexdigest() == digest, path, f"{name} is not what was written")
            parts[name] = stored[:size]
            offset += len(stored)
        _require(offset == len(content), path, "something follows its end")
        return IndexFile(header, parts)


def load_part(path: Path, name: str) -> bytes | None:
    """One part of a file, checked, without reading the others; None if there is no such file or part."""
    with _explained(path):
        try:
            stream = path.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return None
        with stream:
            described = _header(memoryview(stream.read(_LONGEST_HEADER)), path)
            if described is None:
                return None
            _, offset, sizes = described
            for part, size, digest in sizes:
                if part == name:
                    _require(offset + size <= os.fstat(stream.fileno()).st_size, path, "its end is missing")
                    stream.seek(offset)
                    stored = stream.read(_padded(size))
                    _require(hashlib.sha256(stored).hexdigest() == digest, path, f"{name} is not what was written")
                    return stored[:size]
                offset += _padded(size)
            return None


def verify(corpus: Path) -> list[IndexProblem]:
    """Every index file of a corpus, given by its folder, that is not what was written."""
    problems: list[IndexProblem] = []
    for folder in (IndexFolder(corpus / name) for name in FOLDERS):
        for path in folder.paths():
            try:
                file = load(path, mapped=True)
                _require(file is None or folder.path(file.header.kind) == path, path, "it belongs elsewhere")
            except LibraryError as error:
                problems.append(IndexProblem(path, error.cause, error.hint))
    return problems


def delete_all(corpus: Path) -> None:
    """Delete all index files of a corpus; they are made anew when they are needed. Raises ``LibraryError``."""
    try:
        for folder in (IndexFolder(corpus / name) for name in FOLDERS):
            if folder.folder.is_dir():
                with folder.writing():
                    folder.delete(lambda _: True)
    except OSError as error:
        raise LibraryError(
            f"the index files in {corpus} cannot be deleted: {error.strerror}",
            hint="check permissions and the disk, then try again; nothing is lost",
        ) from error


def _chunks(header: IndexHeader, parts: Mapping[str, memoryview]) -> Iterator[bytes | memoryview]:
    padding = {name: bytes(_padded(part.nbytes) - part.nbytes) for name, part in parts.items()}
    sizes = []
    for name, part in parts.items():
        digest = hashlib.sha256(part)
        digest.update(padding[name])
        sizes.append([name, part.nbytes, digest.hexdigest()])
    described = json.dumps({**asdict(header), "parts": sizes}, ensure_ascii=False).encode()
    first = len(b"spandraft index %d %064d\n" % (FORMAT, 0))
    described = described.ljust(_padded(first + len(described) + 1) - first - 1) + b"\n"
    digest = hashlib.sha256(b"%d " % FORMAT + described)
    yield b"spandraft index %d %s\n" % (FORMAT, digest.hexdigest().encode()) + described
    for name, part in parts.items():
        yield part
        yield padding[name]


def _header(start: memoryview, path: Path) -> tuple[IndexHeader, int, list[tuple[str, int, str]]] | None:
    """The header, the offset of its end, and name, size and hash of each part; None for an older format."""
    text = bytes(start)
    first = _FIRST_LINE.match(text)
    end = text.find(b"\n", first.end()) + 1 if first else 0
    if first is None or not end:
        raise _damaged(path, "it does not begin as an index file does")
    digest = hashlib.sha256(first[1] + b" " + text[first.end() : end]).hexdigest()
    _require(digest.encode() == first[2], path, "its header is not what was written")
    if int(first[1]) > FORMAT:
        raise NewerSchema(
            f"{path} was written by a later version of Spandraft (format {int(first[1])}, this one reads {FORMAT})",
            hint=f"upgrade spandraft, or make it anew: {_remedy(path)}",
        )
    if int(first[1]) < FORMAT:
        return None
    fields: dict[str, Any] = json.loads(text[first.end() : end])
    numbers = [int(fields[name]) for name in ("last_row", "version", "generation", "count")]
    sizes = [(str(name), int(size), str(digest)) for name, size, digest in fields["parts"]]
    _require(all(size >= 0 for _, size, _ in sizes), path, "a part of it has no size")
    return IndexHeader(str(fields["kind"]), *numbers), end, sizes


def _content(path: Path, mapped: bool) -> memoryview | None:
    try:
        with path.open("rb") as stream:
            if not mapped or not os.fstat(stream.fileno()).st_size:  # nothing cannot be mapped
                return memoryview(stream.read())
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _damaged(path, error.strerror or "it cannot be read") from error
    except (ValueError, TypeError, KeyError) as error:  # a header with the right hash, written by another program
        raise _damaged(path, f"its header cannot be understood: {error}") from error


def _require(holds: bool, path: Path, otherwise: str) -> None:
    if not holds:
        raise _damaged(path, otherwise)


def _damaged(path: Path, why: str) -> DamagedIndex:
    return DamagedIndex(
        f"the index file {path} is damaged: {why}", hint=f"nothing is lost; make it anew: {_remedy(path)}"
    )


def _remedy(path: Path) -> str:
    return f"spandraft corpus rebuild {in_shell(path.parent.parent.name)}"


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _lock(handle: int, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait for the lock; nobody holds it for longer than a file takes to write. Raises ``LibraryBusy``."""
    deadline = clock() + _LOCK_TIMEOUT_S
    while not locks.try_lock(handle):
        if clock() > deadline:
            raise LibraryBusy(
                f"another process has been writing to {folder} for {_LOCK_TIMEOUT_S:g} s",
                hint="wait for it, then try again",
            )
        time.sleep(_LOCK_POLL_S)
