"""Documents out of the bytes of a database that SQLite may refuse to open.

Every page is looked at by itself: the rows of a leaf of a table are decoded by the documented layout of the file, and
what looks like a row of ``documents`` is given out, with whether its text fits its digest. Nothing else of the file
need be whole. Only for a file that no SQLite of this process has open (see ``corpora.store.raw_file``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Value: TypeAlias = str | bytes | int | float | None

_LEAF_OF_TABLE: Final = 13
_FILE_HEADER: Final = 100
_COLUMNS: Final = range(8, 14)  # of ``documents`` in format 1, and up to those of format 2
_INTEGERS: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
_DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class CarvedDocument:
    """A row of ``documents``: all its columns behind the number. ``fits``: its text is what its digest says."""

    number: int
    columns: tuple[Value, ...]
    fits: bool


def documents(content: bytes) -> Iterator[CarvedDocument]:
    """All rows of documents in a database file, in the order of pages."""
    size = _page_bytes(content)
    for start in range(0, len(content), size):
        base = start + (_FILE_HEADER if start == 0 else 0)
        if base + 8 > len(content) or content[base] != _LEAF_OF_TABLE:
            continue
        cells = int.from_bytes(content[base + 3 : base + 5], "big")
        for i in range(min(cells, size // 4)):
            at = base + 8 + 2 * i
            found = _row(content, size, start + int.from_bytes(content[at : at + 2], "big"))
            if found is not None:
                yield found


def _page_bytes(content: bytes) -> int:
    size = int.from_bytes(content[16:18], "big")
    size = 65536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else 4096


def _row(content: bytes, size: int, at: int) -> CarvedDocument | None:
    """The row of the cell that begins at ``at``, if it looks like a document."""
    try:
        length, at = _varint(content, at)
        number, at = _varint(content, at)
        values = _values(_payload(content, size, at, length))
    except (IndexError, ValueError):
        return None
    if values is None or len(values) not in _COLUMNS:
        return None
    _, document_id, name, digest, text, *_ = values
    if not (isinstance(document_id, str) and isinstance(name, str) and isinstance(text, str)):
        return None
    if not isinstance(digest, bytes) or len(digest) != _DIGEST_BYTES:
        return None
    return CarvedDocument(number, tuple(values[1:]), hashlib.sha256(text.encode()).digest() == digest)


def _payload(content: bytes, size: int, at: int, length: int) -> bytes:
    """What a cell holds, with what lies on overflow pages."""
    if length > len(content):
        raise ValueError("longer than the file")
    least = (size - 12) * 32 // 255 - 23
    local = length
    if length > size - 35:
        local = least + (length - least) % (size - 4)
        local = local if local <= size - 35 else least
    parts = [content[at : at + local]]
    left, page = length - local, int.from_bytes(content[at + local : at + local + 4], "big")
    while left > 0:
        start = (page - 1) * size
        if page == 0 or start >= len(content):
            raise ValueError("it goes on nowhere")
        parts.append(content[start + 4 : start + min(size, 4 + left)])
        left -= size - 4
        page = int.from_bytes(content[start : start + 4], "big")
    return b"".join(parts)


def _values(payload: bytes) -> list[Value] | None:
    """The columns of a record; None if it cannot be one of a document."""
    header, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < header:
        kind, at = _varint(payload, at)
        kinds.append(kind)
        if len(kinds) >= _COLUMNS.stop:
            return None
    return [_value(payload, at_kind) for at_kind in _placed(kinds, header)]


def _placed(kinds: Sequence[int], at: int) -> Iterator[tuple[int, int, int]]:
    for kind in kinds:
        length = _INTEGERS[kind] if kind in _INTEGERS else (kind - 12) // 2
        yield kind, at, at + length
        at += length


def _value(payload: bytes, placed: tuple[int, int, int]) -> Value:
    kind, start, end = placed
    if end > len(payload) or kind in (10, 11):
        raise ValueError("it does not hold what it says")
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind == 7:
        raise ValueError("a document has no such number")
    if kind < 7:
        return int.from_bytes(payload[start:end], "big", signed=True)
    return payload[start:end].decode() if kind % 2 else payload[start:end]


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = 0
    for i in range(8):
        byte = content[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return value << 8 | content[at + 8], at + 9
