"""Where nothing can be drafted the sources pause, and cost next to nothing; what they missed they are told."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from decoding.drafting.backoff import Backoff
from decoding.drafting.budget import Budget
from decoding.drafting.cost_model import CostModel
from decoding.drafting.drafter import Drafter
from decoding.interfaces import NO_ORIGIN, Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree

SLOW, FAST = {1: 1e3, 32: 1e3}, {1: 1e-9, 32: 1e-9}


class Asked(DraftSource):
    """Drafts ``right`` as the next token, and counts."""

    name = "asked"

    def __init__(self, right: int) -> None:
        self.right = right
        self.times = 0
        self.observed: list[tuple[int, ...]] = []

    def propose(self, context: DraftContext) -> DraftTree:
        """The one token."""
        self.times += 1
        return DraftTree.chain((self.right,), 0.5)

    def observe(self, commit: Commit) -> None:
        """Note the tokens."""
        assert len(commit.tokens) == len(commit.sources) == len(commit.origins)
        self.observed.append(commit.tokens)


def written(source: Asked, cost_s: dict[int, float] | None, tokens: Sequence[int]) -> list[int]:
    """Decode ``tokens`` one a step: how often the source had been asked by then."""
    drafter = Drafter([source], budget=Budget(8, CostModel(cost_s or {})), vocab_size=100)
    drafter.start(Request((1,), len(tokens)))
    asked = []
    for done, token in enumerate(tokens):
        drafter.draft(tokens[:done], root=1, max_depth=9)
        drafter.observe(Commit((token,), ((),), (NO_ORIGIN,)))
        asked.append(source.times)
    drafter.finish()
    assert not drafter.failed
    return asked


def test_a_source_with_nothing_to_say_pauses_beside_a_fast_target() -> None:
    source = Asked(right=7)
    asked = written(source, dict(FAST), [3] * 60)
    assert asked[:4] == [1, 2, 3, 4]
    assert asked[-1] <= 12


def test_it_misses_nothing_that_was_committed() -> None:
    source = Asked(right=99)
    tokens = list(range(50))
    written(source, dict(FAST), tokens)
    assert [token for seen in source.observed for token in seen] == tokens


def test_a_right_draft_ends_the_pause() -> None:
    source = Asked(right=7)
    asked = written(source, dict(FAST), [3] * 30 + [7] * 20)
    awake = next(step for step in range(30, 50) if asked[step] > asked[step - 1])
    assert awake - 30 <= 9
    assert [after - before for before, after in zip(asked[awake:], asked[awake + 1 :], strict=False)] == [1] * (
        49 - awake
    )


def test_nobody_pauses_beside_a_slow_target_or_where_time_does_not_count() -> None:
    assert written(Asked(right=7), dict(SLOW), [3] * 40)[-1] == 40
    assert written(Asked(right=7), None, [3] * 40)[-1] == 40


def test_the_longest_pause_is_short() -> None:
    backoff = Backoff(Budget(8, CostModel(dict(FAST))))
    for _ in range(9):
        backoff.record(was_useful=False, seconds=1.0)
    assert [backoff.skips_step() for _ in range(10)].index(False) == 8


def test_without_sources_nothing_is_kept_of_what_was_committed() -> None:
    drafter = Drafter([], budget=Budget(8), vocab_size=100)
    drafter.start(Request((1,), 9))
    commit = Commit((3,), ((),), (NO_ORIGIN,))
    references = sys.getrefcount(commit)
    for done in range(5):
        drafter.draft([3] * done, root=1, max_depth=9)
        drafter.observe(commit)
    assert sys.getrefcount(commit) == references
