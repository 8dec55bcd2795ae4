"""Runs a loader in a child process with limits on time, memory and output, and brings back its document.

The child gets the file's bytes on stdin and answers with one JSON object on stdout; nothing else crosses.
Knows nothing of formats: a hostile file can only end its own child.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from corpora import errors
from corpora.documents import Document
from corpora.loaders.limits import Limits
from corpora.loaders.table import loader_name

_ROOT = Path(__file__).resolve().parents[2]


def load_file(path: Path | str, name: str | None = None, *, limits: Limits | None = None) -> Document:
    """Read one file as a document called ``name`` (its file name if none). Raises ``LoaderError``."""
    path = Path(path)
    limits = limits or Limits()
    try:
        # A pipe or device would block or never end, so what is opened is checked, not what was looked up.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise errors.UnreadableFile(f"{path} is not a file", hint="name a file, or a folder of files")
            loader_name(path.name)  # an unknown suffix is refused before anything is read
            data = file.read(limits.file_bytes + 1)
    except FileNotFoundError as error:
        siblings = _siblings(path)
        near = errors.nearest(path.name, siblings)
        hint = f"did you mean {path.with_name(near)}?" if near else "check the path"
        raise errors.MissingFile(f"{path} does not exist", hint=hint) from error
    except OSError as error:
        raise errors.UnreadableFile(
            f"{path} cannot be read: {error.strerror}", hint="check the path and its permissions"
        ) from error
    return load_bytes(data, name or path.name, limits=limits)


def load_bytes(data: bytes, name: str, *, limits: Limits | None = None) -> Document:
    """Read a file's bytes as a document; ``name`` is its file name and picks the loader. Raises ``LoaderError``."""
    limits = limits or Limits()
    name = _printable(name)
    loader = loader_name(name)
    if not data:
        raise errors.EmptyFile(f"{name} is empty", hint="add a file with text in it")
    if len(data) > limits.file_bytes:
        raise errors.TooLarge(
            f"{name} is larger than {limits.file_bytes // 2**20} MiB", hint="split the file and add the parts"
        )
    return run_loader(loader, data, name, limits=limits)


def run_loader(loader: str, data: bytes, name: str, *, limits: Limits) -> Document:
    """Run the loader called ``module:function`` on these bytes in a child process. Raises ``LoaderError``."""
    answer = _answer_of_child(data, name, loader, limits)
    if error := answer.get("error"):
        raise _error_named(error["type"])(error["cause"], hint=error["hint"])
    return Document.of(name, answer["text"], answer["metadata"])


def _answer_of_child(data: bytes, name: str, loader: str, limits: Limits) -> dict[str, Any]:
    """Run the child to its end, or end it; the JSON object it wrote."""
    command = [sys.executable, "-P", "-s", "-m", "corpora.loaders.child", loader, name]
    process = subprocess.Popen(
        [*command, json.dumps(asdict(limits))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"},
        cwd=_ROOT.anchor,
        start_new_session=True,
    )
    with _ended_after(process, limits.wall_s) as late, _fed(process, data):
        assert process.stdout is not None
        output = process.stdout.read(limits.output_bytes + 1)
        if len(output) > limits.output_bytes:
            _kill(process)
        status = process.wait()
    if late.is_set() or status == -signal.SIGXCPU:
        raise errors.LoaderTimeout(
            f"{name} took longer than {limits.wall_s:g} s to read",
            hint="split the file, or save it in a simpler format",
        )
    if len(output) > limits.output_bytes:
        raise errors.TooLarge(
            f"the text of {name} is larger than {limits.output_bytes // 2**20} MiB",
            hint="split the file and add the parts",
        )
    if status != 0 or not output:
        raise errors.LoaderCrashed(
            f"the loader of {name} died ({_ending(status)})", hint="open the file and save it anew, then add that"
        )
    answer: dict[str, Any] = json.loads(output)
    return answer


@contextmanager
def _ended_after(process: subprocess.Popen[bytes], wall_s: float) -> Iterator[threading.Event]:
    """End the child's whole process group after ``wall_s``, or on leaving; the event says that time ran out."""
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(wall_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def _fed(process: subprocess.Popen[bytes], data: bytes) -> Iterator[None]:
    """Write the file to the child while its answer is being read."""

    def feed() -> None:
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                pipe.write(data)
        except BrokenPipeError:
            return  # the child ended early; its answer or its status says why

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield
    finally:
        _kill(process)
        feeder.join()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and everything it started; nothing if it has ended and was waited for."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _error_named(name: str) -> type[errors.LoaderError]:
    """The loader error of that name; the child can name no other class."""
    known = {cls.__name__: cls for cls in errors.LoaderError.__subclasses__()}
    return known.get(name, errors.LoaderCrashed)


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def _siblings(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []


def _printable(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 and control characters become the replacement character."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(ch if ch.isprintable() else "\N{REPLACEMENT CHARACTER}" for ch in text)
