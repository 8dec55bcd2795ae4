"""The engine: a target with its draft sources and its budget; it makes sessions and refuses what cannot run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from decoding import sampling
from decoding.budget import Budget
from decoding.drafting import Drafter
from decoding.errors import InvalidRequest, PromptTooLong
from decoding.interfaces import DraftSource, Request
from decoding.session import Session
from decoding.sources import DEFAULT_SOURCES, make_sources
from decoding.target import Target

SourceFactory = Callable[[], Sequence[DraftSource]]


class Engine:
    """A target with its draft sources. Sessions are independent; run one at a time."""

    def __init__(
        self, target: Target, *, sources: Sequence[str] | SourceFactory = DEFAULT_SOURCES, budget: Budget | None = None
    ) -> None:
        self.target = target
        self.budget = budget if budget is not None else Budget.measured(target)
        self._sources: SourceFactory = sources if callable(sources) else lambda: make_sources(sources)

    def session(self, request: Request, *, speculate: bool = True) -> Session:
        """Begin a request; nothing is computed before the session is iterated.

        Raises InvalidRequest, PromptTooLong.
        """
        self._check(request)
        sources = self._sources() if speculate else ()
        return Session(self.target, request, Drafter(sources, budget=self.budget, vocab_size=self.target.vocab_size))

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
