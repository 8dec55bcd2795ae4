"""Breaks files in the ways in which accident and intent break them: bytes, and the structure that they spell."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

from tests.support.zip_files import packed

_TOKEN = re.compile(rb"<[^<>]*>|[A-Za-z_]\w*|\d+|\s+|[^\w\s]")
_LARGEST = 2**20
_NUMBERS = [
    b"0",
    b"-1",
    b"1",
    b"255",
    b"65536",
    b"2147483647",
    b"4294967295",
    b"99999999999999999999",
    b"1e308",
    b"NaN",
]
_BYTES = [b"\0", b"\xff", b"\x80", b"\xed\xa0\x80", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[31m", "\u202e".encode(), b"\r"]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A broken copy; the same for the same state of ``chance``."""
    changes = _of_bytes if chance.random() < 0.5 else _of_structure
    for _ in range(chance.choice([1, 1, 1, 2, 5, 20])):
        if len(data) < _LARGEST:
            data = chance.choice(changes)(data, chance)[: 4 * _LARGEST] or b"\n"
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(chance.choice([1, 8, 64])):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _drop(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _double(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] * chance.choice([1, 1, 50]) + data[end:]


def _move(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    rest = data[:start] + data[end:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + data[start:end] + rest[at:]


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice([*_BYTES, chance.randbytes(9)]) * chance.choice([1, 3, 500]) + data[at:]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(data)), chance.choice([1, 2, 4, 8])
    return data[:at] + chance.choice([b"\xff", b"\0", b"\x7f", b"\x80"]) * size + data[at + size :]


def _number(data: bytes, chance: random.Random) -> bytes:
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        return _flip(data, chance)
    found = chance.choice(numbers)
    return data[: found.start()] + chance.choice(_NUMBERS) + data[found.end() :]


def _tokens(data: bytes, chance: random.Random) -> bytes:
    """Drop, double, swap, or pile up what stands between the signs."""
    tokens = _TOKEN.findall(data)
    if len(tokens) < 2:
        return _double(data, chance)
    i, j = chance.randrange(len(tokens)), chance.randrange(len(tokens))
    what = chance.randrange(4)
    if what == 0:
        del tokens[i]
    elif what == 1:
        tokens[i], tokens[j] = tokens[j], tokens[i]
    elif what == 2:
        tokens.insert(j, tokens[i])
    else:
        tokens[i] = tokens[i] * chance.choice([100, 3000])
    return b"".join(tokens)


def _inside(data: bytes, chance: random.Random) -> bytes:
    """Break what a zip holds and pack it anew, so that its checksums are right; any other file by its tokens."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, KeyError, EOFError, zlib.error, struct.error):
        return _tokens(data, chance)
    if not members:
        return _insert(data, chance)
    name, other = chance.choice(sorted(members)), chance.choice(sorted(members))
    what = chance.randrange(8)
    if what == 0:
        del members[name]
    elif what == 1:
        members[name], members[other] = members[other], members[name]
    else:
        change = chance.choice([_tokens, _tokens, _number, _flip, _cut, _double, _insert])
        members[name] = change(members[name] or b"\n", chance)
    return packed(members)


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data))
    return start, min(len(data), start + chance.choice([1, 4, 30, 300, 5000]))


_of_bytes: list[Callable[[bytes, random.Random], bytes]] = [_flip, _cut, _drop, _double, _move, _insert, _overwrite]
_of_structure: list[Callable[[bytes, random.Random], bytes]] = [_inside, _inside, _inside, _number]
