"""Writes small real PDFs by hand: text at given places, several pages, and the standard 40-bit encryption."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text: baseline at (x, y) points from the lower left, font F1 (Helvetica) or F2 (Courier)."""

    x: float
    y: float
    text: str
    size: float = 10
    font: str = "F1"


def pdf(
    pages: Sequence[Sequence[Words]],
    *,
    title: str = "",
    password: str = "",
    outline: Sequence[tuple[int, str, int]] = (),
) -> bytes:
    """A PDF with these pages; with a password nobody opens it without. ``outline`` has (level, title, page)."""
    file_id = hashlib.md5(b"spandraft test").digest()
    owner = _rc4(hashlib.md5(_padded(password)).digest()[:5], _padded(password))
    permissions = -4 & 0xFFFFFFFF
    key = hashlib.md5(_padded(password) + owner + permissions.to_bytes(4, "little") + file_id).digest()[:5]

    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
    ]
    for words in pages:
        number = len(objects) + 1
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents %d 0 R >>" % (number + 1)
        )
        content = "\n".join(_shown(one) for one in words).encode("cp1252")
        if password:
            content = _rc4(_object_key(key, number + 1), content)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))

    if outline:
        objects[0] = b"<< /Type /Catalog /Pages 2 0 R /Outlines %d 0 R >>" % (len(objects) + 1)
        objects += _outline(outline, len(objects) + 1)
    trailer = b"/Root 1 0 R /ID [<%s> <%s>]" % (file_id.hex().encode(), file_id.hex().encode())
    if title:
        objects.append(b"<< /Title (%s) >>" % title.encode("ascii"))
        trailer += b" /Info %d 0 R" % len(objects)
    if password:
        user = _rc4(key, _PADDING)
        objects.append(
            b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >>" % (owner.hex().encode(), user.hex().encode())
        )
        trailer += b" /Encrypt %d 0 R" % len(objects)
    return _file(objects, trailer)


def _outline(entries: Sequence[tuple[int, str, int]], root: int) -> list[bytes]:
    """The objects of an outline, the first of which has the number ``root``; level 0 is the highest."""
    levels = [-1, *(level for level, _, _ in entries)]

    def children(parent: int) -> list[int]:
        inside = []
        for n in range(parent + 1, len(levels)):
            if levels[n] <= levels[parent]:
                break
            if levels[n] == levels[parent] + 1:
                inside.append(n)
        return inside

    def ends(parent: int) -> str:
        inside = children(parent)
        return f"/First {root + inside[0]} 0 R /Last {root + inside[-1]} 0 R" if inside else ""

    objects = [f"<< /Type /Outlines {ends(0)} >>".encode()]
    parents = {n: parent for parent in range(len(levels)) for n in children(parent)}
    for n, (_, title, page) in enumerate(entries, 1):
        later = [m for m in children(parents[n]) if m > n]
        following = f"/Next {root + later[0]} 0 R" if later else ""
        objects.append(
            f"<< /Title <feff{title.encode('utf-16-be').hex()}> /Parent {root + parents[n]} 0 R "
            f"/Dest [{5 + 2 * page} 0 R /Fit] {following} {ends(n)} >>".encode()
        )
    return objects


def _shown(words: Words) -> str:
    escaped = words.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{words.font} {words.size} Tf {words.x} {words.y} Td ({escaped}) Tj ET"


def _file(objects: Sequence[bytes], trailer: bytes) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        count,
        table,
        count,
        trailer,
        len(out),
    )


def _padded(password: str) -> bytes:
    return (password.encode("ascii") + _PADDING)[:32]


def _object_key(key: bytes, number: int) -> bytes:
    return hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[: len(key) + 5]


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
