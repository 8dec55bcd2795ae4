"""Watches which files a process opens, makes, moves and deletes, by Python's audit events. It never ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Event to the places of the paths among its arguments, and of the folder handles that belong to them.
_CHANGES = {
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.utime": ((0, 3),),
}
_LOOKS = {"os.listdir": ((0, None),), "os.scandir": ((0, None),)}


class Watch:
    """Collects what happens outside: changes outside of ``writable``, and looks at what is below ``forbidden``."""

    def __init__(self, *, writable: list[Path], forbidden: Path) -> None:
        self._writable = [os.path.realpath(path) for path in writable]
        self._forbidden = os.path.realpath(forbidden)
        self.outside: list[str] = []
        self.seen = 0
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = bool(set(mode or "") & set("wax+")) or bool(isinstance(flags, int) and flags & _WRITING)
            self._note(event, path, None, writes)
        elif event == "sqlite3.connect":
            path = arguments[0]
            if isinstance(path, str) and path.startswith("file:"):
                path = unquote(path.removeprefix("file:").partition("?")[0])
            self._note(event, path, None, True)
        elif event in _CHANGES or event in _LOOKS:
            for place, folder in _CHANGES.get(event) or _LOOKS[event]:
                handle = arguments[folder] if folder is not None and folder < len(arguments) else None
                self._note(event, arguments[place], handle, event in _CHANGES)

    def _note(self, event: str, path: Any, folder: Any, writes: bool) -> None:
        if isinstance(path, int) or path is None or path == ":memory:":
            return
        self.seen += 1
        text = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0:
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        # The last part is not followed: to delete or to replace a link changes the folder that it is in.
        parent, name = os.path.split(os.path.abspath(text.replace("\0", "")))
        place = os.path.join(os.path.realpath(parent), name)
        if writes and event == "open":
            place = os.path.realpath(place)
        if writes and place != os.devnull and not any(_is_below(place, root) for root in self._writable):
            self.outside.append(f"{event} of {place}")
        if _is_below(os.path.realpath(place), self._forbidden):
            self.outside.append(f"{event} looks at {place}")


def _is_below(place: str, root: str) -> bool:
    return place == root or place.startswith(root + os.sep)
