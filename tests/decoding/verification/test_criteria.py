"""Criteria: speculative sampling keeps the distribution, typical and top-beta-tau follow their papers' rules."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import InvalidRequest
from decoding.interfaces import AcceptanceCriterion, Request, Sampling, SamplingPosition
from decoding.scheduling.session import Session
from decoding.sources.base import DraftContext, DraftSource
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.tree import DraftTree, TokenTree
from decoding.verification import acceptance, sampling
from decoding.verification.acceptance import (
    CRITERIA,
    ExactMatch,
    SpeculativeSampling,
    TopBetaTau,
    TypicalAcceptance,
    make_criterion,
)
from decoding.verification.sampling import Stream
from tests.support.fakes import VOCABULARY, AlwaysWrong, FixedSource, Oracle, chain, tiny_model
from tests.support.goodness import p_value
from tests.support.mutants import mutant

SIZE = 16
LEAST_P = 1e-6
HOT = SamplingPosition(Sampling(do_sample=True, seed=3), 7)
GREEDY = SamplingPosition(Sampling(), 7)
Vector = NDArray[np.float64]


def spread(*weights: float) -> Vector:
    """Weights of the first tokens as a distribution."""
    padded = np.zeros(SIZE)
    padded[: len(weights)] = weights
    return padded / padded.sum()


def random_pair(seed: int) -> tuple[Vector, Vector]:
    rng = np.random.default_rng(seed)
    target, draft = rng.dirichlet(np.full(SIZE, rng.choice([0.1, 0.5, 2.0])), size=2)
    return (target, draft) if seed % 2 else (target, 0.7 * target + 0.3 * draft)


SMOOTH = spread(*np.exp(-np.arange(SIZE) / 4))
PAIRS = {
    "equal": (SMOOTH, SMOOTH),
    "disjoint": (spread(1, 2, 3), spread(0, 0, 0, 1, 2, 3)),
    "one-hot-target": (spread(0, 0, 1), SMOOTH),
    "one-hot-draft": (SMOOTH, spread(0, 0, 1)),
    "one-hot-draft-outside": (spread(1, 1, 0, 1), spread(0, 0, 1)),
    "one-hot-both": (spread(0, 1), spread(1, 0)),
    "zeros-in-target": (spread(1, 0, 2, 0, 3, 0, 4), SMOOTH),
    "zeros-in-draft": (SMOOTH, spread(1, 0, 2, 0, 3, 0, 4)),
    "zeros-in-both": (spread(1, 1, 0, 0, 2), spread(1, 0, 1, 0, 3)),
    "flat-draft": (SMOOTH, spread(*[1] * SIZE)),
    "reversed": (SMOOTH, SMOOTH[::-1].copy()),
    "nearly-equal": (SMOOTH, SMOOTH * 0.999 + 0.001 / SIZE),
    "rare-token": (spread(1e-4, 1, 1), spread(1, 1, 1)),
    "overconfident-draft": (SMOOTH, spread(*SMOOTH**3)),
    **{f"random-{seed}": random_pair(seed) for seed in range(16)},
}
assert len(PAIRS) == 30
SHORT = [name for name in PAIRS if not name.startswith("random") or name in ("random-0", "random-1")]


def draft_tokens(draft: Vector, positions: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A token a position, drawn from ``draft`` with the noise that is for drafts."""
    noise = sampling.gumbel(seed, positions[:, None], np.arange(SIZE), stream=Stream.DRAFT)
    with np.errstate(divide="ignore"):
        return np.asarray((np.log(draft) + noise).argmax(-1))


def outcome(rule: ModuleType, pair: tuple[Vector, Vector], n: int, *, seed: int = 11) -> float:
    """The p-value of ``n`` tokens chosen by ``rule`` for the pair (target, draft)."""
    target, draft = pair
    counts = np.zeros(SIZE, dtype=np.int64)
    for start in range(0, n, 100_000):
        positions = np.arange(start, min(n, start + 100_000))
        drafted = draft_tokens(draft, positions, seed)
        rows = (len(positions), SIZE)
        chosen = rule.accept_or_redraw(
            np.broadcast_to(target, rows), np.broadcast_to(draft, rows), drafted, seed=seed, positions_N=positions
        )
        counts += np.bincount(chosen, minlength=SIZE)
    return p_value(counts, target)


@pytest.mark.parametrize("name", SHORT)
def test_speculative_sampling_keeps_the_distribution(name: str) -> None:
    assert outcome(acceptance, PAIRS[name], 200_000) > LEAST_P


