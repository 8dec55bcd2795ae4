"""The parallel drafter is trained on exactly the forward that it drafts with, at many places of a row at once."""

from __future__ import annotations

from pathlib import Path

import torch

from app.training.evaluation.measure import measure_drafter
from app.training.model import Model, configuration, to_llama
from app.training.objectives.parallel_drafts import ParallelTraining, labels, lay_out, new_drafter, write_facts
from decoding.drafters.parallel_model import ParallelModel
from decoding.sources.shared import Shared
from decoding.target.loading import target_of
from tests.support import small_target as small

MASKS = 3


def drafter(seed: int = 0) -> Model:
    torch.manual_seed(seed)
    return new_drafter(small.SHAPE, masks=MASKS)


def mean_length(model: Model) -> float:
    target = small.target()
    shared = Shared(parallel=ParallelModel.of(target_of(to_llama(model), name="parallel"), target))
    (found,) = measure_drafter(target, "parallel", shared, small.unseen(), limit=MASKS + 1)
    return found.mean_length


@torch.no_grad()
def test_blocks_of_masks_are_computed_as_a_forward_over_text_and_masks() -> None:
    model = drafter()
    llama = to_llama(model)
    batch = ParallelTraining(small.rows(), masks=MASKS, blocks=4).batch(0)
    tokens_BN, anchor_BG = batch.rows.tokens_BN, batch.anchor_BG
    layout = lay_out(tokens_BN, anchor_BG, masks=MASKS, first_mask=small.VOCABULARY)
    hidden_BMD = model(layout.tokens_BM, layout.positions_BM, layout.sees_BMM)
    size, checked = tokens_BN.shape[1], 0
    mask_ids = torch.arange(small.VOCABULARY, small.VOCABULARY + MASKS)
    for row, places in enumerate(anchor_BG.tolist()):
        for block, place in enumerate(places):
            if place < 0:
                continue
            drafting = torch.cat([tokens_BN[row, : place + 1], mask_ids])
            expected = llama(drafting[None]).logits[0, place:]
            start = size + block * MASKS
            hidden = torch.cat([hidden_BMD[row, place : place + 1], hidden_BMD[row, start : start + MASKS]])
            torch.testing.assert_close(model.logits(hidden), expected, atol=2e-4, rtol=2e-4)
            checked += 1
    assert checked > 10


def test_masks_stand_for_the_tokens_behind_the_next_one() -> None:
    batch = ParallelTraining(small.rows(), masks=MASKS, blocks=4).batch(1)
    label_BGK, inside_BGK = labels(batch.rows, batch.anchor_BG, MASKS)
    for row, places in enumerate(batch.anchor_BG.tolist()):
        length, prompt = int(batch.rows.length_B[row]), int(batch.rows.prompt_B[row])
        text = batch.rows.tokens_BN[row, :length].tolist()
        for block, place in enumerate(places):
            found = label_BGK[row, block][inside_BGK[row, block]].tolist()
            assert found == ([] if place < 0 else text[place + 2 : place + 2 + MASKS])
            assert place < 0 or prompt - 1 <= place < length - 2


def test_rows_with_fewer_places_than_blocks_still_have_numbers() -> None:
    model = drafter()
    training = ParallelTraining(small.rows(), masks=MASKS, blocks=40)
    loss = training.loss(model, training.batch(0))
    loss.total.backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def test_training_carries_the_target_further(tmp_path: Path) -> None:
    model = drafter()
    before = mean_length(model)
    small.train(model, ParallelTraining(small.rows(), masks=MASKS, blocks=6), tmp_path, steps=45)
    assert small.losses(tmp_path, "ahead")[-1] < 0.8 * small.losses(tmp_path, "ahead")[0]
    assert mean_length(model) > 1.2 * before


def test_it_begins_as_the_draft_model() -> None:
    torch.manual_seed(4)
    draft = Model(small.SHAPE)
    model = new_drafter(small.SHAPE, masks=MASKS, draft=draft)
    tokens_BN = torch.randint(small.VOCABULARY, (2, 9))
    torch.testing.assert_close(model(tokens_BN), draft(tokens_BN))
    assert model.embed.weight.shape[0] == small.VOCABULARY + MASKS
    assert model.embed.weight[small.VOCABULARY :].std() > 0


def test_what_is_written_loads_as_decoding_wants_it(tmp_path: Path) -> None:
    model = drafter()
    to_llama(model).save_pretrained(tmp_path)
    configuration(model.shape, dtype=torch.float32).save_pretrained(tmp_path)
    write_facts(tmp_path, vocabulary=small.VOCABULARY, masks=MASKS)
    found = ParallelModel.load(tmp_path, target=small.target(), device="cpu")
    assert found.mask_ids == tuple(range(small.VOCABULARY, small.VOCABULARY + MASKS))


def test_resumed_is_the_same_to_the_bit(tmp_path: Path) -> None:
    def trained(folder: str, stop_at: int | None, seed: int) -> Model:
        model = drafter(seed)
        training = ParallelTraining(small.rows(), masks=MASKS, blocks=4)
        small.train(model, training, tmp_path / folder, steps=5, stop_at=stop_at)
        return model

    straight = trained("straight", None, 0)
    trained("stopped", 2, 0)
    resumed = trained("stopped", None, 9)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))
