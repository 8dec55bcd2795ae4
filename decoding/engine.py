"""The engine: a target with its draft sources and its budget. It checks requests, makes sessions and runs them.

What a session writes comes in commits, one for each verified tree:

    engine = Engine(load_target("some/model"))
    session = engine.session(Request(prompt_ids, max_new_tokens=64))
    for commit in engine.iterate(session):
        print(commit.tokens)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from decoding.cuda.graphs import CudaGraphs
from decoding.drafting.budget import LIMIT, Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.drafter import Drafter
from decoding.errors import InvalidRequest, PromptTooLong
from decoding.interfaces import Commit, Request
from decoding.scheduling.prefix_cache import DEFAULT_BYTES
from decoding.scheduling.scheduler import Scheduler
from decoding.scheduling.session import Session
from decoding.sources.base import DraftSource
from decoding.sources.shared import Shared
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.stats import Throughput
from decoding.target.capability import Capability
from decoding.target.target import Target
from decoding.verification import sampling

DEFAULT_ROWS = 8
DEFAULT_WAITING = 64
SourceFactory = Callable[[], Sequence[DraftSource]]


class Engine:
    """A target with its draft sources. Sessions are independent and may run side by side, from several threads.

    ``budget``: measured on the target if None, for trees of at most ``max_nodes``. ``max_rows`` sessions share each
    forward, ``max_waiting`` more may queue. ``prefix_bytes`` bounds the caches kept for prompts that begin like an
    earlier one. ``graphs``: forwards run as CUDA graphs (None: where the device has them; True: in fixed shapes on
    any device; False: never); those of another engine on the same target: as there, also once a capture has failed.
    ``calibration`` and ``shared`` may outlive the engine.
    """

    def __init__(
        self,
        target: Target,
        *,
        sources: Sequence[str] | SourceFactory = DEFAULT_SOURCES,
        budget: Budget | None = None,
        max_nodes: int = LIMIT,
        calibration: Calibration | None = None,
        shared: Shared | None = None,
        max_rows: int = DEFAULT_ROWS,
        max_waiting: int = DEFAULT_WAITING,
        prefix_bytes: int = DEFAULT_BYTES,
        graphs: CudaGraphs | bool | None = None,
    ) -> None:
        self.calibration = calibration if calibration is not None else Calibration()
        self.shared = shared if shared is not None else Shared()
        self.target = target if self.shared.heads is None else target.keeping_hidden_states()
        self.graphs = graphs if isinstance(graphs, CudaGraphs) else CudaGraphs(self.target, enabled=graphs)
        self.budget = budget if budget is not None else Budget.measured(self.target, max_nodes, graphs=self.graphs)
        self._sources: SourceFactory = sources if callable(sources) else lambda: make_sources(sources, self.shared)
        self._has_sources = bool(self._sources())
        self._scheduler = Scheduler(
            self.target,
            self.budget,
            graphs=self.graphs,
            max_rows=max_rows,
            max_waiting=max_waiting,
            prefix_bytes=prefix_bytes,
        )

    def session(self, request: Request, *, speculate: bool = True) -> Session:
        """Make the session of a request; nothing is computed before it is iterated.

        Raises InvalidRequest, PromptTooLong.
        """
        self._check(request)
        drafts = speculate and self.target.capability is not Capability.PLAIN
        sources = self._sources() if drafts else ()
        drafter = Drafter(sources, budget=self.budget, vocab_size=self.target.vocab_size, calibration=self.calibration)
        return Session(request, drafter, context_length=self.target.context_length)

    def iterate(self, session: Session) -> Generator[Commit, None, None]:
        """Run a session of this engine: one commit a step, the last one with the finish reason. Once a session.

        Closing it before its end gives the session up: it takes no lock, and the next step frees what is held.
        Raises Overloaded if too many wait, OutOfMemory, and what a processor or a criterion of the request raises.
        """
        return self._scheduler.iterate(session)

    @property
    def drafting_note(self) -> str:
        """What keeps it from drafting, or from drafting trees, and why, in one line; empty if nothing does."""
        if self.target.note:
            return self.target.note
        if self.budget.limit < 1:
            return f"{Capability.PLAIN.description}: its budget allows no drafted token"
        return "" if self._has_sources else f"{Capability.PLAIN.description}: it has no draft source"

    @property
    def graphs_note(self) -> str:
        """Whether forwards run as CUDA graphs: yes, or no and why not."""
        return self.graphs.note

    @property
    def throughput(self) -> Throughput:
        """What all sessions together have done so far, as a copy."""
        return replace(self._scheduler.throughput)

    def forget(self) -> None:
        """Drop the caches of finished sessions, which let prompts that begin alike be read faster."""
        self._scheduler.forget(lambda: None)

    def forget_outputs(self, scope: str | None = None) -> None:
        """Draft nothing any more that was written in ``scope``, or at all (None); drop the caches of sessions, too."""
        self._scheduler.forget(lambda: self.shared.forget(scope))

    def generate(self, request: Request, *, speculate: bool = True) -> Session:
        """Run a request to its end; the finished session holds tokens, stats and finish reason."""
        session = self.session(request, speculate=speculate)
        for _ in self.iterate(session):
            pass
        return session

    def _check(self, request: Request) -> None:
        sampling.check(request.sampling)
        if not request.prompt:
            raise InvalidRequest("the prompt is empty", hint="give at least one token")
        if request.max_new_tokens < 1:
            raise InvalidRequest(f"max_new_tokens is {request.max_new_tokens}", hint="ask for at least one new token")
        outside = [token for token in request.prompt if not 0 <= token < self.target.vocab_size]
        if outside:
            raise InvalidRequest(
                f"token {outside[0]} is outside the vocabulary of {self.target.vocab_size}",
                hint="encode the prompt with the target's own tokenizer",
            )
        if len(request.prompt) >= self.target.context_length:
            raise PromptTooLong(
                f"the prompt has {len(request.prompt)} tokens, the context of the target {self.target.context_length}",
                hint="shorten the text, retrieve fewer passages, or choose a target with a longer context",
            )