@pytest.mark.exact
@pytest.mark.parametrize("name", PAIRS)
def test_speculative_sampling_keeps_the_distribution_of_a_million(name: str) -> None:
    assert outcome(acceptance, PAIRS[name], 1_000_000, seed=12) > LEAST_P


RULE_MUTANTS = {
    "draw again from p": ("residual(target_NV[rejected_M], draft_NV[rejected_M])", "target_NV[rejected_M]"),
    "draw again from q": ("residual(target_NV[rejected_M], draft_NV[rejected_M])", "draft_NV[rejected_M]"),
    "forgot the clip": ("np.maximum(target_NV - draft_NV, 0.0)", "np.abs(target_NV - draft_NV)"),
    "softmax of the residual": ("(np.log(left_MV[:, ids_K]) + noise_MK)", "(left_MV[:, ids_K] + noise_MK)"),
    "residual the wrong way round": ("np.maximum(target_NV - draft_NV", "np.maximum(draft_NV - target_NV"),
    "accept q/p": ("* q_N < p_N", "* p_N < q_N"),
    "accept p": ("* q_N < p_N", "< p_N"),
    "accept always": ("* q_N < p_N", "* 0 < q_N"),
    "accept never": ("* q_N < p_N", "+ 1 < p_N"),
    "accept the likelier": ("sampling.uniform(seed, positions_N, stream=Stream.ACCEPT) * q_N < p_N", "q_N <= p_N"),
    "redraw with the draft's noise": ("stream=Stream.RESIDUAL", "stream=Stream.DRAFT"),
    "one noise for every position": ("positions_N[rejected_M, None], ids_K", "0, ids_K"),
}


@pytest.mark.parametrize("name", RULE_MUTANTS)
def test_a_wrong_rule_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = mutant(acceptance, *RULE_MUTANTS[name], monkeypatch)
    values = [outcome(wrong, PAIRS[pair], 20_000) for pair in ("reversed", "flat-draft", "overconfident-draft")]
    assert min(values) < LEAST_P


def test_a_number_used_twice_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepting by the noise that drew the draft, and drawing again by the noise that rejected."""
    draft_noise = lambda seed, positions, stream: np.exp(  # noqa: E731
        -np.exp(-sampling.gumbel(seed, positions, np.array([SIZE - 1]), stream=Stream.DRAFT))
    )
    monkeypatch.setattr(sampling, "uniform", draft_noise)
    assert outcome(acceptance, PAIRS["reversed"], 20_000) < LEAST_P


def test_a_draft_that_is_not_drawn_from_q_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greedy drafts with a sampled draft's q; and a q without the temperature that the draft was drawn with."""
    target, draft = PAIRS["reversed"]
    assert outcome(acceptance, (target, draft), 20_000) > LEAST_P
    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.draft_tokens", lambda q, positions, seed: np.full(len(positions), q.argmax()))
        assert outcome(acceptance, (target, draft), 20_000) < LEAST_P
    own = draft_tokens
    monkeypatch.setattr(
        f"{__name__}.draft_tokens", lambda q, positions, seed: own(q**2 / (q**2).sum(), positions, seed)
    )
    assert outcome(acceptance, (target, draft), 20_000) < LEAST_P


def test_one_choice_is_one_row_of_many() -> None:
    target, draft = PAIRS["reversed"]
    positions = np.arange(400)
    drafted = draft_tokens(draft, positions, 5)
    rows = (len(positions), SIZE)
    expected = acceptance.accept_or_redraw(
        np.broadcast_to(target, rows), np.broadcast_to(draft, rows), drafted, seed=5, positions_N=positions
    )
    settings = Sampling(do_sample=True, seed=5)
    chosen = [
        SpeculativeSampling().choose(np.log(target), {int(token): draft}, SamplingPosition(settings, position))
        for position, token in enumerate(drafted)
    ]
    assert chosen == expected.tolist()
    assert 0 < sum(a == b for a, b in zip(chosen, drafted, strict=True)) < len(chosen)


def test_greedy_speculative_sampling_is_greedy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        logits, draft = rng.normal(size=SIZE), rng.dirichlet(np.ones(SIZE))
        for token in (int(logits.argmax()), int(draft.argmax())):
            assert SpeculativeSampling().choose(logits, {token: draft}, GREEDY) == logits.argmax()


