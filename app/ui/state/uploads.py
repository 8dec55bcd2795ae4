"""Files on their way from a browser to a job: the routes that receive them, and the folder where they wait.

A file lies under a number in a folder of its batch. The name that a browser sends, with the folders that were chosen,
is text for people and never used as a path. One request carries one file, so that names keep their folders and a bad
file stops no other; Gradio's own upload forgets the folders and takes a thousand files at most. The bytes are written
once: the job that takes a batch moves its files into the corpus. What is left because a browser went away is deleted a
day later, when a server starts or files are sent. ``serving.guard`` has checked every request before it arrives here.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import BinaryIO, Final

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from app.errors import InputError

FILE_BYTES: Final = 200 * 2**20  # the largest file that is received
_BATCH_FILES: Final = 100_000
_SPARE_BYTES: Final = 256 * 2**20  # stay free on the disk
_ABANDONED_S: Final = 24 * 3600.0
# Control characters, line separators, direction marks, halves of surrogate pairs.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NAME_BYTES: Final = 200  # of one part of a path
_PATH_PARTS: Final = 16


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file; ``name`` is what it was called on the user's machine, with its folders."""

    path: Path
    name: str


@dataclass(slots=True)
class _Batch:
    """Files that were chosen together: those received, how many were begun, and the names given, in lower case."""

    uploads: list[Upload] = field(default_factory=list)
    begun: int = 0
    names: set[str] = field(default_factory=set)


class UploadStore:
    """The files that browsers are sending, in batches. Who knows a batch's secret may add to it. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Keep the files of each batch in a folder inside ``folder``."""
        self._folder = folder
        self._batches: dict[str, _Batch] = {}
        self._lock = threading.Lock()

    def open(self) -> str:
        """Begin a batch; returns its secret. Raises OSError if its folder cannot be made."""
        self.sweep()
        batch = secrets.token_urlsafe(16)
        (self._folder / batch).mkdir(parents=True, mode=0o700)
        with self._lock:
            self._batches[batch] = _Batch()
        return batch

    async def receive(self, batch: str, name: str, length: int, chunks: AsyncIterator[bytes]) -> None:
        """Add one file to ``batch``. ``length`` in bytes is what the browser announced, 0 if it did not.

        Raises ``InputError`` if the batch has ended, the file is too large or the disk is full; then nothing is kept.
        """
        number = self._next_number(batch)
        path = self._folder / batch / f"{number}{_kind(name)}"
        try:
            self._require_room(name, length)
            with await anyio.to_thread.run_sync(_new_file, path) as stream:
                await _write(stream, name, chunks)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise InputError(
                f"{name} could not be kept: {error.strerror}", hint="free some space, then send it again"
            ) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            current = self._batches.get(batch)
            if current is not None:
                current.uploads.append(Upload(path, _unique(safe_path(name), current.names)))

    def take(self, batch: str) -> list[Upload]:
        """End a batch; its files sorted by ``natural_order``. Call ``discard`` when they have been moved away."""
        with self._lock:
            current = self._batches.pop(batch, _Batch())
        return sorted(current.uploads, key=lambda upload: natural_order(upload.name))

    def discard(self, batch: str) -> None:
        """End a batch, if it has not ended, and delete the files that are left of it."""
        with self._lock:
            self._batches.pop(batch, None)
        if re.fullmatch(r"[A-Za-z0-9_-]{22}", batch):
            shutil.rmtree(self._folder / batch, ignore_errors=True)

    def sweep(self) -> None:
        """Delete batches that nobody has touched for a day: their browser or their server has gone."""
        with contextlib.suppress(FileNotFoundError):
            for folder in self._folder.iterdir():
                if time.time() - folder.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)

    def _next_number(self, batch: str) -> int:
        with self._lock:
            current = self._batches.get(batch)
            if current is None:
                raise InputError("this upload has ended", hint="choose the files again")
            if current.begun >= _BATCH_FILES:
                raise InputError(
                    f"more than {_BATCH_FILES:,} files at once", hint="add the folder with: spandraft corpus add"
                )
            current.begun += 1
            return current.begun

    def _require_room(self, name: str, length: int) -> None:
        if length > FILE_BYTES:
            raise _too_large(name)
        if shutil.disk_usage(self._folder).free < length + _SPARE_BYTES:
            raise InputError(f"the disk has no room for {name}", hint="free some space, then send it again")


