"""What the page needs from the rest of the app floor, as protocols: a pipeline that streams, a registry of corpora.

The page must not know models, indexes or file formats: it shows what these two return, and passes on what the user
does. Errors that have ``cause`` and ``hint`` are shown to the user as they are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from app.conversations.quotations import QuotingConversation
from app.generation.events import Event
from app.generation.prompts import Message
from app.library.deletion import Receipt
from corpora.documents import Document
from corpora.jobs.job_records import Job
from corpora.jobs.jobs import Jobs
from corpora.store.listing import Holdings, Listing


class EventStream(Protocol):
    """A running answer or correction: an iterator of events that another thread may cancel."""

    def __iter__(self) -> Iterator[Any]:
        """Events in order; the last one carries the whole result."""

    def cancel(self) -> None:
        """Stop within one step; the iterator then ends by itself. Thread-safe."""


class AnswerStream(Protocol):
    """A running answer."""

    def __iter__(self) -> Iterator[Event]:
        """``Retrieval``, then text and citations, then ``Done``."""

    def cancel(self) -> None:
        """Stop within one step; the finish reason of ``Done`` is then ``cancelled``. Thread-safe."""


class PagePipeline(Protocol):
    """The part of ``app.pipeline.Pipeline`` that the page uses."""

    @property
    def target_name(self) -> str:
        """Name of the target model, shown in the header."""

    @property
    def target_note(self) -> str:
        """What limits drafting for this target, shown beside its name; empty if nothing does."""

    def stream(
        self,
        question: str,
        *,
        corpus: Any = None,
        history: Sequence[Message] = (),
        speculate: bool = True,
        scope: str | None = "",
    ) -> AnswerStream:
        """Answer ``question`` from ``corpus``, a handle from ``Registry.open``, after the conversation ``history``.

        Drafts may copy ``scope``'s answers.
        """

    def forget(self, scope: str | None = None) -> None:
        """Forget earlier outputs in ``scope``, or all of them (None); drafts are then not copied from them."""

    def stream_correct(self, text: str, *, scope: str | None = "") -> EventStream:
        """Correct ``text``: text deltas, then ``CorrectionDone``."""


class Registry(Protocol):
    """All corpora of this installation. Methods raise ``CorpusNotFound`` for a name that does not exist."""

    def names(self) -> list[str]:
        """Names of the corpora, the sample first."""

    def open(self, corpus: str) -> Any:
        """A handle for ``PagePipeline.stream``."""

    def document(self, corpus: str, passage_id: str) -> Document:
        """The document that a passage is cut from; offsets of citations refer to its text."""

    def listing(self, corpus: str, *, name_filter: str = "", offset: int = 0, limit: int = 50) -> Listing:
        """``limit`` documents from number ``offset`` on, of those whose names have all words of ``name_filter``."""

    def holdings(self, corpus: str, document: str) -> Holdings | None:
        """What is deleted when the document with this id is removed; None if there is no such document."""

    def version(self, corpus: str) -> int:
        """A number that grows with every change of the corpus, whichever process makes it."""

    def create(self, corpus: str) -> str:
        """Make an empty corpus; returns its name in the form in which it is listed."""

    def quoting(self, corpus: str, document: str | None = None) -> list[QuotingConversation]:
        """The conversations, asked of a corpus, that quote the document with this id; None: any of its documents."""

    def remove_document(self, corpus: str, document: str) -> Receipt:
        """Remove the document with this id, its passages and everything derived from them; returns what was removed."""

    def remove_corpus(self, corpus: str) -> None:
        """Remove a whole corpus."""

    def jobs(self, corpus: str) -> Jobs:
        """The jobs of a corpus."""

    def run_job(self, corpus: str, number: int, stop: threading.Event) -> Job:
        """Run a job until it ends, is paused, or ``stop`` is set; run again, it continues where it stopped."""

    def close(self) -> None:
        """Close the corpora, at shutdown. No other method may be called afterwards."""
