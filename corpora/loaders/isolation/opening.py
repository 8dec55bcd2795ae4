"""Opens what a path names, if it is a file, and reads it: no pipe, no device, no link that was not meant.

What is opened is checked, not what was looked up before: a path may lead elsewhere a moment later.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from corpora import errors

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def read_file(path: Path, limit: int, *, within: Path | None = None) -> bytes:
    """At most ``limit`` bytes of a file. Raises ``MissingFile``, ``UnreadableFile``.

    ``within`` is a folder that the path begins with; below it no symbolic link is followed.
    """
    try:
        with os.fdopen(_opened(path, within), "rb") as file:
            # A pipe or device would block or never end.
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise errors.UnreadableFile(f"{path} is not a file", hint="name a file, or a folder of files")
            return file.read(limit)
    except FileNotFoundError as error:
        near = errors.nearest(path.name, _siblings(path))
        hint = f"did you mean {path.with_name(near)}?" if near else "check the path"
        raise errors.MissingFile(f"{path} does not exist", hint=hint) from error
    except ValueError as error:  # a NUL in it, or it leads out of the folder
        raise errors.UnreadableFile(f"{path} is no path", hint="check the path") from error
    except OSError as error:
        raise errors.UnreadableFile(
            f"{path} cannot be read: {error.strerror}", hint="check the path and its permissions"
        ) from error


def _opened(path: Path, within: Path | None) -> int:
    if within is None:
        return os.open(path, _READ)
    if os.open not in os.supports_dir_fd:
        return os.open(path, _READ | _NO_LINK)
    *folders, last = path.relative_to(within).parts
    if ".." in (*folders, last):
        raise ValueError("the path leads up")
    folder = os.open(within, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(last, _READ | _NO_LINK, dir_fd=folder)
    finally:
        os.close(folder)


def _siblings(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []  # Without its folder there is nothing that may have been meant.
