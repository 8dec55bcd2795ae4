"""Models as folders that transformers loads: how stages hand their results on, and what is bundled in the end.

Knows file names and the Llama configuration. Must not know how weights are trained.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from app.training.data import tokenizer
from app.training.errors import CheckpointError, DataMissingError
from app.training.targets.model import Model, Shape, from_hugging_face, to_hugging_face

SHARD_BYTES = 15 * 2**20


def save_model(model: Model, folder: Path, *, bpe: Tokenizer, dtype: torch.dtype = torch.float32) -> None:
    """Write weights, configuration and tokenizer into `folder`, whole or not at all: an old folder is replaced."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write_config(model.shape, part, dtype=dtype)
    save_weights({name: w.to(dtype).cpu() for name, w in to_hugging_face(model).items()}, part)
    tokenizer.save(bpe, part)
    put_in_place(part, folder)


def put_in_place(part: Path, folder: Path) -> None:
    """`part` takes the place of `folder`."""
    if folder.exists():
        shutil.rmtree(folder)
    part.replace(folder)


def save_weights(weights: dict[str, Tensor], folder: Path, *, most_bytes: int = SHARD_BYTES) -> None:
    """One file, or shards of at most `most_bytes` with the index that transformers reads."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, weight in weights.items():
        if shards[-1] and size + weight.nbytes > most_bytes - 2**16:
            shards.append({})
            size = 0
        shards[-1][name] = weight
        size += weight.nbytes
    names = [f"model-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)]
    if len(shards) == 1:
        names = ["model.safetensors"]
    else:
        total = sum(weight.nbytes for weight in weights.values())
        where = {weight: name for name, shard in zip(names, shards, strict=True) for weight in shard}
        index = {"metadata": {"total_size": total}, "weight_map": where}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    for name, shard in zip(names, shards, strict=True):
        save_file(shard, folder / name, metadata={"format": "pt"})
        (folder / name).chmod(0o666 & ~_umask())


def load_model(folder: Path) -> Model:
    """The model of a folder that `save_model` wrote, or of any Llama of our shape, in float32."""
    files = sorted(folder.glob("model*.safetensors"))
    if not (folder / "config.json").is_file() or not files:
        raise DataMissingError(
            f"there is no model at {folder}", hint="train the stage that makes it first, or name another folder"
        )
    try:
        shape = read_shape(folder)
        return from_hugging_face({n: w for file in files for n, w in load_file(file).items()}, shape)
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder} holds no model that training can begin with: {error}",
            hint="name a Llama with tied embeddings and as many key-value heads as heads",
        ) from error


def read_shape(folder: Path) -> Shape:
    """The sizes that its config.json tells."""
    config = LlamaConfig.from_pretrained(folder)
    if (
        config.model_type != "llama"
        or not config.tie_word_embeddings
        or config.num_key_value_heads != config.num_attention_heads
    ):
        raise ValueError("its architecture is another")
    return Shape(
        vocabulary=config.vocab_size,
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        intermediate=config.intermediate_size,
        max_positions=config.max_position_embeddings,
        rope_theta=float((config.rope_parameters or {}).get("rope_theta") or 10000.0),
        norm_eps=config.rms_norm_eps,
    )


def write_config(shape: Shape, folder: Path, *, dtype: torch.dtype) -> None:
    """config.json and generation_config.json of the architecture."""
    configuration(shape, dtype=dtype).save_pretrained(folder)
    generation = {"eos_token_id": tokenizer.EOS, "pad_token_id": tokenizer.PAD, "do_sample": False}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", encoding="utf-8")


def to_llama(model: Model) -> LlamaForCausalLM:
    """The same function as transformers has it, with a cache; the weights are copied, on the same device."""
    weight = model.embed.weight
    llama = LlamaForCausalLM(configuration(model.shape, dtype=weight.dtype))
    llama.load_state_dict(to_hugging_face(model), strict=False)
    llama.tie_weights()
    torch.nn.Module.to(llama, device=weight.device, dtype=weight.dtype)
    return llama


def configuration(shape: Shape, *, dtype: torch.dtype) -> LlamaConfig:
    """The architecture as transformers knows it."""
    return LlamaConfig(
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
        dtype=str(dtype).removeprefix("torch."),
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
