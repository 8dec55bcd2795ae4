"""Page carving: reads documents out of the bytes of a database that SQLite may refuse to open.

Each page is decoded by itself, by the documented layout of the file (https://sqlite.org/fileformat2.html). Whatever
looks like a row of ``documents`` on a table's leaf page is yielded, with whether its text matches its digest. Nothing
else of the file need be intact. Only for a file that this process does not have open in SQLite (see
``corpora.store.raw_file``).
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
    """A row of ``documents``: all its columns after the number. ``fits``: its text matches its digest."""

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
            pointer = base + 8 + 2 * i
            document = _row(content, size, start + int.from_bytes(content[pointer : pointer + 2], "big"))
            if document is not None:
                yield document


def _page_bytes(content: bytes) -> int:
    size = int.from_bytes(content[16:18], "big")
    size = 65536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else 4096


def _row(content: bytes, size: int, offset: int) -> CarvedDocument | None:
    """The row of the cell that begins at ``offset``, if it looks like a document."""
    try:
        length, offset = _varint(content, offset)
        number, offset = _varint(content, offset)
        values = _values(_payload(content, size, offset, length))
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


def _payload(content: bytes, size: int, offset: int, length: int) -> bytes:
    """The payload of the cell, the part on overflow pages included."""
    if length > len(content):
        raise ValueError("longer than the file")
    least = (size - 12) * 32 // 255 - 23
    local = length
    if length > size - 35:
        local = least + (length - least) % (size - 4)
        local = local if local <= size - 35 else least
    parts = [content[offset : offset + local]]
    left, page = length - local, int.from_bytes(content[offset + local : offset + local + 4], "big")
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
    header, offset = _varint(payload, 0)
    kinds: list[int] = []
    while offset < header:
        kind, offset = _varint(payload, offset)
        kinds.append(kind)
        if len(kinds) >= _COLUMNS.stop:
            return None
    return [_value(payload, kind, start, end) for kind, start, end in _column_spans(kinds, header)]


def _column_spans(kinds: Sequence[int], start: int) -> Iterator[tuple[int, int, int]]:
    """Serial type, start and end of each column."""
    for kind in kinds:
        length = _INTEGERS[kind] if kind in _INTEGERS else (kind - 12) // 2
        yield kind, start, start + length
        start += length


def _value(payload: bytes, kind: int, start: int, end: int) -> Value:
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


def _varint(content: bytes, offset: int) -> tuple[int, int]:
    """A variable-length integer, and the offset of its end."""
    value = 0
    for i in range(8):
        byte = content[offset + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + i + 1
    return value << 8 | content[offset + 8], offset + 9
