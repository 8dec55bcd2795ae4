"""The seal of a database at rest: its SHA-256 and size, so that a byte that changed by itself is found.

    home/corpora/NAME/corpus.seal        JSON on one line, with a digest of its own

It is removed for good before the first write and set again when all is in the one file of the database. Without it,
after a kill or while somebody is writing, the rows speak for themselves (see ``verify``). Knows nothing of rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from corpora.store.atomic_write import remove_file, write_file

FILE_NAME = "corpus.seal"
_FORMAT = 1
_LONGEST = 1024  # bytes; whatever is longer is no seal


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the database was when it was sealed. ``bytes`` is its size."""

    sha256: str
    bytes: int


class BrokenChecksum(ValueError):
    """The file of the seal is not what was written."""


def read(folder: Path) -> Checksum | None:
    """The seal, if there is one. Raises ``BrokenChecksum``, OSError."""
    try:
        with (folder / FILE_NAME).open("rb") as stream:
            content = stream.read(_LONGEST)
    except FileNotFoundError:
        return None
    try:
        stored = json.loads(content)
        seal = Checksum(str(stored["sha256"]), int(stored["bytes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenChecksum("it is not a seal") from error
    if content != _content(seal):
        raise BrokenChecksum("it is not what was written")
    return seal


def write(folder: Path, seal: Checksum) -> None:
    """Set the seal. Raises OSError; then there is none."""
    write_file(folder / FILE_NAME, [_content(seal)])


def remove(folder: Path) -> None:
    """Before writing: take the seal off for good, if there is one. Raises OSError."""
    if (folder / FILE_NAME).exists():
        remove_file(folder / FILE_NAME)


def _content(seal: Checksum) -> bytes:
    said = {"format": _FORMAT, "sha256": seal.sha256, "bytes": seal.bytes}
    own = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return (json.dumps(said | {"own": own}) + "\n").encode()
