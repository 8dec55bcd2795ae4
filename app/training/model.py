"""A Llama while it is trained, and its folder as transformers loads it.

The model computes the same function as transformers' LlamaForCausalLM, with merged projections. Heads `ahead` predict
tokens further on while a target is trained, and are no part of its folder: predicting several tokens at once is a
better teacher than one alone (Gloeckle et al. 2024, "Better & Faster Large Language Models via Multi-token
Prediction"). Rows are right-padded and attention is causal, so padding needs no mask. Logits are computed only where a
loss is. Knows the architecture, file names and how weights are named; must not know data or schedules.

Shapes: B rows, N tokens a row, D hidden, H heads, F intermediate, V vocabulary, P supervised positions.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from app.training.data import tokenizer
from app.training.errors import CheckpointError, DataMissingError
from decoding.drafters.medusa_heads import MedusaHeads


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the model."""

    vocabulary: int = 8192
    hidden: int = 256
    layers: int = 6
    heads: int = 4
    intermediate: int = 704
    max_positions: int = 2048
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5


class Model(nn.Module):
    """Decoder with tied embeddings. `forward` gives hidden states; `logits` maps chosen ones to the vocabulary."""

    def __init__(self, shape: Shape, *, ahead: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocabulary, shape.hidden)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.ahead = MedusaHeads(shape.hidden, ahead)
        self.norm = nn.RMSNorm(shape.hidden, eps=shape.norm_eps)
        cos_ND, sin_ND = rope_table(shape)
        self.cos_ND: Tensor
        self.sin_ND: Tensor
        self.register_buffer("cos_ND", cos_ND, persistent=False)
        self.register_buffer("sin_ND", sin_ND, persistent=False)
        self._initialise()

    def forward(self, tokens_BN: Tensor, positions_BN: Tensor | None = None, sees_BNN: Tensor | None = None) -> Tensor:
        """Final normalised hidden states, (B, N, D).

        `positions_BN` and `sees_BNN` (token n sees token m) are for rows that are not plain text; without them each
        token stands behind the one before it and sees all earlier ones.
        """
        x_BND = self.embed(tokens_BN)
        n = tokens_BN.shape[1]
        cos, sin = self.cos_ND[:n], self.sin_ND[:n]
        if positions_BN is not None:
            cos, sin = self.cos_ND[positions_BN][:, None], self.sin_ND[positions_BN][:, None]
        sees_B1NN = None if sees_BNN is None else sees_BNN[:, None]
        for block in self.blocks:
            x_BND = block(x_BND, cos, sin, sees_B1NN)
        out: Tensor = self.norm(x_BND)
        return out

    def logits(self, hidden_PD: Tensor) -> Tensor:
        """Logits over the vocabulary, (P, V)."""
        return F.linear(hidden_PD, self.embed.weight)

    def _initialise(self) -> None:
        depth_scale = (2 * self.shape.layers) ** -0.5
        for name, weight in self.named_parameters():
            if weight.ndim < 2 or name.startswith("ahead.down."):  # Those begin at zero.
                continue
            scale = depth_scale if name.endswith(("attn_out.weight", "down.weight")) else 1.0
            std = 0.05 if name == "embed.weight" else weight.shape[1] ** -0.5
            nn.init.normal_(weight, std=std * scale)


