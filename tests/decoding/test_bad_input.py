"""Bad drafts cost a source its place and never an id; bad logits end a request with a clear error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.errors import InvalidRequest
from decoding.interfaces import Request, Sampling
from decoding.processors.token_rules import LogitBias
from decoding.scheduling.session import Session
from decoding.sources.base import DraftContext, DraftSource
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.tree import DraftTree
from tests.support.fakes import VOCABULARY, AlwaysWrong, FixedSource, Oracle, Repeating, chain, tiny_model
from tests.support.trials import by_hand, together

PROMPT = (5, 9, 2, 33, 7, 5, 9, 2)
MODES = (Sampling(), Sampling(do_sample=True, seed=3), Sampling(do_sample=True, temperature=0.7, top_p=0.9, seed=4))


class Proposing(FixedSource):
    """Proposes the same drafts for ever."""

    def __init__(self, drafts: Sequence[Any]) -> None:
        super().__init__("proposing")
        self._drafts = [*drafts]  # Chains side by side; what makes one where a chain cannot be made here.

    def propose(self, context: DraftContext) -> DraftTree:
        return DraftTree.side_by_side([each() if callable(each) else each for each in self._drafts])


def run(target: Target, request: Request, sources: Callable[[], Sequence[DraftSource]]) -> Session:
    return Engine(
        target, sources=sources, budget=Budget(limit=16), calibration=Calibration(frozen=True)
    ).generate(request)  # fmt: skip


OUTSIDE = {
    "the first id behind the vocabulary": [chain([VOCABULARY], 0.9)],
    "a negative id": [chain([-1], 0.9)],
    "one outside id behind good ones": [chain([1, 2, 10**9], 0.9)],
    "an id beyond 64 bits": [chain([2**70], 0.9)],
}
HARMLESS = {
    "an empty draft": [DraftTree()],
    "no drafts": [],
    "deeper than any budget": [chain([one % VOCABULARY for one in range(500)], 0.99)],
    "hundreds of branches": [chain([one % VOCABULARY, one // VOCABULARY], 0.5) for one in range(900)],
    "chances above 1": [chain([1, 2], 7.0)],
    "chances below 0": [chain([1, 2], -3.0)],
    "chances of 0": [chain([1, 2], 0.0)],
    "infinite chances": [chain([1, 2], math.inf)],
    "chances that are NaN": [chain([1, 2, 3], math.nan), chain([4], 0.5)],
    "the same draft many times": [chain([1, 2], 0.5)] * 50,
}
MALFORMED: dict[str, list[Any]] = {
    "fewer chances than tokens": [lambda: DraftTree.chain((1, 2, 3), (0.9,))],
    "fewer origins than tokens": [lambda: DraftTree.chain((1, 2, 3), 0.9, origins=())],
    "more chances than tokens": [lambda: DraftTree.chain((1,), (0.9,) * 3)],
    "fewer contributors than tokens": [lambda: replace(chain([1, 2], 0.9), contributors=(("a",),))],
    "fewer buckets than tokens": [lambda: replace(chain([1, 2], 0.9), buckets=(1,))],
    "a parent behind its child": [lambda: replace(chain([1, 2, 3], 0.9), parents=(1, -1, 0))],
    "a parent that is its own": [lambda: replace(chain([1, 2, 3], 0.9), parents=(0, 0, 1))],
    "a parent before the root": [lambda: replace(chain([1, 2], 0.9), parents=(-2, 0))],
    "no draft at all": [lambda: 7],
    "ids that are words": [DraftTree.chain(("a",), 0.9)],  # type: ignore[arg-type]
    "chances that are words": [DraftTree.chain((1,), ("a",))],  # type: ignore[arg-type]
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_ids_outside_the_vocabulary_are_dropped(llama: Target, kind: str) -> None:
    for sampling in MODES:
        request = Request(PROMPT, 12, sampling=sampling)
        expected = by_hand(llama, request).tokens
        session = run(llama, request, lambda: [Proposing(OUTSIDE[kind])])
        assert tuple(session.tokens) == expected
        assert session.stats.drafted == 0
        assert not session.drafter.failed


@pytest.mark.parametrize("kind", HARMLESS)
def test_odd_drafts_change_nothing_and_keep_their_place(llama: Target, kind: str) -> None:
    for sampling in MODES:
        request = Request(PROMPT, 12, sampling=sampling)
        expected = by_hand(llama, request).tokens
        session = run(llama, request, lambda: [Proposing(HARMLESS[kind]), Oracle(expected)])  # noqa: B023
        assert tuple(session.tokens) == expected
        assert not session.drafter.failed
        assert session.stats.drafted <= 16 * session.stats.target_forwards


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_drafts_switch_their_source_off_and_change_nothing(llama: Target, kind: str) -> None:
    for sampling in MODES:
        request = Request(PROMPT, 12, sampling=sampling)
        expected = by_hand(llama, request).tokens
        session = run(llama, request, lambda: [Proposing(MALFORMED[kind]), Oracle(expected)])  # noqa: B023
        assert tuple(session.tokens) == expected
        assert list(session.drafter.failed) == ["proposing"]
        assert session.stats.by_source["oracle"].accepted > 0, "the others go on"


class Faulty(FixedSource):
    """Raises in one of its methods."""

    def __init__(self, where: str) -> None:
        super().__init__(f"faulty in {where}")
        self._where = where

    def _fail(self, where: str) -> None:
        if where == self._where:
            raise RuntimeError(f"broken in {where}")

    def start(self, request: Request) -> None:
        self._fail("start")

    def propose(self, context: DraftContext) -> DraftTree:
        self._fail("propose")
        return chain([1, 2], 0.5)

    def observe(self, commit: Any) -> None:
        self._fail("observe")

    def finish(self) -> None:
        self._fail("finish")


@pytest.mark.parametrize("where", ["start", "propose", "observe", "finish"])
def test_a_source_that_raises_anywhere_is_switched_off_logged_and_named(
    llama: Target, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    request = Request(PROMPT, 12)
    expected = by_hand(llama, request).tokens
    session = run(llama, request, lambda: [Faulty(where), Oracle(expected)])
    assert tuple(session.tokens) == expected
    assert list(session.drafter.failed) == [f"faulty in {where}"]
    assert f"broken in {where}" in session.drafter.failed[f"faulty in {where}"]
    assert [record.levelname for record in caplog.records] == ["WARNING"], "said once"
    assert "switched off" in caplog.text


def with_head(value: float) -> Target:
    """A model whose logits are its own times ``value``: all equal, or NaN."""
    target = target_of(tiny_model("llama").double(), name=f"times {value}")
    with torch.no_grad():
        target.model.lm_head.weight *= value
    return target


def test_logits_that_are_all_equal_choose_the_first_token_everywhere() -> None:
    """Ties are the hardest case of equality: plain, drafted, batched and Hugging Face's choice break them alike."""
    target, request = with_head(0.0), Request(PROMPT, 12)
    ids = torch.tensor([PROMPT])
    theirs = target.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
    assert theirs[0, len(PROMPT) :].tolist() == [0] * 12
    nothing = LogitBias({}, vocab_size=VOCABULARY)  # With any processor another function chooses.
    for sampling, processors in itertools.product(MODES, ((), (nothing,))):
        job = replace(request, sampling=sampling, processors=processors)
        expected = by_hand(target, job).tokens
        assert sampling.do_sample or expected == (0,) * 12
        for source in (Oracle(expected, branches=2), AlwaysWrong(expected), Repeating()):
            engine = Engine(target, sources=lambda: [source], budget=Budget(limit=16))  # noqa: B023
            assert [outcome.tokens for _, outcome in together(engine, [job, job])] == [expected] * 2