def test_what_speculative_sampling_cannot_judge_is_refused() -> None:
    logits = np.zeros(SIZE)
    for offered in ({1: SMOOTH, 2: SMOOTH}, {1: None}):
        with pytest.raises(InvalidRequest) as caught:
            SpeculativeSampling().choose(logits, offered, HOT)
        assert "exact-match" in caught.value.hint


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("at", [HOT, GREEDY], ids=["sampled", "greedy"])
def test_where_nothing_is_drafted_every_criterion_draws_as_the_target(name: str, at: SamplingPosition) -> None:
    rng = np.random.default_rng(1)
    for position in range(50):
        logits = rng.normal(size=SIZE)
        expected = sampling.choose(logits, at.sampling, position=position)
        assert make_criterion(name).choose(logits, {}, SamplingPosition(at.sampling, position)) == expected


def test_exact_match_does_not_look_at_drafts() -> None:
    rng = np.random.default_rng(2)
    for position in range(50):
        logits, at = rng.normal(size=SIZE), SamplingPosition(HOT.sampling, position)
        plain = ExactMatch().choose(logits, {}, at)
        assert all(ExactMatch().choose(logits, {token: SMOOTH}, at) == plain for token in range(SIZE))


def test_typical_acceptance_is_the_rule_of_the_paper() -> None:
    rng = np.random.default_rng(3)
    accepted = 0
    for position in range(200):
        logits = rng.normal(scale=rng.choice([0.5, 2, 5]), size=SIZE)
        p = np.exp(logits) / np.exp(logits).sum()
        threshold = min(0.3, 0.09 * np.exp((p * np.log(p)).sum()))
        offered = rng.choice(SIZE, size=3, replace=False).tolist()
        at = SamplingPosition(HOT.sampling, position)
        token = TypicalAcceptance().choose(logits, dict.fromkeys(offered), at)
        best = max(offered, key=lambda one: p[one])
        if p[best] > threshold:
            accepted += 1
            assert token == best
        else:
            assert token == sampling.choose(logits, at.sampling, position=position)
    assert 0 < accepted < 200


def test_typical_acceptance_is_greedy_where_decoding_is() -> None:
    logits = np.array([0.0, 1.0, 1.1])
    assert TypicalAcceptance().choose(logits, {1: None, 0: None}, GREEDY) == 2


@pytest.mark.parametrize(
    ("beta", "tau", "offered", "expected"),
    [
        (3, 1.0, [2], 2),
        (3, 1.0, [2, 1], 1),
        (2, 1.0, [2], 0),
        (3, 0.5, [2], 0),
        (3, 0.5, [1], 1),
        (9, 9.0, [5], 0),
        (1, 9.0, [1], 0),
        (2, 9.0, [4], 4),
    ],
)
def test_top_beta_tau_is_the_rule_of_the_paper(beta: int, tau: float, offered: list[int], expected: int) -> None:
    logits = np.array([2.0, 1.6, 1.2, 0.0, 2.0, -np.inf])
    if expected == 4 or beta == 9:
        logits[1:3] = -5
    else:
        logits[4] = -5
    assert TopBetaTau(beta, tau).choose(logits, dict.fromkeys(offered), GREEDY) == expected


def test_a_lossy_criterion_never_takes_a_forbidden_token() -> None:
    logits = np.full(SIZE, -np.inf)
    logits[3:5] = 0
    for criterion in (TypicalAcceptance(1e-9, 1e-9), TopBetaTau(SIZE, 1e300)):
        assert all(criterion.choose(logits, dict.fromkeys([1, 2, 9]), at) in (3, 4) for at in (HOT, GREEDY))


def test_criteria_are_found_by_name_and_say_what_they_lose() -> None:
    assert {name: make_criterion(name).lossless for name in CRITERIA} == {
        "exact-match": True,
        "speculative-sampling": True,
        "typical": False,
        "top-beta-tau": False,
    }
    assert [make_criterion(name).name for name in CRITERIA] == list(CRITERIA)
    assert make_criterion("typical", epsilon=0.2) == TypicalAcceptance(epsilon=0.2)
    assert make_criterion("top-beta-tau", beta=1, tau=0.0) == TopBetaTau(1, 0.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("best", {}),
        ("exact-match", {"epsilon": 0.1}),
        ("typical", {"tau": 0.1}),
        ("typical", {"epsilon": 0.0}),
        ("typical", {"epsilon": float("nan")}),
        ("typical", {"delta": 1.5}),
        ("top-beta-tau", {"beta": 0}),
        ("top-beta-tau", {"beta": 2.5}),
        ("top-beta-tau", {"tau": -1.0}),
        ("top-beta-tau", {"tau": float("inf")}),
        ("top-beta-tau", {"tau": float("nan")}),
    ],
)
def test_an_unknown_criterion_or_option_is_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make_criterion(name, **options)
    assert caught.value.hint


