"""Rows 1 and 4 of the promise as a covering design: sources, shapes, batches, processors, modes and architectures.

Every two values of any two factors stand together in some row. Each row is compared with plain decoding written a
second time (`trials.by_hand`), in float64: no id may differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.scheduling.session import Session
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support import designs
from tests.support.fakes import ARCHITECTURES, SLIDING, tiny_model
from tests.support.pairwise import Row, covering, uncovered
from tests.support.trials import Outcome, alone, say, together

SHORT: Mapping[str, Sequence[str]] = {
    **designs.FACTORS,
    "source": ("oracle", "always-wrong", "empty", "mixed", "everything"),
    "first": ("none", "repetition", "no-repeat", "quote"),
    "second": ("none", "frequency", "bad-words", "copy-bias"),
}


@pytest.fixture(scope="module")
def all_targets(targets: dict[str, Target]) -> dict[str, Target]:
    """The targets of every test, two whose attention slides, and one to draft for them."""
    sliding = {name: target_of(tiny_model(name, seed=3).double(), name=name) for name in SLIDING}
    return {**targets, **sliding, "other": target_of(tiny_model("llama", seed=9).double(), name="other")}


def check_row(row: Row, targets: Mapping[str, Target], seed: int) -> Counter[str]:
    """Run the sessions of a row together, then the first one again; what was counted."""
    target = targets[row["architecture"]]
    jobs = designs.jobs_of(row, target, seed)
    course = designs.COURSES[row["batch"]]
    engine = designs.engine_of(row, target, targets["other"], jobs)
    leaves = dict(course.leaves)
    found = together(engine, [*jobs], joins=course.joins, leaves=leaves)
    counted = Counter(rows=1, sessions=len(found))
    for number, ((session, outcome), expected) in enumerate(zip(found, jobs.values(), strict=True)):
        assert number in leaves or outcome.reason != "cancelled"
        assert outcome.is_of(expected), (row, number, outcome, expected)
        check_counts(row, session, outcome)
        counted.update(
            tokens=len(outcome.tokens), accepted=session.stats.accepted, drafted=session.stats.drafted,
            errors=outcome.error is not None,
        )  # fmt: skip
    check_again(engine, jobs)
    return counted


def check_counts(row: Row, session: Session, outcome: Outcome) -> None:
    """No source failed, usage is what was written, and drafts of known quality were accepted as they deserve."""
    assert not session.drafter.failed, (row, session.drafter.failed)
    stats = session.stats
    assert stats.tokens == len(outcome.tokens)
    if outcome.error is None and len(outcome.tokens) > 2:
        if row["source"] == "always-wrong":
            assert stats.accepted == 0 < stats.drafted, row
        if row["source"] == "oracle":
            assert stats.accepted > 0, row
            assert row["shape"] == "tree" or stats.accepted == stats.drafted, row
    if row["source"] == "empty":
        assert stats.drafted == 0


def check_again(engine: Engine, jobs: Mapping[Request, Outcome]) -> None:
    """The same request on an engine that has seen it: its prefix is kept, and so is what sources remember."""
    request, expected = next(iter(jobs.items()))
    assert alone(engine, request).is_of(expected)


def run_design(factors: Mapping[str, Sequence[str]], targets: Mapping[str, Target], *, seed: int) -> Counter[str]:
    rows = covering(factors, seed=seed)
    assert not uncovered(factors, rows)
    counted: Counter[str] = Counter()
    for number, row in enumerate(rows):
        counted += check_row(row, targets, 1000 * seed + number)
    assert counted["accepted"] > 0
    # Rules that contradict one another end in an error, in plain decoding too: a few do, most must not.
    assert counted["errors"] < counted["sessions"] / 5, counted
    return counted


def test_every_pair_of_a_small_design_is_exact(all_targets: dict[str, Target]) -> None:
    run_design(SHORT, all_targets, seed=0)


@pytest.mark.exact
@pytest.mark.parametrize("seed", range(1, 5))
def test_every_pair_of_the_whole_design_is_exact(all_targets: dict[str, Target], seed: int) -> None:
    say(f"pairwise, seed {seed}: {dict(run_design(designs.FACTORS, all_targets, seed=seed))}")


def test_the_design_covers_every_pair() -> None:
    for factors in (SHORT, designs.FACTORS):
        rows = covering(factors)
        assert not uncovered(factors, rows)
        assert covering(factors) == rows, "the same rows every time"
        largest, second = sorted(map(len, factors.values()))[:-3:-1]
        assert len(rows) < 1.5 * largest * second
        assert uncovered(factors, rows[:-1]), "no row is idle at the end"
    assert set(ARCHITECTURES) < set(designs.FACTORS["architecture"])
