"""The models of a home folder: each added, and removed, at once or not at all, whatever kills the process meanwhile.

A model is converted in a folder whose name begins ``.new-``, forced to the disk and renamed. One process converts at a
time; another waits for it and finds the model there. Whatever a dead process left goes when the store is next used.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from app.config.settings import SMOLLM2
from app.errors import InputError, ModelError, UnknownNameError, unknown
from app.model_store.checksum import sha256
from app.model_store.conversion import Report, convert, is_no_room, no_room, require_convertible
from app.model_store.gguf_file import GgufFile, read_gguf
from app.model_store.records import RECORD, WEIGHTS, ModelRecord, read_record
from corpora.errors import LibraryBusy
from corpora.store.atomic_write import sync_folder, write_file
from corpora.store.locks import WriterLock

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NEW, _GONE = ".new-", ".gone-"
_REMOVED: Final = ".removed-"
_LONGEST_WAIT_S: Final = 3600.0
_NO_NAMES: Final = ("auto", "bundled", "none", "tiny")


class ModelStore:
    """The converted models under ``home``. Several processes may use it at once."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "models"

    def path(self, name: str) -> Path:
        """The folder of a model, whether or not it is there."""
        return self.folder / name

    def record(self, name: str) -> ModelRecord | None:
        """What is known of a model; None if there is none of that name, or it must be converted anew."""
        return read_record(self.path(name)) if _NAME.fullmatch(name) else None

    def records(self) -> list[ModelRecord]:
        """All models by name."""
        return [record for name in self._names() if (record := self.record(name)) is not None]

    def unreadable(self) -> list[str]:
        """Names of folders that hold no model which this version knows."""
        return [name for name in self._names() if self.record(name) is None]

    def was_removed(self, name: str) -> bool:
        """Whether somebody removed this model and has not got it again."""
        return (self.folder / f"{_REMOVED}{name}").exists()

    def made_from(self, file: Path) -> str | None:
        """The model that was converted from this very file: the same name, size and time, or else the same bytes.

        Raises ModelError for a file that cannot be read.
        """
        try:
            status = file.stat()
            same_size = [one for one in self.records() if one.source_bytes == status.st_size]
            for record in same_size:
                if record.source == file.name and record.source_mtime_ns == status.st_mtime_ns:
                    return record.name
            digest = sha256(file) if same_size else ""
        except OSError as error:
            raise ModelError(f"{file} cannot be read: {error.strerror}", hint="check the path") from error
        return next((record.name for record in same_size if record.source_sha256 == digest), None)

    def add(
        self,
        file: Path,
        name: str | None = None,
        *,
        origin: str,
        licence: str | None = None,
        report: Report,
        check: Callable[[Path, str], object] | None = None,
    ) -> ModelRecord:
        """Convert a GGUF file, unless it was converted before; by default its name is the file's, with a few digits of
        its checksum.

        ``check`` is given the file and its SHA-256 before anything is made of it. Raises InputError for a name that is
        taken or no name, ModelError for a file that cannot be converted and a disk that is full; then nothing is left
        behind.
        """
        gguf = read_gguf(file)
        self._make_folder()
        if not any(one.source_bytes == file.stat().st_size for one in self.records()):
            # It cannot be here already, and to read all of what is refused could take an hour.
            require_convertible(gguf, self.folder)
        digest = sha256(file)
        if check is not None:
            check(file, digest)
        name = _require_name(name) if name is not None else _name_of(file, digest)
        with self._locked(report):
            there = self.record(name)
            if there is not None and there.source_sha256 == digest:
                self._forget_removal(name)
                return there
            if there is not None:
                raise InputError(
                    f'there is a model called "{name}" already, made of {there.source}',
                    hint=f"choose another name, or spandraft models remove {name}",
                )
            require_convertible(gguf, self.folder)
            report(
                f"Converting {file.name} ({gguf.parameters / 1e6:,.0f} million weights, {gguf.quantization}), once ..."
            )
            record = self._converted(gguf, name, digest, origin=origin, licence=licence or gguf.licence)
            self._forget_removal(name)
        return record

    def remove(self, name: str) -> int:
        """Remove a model for good, and say how many bytes are free again. Raises UnknownNameError, ModelError."""
        folder = self.path(name)
        if name not in self._names():
            raise self._unknown(name)
        with self._locked(lambda _: None):
            freed_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if name == SMOLLM2:  # Its wheel may still be there, from which it would be converted again.
                (self.folder / f"{_REMOVED}{name}").touch()
            gone = self.folder / f"{_GONE}{secrets.token_hex(4)}"
            folder.rename(gone)
            sync_folder(self.folder)
            shutil.rmtree(gone, ignore_errors=True)
        return freed_bytes

    def damage(self, name: str) -> str | None:
        """What is wrong with the weights of a model; None if they are those that were written. Reads all of them."""
        record = self.record(name)
        if record is None:
            return "has no record that this version can read"
        weights = self.path(name) / WEIGHTS
        if not weights.is_file():
            return "has lost its weights"
        if weights.stat().st_size != record.weights_bytes or sha256(weights) != record.weights_sha256:
            return "has other weights than were written"
        return None

    def leftovers(self) -> list[Path]:
        """What killed processes have left, and what one that is at work now is writing."""
        return [*self.folder.glob(f"{_NEW}*"), *self.folder.glob(f"{_GONE}*")] if self.folder.is_dir() else []

    def tidy(self) -> None:
        """Remove what killed processes have left, unless somebody is at work."""
        if self.leftovers():
            with contextlib.suppress(LibraryBusy, OSError), self._lock().held(0.0):
                self._remove_leftovers()

    def _converted(self, gguf: GgufFile, name: str, digest: str, *, origin: str, licence: str | None) -> ModelRecord:
        new = self.folder / f"{_NEW}{secrets.token_hex(4)}"
        try:
            new.mkdir(mode=0o755)
            made = convert(gguf, new)
            record = ModelRecord(
                name=name,
                source=gguf.path.name,
                source_bytes=gguf.size_bytes,
                source_mtime_ns=gguf.path.stat().st_mtime_ns,
                source_sha256=digest,
                origin=origin,
                licence=licence,
                architecture=gguf.architecture,
                quantization=gguf.quantization,
                parameters=gguf.parameters,
                dtype=made.dtype,
                weights_bytes=made.weights_bytes,
                weights_sha256=made.weights_sha256,
            )
            _write_record(new, record)
            if self.path(name).exists():  # Of another format, or without its record.
                self.path(name).rename(self.folder / f"{_GONE}{secrets.token_hex(4)}")
            new.rename(self.path(name))
            sync_folder(self.folder)
        finally:
            self._remove_leftovers()
        return record

    def _remove_leftovers(self) -> None:
        """Under the lock, so that nobody is writing any of it."""
        for left in self.leftovers():
            shutil.rmtree(left, ignore_errors=True)

    def _forget_removal(self, name: str) -> None:
        (self.folder / f"{_REMOVED}{name}").unlink(missing_ok=True)

    def _lock(self) -> WriterLock:
        return WriterLock(self.folder / "writer.lock")

    @contextlib.contextmanager
    def _locked(self, report: Report) -> Iterator[None]:
        """Wait for the lock; say so if that takes long. Leftovers are gone inside. Raises ModelError, also for what the
        disk refuses inside.
        """
        self._make_folder()
        lock = self._lock()
        with self._disk_errors(), contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock.held(0.0))
            except LibraryBusy as busy:
                report(f"Waiting: {busy.cause} ...")
                stack.enter_context(lock.held(_LONGEST_WAIT_S))
            self._remove_leftovers()
            yield

    def _make_folder(self) -> None:
        with self._disk_errors():
            self.folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _disk_error(self.folder, error) from error

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(one.name for one in self.folder.iterdir() if one.is_dir() and _NAME.fullmatch(one.name))

    def _unknown(self, name: str) -> UnknownNameError:
        return unknown("model", name, self._names())


def _require_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name in _NO_NAMES or name.endswith(".gguf"):
        raise InputError(
            f'a model cannot be called "{name}"',
            hint="use lower-case letters, digits, dots, hyphens and underscores; "
            + ", ".join(_NO_NAMES)
            + " are taken",
        )
    return name


def _name_of(file: Path, digest: str) -> str:
    """A name for what is made of a file: its own, and enough of the checksum to tell two of that name apart."""
    stem = re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._")[:50] or "model"
    return f"{stem}-{digest[:8]}"


def _write_record(folder: Path, record: ModelRecord) -> None:
    """The record, and all that was written before it, on the disk."""
    for file in folder.iterdir():
        handle = os.open(file, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    write_file(folder / RECORD, [record.written().encode()])
    sync_folder(folder)


def _disk_error(folder: Path, error: OSError) -> ModelError:
    if is_no_room(error):
        return no_room(folder)
    return ModelError(
        f"{folder} cannot be written: {error.strerror or error}",
        hint="check its permissions and the disk, or set SPANDRAFT_HOME to another folder",
    )