class Block(nn.Module):
    """One layer: attention and a gated feed-forward, each on a normalised copy of the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        d = shape.hidden
        self.heads = shape.heads
        self.attn_norm = nn.RMSNorm(d, eps=shape.norm_eps)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.attn_out = nn.Linear(d, d, bias=False)
        self.ffn_norm = nn.RMSNorm(d, eps=shape.norm_eps)
        self.gate_up = nn.Linear(d, 2 * shape.intermediate, bias=False)
        self.down = nn.Linear(shape.intermediate, d, bias=False)

    def forward(self, x_BND: Tensor, cos: Tensor, sin: Tensor, sees_B1NN: Tensor | None = None) -> Tensor:
        """The residual stream after this layer, (B, N, D)."""
        b, n, d = x_BND.shape
        qkv_3BHND = self.qkv(self.attn_norm(x_BND)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        q_BHND = rotate(qkv_3BHND[0], cos, sin)
        k_BHND = rotate(qkv_3BHND[1], cos, sin)
        mixed_BHND = F.scaled_dot_product_attention(
            q_BHND, k_BHND, qkv_3BHND[2], attn_mask=sees_B1NN, is_causal=sees_B1NN is None
        )
        x_BND = x_BND + self.attn_out(mixed_BHND.transpose(1, 2).reshape(b, n, d))
        gate_BNF, up_BNF = self.gate_up(self.ffn_norm(x_BND)).chunk(2, dim=-1)
        out: Tensor = x_BND + self.down(F.silu(gate_BNF) * up_BNF)
        return out


def rotate(x_BHND: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Llama's rotary positions: the two halves of a head turn together. Angles are (N, D) or (B, 1, N, D)."""
    half = x_BHND.shape[-1] // 2
    a, b = x_BHND[..., :half], x_BHND[..., half:]
    cos, sin = cos.to(x_BHND.dtype), sin.to(x_BHND.dtype)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def rope_table(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (max_positions, head size / 2) each."""
    size = shape.hidden // shape.heads
    inverse_D = 1.0 / shape.rope_theta ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    angle_ND = torch.arange(shape.max_positions, dtype=torch.float32)[:, None] * inverse_D
    return angle_ND.cos(), angle_ND.sin()


def to_hugging_face(model: Model) -> dict[str, Tensor]:
    """The weights under LlamaForCausalLM's names, float32; the output matrix is tied and therefore left out."""
    out = {"model.embed_tokens.weight": model.embed.weight, "model.norm.weight": model.norm.weight}
    for i, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        layer = f"model.layers.{i}"
        q, k, v = block.qkv.weight.chunk(3)
        gate, up = block.gate_up.weight.chunk(2)
        out |= {
            f"{layer}.input_layernorm.weight": block.attn_norm.weight,
            f"{layer}.self_attn.q_proj.weight": q,
            f"{layer}.self_attn.k_proj.weight": k,
            f"{layer}.self_attn.v_proj.weight": v,
            f"{layer}.self_attn.o_proj.weight": block.attn_out.weight,
            f"{layer}.post_attention_layernorm.weight": block.ffn_norm.weight,
            f"{layer}.mlp.gate_proj.weight": gate,
            f"{layer}.mlp.up_proj.weight": up,
            f"{layer}.mlp.down_proj.weight": block.down.weight,
        }
    return {name: weight.detach().clone().contiguous() for name, weight in out.items()}


def from_hugging_face(weights: Mapping[str, Tensor], shape: Shape) -> Model:
    """A model with LlamaForCausalLM's weights. Raises KeyError if one is missing."""
    model = Model(shape)
    merged = {"embed.weight": weights["model.embed_tokens.weight"], "norm.weight": weights["model.norm.weight"]}
    for i in range(shape.layers):
        layer, to = f"model.layers.{i}", f"blocks.{i}"
        merged |= {
            f"{to}.attn_norm.weight": weights[f"{layer}.input_layernorm.weight"],
            f"{to}.qkv.weight": torch.cat([weights[f"{layer}.self_attn.{name}_proj.weight"] for name in "qkv"]),
            f"{to}.attn_out.weight": weights[f"{layer}.self_attn.o_proj.weight"],
            f"{to}.ffn_norm.weight": weights[f"{layer}.post_attention_layernorm.weight"],
            f"{to}.gate_up.weight": torch.cat([weights[f"{layer}.mlp.{name}_proj.weight"] for name in ("gate", "up")]),
            f"{to}.down.weight": weights[f"{layer}.mlp.down_proj.weight"],
        }
    model.load_state_dict({name: weight.float() for name, weight in merged.items()})
    return model


SHARD_BYTES = 15 * 2**20


def save_model(model: Model, folder: Path, *, bpe: Tokenizer, dtype: torch.dtype = torch.float32) -> None:
    """Write weights, configuration and tokenizer into `folder`, whole or not at all; an old folder is replaced."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write_config(model.shape, part, dtype=dtype)
    save_weights({name: w.to(dtype).cpu() for name, w in to_hugging_face(model).items()}, part)
    tokenizer.save(bpe, part)
    put_in_place(part, folder)


def put_in_place(part: Path, folder: Path) -> None:
    """Replace `folder` by `part`."""
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
        weight_map = {weight: name for name, shard in zip(names, shards, strict=True) for weight in shard}
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    for name, shard in zip(names, shards, strict=True):
        save_file(shard, folder / name, metadata={"format": "pt"})
        (folder / name).chmod(0o666 & ~_umask())


def load_model(folder: Path) -> Model:
    """The model of a folder that `save_model` wrote, or of any Llama of our shape, in float32.

    Raises DataMissingError if there is none, CheckpointError if it is of another architecture or damaged.
    """
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
    """The sizes in config.json. Raises ValueError for another architecture."""
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
    """The same function as a transformers model, with a cache; the weights are copied, on the same device."""
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


def keep_tokenizer(target: str, folder: Path) -> None:
    """Copy the tokenizer of a target that is named by its folder: its drafter uses the same."""
    for file in Path(target).glob("tokenizer*.json"):
        shutil.copyfile(file, folder / file.name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
