"""Atomic file writes: after a kill, a full disk or a loss of power a path holds its old content or its new, no mixture.

A file is written under a temporary name beside its target, forced to the disk and renamed; then its folder is forced
to the disk. Every file of a library besides the database is written here, and so are the caches of the home folder
and what training keeps and bundles (``decoding``, which may not import this floor, has its own). Knows nothing of
what they hold.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

# A name that begins so was left by a kill; whoever holds the lock of the folder's writer may delete it.
UNFINISHED: Final = ".new-"
_CHUNK_BYTES: Final = 2**20


def write_file(
    path: Path, chunks: Iterable[bytes | memoryview], *, check: Callable[[Path], object] | None = None
) -> None:
    """Replace ``path`` by a file of these bytes, readable by its owner alone. Raises OSError; then nothing changed.

    ``check`` reads the new file back before it replaces the old one, and raises if it is not what was to be written.
    """
    _replace(path, partial(_write_chunks, chunks=chunks), check)


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """As ``write_file``, for content that a library writes: ``write`` is called with the temporary path.

    The file has the mode of any new file. Raises OSError and what ``write`` raises; then nothing changed.
    """

    def write_and_sync(temporary: Path) -> None:
        write(temporary)
        _sync_file(temporary)

    _replace(path, write_and_sync, None)


def remove_unfinished(path: Path) -> None:
    """Delete what killed writers of ``path`` have left. Nobody may be writing it meanwhile. Raises OSError."""
    for left in path.parent.glob(f"{UNFINISHED}*-{path.name}"):
        left.unlink(missing_ok=True)


def move_file(path: Path, target: Path) -> None:
    """Move ``path`` to ``target``, forced to the disk, without copying a byte where both are on one file system.

    Across file systems it is copied and then deleted. Raises OSError; then at least one of the two is there, whole.
    """
    _sync_file(path)
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with path.open("rb") as stream:
            write_file(target, iter(lambda: stream.read(_CHUNK_BYTES), b""))
        path.unlink()
    else:
        sync_folder(target.parent)


def remove_file(path: Path) -> None:
    """Delete ``path`` so that a loss of power does not bring it back; nothing if it is not there. Raises OSError."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or deleted in a folder survive a loss of power."""
    if os.name == "nt":  # Folders cannot be opened there, and names are written through.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(path: Path, write: Callable[[Path], object], check: Callable[[Path], object] | None) -> None:
    """``write`` makes the temporary file and forces it to the disk."""
    temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(4)}-{path.name}")
    try:
        write(temporary)
        if check is not None:
            check(temporary)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _write_chunks(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb", buffering=0) as stream:
        for chunk in chunks:
            _write_all(stream.fileno(), chunk)
        os.fsync(stream.fileno())


def _write_all(handle: int, chunk: bytes | memoryview) -> None:
    """A write may take less than it was given, most often just before the disk is full."""
    rest = memoryview(chunk).cast("B")
    while rest:
        rest = rest[os.write(handle, rest) :]


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))  # some systems force only what can be written
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