def test_a_model_that_computes_nan_ends_in_a_clear_error() -> None:
    target = with_head(math.nan)
    for sampling, sources in itertools.product(MODES, (list, lambda: [Repeating(), Proposing([chain([1, 2], 0.9)])])):
        with pytest.raises(InvalidRequest) as caught:
            run(target, Request(PROMPT, 12, sampling=sampling), sources)
        assert "NaN" in caught.value.cause
        assert "--dtype" in caught.value.hint


class ForbidsAll:
    """Forbids every token from the third on."""

    def start(self) -> int:
        return 0

    def advance(self, state: object, token: int) -> int:
        assert isinstance(state, int)
        return state + 1

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        if state == 2:
            logits_V[:] = -np.inf


def test_an_error_reaches_its_reader_whoever_made_the_step(llama: Target) -> None:
    """The session that came last makes every step; the error of the first one comes up in it."""
    good, bad = Request(PROMPT, 12), Request(PROMPT[2:], 12, processors=(ForbidsAll(),))
    engine = Engine(llama, sources=list, budget=Budget(limit=16), max_rows=2)
    (_, first), (_, second) = together(engine, [bad, good])
    assert first == by_hand(llama, bad)
    assert (first.reason, first.error) == ("failed", "no next token is allowed")
    assert second == by_hand(llama, good)
