"""Writes the cross-encoder for serving.

    python -m app.training.cross_encoder.export --checkpoint FILE --scorer FILE --asked tests/questions --items FILE
        --out FILE

Of a checkpoint's running mean. The blend with the scorer is fitted to the tuning half of the question set, of which
nothing but the scorer's slope and offset was fitted before; its scale to that and to items of ``spandraft train
heldout`` (``answers.jsonl`` of the validation articles).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from app.loading.minilm import LAYERS, read_weights
from app.loading.minilm_cross_encoder import CHANGED, FORMAT, CrossEncoderFile, MiniLMCrossEncoder
from app.loading.pair_tokens import pair_tokenizer
from app.loading.search_models import documents_in_bfloat16
from app.model_store.checksum import sha256
from app.training.cross_encoder.blend import fitted, read_lists
from corpora.store.atomic_write import write_file
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.evidence.cross_encoder import Blend
from retrieval.evidence.relevance import LearnedRelevance

_NORMS = {"attended": "attention.output.LayerNorm", "fed": "output.LayerNorm"}
_CHANGES = dict(zip(("reading", "writing", "up", "down"), CHANGED, strict=True))
"""By the network's names of a layer's parts, those in the file."""
_CLASSIFIER = {"head": "classifier.dense", "last": "classifier.out"}


def write_cross_encoder(state: Mapping[str, Tensor], scorer: str, blend: Blend, file: Path) -> None:
    """Write the state of a ``CrossNetwork``; what is of low rank and the classifier in bfloat16, the rest in float32.

    ``scorer`` is the SHA-256 of the relevance scorer that the blend was fitted to.
    """
    facts = {
        "format": FORMAT,
        "encoder": find_encoder(DEFAULT_ENCODER).name,
        "scorer": scorer,
        "blend": f"{blend.first!r} {blend.second!r} {blend.constant!r}",
    }
    tensors = {name: one.contiguous() for name, one in _tensors(state)}
    write_file(file, [save(tensors, facts)])


def _tensors(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    yield "embeddings.token_type_embeddings.weight", state["sides_2D"].float()
    yield "embeddings.LayerNorm.weight", state["embedded.weight_D"].float()
    yield "embeddings.LayerNorm.bias", state["embedded.bias_D"].float()
    for number in range(LAYERS):
        own, named = f"layers.{number}.", f"encoder.layer.{number}."
        for part, change in _CHANGES.items():
            yield f"{named}{change}.lora_B", state[f"{own}{part}.up_OR"].to(torch.bfloat16)
            yield f"{named}{change}.lora_A", state[f"{own}{part}.down_RD"].to(torch.bfloat16)
            biases = state[f"{own}{part}.bias_O"].chunk(len(CHANGED[change]))
            for name, bias_O in zip(CHANGED[change], biases, strict=True):
                yield f"{named}{name}.bias", bias_O.float()
        for norm, name in _NORMS.items():
            yield f"{named}{name}.weight", state[f"{own}{norm}.weight_D"].float()
            yield f"{named}{name}.bias", state[f"{own}{norm}.bias_D"].float()
    for own, name in _CLASSIFIER.items():
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", state[f"{own}.{kind}"].to(torch.bfloat16)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description="Write the cross-encoder for serving.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt of a run")
    parser.add_argument("--scorer", type=Path, required=True, help="the scorer of the first stage")
    parser.add_argument(
        "--asked", type=Path, required=True, help="folder of the question set: its tuning half is asked"
    )
    parser.add_argument("--items", type=Path, required=True, help="items of the validation articles (answers.jsonl)")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    # Everything else in training runs without the library.
    from app.config.settings import Settings
    from app.training.relevance.asked import asked_lists, item_lists

    state, scorer = torch.load(args.checkpoint, weights_only=True)["mean"], sha256(args.scorer)
    folder = find_encoder(DEFAULT_ENCODER).folder
    with tempfile.TemporaryDirectory() as scratch:
        unfitted = Path(scratch) / args.out.name
        write_cross_encoder(state, scorer, Blend(0.5, 0.5, 0.0), unfitted)
        model = MiniLMCrossEncoder(
            CrossEncoderFile.read(unfitted),
            read_weights(folder),
            pair_tokenizer(folder),
            in_bfloat16=documents_in_bfloat16(None),
        )
    settings, relevance = Settings.load(), LearnedRelevance.read(args.scorer)
    lists = read_lists(asked_lists(args.asked, settings), relevance, model)
    blend = fitted(lists, beside=read_lists(item_lists(args.items, settings), relevance, model))
    write_cross_encoder(state, scorer, blend, args.out)
    print(f"{len(lists)} lists: {blend}; {args.out}: {args.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
