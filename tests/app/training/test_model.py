"""The trained function equals transformers' Llama, and goes to folders and into the bundle unchanged."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from app.generation.logit_biases import LogitBiases
from app.training import export
from app.training import model as model_module
from app.training.errors import CheckpointError, DataMissingError, ExportError
from app.training.examples import mixture
from app.training.loop.trainer import Loss
from app.training.model import Model, Shape, to_hugging_face
from app.training.objectives.tasks import TaskObjective, TaskOptions

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
    model = Model(SMALL, ahead=2)
    short = mixture.Example("copy", [5, 30, 31, 6], [30, 31, 1], [1.0] * 3)
    long = mixture.Example("copy", [5, *range(40, 60), 6], [*range(40, 60), 1], [0.0] * 21)
    alone = _loss(model, [short])
    padded = _loss(model, [short, long])
    torch.testing.assert_close(alone.parts["copy"], padded.parts["copy"], atol=1e-5, rtol=1e-5)


def test_heads_are_taught_the_tokens_behind_the_next_and_never_another_rows() -> None:
    """Heads that change nothing say what the model says; so their loss is known from its logits."""
    torch.manual_seed(0)
    model = Model(SMALL, ahead=1)
    rows = [
        mixture.Example("copy", [5, 30, 6], [30, 31, 32, 1], [1.0] * 4),
        mixture.Example("copy", [5, 6], [1], [1.0]),
    ]
    batch = mixture.collate(rows, random.Random(0), context_share=0.0)
    logits_BNV = model.logits(model(batch.tokens_BN))
    nats = F.cross_entropy(logits_BNV[0, 2:5], torch.tensor([31, 32, 1]))
    torch.testing.assert_close(_loss(model, rows).parts["ahead"], nats)


def _loss(model: Model, rows: list[mixture.Example]) -> Loss:
    pools = mixture.Pools([], seed="", tokens=1, context_share=0.0)
    batch = mixture.collate(rows, random.Random(0), context_share=0.0)
    return TaskObjective("test", pools, TaskOptions()).loss(model, batch)


def test_heads_for_tokens_ahead_begin_as_no_change_and_are_not_exported() -> None:
    torch.manual_seed(0)
    model = Model(SMALL, ahead=2)
    hidden_PD = torch.randn(5, SMALL.hidden)
    for k in (1, 2):
        assert torch.equal(model.ahead.one_after(hidden_PD, k), hidden_PD)
    torch.manual_seed(0)
    assert to_hugging_face(model).keys() == to_hugging_face(Model(SMALL)).keys()


def test_a_folder_gives_the_same_weights_back_also_in_shards(tmp_path: Path, bpe: Tokenizer) -> None:
    model = Model(SMALL, ahead=1)
    model_module.save_model(model, tmp_path / "one", bpe=bpe)
    model_module.save_model(model, tmp_path / "one", bpe=bpe)
    shutil.copytree(tmp_path / "one", tmp_path / "many")
    (tmp_path / "many" / "model.safetensors").unlink()
    model_module.save_weights(to_hugging_face(model), tmp_path / "many", most_bytes=2**17)
    assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 1
    for name in ("one", "many"):
        found = model_module.load_model(tmp_path / name)
        assert found.shape == SMALL
        assert all(torch.equal(one, model.state_dict()[key]) for key, one in found.state_dict().items())
        llama = LlamaForCausalLM.from_pretrained(tmp_path / name, dtype=torch.float32)
        assert torch.equal(llama.model.embed_tokens.weight, model.embed.weight)


def test_what_is_no_model_is_refused(tmp_path: Path, bpe: Tokenizer) -> None:
    with pytest.raises(DataMissingError, match="there is no model"):
        model_module.load_model(tmp_path)
    model_module.save_model(Model(SMALL), tmp_path / "model", bpe=bpe)
    save_file({"x": torch.zeros(1)}, tmp_path / "model" / "model.safetensors")
    with pytest.raises(CheckpointError, match="no model that training can begin with"):
        model_module.load_model(tmp_path / "model")


def test_the_export_is_in_bfloat16_with_checksums_and_keeps_the_card(tmp_path: Path, bpe: Tokenizer) -> None:
    model = Model(SMALL)
    model_module.save_model(model, tmp_path / "run" / "tasks" / "model", bpe=bpe)
    model_module.save_model(Model(SMALL), tmp_path / "run" / "draft" / "model", bpe=bpe)
    model_module.save_model(Model(SMALL), tmp_path / "run" / "token" / "model", bpe=bpe)
    target = tmp_path / "models" / "target"
    target.mkdir(parents=True)
    (target / "README.md").write_text("the card")
    said: list[str] = []
    made = export.export(tmp_path / "run", tmp_path / "models", tuning=LogitBiases(copy_bias=2.0), say=said.append)
    assert made == ["target", "draft"]
    assert "from token" in said[1]
    assert (target / "README.md").read_text() == "the card"
    llama = LlamaForCausalLM.from_pretrained(target)
    assert llama.dtype == torch.bfloat16
    assert llama.generation_config.eos_token_id == 1
    assert torch.equal(llama.model.embed_tokens.weight, model.embed.weight.to(torch.bfloat16))
    for line in (target / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == digest
    settings = json.loads((target / "spandraft.json").read_text())
    assert settings.pop("format") == "spandraft-bundled-2"
    assert LogitBiases(**settings) == LogitBiases(copy_bias=2.0)
    export.export(tmp_path / "run", tmp_path / "models", tuning=None, say=said.append)
    assert json.loads((target / "spandraft.json").read_text())["copy_bias"] == 2.0


def test_nothing_and_too_much_are_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no stage"):
        export.export(tmp_path, tmp_path / "models", tuning=None, say=print)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(16 * 2**20)
    with pytest.raises(ExportError, match="more than 15 MiB"):
        export.check_size(tmp_path)
    for number in range(4):
        with (tmp_path / f"part{number}").open("wb") as file:
            file.truncate(11 * 2**20)
    (tmp_path / "large").unlink()
    with pytest.raises(ExportError, match=r"44\.0 MiB"):
        export.check_size(tmp_path)
