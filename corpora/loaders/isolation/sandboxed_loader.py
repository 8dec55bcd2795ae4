"""Runs a loader in a child process with limits on time, memory and output, and brings back its document.

A hostile file can only end its own child. Knows nothing of formats; how children come to be is the nursery's.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from corpora import errors
from corpora.documents import Document
from corpora.loaders.isolation.client import ForkServerDied, is_possible, shared
from corpora.loaders.isolation.opening import read_file
from corpora.loaders.isolation.spawn_fallback import ask_spawned
from corpora.loaders.isolation.task import Ended, Task
from corpora.loaders.isolation.wire_format import Unbelievable, read_document, read_members
from corpora.loaders.limits import Limits
from corpora.loaders.table import loader_name


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, named by the way to it from the archive on. ``error`` says why it has no bytes."""

    name: str
    data: bytes = b""
    error: errors.LoaderError | None = None


def load_file(
    path: Path | str, name: str | None = None, *, limits: Limits | None = None, within: Path | None = None
) -> Document:
    """Read one file as a document called ``name`` (its file name if none). Raises ``LoaderError``.

    ``within`` is the folder in which the file was found: no symbolic link below it is followed, also none that was
    put there since.
    """
    path = Path(path)
    limits = limits or Limits()
    loader_name(path.name)  # an unknown suffix is refused before anything is read
    return load_bytes(read_file(path, limits.file_bytes + 1, within=within), name or path.name, limits=limits)


def load_bytes(data: bytes, name: str, *, limits: Limits | None = None) -> Document:
    """Read a file's bytes as a document; ``name`` is its file name and picks the loader. Raises ``LoaderError``."""
    limits = limits or Limits()
    name = printable(name)
    loader = loader_name(name)
    _check_size(data, name, limits)
    return run_loader(loader, data, name, limits=limits)


def run_loader(loader: str, data: bytes, name: str, *, limits: Limits) -> Document:
    """Run the loader called ``module:function`` on these bytes in a child process. Raises ``LoaderError``."""
    task = Task("document", loader, name, limits)
    return document_of(task, *ask(task, data))


def document_of(task: Task, answer: bytes | bytearray, ended: Ended) -> Document:
    """The document in what a child answered, if it is to be believed. Raises ``LoaderError``."""
    _check_end(task, answer, ended)
    try:
        return read_document(answer, task.name)
    except Unbelievable as error:
        raise _not_believed(task.name, error) from error


def expand(data: bytes, name: str, limits: Limits | None = None) -> list[Member]:
    """The files in a .zip called ``name``, zips inside it opened too. Raises ``LoaderError`` if the archive is bad.

    What is wrong with one member, or with an archive inside this one, is an error in its place.
    """
    limits = limits or Limits()
    name = printable(name)
    _check_size(data, name, limits)
    task = Task("members", "", name, limits)
    answer, ended = ask(task, data)
    _check_end(task, answer, ended)
    members: list[Member] = []
    try:
        for member, content in read_members(answer):
            called = printable(member)
            if isinstance(content, errors.LoaderError):
                members.append(Member(called, error=content))
            else:
                members.append(Member(called, content))
    except Unbelievable as error:
        raise _not_believed(name, error) from error
    return members


def ask(task: Task, data: bytes) -> tuple[bytes | bytearray, Ended]:
    """What a child answered, not yet believed, and what it cost."""
    if not is_possible():
        return ask_spawned(task, data)
    try:
        return shared().ask(task, data)
    except ForkServerDied:
        return ask_spawned(task, data)  # perhaps this very file ended it: now it can only end its own


def _check_end(task: Task, answer: bytes | bytearray, ended: Ended) -> None:
    """Raise ``LoaderError`` if the child ended badly."""
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


def _not_believed(name: str, error: Unbelievable) -> errors.LoaderCrashed:
    return errors.LoaderCrashed(
        f"the loader of {name} answered nonsense ({error})", hint="do not trust this file; make it anew if you can"
    )


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
