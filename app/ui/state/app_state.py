"""The objects that all tabs share: pipeline, corpora, conversations, uploads, job workers and running streams.

One ``AppState`` serves the whole application. It keeps nothing that belongs to one browser: handlers look that up by
the browser's scope (``browser_events``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.conversations.store import Conversations
from app.ui.state.interfaces import PagePipeline, Registry
from app.ui.state.job_workers import JobWorkers
from app.ui.state.runs import Runs
from app.ui.state.uploads import UploadStore


@dataclass(frozen=True, slots=True)
class AppState:
    """The shared objects. ``default_corpus`` is the name that the settings give."""

    pipeline: PagePipeline
    registry: Registry
    conversations: Conversations
    default_corpus: str
    uploads: UploadStore
    workers: JobWorkers
    runs: Runs = field(default_factory=Runs)

    def corpus_choices(self, preferred: str = "") -> tuple[list[str], str | None]:
        """The names of all corpora, and the one to show: ``preferred``, else the default, else the first."""
        names = self.registry.names()
        shown = next((name for name in (preferred, self.default_corpus) if name in names), None)
        return names, shown or (names[0] if names else None)
