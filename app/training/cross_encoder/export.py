"""Writes the reader of pairs for serving: ``python -m app.training.cross_encoder.export --checkpoint FILE --out FILE``.

Of a checkpoint's running mean; ``--blend`` gives how its scores and the first stage's are made one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from app.loading.minilm import LAYERS
from app.loading.pair_reader import CHANGED, FORMAT
from corpora.store.atomic_write import write_file
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.evidence.cross_encoder import Blend

_NORMS = {"attended": "attention.output.LayerNorm", "fed": "output.LayerNorm"}


def write_reader(state: Mapping[str, Tensor], blend: Blend, file: Path) -> None:
    """Write the state of a ``CrossNetwork``; what is of low rank and the head in bfloat16, the rest in float32."""
    facts = {
        "format": FORMAT,
        "encoder": find_encoder(DEFAULT_ENCODER).name,
        "blend": f"{blend.first!r} {blend.read!r} {blend.constant!r}",
    }
    tensors = {name: one.contiguous() for name, one in _tensors(state)}
    write_file(file, [save(tensors, facts)])


def _tensors(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    yield "embeddings.token_type_embeddings.weight", state["sides_2D"].float()
    yield "embeddings.LayerNorm.weight", state["embedded.weight_D"].float()
    yield "embeddings.LayerNorm.bias", state["embedded.bias_D"].float()
    for number in range(LAYERS):
        own, named = f"layers.{number}.", f"encoder.layer.{number}."
        for change, parts in CHANGED.items():
            yield f"{named}{change}.from_rank", state[f"{own}{change}.up_OR"].to(torch.bfloat16)
            yield f"{named}{change}.to_rank", state[f"{own}{change}.down_RD"].to(torch.bfloat16)
            for part, bias_O in zip(parts, state[f"{own}{change}.bias_O"].chunk(len(parts)), strict=True):
                yield f"{named}{part}.bias", bias_O.float()
        for norm, name in _NORMS.items():
            yield f"{named}{name}.weight", state[f"{own}{norm}.weight_D"].float()
            yield f"{named}{name}.bias", state[f"{own}{norm}.bias_D"].float()
    for name in ("head.weight", "head.bias", "last.weight", "last.bias"):
        yield name, state[name].to(torch.bfloat16)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description="Write the reader of pairs for serving.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt of a run")
    parser.add_argument("--blend", type=float, nargs=3, default=(0.5, 0.5, 0.0), help="first, read, constant")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    args = parser.parse_args(arguments)
    write_reader(torch.load(args.checkpoint, weights_only=True)["mean"], Blend(*args.blend), args.out)


if __name__ == "__main__":
    main()
