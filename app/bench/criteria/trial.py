"""One rule on trial: an engine whose every request is drawn at one temperature and judged by one criterion.

The app's own streams run over it, so that what is measured is what a user would get; nothing of other trials, of
earlier outputs or of what this machine has learned reaches its drafts. Knows no items and no scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.bench.criteria.rules import SAMPLED, Rule
from app.bench.drafters.parts import fresh
from app.generation.requests import RequestBuilder
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import Request, Sampling
from decoding.scheduling.session import Session


@dataclass(frozen=True, slots=True)
class Written:
    """What one item gave: the text that the app hands out, the tokens and the text that the target wrote, and counts.

    ``decode_s`` are the seconds of drafting, verifying and accepting; reading the prompt is not among them.
    """

    text: str
    tokens: tuple[int, ...]
    raw: str
    forwards: int
    decode_s: float


class Trial(Engine):
    """An engine for one rule. ``sampling`` may be changed between requests."""

    def __init__(self, rule: Rule, like: Engine, *, sources: Sequence[str]) -> None:
        """On the target of ``like``, and with the budget that was measured for it when it was loaded."""
        super().__init__(
            like.target,
            sources=sources,
            # Speculative sampling as published: all that is drafted is verified, or the row would be plain decoding's
            # wherever a draft model does not pay.
            budget=Budget(like.budget.limit)
            if rule.family == SAMPLED
            else _Steady(like.budget.limit, like.budget.cost_s),
            calibration=Calibration(frozen=rule.family == SAMPLED),
            shared=fresh(like.shared),
            max_rows=1,
        )
        self.rule = rule
        self.sampling = Sampling()
        self.sessions: list[Session] = []

    def session(self, request: Request, *, speculate: bool = True) -> Session:
        """Begin the request as it is put on trial. ``scope`` None: it copies from no earlier output."""
        criterion = None if self.rule.exact else self.rule.criterion
        asked = replace(request, sampling=self.sampling, criterion=criterion, scope=None)
        session = super().session(asked, speculate=speculate and self.rule.speculates)
        self.sessions.append(session)
        return session


def written_by(trial: Trial, writer: RequestBuilder, write: Callable[[RequestBuilder], str]) -> Written:
    """Let ``write`` work with ``writer`` over the trial's engine."""
    trial.forget()  # A prompt that another item began with would cost less.
    trial.sessions.clear()
    text = write(replace(writer, engine=trial, learned=None))
    sessions = trial.sessions
    return Written(
        text=text,
        tokens=tuple(token for session in sessions for token in session.tokens),
        raw=" ".join(writer.tokens.decode(session.tokens) for session in sessions),
        forwards=sum(session.stats.target_forwards for session in sessions),
        decode_s=sum(session.stats.decode_s for session in sessions),
    )


class _Steady(Budget):
    """T(n) stays as it was measured: no rule's trees are smaller because the machine was busy in its turn."""

    def refine(self, size: int, seconds: float) -> None:
        """Learn nothing."""
