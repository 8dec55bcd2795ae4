"""The bytes of a database file: its SHA-256, and zeroes wherever SQLite holds nothing.

SQLite overwrites what it deletes, but when it moves rows between pages it leaves copies in the unused part of a page,
and does not overwrite those when the row is deleted later. This finds the unused parts by the documented layout of the
file and fills them with zeroes, which no reader can notice.

Runs as a program of its own (``corpora.raw`` starts it): whoever closes a file loses all locks that its process has on
it, so a process that has the database open must not open its file in any other way. Imports only what starts fast.
Nobody may write to the database meanwhile, and nothing may be in its write-ahead log.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_HEADER_BYTES = 100
_INTERIOR, _LEAF = (2, 5), (10, 13)
_BLOCK = 1 << 20
_FIRST_SHARED, _SHARED_BYTES = 0x40000002, 510  # the bytes that SQLite locks for reading


def zero_file(path: str, roots: Sequence[int]) -> int:
    """Zero what is unused in the trees that begin at these pages, for good; how many bytes were not zero before."""
    with open(path, "r+b", buffering=0) as file:
        zeroed = zero_unused(file, roots)
        if zeroed:
            os.fsync(file.fileno())
    return zeroed


def digest(path: str) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    import hashlib

    found, size = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            found.update(block)
            size += len(block)
    return found.hexdigest(), size


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


def zero_unused(file: BinaryIO, roots: Sequence[int]) -> int:
    """Fill the unused parts of these trees and of the free pages with zeroes; how many bytes were none."""
    header = _read(file, 0, _HEADER_BYTES)
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    usable = page_bytes - header[20]
    if page_bytes < 512 or header[:16] != b"SQLite format 3\0":
        raise ValueError("it is no database")
    zeroed, todo, seen = 0, list(roots), set(roots)
    while todo:
        number = todo.pop()
        page = _read(file, (number - 1) * page_bytes, page_bytes)
        base = _HEADER_BYTES if number == 1 else 0
        for start, end in unused(page, base, usable):
            zeroed += _zero(file, (number - 1) * page_bytes, page, start, end)
        below = [child for child in children(page, base) if child not in seen]
        seen.update(below)
        todo += below
    for number, start in _free_pages(file, header, page_bytes):
        zeroed += _zero(
            file, (number - 1) * page_bytes, _read(file, (number - 1) * page_bytes, page_bytes), start, usable
        )
    return zeroed


def unused(page: bytes, base: int, usable: int) -> Iterator[tuple[int, int]]:
    """The parts of a page of a tree that hold nothing: between pointers and cells, and in each free block."""
    free, cells, content = struct.unpack_from(">HHH", page, base + 1)
    start = base + _header_bytes(page, base) + 2 * cells
    end = content or 65536
    pointers = struct.unpack_from(f">{cells}H", page, start - 2 * cells)
    if not (start <= end <= usable and all(end <= pointer < usable for pointer in pointers)):
        raise ValueError("a page is not laid out as it should be")
    yield start, end
    while free:
        follower, size = struct.unpack_from(">HH", page, free)
        if size < 4 or free < end or free + size > usable or (follower and follower < free + size):
            raise ValueError("a free block is not where it could be")
        yield free + 4, free + size
        free = follower


def children(page: bytes, base: int) -> list[int]:
    """The pages below a page of a tree."""
    if page[base] in _LEAF:
        return []
    (cells,) = struct.unpack_from(">H", page, base + 3)
    pointers = struct.unpack_from(f">{cells}H", page, base + 12)
    below = [struct.unpack_from(">I", page, pointer)[0] for pointer in pointers]
    return [*below, struct.unpack_from(">I", page, base + 8)[0]]


def _header_bytes(page: bytes, base: int) -> int:
    if page[base] in _INTERIOR:
        return 12
    if page[base] in _LEAF:
        return 8
    raise ValueError("a page is of no kind that a tree is made of")


def _free_pages(file: BinaryIO, header: bytes, page_bytes: int) -> Iterator[tuple[int, int]]:
    """Pages that no tree uses, and where in each the part begins that holds nothing."""
    trunk, left = struct.unpack_from(">II", header, 32)
    while trunk and left > 0:
        page = _read(file, (trunk - 1) * page_bytes, page_bytes)
        follower, leaves = struct.unpack_from(">II", page)
        if leaves > page_bytes // 4 - 2:
            raise ValueError("the list of free pages is damaged")
        yield trunk, 8 + 4 * leaves
        for leaf in struct.unpack_from(f">{leaves}I", page, 8):
            yield leaf, 0
        left -= 1 + leaves
        trunk = follower


def _zero(file: BinaryIO, offset: int, page: bytes, start: int, end: int) -> int:
    dirty = (end - start) - page.count(0, start, end)
    if dirty:
        file.seek(offset + start)
        file.write(bytes(end - start))
    return dirty


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if len(content) != size:
        raise ValueError("the file ends too early")
    return content


if __name__ == "__main__":
    _, wanted, file_name, *numbers = sys.argv
    if wanted == "zero":
        answer: tuple[object, ...] = (zero_file(file_name, [int(number) for number in numbers]),)
    elif wanted == "open":
        answer = (int(is_open(file_name)),)
    else:
        answer = digest(file_name)
    print(*answer)  # noqa: T201  what the parent reads