TINY, DRAFTED, LENGTH = 5, 2, 3
PROMPT = (1, 2)


def tiny_logits(seed: int, *, scale: float = 0.5) -> dict[tuple[int, ...], Vector]:
    """The logits of a tiny model after every output shorter than three tokens."""
    model = tiny_model("llama", seed=seed, vocab_size=TINY).double()
    prefixes = [prefix for n in range(LENGTH) for prefix in itertools.product(range(TINY), repeat=n)]
    with torch.inference_mode():
        return {prefix: model(torch.tensor([[*PROMPT, *prefix]])).logits[0, -1].numpy() * scale for prefix in prefixes}


def three_tokens(
    criterion: AcceptanceCriterion,
    target: dict[tuple[int, ...], Vector],
    draft: dict[tuple[int, ...], Vector],
    seed: int,
) -> tuple[int, ...]:
    """Steps of two sampled draft tokens each, as a session walks them, until three tokens are committed."""
    settings = Sampling(do_sample=True, temperature=0.7, seed=seed)
    written: tuple[int, ...] = ()
    while len(written) < LENGTH:
        chain, path = [], written
        for _ in range(min(DRAFTED, LENGTH - len(written))):
            position = len(PROMPT) + len(path)
            token = sampling.choose(draft[path], settings, position=position, stream=Stream.DRAFT)
            chain.append((token, sampling.distribution(draft[path], settings)))
            path = (*path, token)
        for token, distribution in chain:
            at = SamplingPosition(settings, len(PROMPT) + len(written))
            written = (*written, criterion.choose(target[written].copy(), {token: distribution}, at))
            if written[-1] != token:
                break
        else:
            if len(written) < LENGTH:
                written = (
                    *written,
                    criterion.choose(target[written], {}, SamplingPosition(settings, len(PROMPT) + len(written))),
                )
    return written


def joint(target: dict[tuple[int, ...], Vector]) -> Vector:
    """The exact probability of every output of three tokens, in order of the outputs."""
    heat = Sampling(do_sample=True, temperature=0.7)
    step = {prefix: sampling.distribution(logits, heat) for prefix, logits in target.items()}
    outputs = itertools.product(range(TINY), repeat=LENGTH)
    return np.array([step[()][a] * step[(a,)][b] * step[(a, b)][c] for a, b, c in outputs])


def joint_p_value(criterion: AcceptanceCriterion, model: int, n: int) -> float:
    target, draft = tiny_logits(model), tiny_logits(model + 100)
    counts = np.zeros(TINY**LENGTH, dtype=np.int64)
    for seed in range(n):
        a, b, c = three_tokens(criterion, target, draft, seed)
        counts[(a * TINY + b) * TINY + c] += 1
    return p_value(counts, joint(target))


@pytest.mark.parametrize("name", ["exact-match", "speculative-sampling"])
def test_three_tokens_are_distributed_as_the_model_says(name: str) -> None:
    assert joint_p_value(make_criterion(name), 0, 3_000) > 1e-4


@pytest.mark.exact
@pytest.mark.parametrize("model", range(3))
@pytest.mark.parametrize("name", ["exact-match", "speculative-sampling"])
def test_three_tokens_are_distributed_as_the_model_says_20000_times(name: str, model: int) -> None:
    assert joint_p_value(make_criterion(name), model, 20_000) > 1e-4


@pytest.mark.parametrize("criterion", [TypicalAcceptance(), TopBetaTau()], ids=["typical", "top-beta-tau"])
def test_a_lossy_criterion_changes_the_distribution(criterion: AcceptanceCriterion) -> None:
    assert joint_p_value(criterion, 0, 3_000) < LEAST_P


@pytest.mark.parametrize("name", ["draw again from p", "forgot the clip", "accept always", "accept q/p"])
def test_a_wrong_rule_is_seen_in_three_tokens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = mutant(acceptance, *RULE_MUTANTS[name], monkeypatch)
    assert joint_p_value(wrong.SpeculativeSampling(), 0, 3_000) < LEAST_P


