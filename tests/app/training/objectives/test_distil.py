"""Distillation raises how far a draft model carries its target; only it learns; a resumed run is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from app.training.errors import ConfigError
from app.training.evaluation.measure import measure_drafter
from app.training.model import Model, to_llama
from app.training.objectives.distil import (
    DistilOptions,
    Mix,
    SequenceDistillation,
    TokenDistillation,
    divergence,
    mixed,
)
from app.training.outputs.target_outputs import Row, collate
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared
from decoding.target.loading import target_of
from tests.support import small_target as small


def objective(kind: str) -> SequenceDistillation | TokenDistillation:
    if kind == "sequence":
        return SequenceDistillation(small.rows())
    return TokenDistillation(small.rows(), small.teacher(), Mix())


def mean_length(model: Model) -> float:
    """Of this draft model's chains on prompts that it was not trained on."""
    target = small.target()
    draft = DraftModel.of(target_of(to_llama(model), name="draft"), target)
    (found,) = measure_drafter(target, "draft-chain", Shared(draft_model=draft), small.unseen())
    return found.mean_length


@pytest.mark.parametrize("kind", ["sequence", "token"])
def test_distillation_raises_the_mean_acceptance_length(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Model(small.SHAPE)
    before = mean_length(model)
    small.train(model, objective(kind), tmp_path, steps=45)
    assert small.losses(tmp_path, "output")[-1] < 0.7 * small.losses(tmp_path, "output")[0]
    after = mean_length(model)
    assert after > 1.2 * before
    assert after > 1.5


def test_only_the_draft_model_gets_gradients() -> None:
    torch.manual_seed(0)
    model, teacher = Model(small.SHAPE), small.teacher()
    before = {name: weight.clone() for name, weight in teacher.model.state_dict().items()}
    token = TokenDistillation(small.rows(), teacher)
    token.loss(model, token.batch(0)).total.backward()
    assert all(weight.grad is not None for weight in model.parameters())
    assert all(weight.grad is None for weight in teacher.model.parameters())
    assert all(torch.equal(weight, before[name]) for name, weight in teacher.model.state_dict().items())


@pytest.mark.parametrize("kind", ["sequence", "token"])
def test_resumed_is_the_same_to_the_bit(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    straight, stopped = Model(small.SHAPE), Model(small.SHAPE)
    stopped.load_state_dict(straight.state_dict())
    small.train(straight, objective(kind), tmp_path / "straight", steps=6)
    trainer = small.train(stopped, objective(kind), tmp_path / "stopped", steps=6, stop_at=3)
    assert trainer.step == 3
    torch.manual_seed(9)
    resumed = Model(small.SHAPE)
    small.train(resumed, objective(kind), tmp_path / "stopped", steps=6)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_where_the_target_was_made_to_write_something_else_its_own_choice_does_not_count() -> None:
    batch = collate([Row("answer", (1, 2), (3, 4))], np.random.default_rng(0))
    count = len(batch.position_P)
    torch.manual_seed(1)
    logits_PV = torch.randn(count, 8)
    wants = torch.nn.functional.one_hot(batch.next_P, 8).float() * 9
    wants_other = wants.roll(1, dims=-1)
    mix = Mix(hard=0.0, prompt_weight=0.0)
    written = mixed(logits_PV, wants_other, batch, mix).total
    hard = torch.nn.functional.cross_entropy(logits_PV[batch.is_output_P], batch.next_P[batch.is_output_P])
    torch.testing.assert_close(written, hard)
    assert not torch.isclose(mixed(logits_PV, wants, batch, mix).total, hard)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_divergences_are_those_of_torch_distributions(temperature: float) -> None:
    torch.manual_seed(2)
    draft_PV, target_PV = torch.randn(5, 11), 3 * torch.randn(5, 11)
    p, q = Categorical(logits=target_PV / temperature), Categorical(logits=draft_PV / temperature)
    between = Categorical(probs=(p.probs + q.probs) / 2)
    expected = {
        "forward": kl_divergence(p, q),
        "reverse": kl_divergence(q, p),
        "jensen-shannon": (kl_divergence(p, between) + kl_divergence(q, between)) / 2,
    }
    for kind in ("forward", "reverse", "jensen-shannon"):
        found = divergence(draft_PV, target_PV, kind, temperature=temperature)
        torch.testing.assert_close(found, expected[kind])


def test_a_larger_vocabulary_of_padding_changes_nothing() -> None:
    torch.manual_seed(3)
    draft_PV, target_PV = torch.randn(4, 7), torch.randn(4, 7)
    padded = torch.cat([target_PV, torch.full((4, 3), 5.0)], dim=1)
    torch.testing.assert_close(divergence(draft_PV, padded, "forward"), divergence(draft_PV, target_PV, "forward"))


def test_an_unknown_divergence_is_refused() -> None:
    with pytest.raises(ConfigError, match="no divergence 'sideways'"):
        DistilOptions(divergence="sideways").mix()
