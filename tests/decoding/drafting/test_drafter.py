"""The drafter: calibrated merging, and costly sources asked only if they pay."""

from __future__ import annotations

from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.cost_model import CostModel
from decoding.drafting.drafter import Drafter
from decoding.interfaces import NO_ORIGIN, Commit, Request
from decoding.sources.base import UNTRIED_S, DraftContext
from decoding.tree import DraftTree, TokenTree
from tests.support.fakes import FixedSource, chain


class Always(FixedSource):
    """Drafts one chain."""

    def __init__(self, name: str, ids: list[int], chance: float) -> None:
        super().__init__(name)
        self._draft = chain(ids, chance)

    def propose(self, context: DraftContext) -> DraftTree:
        return self._draft


class Costly(FixedSource):
    """Drafts a chain for a price; counts how often it was asked."""

    def __init__(self, ids: list[int], chance: float, price_s: float) -> None:
        super().__init__("costly")
        self._draft, self._price_s, self.asked = chain(ids, chance), price_s, 0

    def cost_s(self, context: DraftContext) -> float:
        return self._price_s

    def propose(self, context: DraftContext) -> DraftTree:
        self.asked += 1
        return self._draft


def commit(*tokens: int, drafted: bool = True) -> Commit:
    return Commit(tokens, (("some",) if drafted else (),) * len(tokens), (NO_ORIGIN,) * len(tokens))


def run(sources: list[FixedSource], steps: int, cost_s: dict[int, float] | None, *right: int) -> TokenTree:
    drafter = Drafter(sources, budget=Budget(8, CostModel(cost_s or {})), vocab_size=99, calibration=Calibration())
    drafter.start(Request((1,), 99))
    for _ in range(steps):
        tree = drafter.draft([], root=1, max_depth=8)
        drafter.observe(commit(*right))
    return tree


def test_a_source_that_is_always_wrong_sinks_below_one_that_is_right() -> None:
    tree = run([Always("boaster", [5], 0.9), Always("modest", [7], 0.3)], 60, None, 7)
    assert tree.probabilities[tree.children[0][5]] < 0.3 < tree.probabilities[tree.children[0][7]]


def test_tokens_that_never_had_their_chance_teach_nothing() -> None:
    tree = run([Always("spans", [5, 6], 0.5)], 60, None, 7)
    after_5 = tree.probabilities[2] / tree.probabilities[1]
    assert abs(after_5 - 0.5) < 1e-9
    assert tree.probabilities[1] < 0.2


def test_a_costly_source_is_asked_while_it_pays() -> None:
    source = Costly([5, 6, 7], 0.9, price_s=0.1)
    run([source], 48, {1: 1.0, 16: 1.1}, 5, 6, 7)
    assert source.asked == 48


def test_a_costly_source_that_does_not_pay_is_only_tried_now_and_then() -> None:
    source = Costly([5, 6, 7], 0.9, price_s=5.0)
    run([source], 4000, {1: 1.0, 16: 1.1}, 5, 6, 7)
    assert 3 <= source.asked <= 6, "half a hundredth of the time"


def test_a_costly_source_that_is_wrong_is_not_believed_for_long() -> None:
    source = Costly([8, 9], 0.9, price_s=0.5)
    run([source], 200, {1: 1.0, 16: 1.1}, 5, 6)
    assert source.asked < 30


def test_what_a_free_source_has_drafted_is_no_gain_of_a_costly_one() -> None:
    source, other = Costly([5, 6, 7], 0.9, price_s=0.5), Costly([5, 6, 7], 0.9, price_s=0.5)
    run([Always("spans", [5, 6], 0.6), source], 200, {1: 1.0, 16: 1.1}, 5, 6)
    run([Always("spans", [5, 8], 0.6), other], 200, {1: 1.0, 16: 1.1}, 5, 6)
    assert source.asked < 30 < 150 < other.asked


def test_a_token_that_the_target_added_itself_is_no_gain() -> None:
    calibration = Calibration()
    source = Costly([5], 0.9, price_s=UNTRIED_S)
    drafter = Drafter([source], budget=Budget(8), vocab_size=99, calibration=calibration)
    drafter.start(Request((1,), 99))
    gains = [0.9]
    for drafted in (False, True):
        drafter.draft([], root=1, max_depth=8)
        drafter.observe(commit(5, drafted=drafted))
        gains.append(calibration.of("").gain("costly", 1.0) or 0.0)
    assert gains[1] < gains[0]
    assert gains[1] < gains[2]


def test_a_costly_source_comes_after_the_free_ones() -> None:
    tree = run([Costly([5], 0.9, price_s=UNTRIED_S), Always("spans", [5], 0.5)], 1, None, 5)
    assert tree.sources[1] == ("spans", "costly")
