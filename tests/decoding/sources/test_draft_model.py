"""The draft model: what it writes, marks and samples, its cache in step with any output, and outputs that stay."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from decoding.drafters.draft_cost import PromptCost
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import UnsupportedModel
from decoding.interfaces import NO_ORIGIN, Commit, Origin, OriginKind, Request, Sampling
from decoding.sources.base import UNTRIED_S
from decoding.sources.neural.draft_cache import DraftModelCache
from decoding.sources.neural.draft_model import (
    CopiedChain,
    DraftModel,
    DraftModelSource,
    copied_chain,
    grow,
    mark,
    write,
)
from decoding.sources.shared import Shared
from decoding.sources.table import make_sources
from decoding.target.loading import load_target, target_of
from decoding.target.target import Target
from decoding.tree import DraftTree, TokenTree
from decoding.verification.acceptance import SpeculativeSampling
from tests.support.drafts import chains, context_of, proposed
from tests.support.fakes import VOCABULARY, saved_model, tiny_model
from tests.support.state_models import state_model

PROMPT = (5, 6, 7, 8)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Another random model, whose opinion is worth nothing to the llama."""
    folder = saved_model("llama", tmp_path_factory.mktemp("other"), seed=1)
    return load_target(str(folder), dtype="float64", device="cpu")


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """A model with sharp distributions, as a trained one has them."""
    model = tiny_model("llama")
    with torch.no_grad():
        model.lm_head.weight.mul_(8.0)
    folder = tmp_path_factory.mktemp("sure")
    model.save_pretrained(folder)
    return load_target(str(folder), dtype="float64", device="cpu")


def output_of(target: Target, length: int, prompt: tuple[int, ...] = PROMPT) -> list[int]:
    return Engine(target, sources=list, budget=Budget()).generate(Request(prompt, length)).tokens


def engine_with(target: Target, model: Target, sources: Sequence[str] = ("draft-model",)) -> Engine:
    shared = Shared(draft_model=DraftModel.of(model, target))
    return Engine(target, sources=sources, budget=Budget(), shared=shared)


def logits_of(target: Target, text: Sequence[int]) -> np.ndarray:
    """From one forward over everything, without a cache to keep."""
    cache = target.new_cache()
    target.prefill(text[:-1], cache)
    return target.verify(TokenTree.of(text[-1]), cache).row(0)


@pytest.mark.parametrize("name", ["draft-model", "draft-tree"])
def test_a_draft_model_equal_to_the_target_is_always_right(sure: Target, name: str) -> None:
    expected = output_of(sure, 90)
    session = engine_with(sure, sure, [name]).generate(Request(PROMPT, 90))
    assert session.tokens == expected
    assert session.stats.mean_acceptance_length > 6
    assert session.stats.accepted_by_depth[1] == session.stats.target_forwards


def test_an_unsure_model_is_trusted_once_it_proved_right(llama: Target) -> None:
    engine = engine_with(llama, llama)
    first, *_, last = [engine.generate(Request((5, start), 60)) for start in range(8)]
    assert max(first.stats.drafted_by_depth) < max(last.stats.drafted_by_depth)


@pytest.mark.parametrize("name", ["draft-model", "draft-tree"])
@pytest.mark.parametrize("do_sample", [False, True])
def test_the_output_is_the_targets_whatever_the_draft_model_says(
    llama: Target, other: Target, name: str, do_sample: bool
) -> None:
    request = Request(PROMPT, 60, sampling=Sampling(do_sample=do_sample, seed=3))
    engine = engine_with(llama, other, [name])
    assert engine.generate(request).tokens == engine.generate(request, speculate=False).tokens


