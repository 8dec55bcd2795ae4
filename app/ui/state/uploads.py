"""Files on their way from a browser to a job: kept under numbers in a folder of their own, named only in memory.

The name that a browser sends is text for people, with the folders that were chosen; it is never used as a path. What
is left behind, because a browser went away, is swept up a day later, when a server starts or files are sent.

Where browsers send files: one request a file, so that names keep their folders and one bad file stops no other.

Gradio's own upload forgets the folders and takes a thousand files at most. Refuses with cause and hint as JSON. The
guard has looked at every request before.
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

FILE_BYTES: Final = 200 * 2**20
_FILES: Final = 100_000
_SPARE_BYTES: Final = 256 * 2**20
_ABANDONED_S: Final = 24 * 3600.0
# Controls, line separators, marks of direction, halves of surrogate pairs.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NAME_BYTES: Final = 200
_FOLDERS: Final = 16


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was received, and the name it had on the user's machine, with its folders."""

    path: Path
    name: str


@dataclass(slots=True)
class _Batch:
    uploads: list[Upload] = field(default_factory=list)
    begun: int = 0
    names: set[str] = field(default_factory=set)


class Incoming:
    """What browsers are sending. A batch is known by a secret; any thread may use it."""

    def __init__(self, folder: Path) -> None:
        """Keep the files of each batch in a folder inside ``folder``."""
        self._folder = folder
        self._batches: dict[str, _Batch] = {}
        self._lock = threading.Lock()

    def open(self) -> str:
        """Begin a batch; its secret."""
        self.sweep()
        batch = secrets.token_urlsafe(16)
        (self._folder / batch).mkdir(parents=True, mode=0o700)
        with self._lock:
            self._batches[batch] = _Batch()
        return batch

    async def receive(self, batch: str, name: str, length: int, chunks: AsyncIterator[bytes]) -> None:
        """Keep one file of ``length`` bytes, as far as is known. Raises ``InputError``, and then nothing is kept."""
        number = self._begun(batch)
        path = self._folder / batch / f"{number}{_kind(name)}"
        try:
            self._require_room(name, length)
            with await anyio.to_thread.run_sync(_created, path) as stream:
                await _written(stream, name, chunks)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise InputError(
                f"{name} could not be kept: {error.strerror}", hint="free some space, then send it again"
            ) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            known = self._batches.get(batch)
            if known is not None:
                known.uploads.append(Upload(path, _own(safe_path(name), known.names)))

    def take(self, batch: str) -> list[Upload]:
        """The files of a batch in the order of their names; it takes no more. ``discard`` it afterwards."""
        with self._lock:
            known = self._batches.pop(batch, _Batch())
        return sorted(known.uploads, key=lambda upload: natural(upload.name))

    def discard(self, batch: str) -> None:
        """Delete what is left of a batch."""
        with self._lock:
            self._batches.pop(batch, None)
        if re.fullmatch(r"[A-Za-z0-9_-]{22}", batch):
            shutil.rmtree(self._folder / batch, ignore_errors=True)

    def sweep(self) -> None:
        """Delete what browsers and earlier servers left behind."""
        with contextlib.suppress(FileNotFoundError):
            for folder in self._folder.iterdir():
                if time.time() - folder.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)

    def _begun(self, batch: str) -> int:
        with self._lock:
            known = self._batches.get(batch)
            if known is None:
                raise InputError("this upload has ended", hint="choose the files again")
            if known.begun >= _FILES:
                raise InputError(
                    f"more than {_FILES:,} files at once", hint="add the folder with: spandraft corpus add"
                )
            known.begun += 1
            return known.begun

    def _require_room(self, name: str, length: int) -> None:
        if length > FILE_BYTES:
            raise _too_large(name)
        if shutil.disk_usage(self._folder).free < length + _SPARE_BYTES:
            raise InputError(f"the disk has no room for {name}", hint="free some space, then send it again")


def _kind(name: str) -> str:
    """The suffix, by which a loader is chosen, if it is a plain one."""
    suffix = PurePath(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,12}", suffix) else ""


def safe_path(name: str) -> str:
    """``name`` as something that can be shown and told apart: its last folders, nothing that steers a text."""
    parts = [_safe_name(part) for part in re.split(r"[/\\]", name) if part.strip(" .")]
    return "/".join(parts[-_FOLDERS:]) or "file"


def natural(name: str) -> tuple[tuple[str | int, ...], ...]:
    """A key that sorts paths as people do: folder by folder, and ``report 9`` before ``report 10``."""
    return tuple(
        tuple(int(piece) if index % 2 else piece for index, piece in enumerate(re.split(r"([0-9]+)", part)))
        for part in (*name.casefold().split("/"), name)
    )


def _created(path: Path) -> BinaryIO:
    """A new file that nobody else may read; it is moved into the corpus as it is."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb")


async def _written(stream: BinaryIO, name: str, chunks: AsyncIterator[bytes]) -> None:
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


def _own(name: str, taken: set[str]) -> str:
    """A name that no other file of the batch has: the second of two would replace the first."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or "/" in suffix:
        stem, dot, suffix = name, "", ""
    own, count = name, 1
    while own.casefold() in taken:
        count += 1
        own = f"{stem} ({count}){dot}{suffix}"
    taken.add(own.casefold())
    return own


def upload_routes(incoming: Incoming) -> APIRouter:
    """The routes: open a batch, send a file of it, give it up."""
    routes = APIRouter(prefix="/library/uploads")

    @routes.post("")
    def begin() -> JSONResponse:
        try:
            return JSONResponse({"batch": incoming.open()})
        except OSError as error:
            return _refused(f"files cannot be kept: {error.strerror}", "free some space, then try again")

    @routes.post("/{batch}")
    async def receive(batch: str, name: str, request: Request) -> Response:
        length = request.headers.get("content-length", "0")
        try:
            size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0
            await incoming.receive(batch, name, size, request.stream())
        except InputError as error:
            return _refused(error.cause, error.hint)
        except ClientDisconnect:
            return Response(status_code=499)
        return Response(status_code=204)

    @routes.delete("/{batch}")
    def give_up(batch: str) -> Response:
        incoming.discard(batch)
        return Response(status_code=204)

    return routes


def _refused(cause: str, hint: str) -> JSONResponse:
    return JSONResponse({"cause": cause, "hint": hint}, 422)
