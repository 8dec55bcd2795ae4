"""What the page needs from the rest of the app floor, as protocols: a pipeline that streams, and a shelf of corpora.

The page must not know models, indexes or file formats: it shows what these two hand it, and passes on what the
user does. Errors that have ``cause`` and ``hint`` are shown to the user as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from app.events import Event
from corpora.documents import Document


class EventStream(Protocol):
    """A running answer or correction: an iterator of events that another thread may cancel."""

    def __iter__(self) -> Iterator[Any]:
        """Events in order; the last one carries the whole result."""

    def cancel(self) -> None:
        """Stop within one step; the stream then ends by itself. Thread-safe."""


class AnswerStream(Protocol):
    """A running answer."""

    def __iter__(self) -> Iterator[Event]:
        """Retrieval, then text and citations, then Done."""

    def cancel(self) -> None:
        """Stop within one step; Done then says ``cancelled``. Thread-safe."""


class PagePipeline(Protocol):
    """The part of ``app.pipeline.Pipeline`` that the page uses."""

    @property
    def target_name(self) -> str:
        """Name of the target model, shown in the header."""

    @property
    def target_note(self) -> str:
        """What the target's drafts cannot do, shown beside its name; nothing if there is nothing to say."""

    def stream(
        self, question: str, *, corpus: Any = None, speculate: bool = True, scope: str | None = ""
    ) -> AnswerStream:
        """Answer ``question`` from ``corpus`` (a handle that ``Shelf.open`` gave), with drafts from ``scope``."""

    def forget(self, scope: str | None = None) -> None:
        """Keep nothing of earlier outputs in ``scope``, or of any (None), in memory."""

    def stream_correct(self, text: str, *, scope: str | None = "") -> EventStream:
        """Correct ``text``: text deltas, then one event with a ``correction``."""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document in the library list. ``characters`` counts Unicode code points of its reading text."""

    id: str
    name: str
    characters: int
    passages: int


@dataclass(frozen=True, slots=True)
class IngestRow:
    """What became of one file. ``doing`` says what happens to it now; a failure has a cause and a hint."""

    file: str
    state: Literal["waiting", "reading", "added", "replaced", "duplicate", "failed"]
    cause: str = ""
    hint: str = ""
    doing: str = ""


class Shelf(Protocol):
    """All corpora of this installation. Methods raise user errors for names that do not exist."""

    def names(self) -> list[str]:
        """Names of the corpora, the sample first."""

    def documents(self, corpus: str) -> list[DocumentRow]:
        """The documents of a corpus, by name."""

    def open(self, corpus: str) -> Any:
        """A handle for ``PagePipeline.stream``."""

    def document(self, corpus: str, passage_id: str) -> Document:
        """The document that a passage is cut from; offsets of citations refer to its text."""

    def create(self, corpus: str) -> None:
        """Make an empty corpus."""

    def add(self, corpus: str, path: Path, tell: Callable[[str], None]) -> IngestRow:
        """Read one file into a corpus, telling what happens to it; a bad file is an outcome, not an exception."""

    def remove_document(self, corpus: str, document: str) -> None:
        """Remove the document with the id ``document``, its passages and everything derived from them."""

    def remove_corpus(self, corpus: str) -> None:
        """Remove a whole corpus."""
