"""Uploaded files between Gradio's cache and the library: named as the user named them, and gone afterwards.

The name that a browser sends is text for people. It becomes a file name only inside a fresh folder, after everything
that could lead out of that folder is taken away.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ALWAYS = r"\x00-\x1f\x7f/\\\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(f'[{_ALWAYS}:*?"<>|]' if os.name == "nt" else f"[{_ALWAYS}]")
_NAME_BYTES = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in Gradio's upload folder, and the name it had on the user's machine."""

    path: Path
    name: str

    @contextlib.contextmanager
    def named(self) -> Iterator[Path]:
        """The file under its own name, in a folder of its own that is removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="spandraft-") as folder:
            path = Path(folder) / safe_name(self.name)
            shutil.copyfile(self.path, path)
            yield path


def received(files: object) -> list[Upload]:
    """The files of an upload event. That each path lies in the upload folder, ``page.Page`` has checked."""
    listed = files if isinstance(files, list) else [files]
    return [
        Upload(Path(file["path"]), safe_name(str(file.get("orig_name") or Path(file["path"]).name)))
        for file in listed
        if isinstance(file, dict) and "path" in file
    ]


def discard(upload: Upload) -> None:
    """Delete the uploaded file and the folder that Gradio made for it, if that is empty."""
    upload.path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: another upload of the same content is still in it
        upload.path.parent.rmdir()


def safe_name(name: str) -> str:
    """``name`` as a plain file name: no folders, no control or direction characters, not too long, never empty."""
    plain = _UNSAFE.sub("_", re.split(r"[/\\]", name)[-1]).strip(" .") or "file"
    stem, dot, suffix = plain.rpartition(".")
    if not dot:
        stem, suffix = plain, ""
    suffix = suffix[:20]
    room = _NAME_BYTES - len((dot + suffix).encode("utf-8", "replace"))
    short = stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore")
    return short + dot + suffix
