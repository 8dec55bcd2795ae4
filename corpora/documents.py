"""Document, Passage and Mark: text, identity, the exact span of one inside the other, and what a place is called.

Offsets are Unicode code points, half-open. The one invariant of this floor, property-tested:
``document.text[passage.start:passage.end] == passage.text``. Knows nothing of files, vectors or tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, TypeAlias

Metadata: TypeAlias = Mapping[str, str | int | float | bool | None]
MarkKind: TypeAlias = Literal["page", "slide", "sheet", "chapter", "heading", "row", "record"]

_NOTHING: Metadata = MappingProxyType({})


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Characters ``[start, end)`` of a document lie on a page, below a heading, in a row of a table.

    ``label`` is what a person calls the place: ``7`` for a page, the heading's text, ``12`` for a row.
    """

    start: int
    end: int
    kind: MarkKind
    label: str


@dataclass(frozen=True, slots=True)
class Document:
    """One source file as reading text (hard line breaks joined, markup gone).

    ``name`` is what a person calls it (its file name), ``id`` is stable for the same name and text.
    """

    id: str
    name: str
    text: str
    metadata: Metadata = field(default_factory=lambda: _NOTHING)
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, name: str, text: str, metadata: Metadata = _NOTHING, marks: Iterable[Mark] = ()) -> Document:
        """Make a document whose id is derived from its name and text; its marks are put in order."""
        digest = hashlib.sha256(f"{name}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
        return cls(id=digest[:16], name=name, text=text, metadata=metadata, marks=tuple(sorted(marks)))


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document: ``document.text[start:end] == text``. ``marks`` are those that it touches, whole."""

    id: str
    document_id: str
    document_name: str
    start: int
    end: int
    text: str
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, document: Document, start: int, end: int) -> Passage:
        """Cut ``[start, end)`` out of ``document``; the id names the document and the span."""
        return cls(
            id=f"{document.id}:{start}-{end}",
            document_id=document.id,
            document_name=document.name,
            start=start,
            end=end,
            text=document.text[start:end],
            marks=tuple(mark for mark in document.marks if mark.start < end and start < mark.end),
        )


def describe_location(marks: Iterable[Mark], start: int, end: int) -> str:
    """What a person calls the characters ``[start, end)``: ``page 7``, ``pages 7-8, Installation``; empty if unmarked.

    Of headings and chapters that enclose each other the innermost is named. Rows of several tables are not.
    """
    touched = [mark for mark in sorted(marks) if mark.start < end and start < mark.end]
    parts: list[str] = []
    for kind in ("page", "slide", "sheet", "row", "record"):
        labels = list(dict.fromkeys(mark.label for mark in touched if mark.kind == kind))
        if kind == "row" and _is_of_several_tables(touched):
            continue
        if len(labels) > 1:
            parts.append(f"{kind}s {_names(labels) if kind == 'sheet' else f'{labels[0]}-{labels[-1]}'}")
        elif labels:
            parts.append(f"{kind} {labels[0]}")
    above = [mark for mark in touched if mark.kind in ("heading", "chapter") and mark.start <= start]
    if above:
        parts.append(max(above, key=lambda mark: (mark.start, -mark.end)).label)
    return ", ".join(parts)


def _names(labels: Sequence[str]) -> str:
    """``Prices, Stock and Staff``: names have no order that a dash could stand for."""
    return " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))


def _is_of_several_tables(touched: Sequence[Mark]) -> bool:
    """Rows on several sheets, or whose numbers do not grow all the time: another table begins between them."""
    if sum(mark.kind == "sheet" for mark in touched) > 1:
        return True
    rows = [mark.label for mark in touched if mark.kind == "row"]
    return any(
        before.isdecimal() and after.isdecimal() and int(before) >= int(after) for before, after in pairwise(rows)
    )
