"""Models whose layers keep a state: chains or plain steps, whose output is that of the model alone."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from functools import cache

import pytest
import torch

from decoding.drafting.budget import Budget
from decoding.drafting.cost_model import measure
from decoding.engine import Engine
from decoding.errors import UnsupportedModel
from decoding.interfaces import Request, Sampling
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.target import state_cache
from decoding.target.capability import Capability
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.tree import TokenTree
from tests.support.fakes import VOCABULARY, AlwaysWrong, Oracle, chain
from tests.support.state_models import state_model

FOUND = {
    "mamba": Capability.PLAIN,  # transformers' scan over several tokens begins without the state.
    "falcon_mamba": Capability.PLAIN,
    "jamba": Capability.PLAIN,
    "recurrent_gemma": Capability.PLAIN,
    "mamba2": Capability.CHAIN,
    "falcon_h1": Capability.CHAIN,
    "bamba": Capability.CHAIN,
    "qwen3_next": Capability.CHAIN,
    "lfm2": Capability.CHAIN,
    "llama4": Capability.CHAIN,
    "gpt_neo": Capability.CHAIN,  # Its window is counted in the layout, which is not a tree's depth.
    "bloom": Capability.CHAIN,  # So are the distances of its attention.
}
CHAINS = [name for name, found in FOUND.items() if found is Capability.CHAIN]
PHRASE = (5, 9, 2, 33, 7, 41, 8)
JOB = Request((*PHRASE, 17, 18, *PHRASE, 30, *PHRASE), 30)


@cache
def checked_target(name: str) -> Target:
    return target_of(state_model(name), name=name)


@pytest.fixture
def mamba2() -> Target:
    return checked_target("mamba2")


def greedy(target: Target, job: Request) -> list[int]:
    """What Hugging Face writes, once RecurrentGemma has forgotten the text before."""
    ids = torch.tensor([job.prompt])
    mask = torch.ones_like(ids)
    target.model(input_ids=ids, use_cache=False)
    theirs = target.model.generate(
        ids, attention_mask=mask, max_new_tokens=job.max_new_tokens, do_sample=False, pad_token_id=0
    )
    written: list[int] = theirs[0, len(job.prompt) :].tolist()
    return written


@pytest.mark.parametrize("name", FOUND)
def test_drafts_change_nothing(name: str) -> None:
    target = checked_target(name)
    assert target.capability is FOUND[name]
    expected = greedy(target, JOB)
    for sources in (
        list,
        lambda: make_sources(DEFAULT_SOURCES),
        lambda: [Oracle(expected, branches=2)],
        lambda: [AlwaysWrong(expected)],
        lambda: [Oracle(expected, length=3), AlwaysWrong(expected)],
    ):
        session = Engine(target, sources=sources, budget=Budget(limit=24)).generate(JOB)
        assert session.tokens == expected
        if target.capability is Capability.PLAIN:
            assert session.stats.drafted == 0
    oracle = Engine(target, sources=lambda: [Oracle(expected)], budget=Budget(limit=24)).generate(JOB)
    drafts_count = target.capability is Capability.CHAIN
    assert (oracle.stats.accepted > 20) is drafts_count


@pytest.mark.parametrize("length", [1, 2, 3, 70, 130])
@pytest.mark.parametrize("name", ["mamba", "mamba2", "recurrent_gemma", "lfm2"])
def test_prompts_of_any_length(name: str, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One token has nothing to read before it; a long prompt is read in chunks, or whole where it must be."""
    monkeypatch.setattr("decoding.scheduling.scheduler.PREFILL_CHUNK", 48)
    monkeypatch.setattr("decoding.target.target.PREFILL_CHUNK", 48)
    target = checked_target(name)
    job = Request(tuple(random.Random(length).choices(range(1, VOCABULARY), k=length)), 9)
    expected = greedy(target, job)
    for sources in (list, lambda: [Oracle(expected, length=3), AlwaysWrong(expected)]):
        assert Engine(target, sources=sources, budget=Budget()).generate(job).tokens == expected


def test_a_window_built_into_a_model_is_no_matter_of_rounding() -> None:
    """In float32 a tree inside the window passes for exact."""
    assert target_of(state_model("gpt_neo").float()).capability is Capability.CHAIN


def test_sampled_output_is_that_without_drafts(mamba2: Target) -> None:
    job = Request(JOB.prompt, 30, sampling=Sampling(do_sample=True, temperature=0.8, seed=4))
    plain = Engine(mamba2, budget=Budget()).generate(job, speculate=False).tokens
    sources = lambda: [Oracle(plain, length=4), AlwaysWrong(plain)]  # noqa: E731
    assert Engine(mamba2, sources=sources, budget=Budget()).generate(job).tokens == plain


@pytest.mark.parametrize("name", ["mamba2", "lfm2", "recurrent_gemma"])
def test_two_sessions_take_turns_in_the_only_row(name: str) -> None:
    """A reader that falls behind is parked, with its states: also those that a model keeps in its modules."""
    target = checked_target(name)
    assert target.max_rows == 1
    jobs = [JOB, Request(JOB.prompt[::-1], 30)]
    alone = [greedy(target, job) for job in jobs]
    engine = Engine(target, sources=lambda: [AlwaysWrong(alone[0])], budget=Budget(), max_waiting=4)
    running = [engine.iterate(engine.session(job)) for job in jobs]
    written: list[list[int]] = [[], []]
    while any(len(tokens) < 30 for tokens in written):
        for session, tokens in zip(running, written, strict=True):
            tokens.extend(token for commit in [next(session, None)] if commit for token in commit.tokens)
    assert written == alone


