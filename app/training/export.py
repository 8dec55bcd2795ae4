"""A checkpoint -> a folder that transformers loads: config, bfloat16 safetensors, tokenizer, our two biases.

Knows file names and the Llama configuration. Must not know how the weights were trained.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig

from app.training import tokenizer
from app.training.errors import CheckpointError
from app.training.model import Model, Shape, to_hugging_face
from app.tuning import Tuning

LARGEST_BYTES = 16 * 2**20


def export(checkpoint: Path, target: Path, tuning: Tuning) -> None:
    """Write the weights of `checkpoint` and their configuration into `target`, which already holds the tokenizer."""
    shape = Shape()
    model = Model(shape)
    try:
        model.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
    except (FileNotFoundError, RuntimeError) as error:
        raise CheckpointError(
            f"cannot export {checkpoint}: {error}",
            hint="It is not a checkpoint of this model.\nName a checkpoint.pt that the training loop wrote.",
        ) from error
    write_config(shape, target)
    weights = {name: w.to(torch.bfloat16) for name, w in to_hugging_face(model).items()}
    save_file(weights, target / "model.tmp", metadata={"format": "pt"})
    (target / "model.tmp").chmod(0o644)
    (target / "model.tmp").replace(target / "model.safetensors")
    settings = {"format": "spandraft-bundled-1", **asdict(tuning)}
    (target / "spandraft.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    size_bytes = sum(f.stat().st_size for f in target.iterdir())
    assert size_bytes <= LARGEST_BYTES, f"{size_bytes} bytes are too many for the bundle"


def write_config(shape: Shape, target: Path) -> None:
    """config.json and generation_config.json of the architecture."""
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.max_positions,
        rms_norm_eps=shape.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        pad_token_id=tokenizer.PAD,
        bos_token_id=None,
        eos_token_id=tokenizer.EOS,
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
    )
    config.save_pretrained(target)
    generation = {"eos_token_id": tokenizer.EOS, "pad_token_id": tokenizer.PAD, "do_sample": False}
    (target / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", encoding="utf-8")
