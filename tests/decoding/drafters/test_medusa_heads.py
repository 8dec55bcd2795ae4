"""Medusa heads: what they compute, their files, what the source drafts from them, and outputs that stay."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from decoding.drafters import medusa_heads
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafting.budget import Budget
from decoding.drafting.cost_model import CostModel
from decoding.engine import Engine
from decoding.errors import DecodingError, ModelNotFound, UnsupportedModel
from decoding.interfaces import Commit, Request, Sampling
from decoding.scheduling.session import Session
from decoding.sources.base import UNTRIED_S, DraftContext, DraftSource
from decoding.sources.neural.multi_position import MedusaSource, product_tree
from decoding.sources.shared import Shared
from decoding.sources.table import make_sources
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.tree import DraftTree, TokenTree
from tests.support.drafters import HEADS, fitted_heads, hidden_of, random_heads
from tests.support.drafts import chains, context_of, proposed
from tests.support.fakes import VOCABULARY, Oracle, tiny_model
from tests.support.trials import by_hand, together

PROMPTS = ((5, 6, 7, 8), (9, 8, 7), (3, 4, 3, 4, 3))
NAMES = ("heads", "heads-chain")


@pytest.fixture(scope="module")
def target() -> Target:
    return target_of(tiny_model("llama", seed=4).double(), name="own").keeping_hidden_states()


@pytest.fixture(scope="module")
def requests(target: Target) -> list[Request]:
    """Greedy and sampled ones."""
    found = []
    for number, prompt in enumerate(PROMPTS):
        found += [Request(prompt, 40), Request(prompt, 40, sampling=Sampling(do_sample=True, seed=number))]
    return found


@pytest.fixture(scope="module")
def fitted(target: Target, requests: Sequence[Request]) -> MedusaHeads:
    texts = [[*one.prompt, *by_hand(target, one).tokens] for one in requests]
    return fitted_heads(target, texts)


def engine_with(
    target: Target, heads: MedusaHeads | None, name: str = "heads", *, rows: int = 8, graphs: bool | None = None
) -> Engine:
    shared = Shared(heads=heads)
    return Engine(target, sources=[name], budget=Budget(limit=24), shared=shared, max_rows=rows, graphs=graphs)


def test_each_head_adds_to_the_state_and_reads_it_with_the_targets_matrix(target: Target) -> None:
    heads = random_heads(target)
    hidden_PD = hidden_of(target.model, [5, 6, 7])
    found = heads.hidden_after(hidden_PD)
    assert found.shape == (3, HEADS, 32)
    output = target.model.get_output_embeddings().weight
    for head in range(HEADS):
        up, down = (heads.state_dict()[f"{name}.{head}.weight"] for name in ("up", "down"))
        inner = hidden_PD @ up.T
        expected = hidden_PD + (inner * torch.sigmoid(inner)) @ down.T
        torch.testing.assert_close(found[:, head], expected)
        shares = (expected[-1] @ output.T).softmax(-1)
        likely = heads.likely(hidden_PD[-1], k=4)[head]
        assert [token for token, _ in likely] == shares.topk(4).indices.tolist()
        assert [chance for _, chance in likely] == pytest.approx(shares.topk(4).values.tolist())


def test_new_heads_say_what_the_target_says(target: Target) -> None:
    heads = MedusaHeads(32, 2).bind(target)
    hidden_PD = hidden_of(target.model, [5, 6, 7])
    torch.testing.assert_close(heads(hidden_PD), hidden_PD[:, None].expand(-1, 2, -1))


def test_heads_hold_nothing_of_the_target_and_are_not_trained_by_drafting(target: Target) -> None:
    heads = random_heads(target)
    assert set(heads.state_dict()) == {f"{name}.{head}.weight" for name in ("up", "down") for head in range(HEADS)}
    assert not any(weight.requires_grad for weight in heads.parameters())
    assert all(weight.requires_grad for weight in MedusaHeads(32, 1).parameters())


def test_saved_heads_come_back(target: Target, tmp_path: Path) -> None:
    heads = random_heads(target, seed=3)
    heads.save(tmp_path / "new" / "heads")
    again = MedusaHeads.load(tmp_path / "new" / "heads", target=target)
    hidden_PD = hidden_of(target.model, [5, 6, 7])
    assert torch.equal(again.hidden_after(hidden_PD), heads.hidden_after(hidden_PD))
    facts = json.loads((tmp_path / "new" / "heads" / "heads.json").read_text())
    assert facts == {"format": "spandraft-heads-1", "hidden": 32, "heads": HEADS}
    assert sorted(path.name for path in (tmp_path / "new" / "heads").iterdir()) == ["heads.json", "heads.safetensors"]


def test_saving_that_fails_leaves_what_was_there(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_heads(target, seed=3).save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(weights: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(medusa_heads, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        random_heads(target, seed=4).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def refused(folder: Path, target: Target) -> DecodingError:
    with pytest.raises(DecodingError) as caught:
        MedusaHeads.load(folder, target=target)
    for line in (caught.value.cause, caught.value.hint):
        assert line and "\n" not in line
    return caught.value


def test_what_cannot_be_loaded_is_refused_with_a_remedy(target: Target, tmp_path: Path) -> None:
    assert isinstance(refused(tmp_path / "nowhere", target), ModelNotFound)
    MedusaHeads(48, 2).save(tmp_path)
    wider = refused(tmp_path, target)
    assert isinstance(wider, UnsupportedModel)
    assert "48" in wider.cause and "32" in wider.cause
    facts, weights = tmp_path / "heads.json", tmp_path / "heads.safetensors"
    facts.write_text('{"format": "spandraft-heads-9", "hidden": 32, "heads": 2}')
    assert "spandraft-heads-9" in refused(tmp_path, target).cause
    for broken in (
        "{",
        "[]",
        '{"format": "spandraft-heads-1"}',
        '{"format": "spandraft-heads-1", "hidden": 32, "heads": 2}',
    ):
        facts.write_text(broken)
        assert isinstance(refused(tmp_path, target), ModelNotFound), broken
    MedusaHeads(32, 2).save(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-5])
    assert isinstance(refused(tmp_path, target), ModelNotFound)
    weights.unlink()
    assert "heads.safetensors" in refused(tmp_path, target).cause


RANKED = st.lists(
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=3).map(
        lambda found: tuple((token, chance / 3) for token, chance in enumerate(sorted(found, reverse=True)))
    ),
    max_size=4,
).map(tuple)


@given(RANKED, st.integers(1, 30))
def test_combinations_are_the_best_chain_and_then_the_likeliest_paths(
    ranked: tuple[tuple[tuple[int, float], ...], ...], limit: int
) -> None:
    drafts = chains(product_tree(ranked, limit))
    found: dict[tuple[int, ...], float] = {}
    for draft in drafts:
        path = 1.0
        for depth, chance in enumerate(draft.probabilities, start=1):
            path *= chance
            found[draft.tokens[:depth]] = path
    everything = {
        tuple(token for token, _ in path): float(torch.tensor([chance for _, chance in path]).double().prod())
        for depth in range(1, len(ranked) + 1)
        for path in itertools.product(*ranked[:depth])
    }
    best = tuple(place[0][0] for place in ranked)[:limit]
    assert (drafts[0].tokens if drafts else ()) == best
    assert found == {path: pytest.approx(everything[path]) for path in found}
    others = {path: chance for path, chance in everything.items() if path != best[: len(path)]}
    chosen = [chance for path, chance in others.items() if path in found]
    left = [chance for path, chance in others.items() if path not in found]
    assert len(found) <= limit
    if len(found) < limit:
        assert max(left, default=0.0) < 0.0021
    assert min(chosen, default=1.0) >= max(left, default=0.0) - 1e-12
    assert sum(draft.tokens in found for draft in drafts) == len(drafts), "every chain is a leaf"


@pytest.mark.parametrize("name", NAMES)
def test_heads_that_know_the_text_are_accepted(
    target: Target, fitted: MedusaHeads, requests: Sequence[Request], name: str
) -> None:
    session = engine_with(target, fitted, name).generate(requests[0])
    assert tuple(session.tokens) == by_hand(target, requests[0]).tokens
    assert session.stats.mean_acceptance_length > 3.0
    assert not session.drafter.failed
    if name == "heads-chain":
        assert session.stats.drafted <= HEADS * session.stats.target_forwards


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("known", [True, False])
def test_the_output_is_the_targets_whatever_the_heads_say(
    target: Target, fitted: MedusaHeads, requests: Sequence[Request], known: bool, name: str, rows: int
) -> None:
    """Greedy and sampled, one after the other and three in a forward, of which two are always at another place."""
    engine = engine_with(target, fitted if known else random_heads(target), name, rows=rows)
    found = together(engine, requests, joins=(0, 0, 1, 3, 4, 9))
    for request, (session, outcome) in zip(requests, found, strict=True):
        assert outcome == by_hand(target, request)
        assert not session.drafter.failed
        assert session.stats.drafted > 0
        if known:
            assert session.stats.accepted > 0


def test_forwards_in_fixed_shapes_give_heads_their_states(fitted: MedusaHeads, requests: Sequence[Request]) -> None:
    target = target_of(tiny_model("llama", seed=4).double(), name="fixed")
    fitted.bind(target)
    engine = engine_with(target, fitted, rows=3, graphs=True)
    assert engine.target.keeps_hidden, "an engine with heads sees to it"
    found = together(engine, requests, joins=(0, 0, 1, 3, 4, 9))
    assert "fixed shapes" in engine.graphs_note
    for request, (session, outcome) in zip(requests, found, strict=True):
        assert outcome == by_hand(target, request)
        assert not session.drafter.failed
        assert session.stats.accepted > 5


def test_the_state_used_is_that_of_the_last_accepted_node(target: Target, fitted: MedusaHeads) -> None:
    assert check_states_used(target, fitted, oracled=False).stats.accepted > 10
    assert check_states_used(target, fitted).stats.accepted > 10


def check_states_used(target: Target, heads: MedusaHeads, *, oracled: bool = True) -> Session:
    """Each draft against one from a plain forward over the text without its last token."""

    class Checked(MedusaSource):
        """Compares before it drafts."""

        checked = 0

        def propose(self, context: DraftContext) -> DraftTree:
            draft, tokens = super().propose(context), context.output
            if tokens:
                hidden_D = hidden_of(target.model, [*PROMPTS[0], *tokens[:-1]])[-1]
                first = [place[0][0] for place in heads.likely(hidden_D, k=1)]
                assert [*draft.first_chain().tokens] == first[: len(draft.first_chain())]
                Checked.checked += 1
            return draft

    request = Request(PROMPTS[0], 40)
    # Wrong branches stand before right paths, so that the last node is not the number of accepted ones.
    oracle = Oracle(by_hand(target, request).tokens, length=3, branches=2)
    sources: list[DraftSource] = [*([oracle] if oracled else []), Checked(heads)]
    session = Engine(target, sources=lambda: sources, budget=Budget()).generate(request)
    assert not session.drafter.failed
    assert Checked.checked == session.stats.target_forwards - 1
    return session


def test_it_is_silent_before_the_first_verified_step_without_heads_and_without_states(target: Target) -> None:
    heads = random_heads(target)
    source = MedusaSource(heads)
    source.start(Request(PROMPTS[0], 9))
    assert proposed(source, [], 8) == []
    source.observe(Commit((7,), ((),), ()))
    assert proposed(source, [7], 8) == [], "a step that was not verified"
    (nobody,) = make_sources(["heads"])
    nobody.start(Request(PROMPTS[0], 9))
    assert proposed(nobody, [1], 8) == []
    without = replace(target, keeps_hidden=False)
    engine = Engine(without, sources=lambda: [MedusaSource(heads)], budget=Budget(limit=24))
    session = engine.generate(Request(PROMPTS[0], 9))
    assert session.stats.drafted == 0
    assert not session.drafter.failed


def test_a_state_of_another_place_is_not_used(target: Target) -> None:
    source = MedusaSource(random_heads(target))
    source.start(Request(PROMPTS[0], 9))
    cache = target.new_cache()
    target.prefill(PROMPTS[0][:-1], cache)
    said = target.verify(TokenTree.of(PROMPTS[0][-1]), cache)
    source.observe(Commit((7,), ((),), (), verified=said))
    assert proposed(source, [7], 8) and source.cost_s(context_of([7])) > UNTRIED_S
    assert proposed(source, [7, 8], 8) == []
    source.start(Request(PROMPTS[0], 9))
    assert proposed(source, [], 8) == []


class Broken(MedusaHeads):
    """Heads that fail when they are asked the third time."""

    asked = 0

    def hidden_after(self, hidden_PD: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        if self.asked == 3:
            raise RuntimeError("these heads are broken")
        return super().hidden_after(hidden_PD)


def test_heads_that_fail_are_switched_off_and_the_answer_stays(target: Target) -> None:
    broken = Broken(32, 2).bind(target)
    session = engine_with(target, broken).generate(Request(PROMPTS[1], 30))
    assert tuple(session.tokens) == by_hand(target, Request(PROMPTS[1], 30)).tokens
    assert "broken" in session.drafter.failed["heads"]
    assert broken.asked == 3


def test_heads_that_say_nan_cost_no_answer(target: Target) -> None:
    heads = random_heads(target)
    with torch.no_grad():
        heads.down[0].get_parameter("weight").fill_(torch.nan)
    session = engine_with(target, heads).generate(Request(PROMPTS[1], 30))
    assert tuple(session.tokens) == by_hand(target, Request(PROMPTS[1], 30)).tokens
    assert max(session.tokens) < VOCABULARY


def test_a_heads_source_beside_all_others_counts_as_costly(target: Target, fitted: MedusaHeads) -> None:
    """With times of forwards known it is asked if it pays, and its time is measured."""
    engine = Engine(
        target,
        sources=["prompt-lookup", "heads"],
        budget=Budget(24, CostModel({1: 1.0, 32: 1.1})),
        shared=Shared(heads=fitted),
    )
    session = engine.generate(Request(PROMPTS[0], 40))
    assert tuple(session.tokens) == by_hand(target, Request(PROMPTS[0], 40)).tokens
    assert session.stats.accepted_by_source["heads"] > 5
