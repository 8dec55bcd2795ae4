"""What all tabs share: the pipeline, the shelf, the conversations, and what runs. One for the whole application.

Nothing here belongs to one browser; what does is looked up by the scope in its cookie.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import gradio as gr

from app.conversations.store import Conversations
from app.ui.interfaces import PagePipeline, Registry
from app.ui.library.job_workers import JobWorkers
from app.ui.runs import Runs
from app.ui.serving.guard import scope_of
from app.ui.serving.uploads import Incoming


@dataclass(frozen=True, slots=True)
class AppState:
    """The parts that the tabs work with."""

    pipeline: PagePipeline
    shelf: Registry
    conversations: Conversations
    default_corpus: str
    incoming: Incoming
    workers: JobWorkers
    runs: Runs = field(default_factory=Runs)

    def corpus_choices(self, wanted: str = "") -> tuple[list[str], str | None]:
        """All corpora, and the one to show: ``wanted``, else the default, else the first."""
        names = self.shelf.names()
        shown = next((name for name in (wanted, self.default_corpus) if name in names), None)
        return names, shown or (names[0] if names else None)


def browser(request: gr.Request) -> str:
    """The scope of the browser that asks; empty if it refuses cookies, and then nothing is kept for it."""
    return scope_of(dict(request.cookies))


def tab(request: gr.Request) -> str:
    """The browser tab that asks."""
    return request.session_hash or ""


def words(value: object) -> str:
    """A text that the page sent. It comes straight from the browser, so it may be anything.

    Gradio's own check is left out: it knows the choices of a list only as long as it remembers the browser tab, so
    that a page that was open while the server restarted could not ask any more.
    """
    return value if isinstance(value, str) else ""


def text_in(event: gr.EventData, key: str) -> str:
    """A text that a button carries; the browser sends it, so anything may stand there."""
    return words(event._data.get(key)) if isinstance(event._data, dict) else ""


def number_in(event: gr.EventData, key: str) -> int:
    """A whole number that a button carries, -1 if it is none."""
    text = text_in(event, key)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
