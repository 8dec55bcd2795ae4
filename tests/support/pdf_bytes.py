"""Writes small real PDFs by hand: text and rules at given places, turned pages, forms, standard 40-bit encryption."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

_FIRST_PAGE = 6  # after the catalog, the tree of pages and the fonts
_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


# Widths of Helvetica's characters from the space to the tilde, in thousandths of its size.
_WIDTHS = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584"
).split()


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text: baseline at (x, y) points from the lower left, turned by degrees against the clock.

    Font F1 is Helvetica, F2 Courier, F3 Helvetica in bold.
    """

    x: float
    y: float
    text: str
    size: float = 10
    font: str = "F1"
    turn: float = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A line from (x, y) to (x2, y2), or the box between them if ``grey``, from black 0 to white 1, fills it."""

    x: float
    y: float
    x2: float
    y2: float
    grey: float | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """Lines from each point to the next, and back to the first one if it is closed."""

    points: Sequence[tuple[float, float]]
    is_closed: bool = False


Drawn: TypeAlias = Words | Rule | Path


def width(text: str, size: float = 10) -> float:
    """How wide ASCII text is in Helvetica, in points."""
    return sum(int(_WIDTHS[ord(character) - 32]) for character in text) * size / 1000


def pdf(
    pages: Sequence[Sequence[Drawn]],
    *,
    title: str = "",
    password: str = "",
    outline: Sequence[tuple[int, str, int]] = (),
    rotate: int = 0,
    annotations: Sequence[tuple[int, str]] = (),
    form: str = "",
    catalog: str = "",
    extra: Sequence[bytes] = (),
) -> bytes:
    """A PDF with these pages; with a password nobody opens it without. ``outline`` has (level, title, page).

    ``rotate`` is by how many degrees viewers turn every page. ``annotations`` has (page, the entries of a dictionary);
    the form holds those of them that name a field, and the entries ``form``.
    ``extra`` objects are those from number 6 on, and ``catalog`` holds entries that may name them.
    """
    file_id = hashlib.md5(b"spandraft test").digest()
    owner = _rc4(hashlib.md5(_padded(password)).digest()[:5], _padded(password))
    permissions = -4 & 0xFFFFFFFF
    key = hashlib.md5(_padded(password) + owner + permissions.to_bytes(4, "little") + file_id).digest()[:5]

    first = _FIRST_PAGE + len(extra) + len(annotations)
    numbers = range(_FIRST_PAGE + len(extra), first)
    fields = [number for number, (_, entries) in zip(numbers, annotations, strict=True) if "/T (" in entries]
    if fields or form:
        named = " ".join(f"{number} 0 R" for number in fields)
        catalog += f" /AcroForm << /Fields [{named}] /DA (/F1 10 Tf) {form} >>"
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>",
        *extra,
        *(f"<< /Type /Annot {entries} >>".encode("cp1252") for _, entries in annotations),
    ]
    for page, drawn in enumerate(pages):
        number = len(objects) + 1
        here = " ".join(f"{at} 0 R" for at, (shown_on, _) in zip(numbers, annotations, strict=True) if shown_on == page)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Rotate %d /Annots [%s] "
            b"/Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 5 0 R >> >> /Contents %d 0 R >>"
            % (rotate, here.encode("cp1252"), number + 1)
        )
        content = "\n".join(_shown(one) for one in drawn).encode("cp1252")
        if password:
            content = _rc4(_object_key(key, number + 1), content)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))

    if outline:
        objects[0] = b"<< /Type /Catalog /Pages 2 0 R /Outlines %d 0 R >>" % (len(objects) + 1)
        objects += _outline(outline, len(objects) + 1, first)
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


def _outline(entries: Sequence[tuple[int, str, int]], root: int, first_page: int) -> list[bytes]:
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
            f"/Dest [{first_page + 2 * page} 0 R /Fit] {following} {ends(n)} >>".encode()
        )
    return objects


def _shown(one: Drawn) -> str:
    if isinstance(one, Rule):
        if one.grey is None:
            return f"{one.x} {one.y} m {one.x2} {one.y2} l S"
        return f"q {one.grey} g {one.x} {one.y} {one.x2 - one.x} {one.y2 - one.y} re f Q"
    if isinstance(one, Path):
        first, *others = one.points
        lines = " ".join(f"{x} {y} l" for x, y in others)
        return f"{first[0]} {first[1]} m {lines} {'s' if one.is_closed else 'S'}"
    escaped = one.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    cosine, sine = math.cos(math.radians(one.turn)), math.sin(math.radians(one.turn))
    matrix = f"{cosine:.6f} {sine:.6f} {-sine:.6f} {cosine:.6f} {one.x} {one.y}"
    return f"BT /{one.font} {one.size} Tf {matrix} Tm ({escaped}) Tj ET"


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
