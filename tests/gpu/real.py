"""SmolLM2's weights in bfloat16 on the device: what it verifies, how often rounding flips a token, and the speed.

Run as ``python -m tests.gpu.real --gguf FILE``; prints one JSON document, and fails if drafts are not verified as
trees. Prompts are the bundled conversations, and questions with the passages that they were answered from; the model
writes freely. ``--model FOLDER`` takes a Hugging Face folder instead, ``--dtype`` another precision and ``--few`` two
prompts of each, to see that all of it runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.bench.speed import bench, divergence
from app.bench.speed.contenders import Surroundings, contenders
from app.bench.speed.peers import PeerModel
from app.bench.workload.jobs import Job, conversations
from app.bench.workload.records import is_texts, read_records
from app.bench.workload.traces import TRACES
from decoding.engine import Engine
from decoding.interfaces import Reference, Request
from decoding.target.capability import Capability
from decoding.target.loading import target_of

METHODS = ("hf-greedy", "hf-prompt-lookup", "plain", "spandraft")
EACH = 16
NEW_TOKENS = 128


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--gguf", type=Path, help="SmolLM2's GGUF file")
    source.add_argument("--model", type=Path, help="a Hugging Face folder with a chat template")
    parser.add_argument("--dtype", default="bfloat16", help="number format (default bfloat16)")
    parser.add_argument("--few", action="store_true", help="two prompts of each kind, and short outputs")
    args = parser.parse_args(arguments)
    place = {"pretrained_model_name_or_path": str(args.model)}
    if args.gguf is not None:
        place = {"pretrained_model_name_or_path": str(args.gguf.parent), "gguf_file": args.gguf.name}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    models: Any = AutoModelForCausalLM  # Its functions have no types.
    model = models.from_pretrained(**place, dtype=getattr(torch, args.dtype)).to(device)
    target = target_of(model, name="SmolLM2")
    requests = requests_of(AutoTokenizer.from_pretrained(**place), target.eos_ids, few=args.few)
    engine = Engine(target)
    nowhere = PeerModel(folder=None, gguf=None, vocabulary=target.vocab_size, room=0, threads=1)
    with contenders(METHODS, engine, Surroundings(nowhere)) as field:
        timings = bench.measure(field, bench.Setup(engine, [Job((request,)) for request in requests]), 1)
    report = {
        "command": " ".join(["python -m tests.gpu.real", *(sys.argv[1:] if arguments is None else arguments)]),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch": torch.__version__,
        "graphs": engine.graphs_note,
        "capability": target.capability.value,
        "attention": model.config._attn_implementation,
        "speed": bench.rows([Job((request,)) for request in requests], timings, precisions=field.precisions),
        "divergence": divergence.rows(target, requests, graphs=engine.graphs),
    }
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")
    if target.capability is not Capability.TREE:
        raise SystemExit(f"drafts are not verified as trees: {target.capability.description}")


def requests_of(tokenizer: Any, ends: frozenset[int], *, few: bool) -> list[Request]:
    """Conversations, and questions behind passages that may be copied."""
    count = 2 if few else EACH
    limit = 8 if few else NEW_TOKENS

    def record(found: dict[str, Any]) -> tuple[str, list[str]] | None:
        passages = found["passages"]
        return (found["question"], passages) if is_texts(passages) else None

    made = [_request(tokenizer, turns, (), ends, limit) for turns in conversations()[:count]]
    for question, passages in read_records(TRACES[0], record, form="question, passages, output")[:count]:
        asked = "\n\n".join([*passages, f"Answer from the text above, with its own words: {question}"])
        made.append(_request(tokenizer, (asked,), passages, ends, limit))
    return made


def _request(
    tokenizer: Any, turns: Sequence[str], passages: Sequence[str], ends: frozenset[int], limit: int
) -> Request:
    messages = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(turns)]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    prompt, *references = tokenizer([text, *passages], add_special_tokens=False)["input_ids"]
    task = "answer" if passages else "chat"
    copied = tuple(Reference(tuple(ids)) for ids in references)
    return Request(tuple(prompt), limit, references=copied, eos_ids=ends, task=task, scope="real")


if __name__ == "__main__":
    main()
