"""The ways that the bench of drafters compares: plain decoding, each drafter alone, the tree without and with them.

    plain                no drafts
    draft-chain, ...     one source: all that it drafts is verified, as a published method is run
    tree                 the sources as served, calibrated while they run, cut where drafts stop paying
    tree+draft-model     the same with one or more drafters beside them

Each has an engine of its own on the one target, with nothing learned before. Knows requests, not where they are from.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.bench.drafters.parts import PARTS, fresh
from app.errors import InputError, unknown
from app.loading.sources import CORPUS, flag, setting_of, sources_of
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources import DEFAULT_SOURCES
from decoding.stats import Stats

PLAIN, TREE = "plain", "tree"


@dataclass(frozen=True, slots=True)
class Ran:
    """One request done: its output, what happened, and the seconds in all."""

    tokens: tuple[int, ...]
    stats: Stats
    spent_s: float

    @property
    def decode_s(self) -> float:
        """Without the target's reading of the prompt; a drafter's own reading counts."""
        return self.spent_s - self.stats.prefill_s


@dataclass(frozen=True, slots=True)
class Way:
    """A name and its engine."""

    name: str
    engine: Engine

    def run(self, request: Request) -> Ran:
        """Write from the beginning: a prompt that was read before would cost nothing. Raises InputError for a drafter
        that fails.
        """
        self.engine.forget()
        started = time.perf_counter()
        session = self.engine.generate(request, speculate=self.name != PLAIN)
        spent_s = time.perf_counter() - started
        if failed := session.stats.failed_sources:
            raise InputError(f"A draft source failed: {failed}", hint="This is a defect; please report it.")
        return Ran(tuple(session.tokens), session.stats, spent_s)


def default_names(given: Sequence[str]) -> list[str]:
    """Plain decoding, every form of every drafter whose setting is given, the tree, and the tree with each and with
    the first two of them.
    """
    usual = [sources_of(key)[0] for key in given]
    both = [f"{TREE}+{'+'.join(usual[:2])}"] if len(usual) > 1 else []
    alone = [source for key in given for source in sources_of(key)]
    return [PLAIN, *alone, TREE, *(f"{TREE}+{source}" for source in usual), *both]


def names_of(text: str) -> list[str]:
    """The ways of a comma-separated list, plain decoding always among them. Raises UnknownNameError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        _drafters(name)
    return names if PLAIN in names else [PLAIN, *names]


def require(names: Sequence[str], given: Collection[str]) -> None:
    """Raise InputError for a way that drafts with what no setting in ``given`` names."""
    for name in names:
        for source in _drafters(name):
            if (key := setting_of(source)) is not None and key not in given:
                raise InputError(f"{name} has nothing to draft with.", hint=f"Name it with {flag(key)}.")


def _drafters(name: str) -> list[str]:
    """The drafters of a way. Raises UnknownNameError."""
    known = [source for part in PARTS.values() for source in sources_of(part.setting)]
    first, *more = name.split("+")
    if name in (PLAIN, TREE):
        return []
    if first != TREE and more:
        raise unknown("way", name, [f"{TREE}+{name}"])
    for source in more or [first]:
        if source not in known:
            raise unknown("way", source, [PLAIN, TREE, *known])
    return more or [first]


def make_way(name: str, served: Engine, sources: Sequence[str] | None = None) -> Way:
    """An engine for one way on the target of ``served``, whose measured costs are the tree's.

    ``sources`` are those of the tree, by default the decoder's and the corpus.
    """
    base = tuple(sources) if sources is not None else (*DEFAULT_SOURCES, CORPUS)
    first, *more = name.split("+")
    is_tree = first == TREE
    names = (*base, *more) if is_tree else () if first == PLAIN else (first,)
    limit, cost_s = served.budget.limit, served.budget.cost_s
    engine = Engine(
        served.target,
        sources=names,
        budget=Budget(limit, dict(cost_s) if cost_s is not None and is_tree else None),
        calibration=Calibration(frozen=not is_tree),
        shared=fresh(served.shared),
    )
    return Way(name, engine)
