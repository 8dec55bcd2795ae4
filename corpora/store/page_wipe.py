"""A program that works on the bytes of a database file: its SHA-256, and zeroes wherever SQLite holds nothing.

    python -I -S page_wipe.py digest|open|zero FILE

SQLite overwrites what it deletes, but when it moves rows between pages it leaves copies in the unused part of a page,
and does not overwrite those when the row is deleted later. This finds the unused parts by the documented layout of the
file (https://sqlite.org/fileformat2.html) and fills them with zeroes, which no reader can notice.

``corpora.store.raw_file`` starts it as a process of its own: a process that closes a file loses all its locks on that
file, so one that has the database open must not open it in any other way. Imports only what starts fast. Nobody may
write to the database meanwhile, and nothing may be in its write-ahead log.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_HEADER_BYTES = 100
_HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}  # bytes of a page's header by its kind: inside and leaf of an index, a table
_BLOCK = 1 << 20
_MOST_PAGES = 2 << 24
_FIRST_SHARED, _SHARED_BYTES = 0x40000002, 510  # the bytes that SQLite locks for reading


def zero_file(path: str) -> int:
    """Zero what is unused in a database and force it to the disk; how many bytes were not zero before."""
    with open(path, "r+b", buffering=0) as file:
        zeroed = zero_unused(file)
        if zeroed:
            os.fsync(file.fileno())
    return zeroed


def digest(path: str) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    import hashlib

    digest_so_far, size = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest_so_far.update(block)
            size += len(block)
    return digest_so_far.hexdigest(), size


def is_open(path: str) -> bool:
    """Whether SQLite has the database open in any process: then it holds a lock for reading all the time."""
    try:
        import fcntl
    except ImportError:
        return False  # Windows lets nobody replace a file that is open.
    with open(path, "r+b", buffering=0) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_BYTES, _FIRST_SHARED)
        except OSError:
            return True
    return False


def zero_unused(file: BinaryIO) -> int:
    """Fill the unused parts of all b-tree pages with zeroes; how many bytes were not zero.

    Such a page begins with a byte that no other page begins with: pages of other kinds begin with the number of a page,
    of which the first byte is smaller unless the file has more than 128 GiB, or they are all zero.
    """
    header = file.read(_HEADER_BYTES)
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    if page_bytes < 512 or header[:16] != b"SQLite format 3\0":
        raise ValueError("it is no database")
    usable, zeroes, zeroed = page_bytes - header[20], bytes(page_bytes), 0
    if file.seek(0, os.SEEK_END) // page_bytes >= _MOST_PAGES:
        raise ValueError("it is too large for its pages to be told apart")
    for offset, block in _blocks(file):
        if len(block) % page_bytes:
            raise ValueError("it ends in the middle of a page")
        for start in range(0, len(block), page_bytes):
            base = start + (_HEADER_BYTES if offset + start == 0 else 0)
            if block[base] not in _HEADERS:
                continue
            for first, end in unused(block, start, base, usable):
                if not block.startswith(zeroes[: end - first], first):
                    zeroed += end - first - block.count(0, first, end)
                    file.seek(offset + first)
                    file.write(zeroes[: end - first])
    return zeroed


def unused(block: bytes, start: int, base: int, usable: int) -> list[tuple[int, int]]:
    """The spans of a b-tree page that hold nothing: between cell pointers and cells, and in each free block.

    The page begins at offset ``start`` of the block, its header at ``base``.
    """
    free, cells, content = struct.unpack_from(">HHH", block, base + 1)
    first = base + _HEADERS[block[base]] + 2 * cells
    end = start + (content or 65536)
    if not first <= end <= start + usable:
        raise ValueError("a page is not laid out as it should be")
    pointers = struct.unpack_from(f">{cells}H", block, first - 2 * cells)
    if cells and start + min(pointers) < end:
        raise ValueError("a cell is where nothing should be")
    spans = [(first, end)]
    while free:
        follower, size = struct.unpack_from(">HH", block, start + free)
        if size < 4 or start + free < end or free + size > usable or (follower and follower < free + size):
            raise ValueError("a free block is not where it could be")
        spans.append((start + free + 4, start + free + size))
        free = follower
    return spans


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The file in blocks of whole pages, each with its offset."""
    offset = 0
    while True:
        file.seek(offset)
        block = file.read(_BLOCK)
        if not block:
            return
        yield offset, block
        offset += len(block)


if __name__ == "__main__":
    _, action, file_name = sys.argv
    if action == "zero":
        answer: tuple[object, ...] = (zero_file(file_name),)
    elif action == "open":
        answer = (int(is_open(file_name)),)
    else:
        answer = digest(file_name)
    print(*answer)  # noqa: T201  what the parent reads
