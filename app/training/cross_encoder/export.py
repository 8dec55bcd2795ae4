"""Writes the reader of pairs for serving.

    python -m app.training.cross_encoder.export --checkpoint FILE --scorer FILE --asked tests/questions --out FILE

Of a checkpoint's running mean. How its scores and those of the scorer are made one is fitted to the tuning half of the
question set, which neither has learned from.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from app.loading.minilm import LAYERS
from app.loading.pair_reader import CHANGED, FORMAT, MiniLMPairReader, PairChanges
from app.loading.search_models import documents_in_bfloat16
from app.training.cross_encoder.blend import fitted, read_lists
from corpora.store.atomic_write import write_file
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.evidence.cross_encoder import Blend
from retrieval.evidence.relevance import LearnedRelevance

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
    parser.add_argument("--scorer", type=Path, required=True, help="the scorer of the first stage")
    parser.add_argument(
        "--asked", type=Path, required=True, help="folder of the question set, whose tuning half is asked"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    # Everything else in training runs without the library.
    from app.config.settings import Settings
    from app.training.relevance.asked import asked_lists

    state = torch.load(args.checkpoint, weights_only=True)["mean"]
    write_reader(state, Blend(0.5, 0.5, 0.0), args.out)
    changes, folder = PairChanges.read(args.out), find_encoder(DEFAULT_ENCODER).folder
    reader = MiniLMPairReader.of(changes, folder, in_bfloat16=documents_in_bfloat16(None))
    lists = read_lists(asked_lists(args.asked, Settings.load()), LearnedRelevance.read(args.scorer), reader)
    blend = fitted(lists)
    write_reader(state, blend, args.out)
    print(f"{len(lists)} lists: {blend}; {args.out}: {args.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
