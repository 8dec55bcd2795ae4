"""A disk that loses its power: what is left of recorded calls if only what was forced to it is sure to be there.

Each name is sure once its folder was forced, each byte once its file was. Of the rest anything may have arrived: names
in the order in which they were made, as file systems with a journal keep them; writes of a file in any selection, the
last sector by sector. Knows nothing of what is in the files.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_HEAD = struct.Struct("<qqqqq")


@dataclass(frozen=True)
class Call:
    """One record of the shim."""

    kind: str
    file: int
    offset: int
    first: bytes
    second: bytes


def calls_in(trace: Path) -> Iterator[Call]:
    """All records, in order."""
    data = trace.read_bytes()
    at = 0
    while at < len(data):
        kind, file, offset, first, second = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Call(chr(kind), file, offset, data[at : at + first], data[at + first : at + first + second])
        at += first + second


@dataclass
class File:
    """What was forced to the disk, and the changes since: (offset, data), or (length, None) for a cut."""

    sure: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def force(self) -> None:
        for change in self.pending:
            apply(self.sure, change)
        self.pending.clear()

    def left(self, chance: random.Random | None) -> bytes:
        """The content after the loss; without ``chance`` only what is sure."""
        content = bytearray(self.sure)
        if chance is not None:
            share = chance.choice((0.0, 0.5, 1.0))
            for offset, data in self.pending:
                if chance.random() < share:
                    if data is not None and chance.random() < 0.2:
                        data = data[: chance.randrange(0, len(data) + 1, SECTOR)]
                    apply(content, (offset, data))
        return bytes(content)


def apply(content: bytearray, change: tuple[int, bytes | None]) -> None:
    offset, data = change
    if data is None:
        del content[offset:]
        data = b""
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data


@dataclass
class Folder:
    """Names as the process sees them, and those that are sure."""

    now: dict[str, Folder | File] = field(default_factory=dict)
    sure: dict[str, Folder | File] = field(default_factory=dict)


# (folder, name, what it names from then on)
Naming = tuple[Folder, str, Folder | File | None]


class Disk:
    """Everything below ``root``, call by call."""

    def __init__(self, root: Path) -> None:
        self._root_path = str(root.resolve())
        self._root = Folder()
        self._files: dict[int, File] = {}
        self._pending: list[list[Naming]] = []  # each entry is one call: all of it arrives, or nothing

    def take(self, call: Call) -> None:
        """One more call was made."""
        match call.kind:
            case "c":
                self._files[call.file] = File()
                self._name([(*self._place(call.first), self._files[call.file])])
            case "m":
                self._name([(*self._place(call.first), Folder())])
            case "w":
                if call.file not in self._files:  # The C library has opened it by itself, which is not seen.
                    self.take(Call("c", call.file, 0, call.first, b""))
                self._files[call.file].pending.append((call.offset, call.second))
            case "t":
                self._files[call.file].pending.append((call.offset, None))
            case "f":
                self._files[call.file].force()
            case "d":
                self._force(self._folder(call.first))
            case "u":
                self._name([(*self._place(call.first), None)])
            case "r":
                folder, name = self._place(call.first)
                self._name([(folder, name, None), (*self._place(call.second), folder.now[name])])

    def leave(self, target: Path, chance: random.Random | None) -> None:
        """Write what is left after the loss below ``target``. SQLite's -shm is memory and never there."""
        arrived = {id(self._root): dict(self._root.sure)}
        if chance is not None:
            for namings in self._pending[: chance.randrange(len(self._pending) + 1)]:
                for folder, name, what in namings:
                    entries = arrived.setdefault(id(folder), dict(folder.sure))
                    entries.pop(name, None)
                    if what is not None:
                        entries[name] = what
        self._write(self._root, target, arrived, chance)

    def _write(
        self, folder: Folder, target: Path, arrived: dict[int, dict[str, Folder | File]], chance: random.Random | None
    ) -> None:
        target.mkdir()
        for name, what in arrived.get(id(folder), folder.sure).items():
            if isinstance(what, Folder):
                self._write(what, target / name, arrived, chance)
            elif not name.endswith("-shm"):
                (target / name).write_bytes(what.left(chance))

    def _name(self, namings: list[Naming]) -> None:
        for folder, name, what in namings:
            folder.now.pop(name, None)
            if what is not None:
                folder.now[name] = what
        self._pending.append(namings)

    def _force(self, forced: Folder) -> None:
        """What was named in a folder is sure. A call that concerns two folders arrives in both."""
        waiting = []
        for namings in self._pending:
            if all(folder is not forced for folder, _, _ in namings):
                waiting.append(namings)
                continue
            for folder, name, what in namings:
                folder.sure.pop(name, None)
                if what is not None:
                    folder.sure[name] = what
        self._pending = waiting

    def _folder(self, path: bytes) -> Folder:
        found = self._root
        for name in self._parts(path):
            inner = found.now[name]
            assert isinstance(inner, Folder), path
            found = inner
        return found

    def _place(self, path: bytes) -> tuple[Folder, str]:
        folder, _, name = path.rpartition(b"/")
        return self._folder(folder), name.decode()

    def _parts(self, path: bytes) -> list[str]:
        below = path.decode().removeprefix(self._root_path)
        return [part for part in below.split("/") if part]