class Sampled(FixedSource):
    """Draws chains of two tokens from the logits that a table has for each output."""

    def __init__(self, draft: dict[tuple[int, ...], Vector], settings: Sampling) -> None:
        super().__init__("sampled")
        self._draft, self._settings = draft, settings

    def propose(self, context: DraftContext) -> DraftTree:
        path, drawn = tuple(context.output), []
        while len(path) < LENGTH and len(drawn) < DRAFTED:
            place = len(PROMPT) + len(path)
            drawn.append(sampling.distribution(self._draft[path], self._settings))
            path += (sampling.choose(self._draft[path], self._settings, position=place, stream=Stream.DRAFT),)
        return replace(chain(path[len(context.output) :], 0.5), distributions=dict(enumerate(drawn)))


def session_p_value(criterion: AcceptanceCriterion | None, n: int) -> tuple[float, float]:
    """How well three tokens of whole sessions fit the model, and the share of drafts that were accepted."""
    model = tiny_model("llama", seed=0, vocab_size=TINY).double()
    target, draft = target_of(model), tiny_logits(100)
    exact = joint(tiny_logits(0, scale=1.0))
    counts = np.zeros(exact.size, dtype=np.int64)
    drafted = accepted = 0
    for seed in range(n):
        settings = Sampling(do_sample=True, temperature=0.7, seed=seed)
        engine = Engine(target, sources=partial(made, draft, settings), budget=Budget(limit=8))
        session = engine.generate(Request(PROMPT, LENGTH, sampling=settings, criterion=criterion))
        assert not session.drafter.failed
        a, b, c = session.tokens
        counts[(a * TINY + b) * TINY + c] += 1
        drafted, accepted = drafted + session.stats.drafted, accepted + session.stats.accepted
    return p_value(counts, exact), accepted / drafted


def made(draft: dict[tuple[int, ...], Vector], settings: Sampling) -> list[DraftSource]:
    return [Sampled(draft, settings)]


@pytest.mark.parametrize("name", ["exact-match", "speculative-sampling"])
def test_sessions_keep_the_distribution(name: str) -> None:
    fit, share = session_p_value(make_criterion(name), 250)
    assert fit > 1e-4
    assert 0 < share < 1


@pytest.mark.exact
def test_sessions_keep_the_distribution_5000_times_and_speculative_sampling_accepts_more() -> None:
    (plain, once), (fit, share) = (
        session_p_value(make_criterion(name), 5000) for name in ("exact-match", "speculative-sampling")
    )
    assert min(plain, fit) > 1e-4
    assert share > once


def test_sessions_by_lossy_criteria_follow_the_drafts_they_like(llama: Target) -> None:
    """A wrong draft is committed if tau allows it, and never if beta is 1; greedy typical acceptance loses nothing."""
    prompt = tuple(range(1, 12))
    plain = Engine(llama, sources=list).generate(Request(prompt, 20)).tokens

    def outcome(criterion: AcceptanceCriterion) -> Session:
        engine = Engine(llama, sources=lambda: [AlwaysWrong(plain)], budget=Budget(limit=8))
        return engine.generate(Request(prompt, 20, criterion=criterion))

    wild = outcome(TopBetaTau(beta=VOCABULARY, tau=1e9))
    assert wild.tokens != plain and wild.stats.accepted == wild.stats.drafted > 0
    for criterion in (
        TopBetaTau(beta=1, tau=1e9),
        TopBetaTau(beta=VOCABULARY, tau=0.0),
        TypicalAcceptance(),
        ExactMatch(),
    ):
        assert outcome(criterion).tokens == plain


def test_a_distribution_stays_with_the_token_that_was_drawn_from_it() -> None:
    """Another source's token at the same place was not drawn from it, whichever of the two is cut."""
    tree = TokenTree.of(1)
    tree.graft("sampled", replace(chain([2, 3], 0.5), distributions={0: SMOOTH, 1: SMOOTH[::-1]}), max_depth=9)
    tree.graft("copied", chain([4, 5], 0.4), max_depth=9)
    offers = tree.offers(0)
    assert offers[2] is SMOOTH and offers[4] is None
    (sampled,) = [node for node, token in enumerate(tree.tokens) if token == 2]
    assert tree.offers(sampled)[3] is not None
    (copied,) = [node for node, token in enumerate(tree.tokens) if token == 4]
    assert tree.pruned([copied]).offers(0) == {4: None}
    assert tree.pruned([sampled]).offers(0)[2] is SMOOTH


def test_a_session_refuses_drafts_that_its_criterion_cannot_judge(llama: Target) -> None:
    engine = Engine(llama, sources=lambda: [Oracle([1, 2, 3])], budget=Budget(limit=8))
    with pytest.raises(InvalidRequest, match="cannot judge"):
        engine.generate(Request((1, 2, 3), 20, criterion=SpeculativeSampling()))
