"""Heads learn what follows the target's next token, on the frozen target, and carry it further than untrained ones."""

from __future__ import annotations

from pathlib import Path

import torch

from app.training.evaluation.measure import measure_drafter
from app.training.objectives.medusa_heads import AHEAD, HeadTraining, begin_heads, tokens_behind
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.sources.shared import Shared
from tests.support import small_target as small


def mean_length(folder: Path) -> float:
    """Of the heads that lie in `folder`."""
    target = small.target()
    shared = Shared(heads=MedusaHeads.load(folder, target=target))
    (found,) = measure_drafter(target, "heads", shared, small.unseen(), limit=3)
    return found.mean_length


def test_trained_heads_carry_the_target_further(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = small.teacher()
    heads = MedusaHeads(teacher.hidden, 3)
    heads.save(tmp_path / "before")
    small.train(heads, HeadTraining(small.rows(), teacher), tmp_path / "run", steps=80)
    assert small.losses(tmp_path / "run", "nats")[-1] < small.losses(tmp_path / "run", "nats")[0] / 2
    heads.save(tmp_path / "after")
    assert mean_length(tmp_path / "after") > 1.2 * mean_length(tmp_path / "before")


def test_heads_that_were_trained_with_the_target_come_first(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained, made = MedusaHeads(32, 2), MedusaHeads(32, 3)
    torch.nn.init.normal_(trained.down[1].get_parameter("weight"))
    last = made.up[2].get_parameter("weight").clone()
    begin_heads(made, tmp_path)
    assert not made.down[1].get_parameter("weight").any(), "there is nothing to begin with"
    trained.save(tmp_path / AHEAD)
    begin_heads(made, tmp_path)
    hidden_PD = torch.randn(4, 32)
    for k in (1, 2):
        assert torch.equal(made.one_after(hidden_PD, k), trained.one_after(hidden_PD, k))
    assert torch.equal(made.up[2].get_parameter("weight"), last)


def test_only_the_heads_get_gradients() -> None:
    torch.manual_seed(0)
    teacher = small.teacher()
    heads = MedusaHeads(teacher.hidden, 2)
    training = HeadTraining(small.rows(), teacher)
    training.loss(heads, training.batch(0)).total.backward()
    assert all(down.get_parameter("weight").grad.abs().sum() > 0 for down in heads.down)
    assert all(weight.grad is None for weight in teacher.model.parameters())
    assert not any(weight.requires_grad for weight in teacher.model.parameters())


def test_labels_are_the_tokens_behind_the_next_one() -> None:
    batch = small.rows().batch(0)
    position_P = batch.position_P[batch.is_output_P]
    label_PK, inside_PK = tokens_behind(batch, position_P, 3)
    size = batch.tokens_BN.shape[1]
    for position, label_K, inside_K in zip(position_P.tolist(), label_PK.tolist(), inside_PK.tolist(), strict=True):
        row, at = divmod(position, size)
        text = batch.tokens_BN[row, : int(batch.length_B[row])].tolist()
        behind = text[at + 2 : at + 5]
        assert [label for label, inside in zip(label_K, inside_K, strict=True) if inside] == behind
    assert inside_PK.any()
    assert not inside_PK.all()


def test_resumed_is_the_same_to_the_bit(tmp_path: Path) -> None:
    def trained(folder: str, stop_at: int | None, seed: int) -> MedusaHeads:
        torch.manual_seed(seed)
        heads = MedusaHeads(32, 2)
        training = HeadTraining(small.rows(), small.teacher())
        small.train(heads, training, tmp_path / folder, steps=6, stop_at=stop_at)
        return heads

    straight = trained("straight", None, 0)
    trained("stopped", 2, 0)
    resumed = trained("stopped", None, 9)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))
