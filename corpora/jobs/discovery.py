"""Finds the files that paths stand for: folders are walked in order, each file once, with the name of its document.

A file in a folder that is no document is listed with the reason why it is skipped. Reads no file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from corpora.errors import UnknownSuffix
from corpora.loaders.registry import is_archive, loader_name
from corpora.store.document_names import safe_name

_LOCK_FILE = "~$"  # what office programs leave beside a document that is open


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to add, its absolute path, and the name of its document: within a folder, the path from that folder on.

    ``skip_reason`` says why something in a folder is no document. A file that does not exist has no ``bytes``.
    """

    path: Path
    name: str
    bytes: int = 0
    mtime_ns: int = 0
    skip_reason: str | None = None
    unreadable_folder: bool = False


def found_files(paths: Sequence[Path | str]) -> list[FoundFile]:
    """The files that paths stand for, each once: folders in alphabetical order, links in them not followed.

    A path that was named itself is always listed, so that a missing file or one of an unknown kind is reported.
    """
    by_path: dict[Path, FoundFile] = {}
    for path in map(Path, paths):
        if path.is_dir():
            folder = path.resolve()
            files = _in_folder(folder, folder.name)
        else:
            files = iter([_found(resolve_path(path), path.name, within=False)])
        for file in files:
            by_path.setdefault(file.path, file)
    return list(by_path.values())


def resolve_path(path: Path) -> Path:
    """The absolute path in one spelling, whatever the current folder is; a link that was named stays a link."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def skip_reason(name: str) -> str | None:
    """Why a file of this name, found in a folder or an archive, is no document; None if it may be one."""
    own = PurePath(name).name
    if own.startswith("."):
        return "it is hidden"
    if own.startswith(_LOCK_FILE):
        return "it is the lock file of a document that was open"
    if is_archive(own):
        return None
    try:
        loader_name(own)
    except UnknownSuffix:
        suffix = safe_name(PurePath(own).suffix.lower())
        return f"files ending in {suffix} cannot be read" if suffix else "it has no suffix that names its kind"
    return None


def _in_folder(folder: Path, name: str) -> Iterator[FoundFile]:
    """Everything in a folder and the folders in it; with a stack, since folders nest deeper than calls may."""
    waiting: list[tuple[Path, str, bool]] = [(folder, name, True)]
    while waiting:
        path, name, is_folder = waiting.pop()
        if not is_folder:
            yield _found(path, name, within=True)
            continue
        try:
            with os.scandir(path) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError:
            yield FoundFile(path, safe_name(name), unreadable_folder=True)  # reading it will fail, too, and report why
            continue
        for entry in reversed(entries):
            inner = path / entry.name, f"{name}/{entry.name}"
            waiting.append((*inner, entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")))


def _found(path: Path, name: str, *, within: bool) -> FoundFile:
    """A file with its size and time; ``within`` a folder only ordinary files of known kinds are documents."""
    name = safe_name(name.lstrip("/"))
    reason = skip_reason(path.name) if within else None
    try:
        status = path.lstat() if within else path.stat()
    except (OSError, ValueError):  # gone meanwhile, or an impossible name; reading it will report that
        return FoundFile(path, name, skip_reason=reason)
    if within and stat.S_ISLNK(status.st_mode):
        reason = "it is a symbolic link"
    elif within and not stat.S_ISREG(status.st_mode) and reason is None:
        reason = "it is no ordinary file"
    return FoundFile(path, name, status.st_size if stat.S_ISREG(status.st_mode) else 0, status.st_mtime_ns, reason)
