"""Document and Passage: text, identity, and the exact span of one inside the other.

Offsets are Unicode code points, half-open. The one invariant of this floor, property-tested:
``document.text[passage.start:passage.end] == passage.text``. Knows nothing of files, vectors or tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

Metadata: TypeAlias = Mapping[str, str | int | float | bool | None]

_NOTHING: Metadata = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Document:
    """One source file as reading text (hard line breaks joined, markup gone).

    ``name`` is what a person calls it (its file name), ``id`` is stable for the same name and text.
    """

    id: str
    name: str
    text: str
    metadata: Metadata = field(default_factory=lambda: _NOTHING)

    @classmethod
    def of(cls, name: str, text: str, metadata: Metadata = _NOTHING) -> Document:
        """Make a document whose id is derived from its name and text."""
        digest = hashlib.sha256(f"{name}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
        return cls(id=digest[:16], name=name, text=text, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document: ``document.text[start:end] == text``."""

    id: str
    document_id: str
    document_name: str
    start: int
    end: int
    text: str

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
        )