def test_the_cache_stays_in_step_with_an_output_that_is_cut_and_changed_at_random(llama: Target) -> None:
    prompt = tuple(token % VOCABULARY for token in range(3, 40))
    cache, rng = DraftModelCache(llama, prompt, PromptCost()), random.Random(7)
    output: list[int] = []
    for _ in range(150):
        chain = tuple(rng.randrange(VOCABULARY) for _ in range(rng.randrange(5)))
        paths = [chain, (*chain[:2], rng.randrange(VOCABULARY))]
        reading = cache.read(output, paths)
        for asked in (chain, chain[:1], paths[1]):
            expected = logits_of(llama, [*prompt, *output, *asked])
            np.testing.assert_allclose(reading.after(asked), expected, rtol=0, atol=1e-9)
        assert cache.length == len(prompt) + len(output) + len(chain)
        kept = chain[: rng.randrange(len(chain) + 1)]
        added = [rng.randrange(VOCABULARY) for _ in range(rng.choice((0, 1, 1, 1, 2, 25)))]
        output = [*output, *kept, *added]
        output = output[: rng.choice((len(output), len(output), len(output) // 2))][:150]


def test_a_chain_is_the_greedy_output_and_runners_up_stand_beside_it(llama: Target) -> None:
    expected = tuple(output_of(llama, 8))
    chain, *beside = chains(write(DraftModelCache(llama, PROMPT, PromptCost()), [], limit=32, length=6))
    assert chain.tokens == expected[: len(chain.tokens)]
    assert beside
    for draft in beside:
        at = len(draft.tokens) - 1
        assert draft.tokens[:at] == expected[:at]
        assert draft.tokens[at] != expected[at]
        assert draft.probabilities[:at] == chain.probabilities[:at]
        assert draft.probabilities[at] <= chain.probabilities[at]
    assert len(beside) <= 32 - len(chain.tokens)


def test_a_chain_ends_where_the_model_is_not_sure(llama: Target) -> None:
    chain = chains(write(DraftModelCache(llama, PROMPT, PromptCost()), [], limit=200, length=200))[0]
    path = np.cumprod(chain.probabilities)
    assert len(chain.tokens) < 200
    assert path[-1] < 0.25 <= min(path[:-1], default=1)


@pytest.mark.parametrize("limit", [1, 4, 12, 40])
def test_a_tree_holds_the_likeliest_paths_of_each_level(llama: Target, limit: int) -> None:
    drafts = chains(grow(DraftModelCache(llama, PROMPT, PromptCost()), [], limit=limit, length=4, width=3))
    nodes = {draft.tokens[:depth] for draft in drafts for depth in range(1, len(draft.tokens) + 1)}
    assert len(nodes) <= limit
    for draft in drafts:
        text = [*PROMPT]
        for token, chance in zip(draft.tokens, draft.probabilities, strict=True):
            logits = logits_of(llama, text)
            assert chance == pytest.approx(np.exp(logits[token]) / np.exp(logits).sum(), abs=1e-9)
            text.append(token)
    best = int(logits_of(llama, PROMPT).argmax())
    assert (best,) in nodes


def copied(ids: tuple[int, ...], chance: float) -> CopiedChain:
    """A chain from the beginning of a reference."""
    return CopiedChain(ids, (chance,) * len(ids), places(ids))


def places(ids: tuple[int, ...]) -> tuple[Origin, ...]:
    return tuple(Origin(OriginKind.REFERENCE, 0, at) for at in range(len(ids)))


def tree_of(*chains: tuple[tuple[int, ...], float]) -> TokenTree:
    tree = TokenTree.of(PROMPT[-1])
    for ids, chance in chains:
        tree.graft("spans", DraftTree.chain(ids, chance, origins=places(ids)), max_depth=99)
    return tree


def test_the_copied_chain_is_the_likeliest_path_if_it_promises_a_token() -> None:
    tree = tree_of(((1, 2, 3), 0.9), ((1, 2, 4, 5), 0.8), ((6,), 0.99))
    assert copied_chain(tree_of(((1, 2, 3), 0.9))) == CopiedChain(
        (1, 2, 3), pytest.approx((0.9,) * 3), places((1, 2, 3))
    )
    assert copied_chain(tree) is None, "one token at 0.99 does not promise a whole one"
    assert copied_chain(tree_of(((1, 2, 3), 0.4))) is None
    assert copied_chain(TokenTree.of(3)) is None


def test_a_deviation_becomes_branches_behind_which_the_copy_goes_on(sure: Target) -> None:
    right = output_of(sure, 12)
    wrong = next(token for token in range(VOCABULARY) if token not in right)
    cases = {
        "replaced": (*right[:4], wrong, *right[5:10]),
        "left out": (*right[:4], wrong, *right[4:10]),
        "inserted": (*right[:4], *right[5:10]),
    }
    for what, ids in cases.items():
        drafts = chains(mark(DraftModelCache(sure, PROMPT, PromptCost()), [], copied(ids, 0.5), limit=64))
        for draft in drafts:
            for token, origin in zip(draft.tokens, draft.origins, strict=True):
                assert origin is NO_ORIGIN or ids[origin.offset] == token
        assert drafts[0].tokens == ids
        assert drafts[0].probabilities[4] < 0.2
        longest = max((draft.tokens for draft in drafts[1:] if draft.tokens[:5] == tuple(right[:5])), key=len)
        assert longest[:8] == tuple(right[:8]), what


def test_a_marked_chain_has_the_small_models_chances(llama: Target) -> None:
    ids = (1, 2, 3, 4)
    chain, *_ = chains(mark(DraftModelCache(llama, PROMPT, PromptCost()), [9], copied(ids, 0.9), limit=32))
    for at, (token, chance) in enumerate(zip(ids, chain.probabilities, strict=True)):
        logits = logits_of(llama, [*PROMPT, 9, *ids[:at]])
        assert chance == pytest.approx(np.exp(logits[token]) / np.exp(logits).sum(), abs=1e-9)


def test_marking_keeps_to_its_limit_and_reads_on_behind_the_chain(llama: Target) -> None:
    right = tuple(output_of(llama, 9))
    drafts = chains(mark(DraftModelCache(llama, PROMPT, PromptCost()), [], copied(right[:8], 0.9), limit=32))
    assert right in {draft.tokens for draft in drafts[1:]}
    for limit in range(1, 20):
        drafts = chains(mark(DraftModelCache(llama, PROMPT, PromptCost()), [], copied(right[:8], 0.9), limit=limit))
        first = drafts[0].tokens
        assert len(first) <= limit
        beside = {
            draft.tokens[:depth]
            for draft in drafts[1:]
            for depth in range(1, len(draft.tokens) + 1)
            if draft.tokens[:depth] != first[:depth]
        }
        assert len(beside) <= limit


def test_a_copy_with_a_changed_word_is_read_once_and_the_change_accepted(sure: Target) -> None:
    right = output_of(sure, 40)
    source = DraftModelSource(DraftModel.of(sure, sure))
    source.start(Request(PROMPT, 40))
    spoilt = (*right[:3], (right[3] + 1) % VOCABULARY, *right[4:10])
    tree = tree_of((spoilt, 0.8))
    before = tree.expected(32)
    tree.graft(source.name, source.propose(context_of([], 32, drafted=tree)), max_depth=99)
    node = 0
    for token in right[:8]:
        found = tree.child(node, token)
        assert found is not None
        node = found
    assert tree.expected(32) > before
    assert source.cost_s(context_of([], drafted=tree)) > UNTRIED_S


def test_costs_are_measured_by_mode_and_shared_by_sessions(llama: Target) -> None:
    shared = DraftModel.of(llama, llama)
    first, second = DraftModelSource(shared), DraftModelSource(shared)
    copy = context_of([], 16, drafted=tree_of(((1, 2, 3), 0.9)))
    nothing = context_of([], 16)
    first.start(Request(PROMPT, 40))
    second.start(Request(PROMPT, 40))
    assert first.cost_s(copy) == first.cost_s(nothing) == UNTRIED_S
    proposed(first, [], 16)
    assert second.cost_s(nothing) > UNTRIED_S == second.cost_s(copy)
    first.propose(copy)
    assert second.cost_s(copy) > UNTRIED_S


def test_a_prompt_that_is_not_read_yet_costs_a_share_of_reading_it(llama: Target) -> None:
    shared = DraftModel.of(llama, llama)
    first, second = DraftModelSource(shared), DraftModelSource(shared)
    nothing, prompt = context_of([]), tuple(token % VOCABULARY for token in range(3, 60))
    for source in (first, second):
        source.start(Request(prompt, 40))
    proposed(first, [], 16)
    read_s = shared.prompts.token_s * len(prompt)
    assert second.cost_s(nothing) == pytest.approx(first.cost_s(nothing) + read_s)
    for _ in range(10):
        first.observe(Commit((1,), ((),), (NO_ORIGIN,)))
    first.finish()
    assert 1 < shared.prompts.steps < 10
    first.start(Request(prompt, 40))
    assert first.cost_s(nothing) == second.cost_s(nothing) < shared.cost_s["write"] + read_s


def test_a_chain_grows_while_it_is_accepted(sure: Target) -> None:
    output = output_of(sure, 80)
    source = DraftModelSource(DraftModel.of(sure, sure))
    source.start(Request(PROMPT, 80))
    lengths, written = [], 0
    for right in [True] * 3 + [False] * 3:
        ids = proposed(source, output[:written], 99)[0].tokens
        lengths.append(len(ids))
        ids = ids if right else ()
        written += len(ids) + 1
        source.observe(Commit((*ids, output[written - 1]), ((),), (NO_ORIGIN,)))
    assert lengths[0] < lengths[1] < lengths[2] < lengths[3] > lengths[4] > lengths[5]


def test_a_context_that_is_full_ends_the_drafts_not_the_output(tmp_path: Path, llama: Target) -> None:
    short = load_target(str(saved_model("llama", tmp_path, context=48)), dtype="float64", device="cpu")
    session = engine_with(llama, short).generate(Request(PROMPT, 100))
    assert session.tokens == output_of(llama, 100)
    assert not session.drafter.failed


def test_another_vocabulary_is_refused_unless_only_the_padding_differs(llama: Target) -> None:
    wider = target_of(tiny_model("llama", vocab_size=VOCABULARY + 3), name="wider")
    with pytest.raises(UnsupportedModel) as caught:
        DraftModel.of(wider, llama)
    assert "wider" in caught.value.cause
    assert "tokenizer" in caught.value.hint
    with pytest.raises(UnsupportedModel):
        DraftModel.of(wider, llama, tokens=VOCABULARY + 1)
    padded = DraftModel.of(wider, llama, tokens=VOCABULARY)
    shared = Shared(draft_model=padded)
    session = Engine(llama, sources=["draft-model"], budget=Budget(), shared=shared).generate(Request(PROMPT, 40))
    assert session.tokens == output_of(llama, 40)
    assert not session.drafter.failed


def test_a_model_with_a_recurrent_state_is_refused(llama: Target) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        DraftModel.of(target_of(state_model("qwen3_next"), name="stateful"), llama)
    assert "stateful" in caught.value.cause
    assert "attention" in caught.value.hint


def test_a_sliding_window_drafts_too(tmp_path: Path) -> None:
    sliding = load_target(str(saved_model("mistral", tmp_path)), dtype="float64", device="cpu")
    prompt = tuple(token % VOCABULARY for token in range(3, 80, 2))
    session = engine_with(sliding, sliding).generate(Request(prompt, 60))
    assert session.tokens == output_of(sliding, 60, prompt)
    assert session.stats.accepted > 20
    assert not session.drafter.failed


def test_without_a_model_the_source_is_silent() -> None:
    (source,) = make_sources(["draft-model"])
    source.start(Request(PROMPT, 9))
    assert proposed(source, [1], 8) == []


@pytest.mark.parametrize("do_sample", [False, True])
def test_a_sampled_chain_says_from_which_distributions_it_was_drawn(llama: Target, do_sample: bool) -> None:
    sampling = Sampling(do_sample=do_sample, temperature=1.3, top_k=20, seed=5)
    source = DraftModelSource(DraftModel.of(llama, llama))
    request = Request(PROMPT, 40, sampling=sampling, criterion=SpeculativeSampling())
    source.start(request)
    (draft,) = proposed(source, [1, 2], 16)
    again = DraftModelSource(DraftModel.of(llama, llama))
    again.start(request)
    assert proposed(again, [1, 2], 16)[0].tokens == draft.tokens
    assert len(draft.distributions) == len(draft.tokens) == 5
    text = [*PROMPT, 1, 2]
    for token, drawn_V in zip(draft.tokens, draft.distributions.values(), strict=True):
        logits = logits_of(llama, text)
        kept = np.argsort(-logits)[: 20 if do_sample else 1]
        weights = np.zeros(VOCABULARY)
        weights[kept] = np.exp(logits[kept] / 1.3)
        np.testing.assert_allclose(drawn_V, weights / weights.sum(), atol=1e-9)
        assert drawn_V[token] > 0
        text.append(token)
    assert draft.origins == (NO_ORIGIN,) * 5


def test_speculative_sampling_with_the_target_itself_accepts_everything(llama: Target) -> None:
    request = Request(PROMPT, 61, sampling=Sampling(do_sample=True, seed=9), criterion=SpeculativeSampling())
    session = engine_with(llama, llama).generate(request)
    assert not session.drafter.failed
    assert len(session.tokens) == 61
    assert session.stats.accepted == session.stats.drafted > 40


def test_speculative_sampling_with_another_model_rejects_some(llama: Target, other: Target) -> None:
    request = Request(PROMPT, 61, sampling=Sampling(do_sample=True, seed=9), criterion=SpeculativeSampling())
    session = engine_with(llama, other).generate(request)
    assert not session.drafter.failed
    assert 0 < session.stats.accepted < session.stats.drafted
