"""The engine: a target with its draft sources and its budget; it makes sessions and refuses what cannot run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.drafter import Drafter
from decoding.errors import InvalidRequest, PromptTooLong
from decoding.interfaces import Request
from decoding.scheduling.prefix_cache import DEFAULT_BYTES, PrefixCache
from decoding.scheduling.scheduler import Scheduler
from decoding.scheduling.session import Session
from decoding.sources.base import DraftSource
from decoding.sources.shared import Shared
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.stats import Throughput
from decoding.target.capability import Verification
from decoding.target.target import Target
from decoding.verification import sampling

DEFAULT_ROWS = 8
DEFAULT_WAITING = 64
SourceFactory = Callable[[], Sequence[DraftSource]]


class Engine:
    """A target with its draft sources. Sessions are independent and may run side by side, from several threads.

    ``max_rows`` of them share each forward, ``max_waiting`` more may queue. ``prefix_bytes`` bounds the caches kept
    for prompts that begin like an earlier one. ``calibration`` and ``shared`` outlive the engine if they are given.
    """

    def __init__(
        self,
        target: Target,
        *,
        sources: Sequence[str] | SourceFactory = DEFAULT_SOURCES,
        budget: Budget | None = None,
        calibration: Calibration | None = None,
        shared: Shared | None = None,
        max_rows: int = DEFAULT_ROWS,
        max_waiting: int = DEFAULT_WAITING,
        prefix_bytes: int = DEFAULT_BYTES,
    ) -> None:
        self.target = target
        self.budget = budget if budget is not None else Budget.measured(target)
        self.calibration = calibration if calibration is not None else Calibration()
        self.shared = shared if shared is not None else Shared()
        self._sources: SourceFactory = sources if callable(sources) else lambda: make_sources(sources, self.shared)
        self._batch = Scheduler(
            target, self.budget, max_rows=max_rows, max_waiting=max_waiting, prefixes=PrefixCache(prefix_bytes)
        )

    def session(self, request: Request, *, speculate: bool = True) -> Session:
        """Begin a request; nothing is computed before the session is iterated.

        Raises InvalidRequest, PromptTooLong.
        """
        self._check(request)
        drafts = speculate and self.target.verification is not Verification.PLAIN
        sources = self._sources() if drafts else ()
        drafter = Drafter(sources, budget=self.budget, vocab_size=self.target.vocab_size, calibration=self.calibration)
        return Session(request, drafter, self._batch)

    @property
    def graphs_note(self) -> str:
        """Whether forwards run as CUDA graphs: yes, or no and why not."""
        return self.target.graphs_note

    @property
    def throughput(self) -> Throughput:
        """What all sessions together have done so far: a copy."""
        return replace(self._batch.throughput)

    def forget(self) -> None:
        """Drop what is kept of finished sessions to read prompts faster."""
        self._batch.forget()

    def forget_outputs(self, scope: str | None = None) -> None:
        """Draft nothing any more that was written in ``scope``, or at all (None); drop what is kept of prompts, too."""
        self.shared.forget(scope)
        self.forget()

    def generate(self, request: Request, *, speculate: bool = True) -> Session:
        """Run a request to its end; the finished session holds tokens, stats and finish reason."""
        session = self.session(request, speculate=speculate)
        for _ in session:
            pass
        return session

    def _check(self, request: Request) -> None:
        sampling.check(request.sampling)
        if not request.prompt:
            raise InvalidRequest("The prompt is empty.", hint="Give at least one token.")
        if request.max_new_tokens < 1:
            raise InvalidRequest(f"max_new_tokens is {request.max_new_tokens}", hint="Ask for at least one new token.")
        outside = [token for token in request.prompt if not 0 <= token < self.target.vocab_size]
        if outside:
            raise InvalidRequest(
                f"Token {outside[0]} is outside the vocabulary of {self.target.vocab_size}.",
                hint="Encode the prompt with the target's own tokenizer.",
            )
        if len(request.prompt) >= self.target.context_length:
            raise PromptTooLong(
                f"The prompt has {len(request.prompt)} tokens, the context of the target {self.target.context_length}.",
                hint="Shorten the text, retrieve fewer passages, or choose a target with a longer context.",
            )
