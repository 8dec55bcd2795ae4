"""The parallel drafter: k masks in one forward, a cache without masks, and outputs that stay."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from decoding.drafters.parallel_model import ParallelModel
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.cost_model import CostModel
from decoding.engine import Engine
from decoding.errors import DecodingError, ModelNotFound, UnsupportedModel
from decoding.interfaces import Request, Sampling
from decoding.sources.neural.multi_position import ParallelSource
from decoding.sources.shared import Shared
from decoding.sources.table import make_sources
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support.drafters import MASKS, fitted_parallel, random_parallel
from tests.support.drafts import proposed
from tests.support.fakes import VOCABULARY, tiny_model
from tests.support.state_models import state_model
from tests.support.trials import by_hand, together

PROMPTS = ((5, 6, 7, 8), (9, 8, 7), (3, 4, 3, 4, 3))
NAMES = ("parallel", "parallel-chain")


@pytest.fixture(scope="module")
def requests(llama: Target) -> list[Request]:
    """Greedy and sampled ones."""
    found = []
    for number, prompt in enumerate(PROMPTS):
        found += [Request(prompt, 30), Request(prompt, 30, sampling=Sampling(do_sample=True, seed=number))]
    return found


@pytest.fixture(scope="module")
def fitted(llama: Target, requests: Sequence[Request]) -> ParallelModel:
    return fitted_parallel(llama, [[*one.prompt, *by_hand(llama, one).tokens] for one in requests[:3]])


def engine_with(target: Target, model: ParallelModel | None, name: str = "parallel", *, rows: int = 8) -> Engine:
    return Engine(target, sources=[name], budget=Budget(limit=24), shared=Shared(parallel=model), max_rows=rows)


def test_one_forward_over_text_and_masks_gives_the_next_tokens(llama: Target) -> None:
    check_guesses(llama)


def check_guesses(llama: Target) -> None:
    """Against a plain forward without a cache: the guesses at the last text token and at each mask."""
    model = ParallelModel.of(random_parallel(), llama)
    source = ParallelSource(model)
    source.start(Request(PROMPTS[0], 99))
    rng, output = random.Random(3), list[int]()
    for _ in range(40):
        first = proposed(source, output, 40)[0]
        text = [*PROMPTS[0], *output]
        with torch.inference_mode():
            ids = torch.tensor([[*text, *range(VOCABULARY, VOCABULARY + MASKS)]])
            logits_NV = model.model.model(input_ids=ids, use_cache=False).logits[0, len(text) - 1 :, :VOCABULARY]
        assert first.tokens == tuple(logits_NV.argmax(-1).tolist())
        assert len(first.tokens) == MASKS + 1
        assert first.probabilities == pytest.approx(logits_NV.softmax(-1).max(-1).values.tolist())
        assert source._cache is not None and source._cache.length == len(text), "masks do not stay in the cache"
        output = [*output, *first.tokens[: rng.randrange(MASKS)], rng.randrange(VOCABULARY)]
        output = output[: rng.choice((len(output), len(output), len(output) // 2))]
    assert model.cost_s > 0


@pytest.mark.parametrize("limit", range(1, 12))
def test_it_keeps_to_its_limit(llama: Target, limit: int) -> None:
    source = ParallelSource(ParallelModel.of(random_parallel(), llama))
    source.start(Request(PROMPTS[0], 99))
    drafts = proposed(source, [1, 2], limit)
    nodes = {draft.tokens[:depth] for draft in drafts for depth in range(1, len(draft.tokens) + 1)}
    assert len(nodes) == limit
    assert len(drafts[0].tokens) == min(limit, MASKS + 1)
    assert all(token < VOCABULARY for draft in drafts for token in draft.tokens)


@pytest.mark.parametrize("name", NAMES)
def test_a_drafter_that_knows_the_text_is_accepted(
    llama: Target, fitted: ParallelModel, requests: Sequence[Request], name: str
) -> None:
    session = engine_with(llama, fitted, name).generate(requests[0])
    assert tuple(session.tokens) == by_hand(llama, requests[0]).tokens
    assert session.stats.mean_acceptance_length > 3.0
    assert not session.drafter.failed


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("known", [True, False])
def test_the_output_is_the_targets_whatever_is_drafted(
    llama: Target, fitted: ParallelModel, requests: Sequence[Request], known: bool, name: str, rows: int
) -> None:
    model = fitted if known else ParallelModel.of(random_parallel(), llama)
    found = together(engine_with(llama, model, name, rows=rows), requests, joins=(0, 0, 1, 3, 4, 9))
    for request, (session, outcome) in zip(requests, found, strict=True):
        assert outcome == by_hand(llama, request)
        assert not session.drafter.failed
        assert session.stats.drafted > 0
    if known:
        assert sum(session.stats.accepted for session, _ in found) > 30


def test_a_context_that_is_full_ends_the_drafts_not_the_output(llama: Target) -> None:
    short = target_of(tiny_model("llama", seed=5, vocab_size=VOCABULARY + MASKS, context=32).double(), name="short")
    request = Request(PROMPTS[0], 60)
    session = engine_with(llama, ParallelModel.of(short, llama)).generate(request)
    assert tuple(session.tokens) == by_hand(llama, request).tokens
    assert session.stats.drafted > 0
    assert not session.drafter.failed
    source = ParallelSource(ParallelModel.of(short, llama))
    source.start(request)
    lengths = [len(proposed(source, session.tokens[:size], 40)[0].tokens) for size in range(24, 29)]
    assert lengths == [5, 4, 3, 2, 1]
    assert proposed(source, session.tokens[:29], 40) == []


def saved(folder: Path, *, masks: int = MASKS, **facts: object) -> Path:
    tiny_model("llama", seed=5, vocab_size=VOCABULARY + masks).save_pretrained(folder)
    told = {"format": "spandraft-parallel-1", "vocabulary": VOCABULARY, "masks": masks, **facts}
    (folder / "parallel.json").write_text(json.dumps(told))
    return folder


def test_a_saved_drafter_is_loaded(llama: Target, tmp_path: Path) -> None:
    found = ParallelModel.load(saved(tmp_path), target=llama, dtype="float64", device="cpu")
    assert (found.vocab_size, found.masks) == (VOCABULARY, MASKS)
    assert found.mask_ids == tuple(range(VOCABULARY, VOCABULARY + MASKS))
    session = engine_with(llama, found).generate(Request(PROMPTS[0], 20))
    assert tuple(session.tokens) == by_hand(llama, Request(PROMPTS[0], 20)).tokens


def refused(folder: Path, target: Target) -> DecodingError:
    with pytest.raises(DecodingError) as caught:
        ParallelModel.load(folder, target=target, device="cpu")
    for line in (caught.value.cause, caught.value.hint):
        assert line and "\n" not in line
    return caught.value


def test_what_cannot_be_loaded_is_refused_with_a_remedy(llama: Target, tmp_path: Path) -> None:
    assert isinstance(refused(tmp_path / "nowhere", llama), ModelNotFound)
    assert isinstance(refused(saved(tmp_path / "as-the-target", masks=0), llama), UnsupportedModel)
    assert isinstance(refused(saved(tmp_path / "other", vocabulary=VOCABULARY - 1), llama), UnsupportedModel)
    assert "spandraft-parallel-7" in refused(saved(tmp_path / "later", format="spandraft-parallel-7"), llama).cause
    broken = saved(tmp_path / "broken")
    more = json.dumps({"format": "spandraft-parallel-1", "vocabulary": VOCABULARY, "masks": MASKS + 1})
    (broken / "parallel.json").write_text(more)
    assert isinstance(refused(broken, llama), UnsupportedModel)
    for text in ("{", "[]"):
        (broken / "parallel.json").write_text(text)
        refused(broken, llama)


def test_models_that_have_no_masks_or_keep_states_are_refused(llama: Target) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        ParallelModel.of(llama, llama)
    assert "none for masks" in caught.value.cause
    with pytest.raises(UnsupportedModel) as caught:
        ParallelModel.of(target_of(state_model("qwen3_next"), name="stateful"), llama)
    assert "stateful" in caught.value.cause and "attention" in caught.value.hint


def test_without_a_model_the_source_is_silent() -> None:
    for name in NAMES:
        (source,) = make_sources([name])
        source.start(Request(PROMPTS[0], 9))
        assert proposed(source, [1], 8) == []


def test_a_drafter_that_fails_is_switched_off_and_the_answer_stays(llama: Target) -> None:
    model = random_parallel()
    asked = 0

    def fail(module: torch.nn.Module, inputs: object) -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            raise RuntimeError("this drafter is broken")

    drafter = ParallelModel.of(model, llama)
    model.model.register_forward_pre_hook(fail)
    request = Request(PROMPTS[1], 30)
    session = engine_with(llama, drafter).generate(request)
    assert tuple(session.tokens) == by_hand(llama, request).tokens
    assert "broken" in session.drafter.failed["parallel"]
    assert asked == 5


def test_it_is_asked_while_it_pays(llama: Target, fitted: ParallelModel, requests: Sequence[Request]) -> None:
    def accepted(cost_s: dict[int, float]) -> int:
        engine = Engine(
            llama,
            sources=["parallel"],
            budget=Budget(24, CostModel(cost_s)),
            shared=Shared(parallel=fitted),
            calibration=Calibration(),
        )
        session = engine.generate(requests[0])
        assert tuple(session.tokens) == by_hand(llama, requests[0]).tokens
        return session.stats.accepted

    assert accepted({1: 10.0, 32: 11.0}) > 15 > 5 >= accepted({1: 1e-7, 32: 1.1e-7})
