"""What all tabs share: the pipeline, the registry, the conversations, and what runs. One for the whole application.

Nothing here belongs to one browser; what does is looked up by the scope in its cookie.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.conversations.store import Conversations
from app.ui.state.interfaces import PagePipeline, Registry
from app.ui.state.job_workers import JobWorkers
from app.ui.state.runs import Runs
from app.ui.state.uploads import Incoming


@dataclass(frozen=True, slots=True)
class AppState:
    """The parts that the tabs work with."""

    pipeline: PagePipeline
    registry: Registry
    conversations: Conversations
    default_corpus: str
    incoming: Incoming
    workers: JobWorkers
    runs: Runs = field(default_factory=Runs)

    def corpus_choices(self, wanted: str = "") -> tuple[list[str], str | None]:
        """All corpora, and the one to show: ``wanted``, else the default, else the first."""
        names = self.registry.names()
        shown = next((name for name in (wanted, self.default_corpus) if name in names), None)
        return names, shown or (names[0] if names else None)
