"""Index files: what is made from the database of a corpus and kept, so that opening it takes no time.

    CORPUS/indexes/KIND.index    CORPUS/drafts/KIND.index

Two lines of text, then parts of bytes, each filled up with zeros to a multiple of 64:

    spandraft index 1 SHA-256-OF-FORMAT-AND-NEXT-LINE
    {"kind": ..., "last_row": ..., "parts": [[NAME, BYTES, SHA-256], ...], ...}

A hash covers every byte, so that a file is what was written or is known not to be. Files are replaced whole; one
process or thread writes into a folder at a time, readers wait for nobody. Knows nothing of what the parts mean.
"""

from __future__ import annotations

import fcntl
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
from corpora.store import atomic_write

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
    """What a file holds: ``count`` rows up to ``last_row``, as a store of this version and generation had them."""

    kind: str
    last_row: int
    version: int
    generation: int
    count: int


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file that was found to be as it was written."""

    header: IndexHeader
    parts: Mapping[str, memoryview]


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """A file that cannot be used, why, and what to do about it."""

    file: Path
    cause: str
    hint: str


class IndexFolder:
    """The index files of one folder of a corpus. Making this makes nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, kind: str) -> Path:
        """Where the file of this kind is; kinds are free text, names of files are not."""
        prefix = re.sub(r"[^a-z0-9]+", "-", kind.split(":")[0].lower()) or "index"
        return self.folder / f"{prefix}-{hashlib.sha256(kind.encode()).hexdigest()[:16]}{_SUFFIX}"

    def paths(self) -> list[Path]:
        """All index files that are there."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if path.suffix == _SUFFIX and path.name[0] != ".")

    def load(self, kind: str, *, mapped: bool = False) -> IndexFile | None:
        """The file of this kind, all of it checked; None if there is none, or one of an older format.

        A mapped file is read from the disk as its parts are used. Raises ``DamagedIndex``, ``NewerSchema``.
        """
        found = load(self.path(kind), mapped=mapped)
        if found is not None and found.header.kind != kind:
            raise _damaged(self.path(kind), f"it holds {found.header.kind}")
        return found

    def save(self, header: IndexHeader, parts: Mapping[str, memoryview]) -> None:
        """Put a file in the place of the one of its kind. Inside ``writing()``. Raises OSError."""
        atomic_write.write_file(self.path(header.kind), _chunks(header, parts), check=load)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody else writes into this folder meanwhile, in no process. Raises ``LibraryBusy``, OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(handle, self.folder)
            for left in self.folder.glob(f"{atomic_write.UNFINISHED}*{_SUFFIX}"):
                atomic_write.remove_file(left)  # by a kill: whoever writes holds the lock
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # a child that was forked meanwhile has the handle, too
            os.close(handle)


def load(path: Path, *, mapped: bool = False) -> IndexFile | None:
    """As ``IndexFolder.load``, for any file."""
    with _explained(path):
        content = _content(path, mapped)
        found = None if content is None else _header(content[:_LONGEST_HEADER], path)
        if content is None or found is None:
            return None
        header, at, sizes = found
        parts: dict[str, memoryview] = {}
        for name, size, digest in sizes:
            stored = content[at : at + _padded(size)]
            _require(len(stored) == _padded(size), path, "its end is missing")
            _require(hashlib.sha256(stored).hexdigest() == digest, path, f"{name} is not what was written")
            parts[name] = stored[:size]
            at += len(stored)
        _require(at == len(content), path, "something follows its end")
        return IndexFile(header, parts)


def load_part(path: Path, name: str) -> bytes | None:
    """One part of a file, checked, without a look at the others; None if there is no such file or part."""
    with _explained(path):
        try:
            stream = path.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return None
        with stream:
            found = _header(memoryview(stream.read(_LONGEST_HEADER)), path)
            if found is None:
                return None
            _, at, sizes = found
            for one, size, digest in sizes:
                if one == name:
                    _require(at + size <= os.fstat(stream.fileno()).st_size, path, "its end is missing")
                    stream.seek(at)
                    stored = stream.read(_padded(size))
                    _require(hashlib.sha256(stored).hexdigest() == digest, path, f"{name} is not what was written")
                    return stored[:size]
                at += _padded(size)
            return None


def verify(corpus: Path) -> list[IndexProblem]:
    """Every index file below the folder of a corpus that is not what was written."""
    problems: list[IndexProblem] = []
    for folder in (IndexFolder(corpus / name) for name in FOLDERS):
        for path in folder.paths():
            try:
                found = load(path, mapped=True)
                _require(found is None or folder.path(found.header.kind) == path, path, "it belongs elsewhere")
            except LibraryError as error:
                problems.append(IndexProblem(path, error.cause, error.hint))
    return problems


def delete_all(corpus: Path) -> None:
    """Delete all index files of a corpus; whoever asks next makes them anew. Raises ``LibraryError``."""
    try:
        for folder in (IndexFolder(corpus / name) for name in FOLDERS):
            if folder.folder.is_dir():
                with folder.writing():
                    for path in folder.paths():
                        atomic_write.remove_file(path)
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
    """The header, where it ends, and name, size and hash of each part; None for an older format."""
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
    except (ValueError, TypeError, KeyError) as error:  # A header with the right hash, but not one of ours.
        raise _damaged(path, f"its header cannot be understood: {error}") from error


def _require(holds: bool, path: Path, otherwise: str) -> None:
    if not holds:
        raise _damaged(path, otherwise)


def _damaged(path: Path, why: str) -> DamagedIndex:
    return DamagedIndex(
        f"the index file {path} is damaged: {why}", hint=f"nothing is lost; make it anew: {_remedy(path)}"
    )


def _remedy(path: Path) -> str:
    return f"spandraft corpus rebuild {path.parent.parent.name}"


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _lock(handle: int, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait for the lock, which ends with its holder; nobody holds it for longer than a file takes to write."""
    until = clock() + _LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if clock() > until:
                raise LibraryBusy(
                    f"another process has been writing to {folder} for {_LOCK_TIMEOUT_S:g} s",
                    hint="wait for it, then try again",
                ) from error
        time.sleep(_LOCK_POLL_S)
