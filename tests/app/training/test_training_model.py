"""The trained function equals transformers' Llama, learns, and survives being stopped and resumed."""

from __future__ import annotations

import itertools
import json
import random
import time
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from app.training import export, mixture
from app.training.copying import CopySpans
from app.training.errors import CheckpointError
from app.training.loop import Schedule, Trainer, losses
from app.training.model import Model, Shape, to_hugging_face
from app.tuning import Tuning

SMALL = Shape(vocabulary=8192, hidden=32, layers=2, heads=2, intermediate=48, max_positions=64)


def test_equals_transformers_llama() -> None:
    torch.manual_seed(0)
    model = Model(SMALL)
    config = LlamaConfig(
        vocab_size=SMALL.vocabulary,
        hidden_size=SMALL.hidden,
        intermediate_size=SMALL.intermediate,
        num_hidden_layers=SMALL.layers,
        num_attention_heads=SMALL.heads,
        max_position_embeddings=SMALL.max_positions,
        rms_norm_eps=SMALL.norm_eps,
        tie_word_embeddings=True,
    )
    llama = LlamaForCausalLM(config)
    missing, unexpected = llama.load_state_dict(to_hugging_face(model), strict=False)
    assert unexpected == []
    assert missing in ([], ["lm_head.weight"])
    llama.tie_weights()
    tokens_BN = torch.randint(25, SMALL.vocabulary, (2, 40))
    with torch.no_grad():
        torch.testing.assert_close(model.logits(model(tokens_BN)), llama(tokens_BN).logits, atol=1e-4, rtol=1e-4)


def test_padding_changes_no_loss() -> None:
    torch.manual_seed(0)
    model = Model(SMALL)
    short = mixture.Example("copy", [5, 30, 31, 6], [30, 31, 1], [1.0] * 3)
    long = mixture.Example("copy", [5, *range(40, 60), 6], [*range(40, 60), 1], [0.0] * 21)
    alone, _ = losses(model, mixture.collate([short], random.Random(0)))
    padded, _ = losses(model, mixture.collate([short, long], random.Random(0)))
    torch.testing.assert_close(alone, padded, atol=2e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("step", "now_s", "factor"),
    [(0, 0.0, 0.1), (9, 0.0, 1.0), (50, 100.0, 1.0), (50, 150.0, 0.5), (50, 200.0, 0.0), (50, 300.0, 0.0)],
)
def test_schedule_warms_up_by_steps_and_decays_by_the_clock(step: int, now_s: float, factor: float) -> None:
    schedule = Schedule(decay_start_s=100.0, end_s=200.0, warmup_steps=10)
    assert schedule.factor(step, now_s) == pytest.approx(factor)


def test_training_lowers_the_loss_and_resumes_where_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    row = CopySpans(longest=8).draw(random.Random(0))
    batch = mixture.collate([row] * 4, random.Random(0))
    end_s = time.time() + 3600
    trainer = Trainer(Model(SMALL), Schedule(end_s, end_s + 1, warmup_steps=1, log_every_s=0.0), folder=tmp_path)
    before = losses(trainer.model, batch)[0].item()

    def stream() -> itertools.chain[mixture.Batch]:
        return itertools.chain(itertools.repeat(batch, 39), _stop_then(trainer, batch))

    trainer.run(stream())
    after = losses(trainer.model, batch)[0].item()
    assert after < before - 2
    assert trainer.step == 20
    assert trainer.tokens == 40 * batch.tokens_BN.numel()
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["step"] == 20

    resumed = Trainer(Model(SMALL), trainer.schedule, folder=tmp_path)
    resumed.resume()
    assert (resumed.step, resumed.tokens) == (20, trainer.tokens)
    assert losses(resumed.model, batch)[0].item() == pytest.approx(after)


def test_resuming_nothing_has_cause_and_remedy(tmp_path: Path) -> None:
    trainer = Trainer(Model(SMALL), Schedule(0.0, 0.0), folder=tmp_path)
    with pytest.raises(CheckpointError) as raised:
        trainer.resume()
    assert len(raised.value.hint.splitlines()) == 2


def test_the_export_loads_in_transformers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Model(Shape())
    torch.save({"model": model.state_dict()}, tmp_path / "checkpoint.pt")
    target = tmp_path / "target"
    target.mkdir()
    export.export(tmp_path / "checkpoint.pt", target, Tuning(copy_bias=2.0, refusal_bias=-1.0))
    llama = LlamaForCausalLM.from_pretrained(target, dtype=torch.float32)
    assert llama.generation_config.eos_token_id == 1
    torch.testing.assert_close(
        llama.model.embed_tokens.weight.data, model.embed.weight.data.to(torch.bfloat16).float(), atol=0, rtol=0
    )
    settings = json.loads((target / "spandraft.json").read_text())
    assert settings.pop("format") == "spandraft-bundled-1"
    assert Tuning(**settings) == Tuning(copy_bias=2.0, refusal_bias=-1.0)


def test_exporting_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Model(SMALL).state_dict()}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError):
        export.export(tmp_path / "checkpoint.pt", tmp_path, Tuning(copy_bias=2.0, refusal_bias=0.0))


def _stop_then(trainer: Trainer, batch: mixture.Batch) -> itertools.chain[mixture.Batch]:
    def last() -> mixture.Batch:
        trainer.stop()
        return batch

    return itertools.chain(last() for _ in range(1))