@pytest.mark.parametrize("name", [*CHAINS, "mamba"])
def test_rounds_of_acceptance_and_rejection_leave_the_states_of_reading(name: str) -> None:
    target, dice = checked_target(name), random.Random(7)
    cache, text = target.new_cache(), [3, 4]
    target.prefill(text[:-1], cache)
    while len(text) < 120:
        drafted = dice.choices(range(1, VOCABULARY), k=dice.randrange(6) if name != "mamba" else 0)
        tree = TokenTree.of(text[-1])
        tree.graft("test", chain(drafted, 0.9), max_depth=9)
        for _ in range(dice.choice((1, 1, 2))):  # Verified twice, kept once: the first forward leaves no trace.
            target.verify(tree, cache)
        accepted = dice.randrange(len(tree)) if dice.random() < 0.9 else len(drafted)
        cache.keep(cache.length, range(1, 1 + accepted))
        text += [*drafted[:accepted], dice.randrange(1, VOCABULARY)]
        assert cache.length == len(text) - 1
    logits_V = target.verify(TokenTree.of(text[-1]), cache).row(0)
    expected_V = target.model(input_ids=torch.tensor([text]), use_cache=False).logits[0, -1].detach().numpy()
    assert abs(logits_V - expected_V).max() / expected_V.std() < 1e-3


def test_memory_that_runs_out_in_the_middle_of_a_forward_leaves_no_trace(
    mamba2: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = greedy(mamba2, JOB)
    last = mamba2.model.backbone.layers[-1]
    forward, calls = last.forward, []

    def failing(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) % 5 == 2:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(last, "forward", failing)
    engine = Engine(mamba2, sources=lambda: [Oracle(expected, length=3), AlwaysWrong(expected)], budget=Budget())
    assert engine.generate(JOB).tokens == expected
    assert len(calls) > 10


@pytest.mark.parametrize(("name", "reuses"), [("mamba2", True), ("lfm2", True), ("mamba", False)])
def test_a_follow_up_reads_on_from_the_whole_conversation_or_from_nothing(name: str, reuses: bool) -> None:
    target = checked_target(name)
    engine = Engine(target, sources=lambda: [AlwaysWrong((1, 2, 3))], budget=Budget())
    first = engine.generate(JOB).tokens
    longer = (*JOB.prompt, *first, 11, 12, 13)
    cut = (*JOB.prompt, *first[:10], 11, 12, 13)
    for prompt, known in ((longer, reuses), (cut, False)):
        stored = [entry.cache.reach(len(prompt) - 1) for entry in engine._scheduler.prefixes._entries]
        assert (max(stored) >= len(JOB.prompt) + len(first) - 1) is known
        job = Request(prompt, 9)
        assert engine.generate(job).tokens == greedy(target, job)
        engine.forget()
        engine.generate(JOB)


def test_a_state_cannot_be_cut(mamba2: Target) -> None:
    cache = mamba2.new_cache()
    mamba2.prefill(JOB.prompt, cache)
    with pytest.raises(UnsupportedModel, match="cannot be cut to 3 of"):
        cache.rewind(3)
    cache.rewind(0)
    assert (cache.length, cache.token_bytes) == (0, 0)


def test_states_that_are_not_put_back_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with a broken way back the self-check must not choose chains."""
    monkeypatch.setattr(state_cache.StateCache, "_restore", lambda _self, _saved: None)
    with pytest.raises(UnsupportedModel, match="differ by"):
        target_of(state_model("mamba2"))


def test_states_that_are_shared_by_sessions_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_cache, "_HELD_BY_MODULES", ())
    with pytest.raises(UnsupportedModel, match="differ by"):
        target_of(state_model("recurrent_gemma"))


@pytest.mark.parametrize(("name", "reason"), [("minimax", "cache of its own"), ("zamba2", "logits differ by")])
def test_a_model_whose_own_cache_is_no_use_is_refused(name: str, reason: str) -> None:
    """MiniMax wants another cache; Zamba2 forgets its time-step limits where it reads a single token."""
    with pytest.raises(UnsupportedModel, match=reason) as caught:
        target_of(state_model(name))
    assert "full attention" in caught.value.hint


def test_the_choice_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        target_of(state_model("lfm2"), name="LFM2")
    assert "LFM2: drafts are verified one chain at a time" in caplog.text


def test_the_cost_of_chains_is_measured_and_that_of_drafts_never_made_is_not(mamba2: Target) -> None:
    assert sorted(measure(mamba2, [1, 2, 4])) == [1, 2, 4]
    assert sorted(Budget.measured(checked_target("mamba")).costs.by_size) == [1]


@pytest.mark.parametrize(
    ("drafts", "best"),
    [
        ([], ()),
        ([((1, 2, 3), 0.5), ((4,), 0.8)], (1, 2, 3)),  # .5 + .25 + .125 > .8
        ([((1, 2, 3), 0.4), ((4,), 0.8)], (4,)),
        ([((1, 2), 0.5), ((1, 3, 4), 0.5)], (1, 3, 4)),
        ([((1,), 0.1), ((1, 2), 0.1), ((3,), 0.2)], (3,)),
        ([((1, 2), 0.5), ((1, 3), 0.5)], (1, 2)),
    ],
)
def test_the_best_chain_is_the_one_of_which_most_is_expected(
    drafts: Sequence[tuple[tuple[int, ...], float]], best: tuple[int, ...]
) -> None:
    tree = TokenTree.of(9)
    for ids, chance in drafts:
        tree.graft("test", chain(ids, chance), max_depth=9)
    found = tree.best_chain()
    assert tuple(found.tokens) == (9, *best)
    assert found.parents == list(range(-1, len(best)))
    assert Capability.CHAIN.verifiable(tree).tokens == found.tokens
    assert Capability.PLAIN.verifiable(tree).tokens == [9]
    assert Capability.TREE.verifiable(tree) is tree