def upload_routes(uploads: UploadStore) -> APIRouter:
    """The routes that browsers send files to: begin a batch, add a file to it, give it up. Refusals are JSON."""
    routes = APIRouter(prefix="/library/uploads")

    @routes.post("")
    def begin() -> JSONResponse:
        try:
            return JSONResponse({"batch": uploads.open()})
        except OSError as error:
            return _refused(f"files cannot be kept: {error.strerror}", "free some space, then try again")

    @routes.post("/{batch}")
    async def receive(batch: str, name: str, request: Request) -> Response:
        length = request.headers.get("content-length", "0")
        try:
            size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0
            await uploads.receive(batch, name, size, request.stream())
        except InputError as error:
            return _refused(error.cause, error.hint)
        except ClientDisconnect:
            return Response(status_code=499)
        return Response(status_code=204)

    @routes.delete("/{batch}")
    def give_up(batch: str) -> Response:
        uploads.discard(batch)
        return Response(status_code=204)

    return routes


def safe_path(name: str) -> str:
    """``name`` made fit to be shown: its last 16 parts, none a way up, without control or direction characters."""
    parts = [_safe_name(part) for part in re.split(r"[/\\]", name) if part.strip(" .")]
    return "/".join(parts[-_PATH_PARTS:]) or "file"


def natural_order(name: str) -> tuple[tuple[str | int, ...], ...]:
    """A key that sorts paths as people do: folder by folder, and ``report 9`` before ``report 10``."""
    return tuple(
        tuple(int(piece) if index % 2 else piece for index, piece in enumerate(re.split(r"([0-9]+)", part)))
        for part in (*name.casefold().split("/"), name)
    )


def _kind(name: str) -> str:
    """The suffix of ``name``, by which a loader is chosen; empty if it is not a plain one."""
    suffix = PurePath(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,12}", suffix) else ""


def _new_file(path: Path) -> BinaryIO:
    """A new file that nobody else may read; it is moved into the corpus as it is."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb")


async def _write(stream: BinaryIO, name: str, chunks: AsyncIterator[bytes]) -> None:
    length = 0
    async for chunk in chunks:
        length += len(chunk)
        if length > FILE_BYTES:
            raise _too_large(name)
        await anyio.to_thread.run_sync(stream.write, chunk)


def _too_large(name: str) -> InputError:
    return InputError(
        f"{name} is larger than {FILE_BYTES // 2**20} MB", hint="split it, or add it with: spandraft corpus add"
    )


def _safe_name(name: str) -> str:
    """One part of a path: no control or direction characters, at most 200 bytes, its suffix kept."""
    plain = _UNSAFE.sub("_", name).strip(" ") or "_"
    stem, dot, suffix = plain.rpartition(".")
    if not dot:
        stem, suffix = plain, ""
    suffix = suffix[:20]
    room = _NAME_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + suffix


def _unique(name: str, taken: set[str]) -> str:
    """``name``, numbered if it is ``taken`` (else the second of two would replace the first), and taken from now on."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or "/" in suffix:
        stem, dot, suffix = name, "", ""
    unique, count = name, 1
    while unique.casefold() in taken:
        count += 1
        unique = f"{stem} ({count}){dot}{suffix}"
    taken.add(unique.casefold())
    return unique


def _refused(cause: str, hint: str) -> JSONResponse:
    return JSONResponse({"cause": cause, "hint": hint}, 422)
