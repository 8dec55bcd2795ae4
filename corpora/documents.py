"""Document, Passage and Mark: text, identity, the exact span of one inside the other, and the names of locations.

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

NOTES = "notes"
"""The key of the metadata that says what of a file is not in the text of its document."""

_NO_METADATA: Metadata = MappingProxyType({})


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Characters ``[start, end)`` of a document are on a page, below a heading, in a row of a table.

    ``label`` names it for a person: ``7`` for a page, the heading's text, ``12`` for a row.
    """

    start: int
    end: int
    kind: MarkKind
    label: str


@dataclass(frozen=True, slots=True)
class Document:
    """One source file as reading text (wrapped lines joined, without markup).

    ``name`` is its name for a person (its file name), ``id`` is the same for the same name and text.
    """

    id: str
    name: str
    text: str
    metadata: Metadata = field(default_factory=lambda: _NO_METADATA)
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, name: str, text: str, metadata: Metadata = _NO_METADATA, marks: Iterable[Mark] = ()) -> Document:
        """A document with an id derived from its name and text; its marks are sorted."""
        digest = hashlib.sha256(f"{name}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
        return cls(id=digest[:16], name=name, text=text, metadata=metadata, marks=tuple(sorted(marks)))

    @property
    def notes(self) -> str | None:
        """What of the file is not in the text, as ``3 attached files were not read``; None if all of it is."""
        notes = self.metadata.get(NOTES)
        return None if notes is None else str(notes)


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document: ``document.text[start:end] == text``. ``marks`` are those that overlap it, unclipped."""

    id: str
    document_id: str
    document_name: str
    start: int
    end: int
    text: str
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, document: Document, start: int, end: int) -> Passage:
        """The passage ``[start, end)`` of ``document``; the id consists of the document's id and the span."""
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
    """The location of characters ``[start, end)`` for a person: ``page 7``, ``pages 7-8, Installation``.

    Empty without marks. Of headings and chapters that enclose each other the innermost is named; rows of several tables
    are not named.
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
    """``Prices, Stock and Staff``: names have no order, so they form no range."""
    return " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))


def _is_of_several_tables(touched: Sequence[Mark]) -> bool:
    """Whether the rows are on several sheets, or their numbers decrease, so that another table begins between them."""
    if sum(mark.kind == "sheet" for mark in touched) > 1:
        return True
    rows = [mark.label for mark in touched if mark.kind == "row"]
    return any(
        before.isdecimal() and after.isdecimal() and int(before) >= int(after) for before, after in pairwise(rows)
    )
