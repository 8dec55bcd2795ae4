"""Files written so that a kill, a full disk or a loss of power leaves the old one or the new one, never a mixture.

Every file of a library besides the database is written here. A file is written beside its place, forced to the disk,
renamed, and its folder is forced to the disk. Knows nothing of what files hold.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

UNFINISHED: Final = ".new-"  # What begins so was left by a kill and may be deleted by whoever holds the writer's lock.
_CHUNK_BYTES: Final = 2**20


def write_file(
    path: Path, chunks: Iterable[bytes | memoryview], *, check: Callable[[Path], object] | None = None
) -> None:
    """Put ``chunks`` in the place of ``path``, all or nothing. Raises OSError; then the old file is as it was.

    ``check`` reads the new file back before it takes its place, and raises if it is not what was to be written.
    """
    fresh = path.with_name(f"{UNFINISHED}{secrets.token_hex(4)}-{path.name}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb", buffering=0) as stream:
            for chunk in chunks:
                _write_whole(stream.fileno(), chunk)
            os.fsync(stream.fileno())
        if check is not None:
            check(fresh)
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def move_file(path: Path, target: Path) -> None:
    """Move ``path`` to ``target``, forced to the disk, without copying a byte where both are on one file system.

    Across file systems it is copied and then deleted. Raises OSError; then at least one of the two is there, whole.
    """
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))  # some systems force only what can be written
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
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
    """Delete ``path`` for good, also after a loss of power; nothing if it is not there. Raises OSError."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was made, renamed or deleted in a folder survive a loss of power."""
    if os.name == "nt":  # Folders cannot be opened there, and names are written through.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_whole(handle: int, chunk: bytes | memoryview) -> None:
    """A write may take less than it was given, most often just before the disk is full."""
    rest = memoryview(chunk).cast("B")
    while rest:
        rest = rest[os.write(handle, rest) :]
