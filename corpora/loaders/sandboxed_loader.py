"""The way in for files: runs a loader in a worker process with limits on time, memory and output, returns its document.

A hostile file can only end its own worker. ``read_file`` opens a path first, and only an ordinary file: no pipe, no
device, no link that was not named. Knows nothing of formats; ``isolation`` starts the workers.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from corpora import errors
from corpora.documents import Document
from corpora.loaders.isolation.client import ForkServerDied, is_possible, shared_fork_server
from corpora.loaders.isolation.spawn_fallback import ask_spawned
from corpora.loaders.isolation.wire_format import InvalidAnswer, Task, WorkerExit, decode_document, decode_members
from corpora.loaders.registry import Limits, loader_name

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, named by its path from the archive on. ``error`` says why it has no bytes."""

    name: str
    data: bytes = b""
    error: errors.LoaderError | None = None


def load_file(
    path: Path | str, name: str | None = None, *, limits: Limits | None = None, within: Path | None = None
) -> Document:
    """Read one file as a document called ``name`` (None: its file name). Raises ``LoaderError``.

    ``within`` is the folder in which the file was found: no symbolic link below it is followed, not even one that was
    put there since.
    """
    path = Path(path)
    limits = limits or Limits()
    loader_name(path.name)  # an unknown suffix is refused before anything is read
    return load_bytes(read_file(path, limits.file_bytes + 1, within=within), name or path.name, limits=limits)


def load_bytes(data: bytes, name: str, *, limits: Limits | None = None) -> Document:
    """Read a file's bytes as a document; ``name`` is its file name and selects the loader. Raises ``LoaderError``."""
    limits = limits or Limits()
    name = printable(name)
    loader = loader_name(name)
    _check_size(data, name, limits)
    return run_loader(loader, data, name, limits=limits)


def run_loader(loader: str, data: bytes, name: str, *, limits: Limits) -> Document:
    """Run the loader called ``module:function`` on these bytes in a worker process. Raises ``LoaderError``."""
    task = Task("document", loader, name, limits)
    return document_of(task, *ask(task, data))


def document_of(task: Task, answer: bytes | bytearray, ended: WorkerExit) -> Document:
    """The document in a worker's answer, validated. Raises ``LoaderError``."""
    _check_end(task, answer, ended)
    try:
        return decode_document(answer, task.name)
    except InvalidAnswer as error:
        raise _invalid_answer(task.name, error) from error


def expand(data: bytes, name: str, limits: Limits | None = None) -> list[Member]:
    """The files in a zip called ``name``, zips inside it expanded, too. Raises ``LoaderError`` if the archive is bad.

    What is wrong with one member, or with an archive inside this one, is that member's ``error``.
    """
    limits = limits or Limits()
    name = printable(name)
    _check_size(data, name, limits)
    task = Task("members", "", name, limits)
    answer, ended = ask(task, data)
    _check_end(task, answer, ended)
    members: list[Member] = []
    try:
        for member, content in decode_members(answer):
            path = printable(member)
            if isinstance(content, errors.LoaderError):
                members.append(Member(path, error=content))
            else:
                members.append(Member(path, content))
    except InvalidAnswer as error:
        raise _invalid_answer(name, error) from error
    return members


def ask(task: Task, data: bytes) -> tuple[bytes | bytearray, WorkerExit]:
    """Run a task in a worker: its answer, not validated, and how the worker ended."""
    if not is_possible():
        return ask_spawned(task, data)
    try:
        return shared_fork_server().ask(task, data)
    except ForkServerDied:
        return ask_spawned(task, data)  # Perhaps this file killed it: now it can only kill a process of its own.


def read_file(path: Path, limit: int, *, within: Path | None = None) -> bytes:
    """At most ``limit`` bytes of an ordinary file. Raises ``MissingFile``, ``UnreadableFile``.

    ``within`` is a folder that the path begins with; below it no symbolic link is followed. The opened file is checked,
    not its path, which may lead elsewhere a moment later.
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
        return []  # Without its folder there is no name to suggest.


def _check_end(task: Task, answer: bytes | bytearray, ended: WorkerExit) -> None:
    """Raise ``LoaderError`` if the worker did not end well."""
    name, limits = task.name, task.limits
    if ended.is_late or (sys.platform != "win32" and ended.status == -signal.SIGXCPU):
        raise errors.LoaderTimeout(
            f"{name} took longer than {limits.wall_s:g} s to read",
            hint="split the file, or save it in a simpler format",
        )
    if len(answer) > task.answer_bytes:
        raise errors.TooLarge(
            f"the text of {name} is larger than {limits.output_bytes // 2**20} MiB",
            hint="split the file and add the parts",
        )
    if ended.status != 0 or not answer:
        raise errors.LoaderCrashed(
            f"the loader of {name} died ({_ending(ended.status)})", hint="open the file and save it anew, then add that"
        )


def printable(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 and control characters become the replacement character."""
    # Python reads such bytes as halves of surrogate pairs, which are not printable.
    return "".join(ch if ch.isprintable() else "\N{REPLACEMENT CHARACTER}" for ch in name)


def _check_size(data: bytes, name: str, limits: Limits) -> None:
    if not data:
        raise errors.EmptyFile(f"{name} is empty", hint="add a file with text in it")
    if len(data) > limits.file_bytes:
        raise errors.TooLarge(
            f"{name} is larger than {limits.file_bytes // 2**20} MiB", hint="split the file and add the parts"
        )


def _invalid_answer(name: str, error: InvalidAnswer) -> errors.LoaderCrashed:
    return errors.LoaderCrashed(
        f"what the loader of {name} sent back cannot be read ({error})",
        hint="do not trust this file; make it anew if you can",
    )


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
