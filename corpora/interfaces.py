"""The protocols of what plugs in here: a ``Loader`` reads a file format, a ``Derived`` computes rows of passages.

The library stores derived rows (vectors, terms, token ids) without knowing their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from corpora.documents import Document, Passage


class Loader(Protocol):
    """Reads one file format. Runs inside a sandboxed worker process; must be a module-level function."""

    def __call__(self, data: bytes, name: str) -> Document:
        """Turn the file's bytes into reading text. Raises ``LoaderError`` with a cause and a remedy."""
        ...


class Derived(Protocol):
    """Something computed from every passage and stored with it, one row a passage."""

    @property
    def kind(self) -> str:
        """Names what the rows are and what made them, e.g. ``vectors:all-minilm-l6-v2``."""
        ...

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        """One row for each passage, in order."""
        ...
