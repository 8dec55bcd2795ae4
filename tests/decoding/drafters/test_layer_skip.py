"""The target without some layers as its own draft model: shared weights, own cache, and outputs that stay."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest
import torch

from decoding.drafters.layer_skip import skipping
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import InvalidRequest, UnsupportedModel
from decoding.interfaces import Request, Sampling
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared
from decoding.sources.table import make_sources
from decoding.target.capability import Capability
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support.drafts import proposed
from tests.support.fakes import ARCHITECTURES, SLIDING, tiny_model
from tests.support.state_models import state_model
from tests.support.trials import by_hand, together

LAYERS = 4
PROMPTS = ((5, 6, 7, 8), (9, 8, 7), (3, 4, 3, 4, 3))
NAMES = ("layer-skip", "layer-skip-chain")


def deep(architecture: str, *, seed: int = 1) -> Any:
    """A tiny model of four layers, of which those in the middle say little."""
    shallow = tiny_model(architecture)
    facts = shallow.config.to_dict()
    facts.pop("layer_types", None)
    facts["n_layer" if "n_layer" in facts else "num_hidden_layers"] = LAYERS
    torch.manual_seed(seed)
    model = type(shallow)(type(shallow.config)(**facts)).double().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if any(f".{layer}." in name and weight.dim() > 1 for layer in (1, 2)):
                weight.mul_(0.3)
    return model


@pytest.fixture(scope="module")
def target() -> Target:
    return target_of(deep("llama"), name="deep")


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """Greedy and sampled ones."""
    found = []
    for number, prompt in enumerate(PROMPTS):
        found += [Request(prompt, 40), Request(prompt, 40, sampling=Sampling(do_sample=True, seed=number))]
    return found


def engine_with(target: Target, layers: Collection[int], name: str = "layer-skip", *, rows: int = 8) -> Engine:
    shared = Shared(layer_skip=DraftModel.of(skipping(target, layers), target))
    return Engine(target, sources=[name], budget=Budget(limit=24), shared=shared, max_rows=rows)


def by_definition(model: Any, layers: Collection[int], ids: Sequence[int]) -> torch.Tensor:
    """(N, V) logits of a forward in which the skipped layers hand on what they are given."""

    def hand_on(module: torch.nn.Module, inputs: tuple[Any, ...], options: dict[str, Any], output: Any) -> Any:
        given = inputs[0] if inputs else options["hidden_states"]
        return (given, *output[1:]) if isinstance(output, tuple) else given

    stack = model.model.layers if hasattr(model, "model") else model.transformer.h
    handles = [stack[layer].register_forward_hook(hand_on, with_kwargs=True) for layer in layers]
    try:
        with torch.inference_mode():
            logits: torch.Tensor = model(input_ids=torch.tensor([[*ids]]), use_cache=False).logits[0]
    finally:
        for handle in handles:
            handle.remove()
    return logits


@pytest.mark.parametrize("layers", [(1,), (0, 2), (1, 2, 3)])
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *SLIDING])
def test_a_view_computes_what_the_target_does_without_those_layers(architecture: str, layers: tuple[int, ...]) -> None:
    check_view(architecture, layers)


def check_view(architecture: str, layers: tuple[int, ...]) -> None:
    """Against forwards in which hooks make layers hand on what they are given."""
    ids = [(7 * at + 3) % 61 for at in range(30)]
    model = deep(architecture)
    target = target_of(model, name=architecture)
    before = by_definition(model, (), ids)
    view = skipping(target, layers)
    assert view.capability is Capability.TREE
    assert view.model.config.get_text_config().num_hidden_layers == LAYERS - len(layers)
    assert len(view.new_cache().layers) == LAYERS - len(layers)
    with torch.inference_mode():
        found = view.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    torch.testing.assert_close(found, by_definition(model, layers, ids), rtol=0, atol=1e-9)
    assert torch.equal(by_definition(model, (), ids), before), "the target is as it was"


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *SLIDING])
def test_weights_are_shared_and_the_target_is_left_as_it_is(architecture: str) -> None:
    check_sharing(architecture)


def check_sharing(architecture: str) -> None:
    """Addresses of weights; numbers and configurations of modules."""
    target = target_of(deep(architecture), name=architecture)

    def told() -> list[tuple[str, object, object]]:
        return [
            (name, getattr(module, "layer_idx", None), id(getattr(module, "config", None)))
            for name, module in target.model.named_modules()
        ]

    before, config = told(), target.model.config.to_dict()
    view = skipping(target, [1])
    assert told() == before and target.model.config.to_dict() == config
    assert target.model.config.get_text_config().num_hidden_layers == LAYERS
    places = {weight.data_ptr() for weight in target.model.parameters()}
    assert {weight.data_ptr() for weight in view.model.parameters()} < places
    again = skipping(view, [0])
    assert again.model.config.get_text_config().num_hidden_layers == LAYERS - 2
    numbers = {getattr(module, "layer_idx", None) for module in again.model.modules()} - {None}
    assert numbers == set(range(LAYERS - 2))
    assert view.model.get_output_embeddings() is target.model.get_output_embeddings()


@pytest.mark.parametrize("name", NAMES)
def test_layers_that_say_little_are_not_missed(target: Target, requests: Sequence[Request], name: str) -> None:
    session = engine_with(target, [1, 2], name).generate(requests[0])
    assert tuple(session.tokens) == by_hand(target, requests[0]).tokens
    assert session.stats.mean_acceptance_length > 1.5
    assert set(session.stats.drafted_by_source) == {"layer-skip"}


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layers", [(1, 2), (0, 3)])
def test_the_output_is_the_targets_whatever_is_skipped(
    target: Target, requests: Sequence[Request], layers: tuple[int, ...], name: str, rows: int
) -> None:
    found = together(engine_with(target, layers, name, rows=rows), requests, joins=(0, 0, 1, 3, 4, 9))
    for request, (session, outcome) in zip(requests, found, strict=True):
        assert outcome == by_hand(target, request)
        assert not session.drafter.failed
        assert session.stats.drafted > 0


def test_a_view_that_fails_is_switched_off_and_the_answer_stays(target: Target, requests: Sequence[Request]) -> None:
    view = skipping(target, [1, 2])
    asked = 0

    def fail(module: torch.nn.Module, inputs: object) -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            raise RuntimeError("this view is broken")

    model = DraftModel.of(view, target)
    view.model.register_forward_pre_hook(fail)
    engine = Engine(target, sources=["layer-skip"], budget=Budget(limit=24), shared=Shared(layer_skip=model))
    session = engine.generate(requests[0])
    assert tuple(session.tokens) == by_hand(target, requests[0]).tokens
    assert "broken" in session.drafter.failed["layer-skip"]


def test_without_a_view_the_source_is_silent() -> None:
    for name in NAMES:
        (source,) = make_sources([name])
        source.start(Request(PROMPTS[0], 9))
        assert proposed(source, [1], 8) == []


@pytest.mark.parametrize("layers", [(4,), (-1, 2), (0, 1, 2, 3)])
def test_layers_that_are_not_there_are_refused(target: Target, layers: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        skipping(target, layers)
    assert "0 to 3" in caught.value.hint


def test_models_whose_layers_cannot_be_skipped_are_refused(target: Target) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        skipping(target_of(state_model("qwen3_next"), name="stateful"), [1])
    assert "stateful" in caught.value.cause and "Llama" in caught.value.hint
    spread = target_of(deep("llama"), name="spread")
    inner = spread.model.model.layers[1]
    inner.forward = type(inner).forward.__get__(inner)  # As libraries do that move weights between devices.
    with pytest.raises(UnsupportedModel) as caught:
        skipping(spread, [1])
    assert "spread" in caught.value.cause
    odd = target_of(deep("llama"), name="odd")
    odd.model.config.num_hidden_layers = LAYERS - 1
    with pytest.raises(UnsupportedModel) as caught:
        skipping(odd, [0])
    assert "0 lists of 3" in caught.value.cause
