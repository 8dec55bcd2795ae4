"""Paths as they are given on the command line: what can be none, and what is not there, is said before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from app.errors import InputError, UsageError
from corpora.errors import nearest


def given_path(text: str) -> Path:
    """The path that was written. An empty one, as of a variable that is not set, does not mean the current folder."""
    if not text.strip():
        raise UsageError(f"{text!r} is no path", hint="name a file or a folder; . is the folder you are in")
    return Path(text)


def require_there(paths: Sequence[Path], *, all_of_them: bool) -> None:
    """Raise ``InputError`` unless there is something to read: at one of the paths, or at each."""
    missing = [path for path in paths if not os.path.lexists(path)]
    if not missing or (len(missing) < len(paths) and not all_of_them):
        return
    first = missing[0]
    cause = f"{first} does not exist" + (f", nor do {len(missing) - 1} more" if len(missing) > 1 else "")
    near = nearest(first.name, _beside(first))
    if near is not None:
        hint = f"did you mean {first.with_name(near)}?"
    elif all_of_them:
        hint = "see whether its disk is there; to take documents out of the corpus: spandraft corpus remove"
    else:
        hint = "check the path"
    raise InputError(cause, hint=hint)


def require_folder_of(path: Path) -> None:
    """Raise ``InputError`` unless a file can be made at ``path``, as far as its folder goes."""
    if not path.parent.is_dir():
        what = "is no folder" if path.parent.exists() else "does not exist"
        raise InputError(f"the folder {path.parent} {what}", hint="make it first, or choose another place")


def _beside(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return []  # Without its folder there is nothing that may have been meant.
