"""The stored checksum of a database at rest: its SHA-256 and size, so that a byte that changed by itself is found.

    home/corpora/NAME/corpus.seal        JSON on one line, with a digest of its own

It is deleted before the first write and written again when everything is in the one file of the database. Without it,
after a kill or while a process is writing, ``corpora.recovery.verify`` checks the rows instead. Knows nothing of rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from corpora.store.atomic_write import remove_file, write_file

FILE_NAME = "corpus.seal"
_FORMAT = 1
_LONGEST_BYTES = 1024  # a longer file is no checksum


@dataclass(frozen=True, slots=True)
class Checksum:
    """SHA-256, as hexadecimal digits, and size in ``bytes`` of a file."""

    sha256: str
    bytes: int


class BrokenChecksum(ValueError):
    """The checksum file is not what was written."""


def read(folder: Path) -> Checksum | None:
    """The stored checksum; None if there is none. Raises ``BrokenChecksum``, OSError."""
    try:
        with (folder / FILE_NAME).open("rb") as stream:
            content = stream.read(_LONGEST_BYTES)
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(content)
        checksum = Checksum(str(fields["sha256"]), int(fields["bytes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenChecksum("it is no checksum") from error
    if content != _content(checksum):
        raise BrokenChecksum("it is not what was written")
    return checksum


def write(folder: Path, checksum: Checksum) -> None:
    """Store the checksum. Raises OSError; then there is none."""
    write_file(folder / FILE_NAME, [_content(checksum)])


def remove(folder: Path) -> None:
    """Delete the checksum before the first write, so that no power loss brings it back. Raises OSError."""
    if (folder / FILE_NAME).exists():
        remove_file(folder / FILE_NAME)


def _content(checksum: Checksum) -> bytes:
    fields = {"format": _FORMAT, "sha256": checksum.sha256, "bytes": checksum.bytes}
    own = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    return (json.dumps(fields | {"own": own}) + "\n").encode()
