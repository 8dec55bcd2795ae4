"""The rules that ``bench criteria`` compares, by what ``--criteria`` says, and an engine that applies one rule.

The app's own streams run over a trial, so that what is measured is what a user would get; nothing of other trials, of
earlier outputs or of what this machine has learned reaches its drafts. Knows names and options of criteria; must not
know items or scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from app.bench.methods import without_history
from app.errors import InputError, quoted, unknown
from app.generation.requests import RequestBuilder
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.cost_model import CostModel
from decoding.engine import Engine
from decoding.interfaces import AcceptanceCriterion, Request, Sampling
from decoding.scheduling.session import Session
from decoding.verification.acceptance import CRITERIA, ExactMatch, make_criterion

SAMPLED = "speculative-sampling"
DEFAULT = (
    "exact-match,speculative-sampling,typical=0.3/0.09,typical=0.09/0.3,typical=0.01/0.1,"
    "top-beta-tau=3/1,top-beta-tau=5/3,top-beta-tau=25/5"
)
"""Medusa's own thresholds (its code: 0.3/0.09; its paper: delta the root of epsilon), then SpecDec's kind: beta/tau."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How drafts are accepted. ``method`` is its name in ``--criteria``; without ``speculates`` nothing is drafted."""

    method: str
    criterion: AcceptanceCriterion
    speculates: bool = True

    @property
    def family(self) -> str:
        """Its criterion's name, or ``plain``."""
        return self.criterion.name if self.speculates else self.method

    @property
    def exact(self) -> bool:
        """Whether its output must be the plain one, token for token."""
        return isinstance(self.criterion, ExactMatch)


PLAIN = Rule("plain", ExactMatch(), speculates=False)


def rules(text: str) -> list[Rule]:
    """The rules that ``text`` names, comma between them, plain decoding first of all.

    Raises InputError, UnknownNameError, and InvalidRequest for a threshold out of range.
    """
    names = dict.fromkeys(name.strip() for name in text.split(","))
    return [PLAIN, *(_rule(name) for name in names if name != PLAIN.method)]


def _rule(word: str) -> Rule:
    word = ExactMatch.name if word == "one-draw" else word  # Its old name, in scripts.
    name, sign, numbers = word.partition("=")
    if name not in CRITERIA:
        raise unknown("criterion", name, CRITERIA)
    options = [option.name for option in fields(CRITERIA[name])]
    if not sign:
        return Rule(word, make_criterion(name))
    try:
        thresholds = {option: _number(number) for option, number in zip(options, numbers.split("/"), strict=True)}
    except ValueError as error:
        hint = f"write {name}={'/'.join(map(str.upper, options))}" if options else f"{name} has no thresholds"
        raise InputError(f"{quoted(word)} has other thresholds than {name} takes", hint=hint) from error
    return Rule(word, make_criterion(name, **thresholds))


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


@dataclass(frozen=True, slots=True)
class Written:
    """One output: the text that the app returns, the tokens and the text that the target wrote, and counts.

    ``decode_s``: seconds of drafting, verifying and accepting, without prefill.
    """

    text: str
    tokens: tuple[int, ...]
    raw: str
    forwards: int
    decode_s: float


class Trial(Engine):
    """An engine for one rule. ``sampling`` is that of the output that is written, ``sessions`` are its sessions."""

    def __init__(self, rule: Rule, like: Engine, *, sources: Sequence[str]) -> None:
        """On the target of ``like``, with the T(n) that was measured when it was loaded."""
        super().__init__(
            like.target,
            sources=sources,
            # Speculative sampling as published: all that is drafted is verified, or the row would be plain decoding's
            # wherever a draft model does not pay.
            budget=Budget(like.budget.limit, CostModel() if rule.family == SAMPLED else _fixed(like.budget.costs)),
            calibration=Calibration(frozen=rule.family == SAMPLED),
            shared=without_history(like.shared),
            max_rows=1,
            graphs=like.graphs,
        )
        self.rule = rule
        self.sampling = Sampling()
        self.sessions: list[Session] = []

    def session(self, request: Request, *, speculate: bool = True) -> Session:
        """Begin the request under this rule. Its ``scope`` becomes None, so that no earlier output is copied."""
        criterion = None if self.rule.exact else self.rule.criterion
        judged = replace(request, sampling=self.sampling, criterion=criterion, scope=None)
        session = super().session(judged, speculate=speculate and self.rule.speculates)
        self.sessions.append(session)
        return session

    def write(self, builder: RequestBuilder, ask: Callable[[RequestBuilder], str], sampling: Sampling) -> Written:
        """Let ``ask`` use ``builder`` over this engine, with all its requests drawn by ``sampling``."""
        self.sampling = sampling
        self.forget()  # A prompt that shares its prefix with an earlier one would cost less.
        self.sessions.clear()
        text = ask(replace(builder, engine=self, drafter_state=None))
        return Written(
            text=text,
            tokens=tuple(token for session in self.sessions for token in session.tokens),
            raw=" ".join(builder.tokens.decode(session.tokens) for session in self.sessions),
            forwards=sum(session.stats.target_forwards for session in self.sessions),
            decode_s=sum(session.stats.decode_s for session in self.sessions),
        )


def _fixed(costs: CostModel) -> CostModel:
    """T(n) as measured at load: no rule's trees are smaller because the machine was busy in its turn."""
    return replace(costs, adapts=False)
