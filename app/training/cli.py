"""`python -m app.training.cli COMMAND`: tokenizer, embed, heldout, run, export, evaluate.

Knows which pieces make a run. Must not hold any of the work itself.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import torch
from tokenizers import Tokenizer

from app.training import copying, embeddings, evaluate, export, grammar, heldout, mixture, tokenizer, word_forms
from app.training.answers import AnswerItems
from app.training.data import Split, misspellings
from app.training.errors import TrainingError
from app.training.errors_synth import Corruptor
from app.training.loop import Schedule, Trainer
from app.training.model import Model, Shape
from app.tuning import Tuning


def main(argv: list[str] | None = None) -> int:
    """Run one command; 1 and two lines on stderr for wrong input."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except TrainingError as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.training.cli", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, command, help_text in (
        ("tokenizer", _tokenizer, "train the BPE and write it into --target"),
        ("embed", _embed, "embed articles for the answer task into --cache"),
        ("heldout", _heldout, "write the held-out items into --out"),
        ("run", _run, "train, or go on from the last checkpoint with --resume"),
        ("export", _export, "write a checkpoint into --target as transformers loads it"),
        ("evaluate", _evaluate, "measure --target on grammar files, and on --split if --cache is given"),
    ):
        sub = commands.add_parser(name, help=help_text)
        sub.set_defaults(command=command)
        sub.add_argument("--data", type=Path, help="folder of the unpacked training data")
        sub.add_argument("--cache", type=Path, help="folder of the embeddings")
        sub.add_argument("--out", type=Path, help="folder of a run, or of held-out items")
        sub.add_argument("--target", type=Path, help="folder of the exported model and its tokenizer")
        sub.add_argument("--seed", type=int, default=0)
        _add_run_options(sub)
        for field in fields(Tuning):
            sub.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=0.0, help="nats")
        sub.add_argument("--items", type=int, default=300)
        sub.add_argument("--split", choices=("validation", "heldout"), default="heldout")
        sub.add_argument("files", type=Path, nargs="*", help="evaluate: files of grammar items")
    return parser


def _add_run_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--phase", choices=("copying", "tasks"), default="tasks")
    sub.add_argument("--decay-start", type=_utc, help="UTC, like 2026-01-31T12:00: the rates fall from here")
    sub.add_argument("--end", type=_utc, help="UTC: zero here, and the run ends")
    sub.add_argument("--tokens", type=int, default=4096, help="tokens a batch, two batches a step")
    sub.add_argument("--shares", type=_shares, default=(0.75, 0.18, 0.07), help="examples: grammar,answers,copying")
    sub.add_argument("--resume", action="store_true")


def _tokenizer(arguments: argparse.Namespace) -> None:
    tokenizer.save(tokenizer.train(arguments.data, seed=arguments.seed), arguments.target)


def _embed(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    plan: tuple[tuple[Split, int, int], ...] = (("heldout", 330, 40), ("validation", 330, 60), ("train", 6500, 2000))
    for split, squad, qed in plan:
        cache = arguments.cache / f"{split}.npz"
        embeddings.build(arguments.data, split, cache, passages=squad, qed_passages=qed)


def _heldout(arguments: argparse.Namespace) -> None:
    heldout.write(arguments.data, arguments.cache, arguments.out, count=arguments.items, split=arguments.split)


def _run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    copying_only = arguments.phase == "copying"
    schedule = Schedule(
        decay_start_s=arguments.decay_start, end_s=arguments.end, context_weight=0.0 if copying_only else 0.5
    )
    trainer = Trainer(Model(Shape()), schedule, folder=arguments.out)
    if arguments.resume:
        trainer.resume()
    # A resumed run must not see the rows of its beginning again.
    rng = random.Random(f"{arguments.seed}:{trainer.step}")
    sources = _copying_sources(arguments) if copying_only else _task_sources(arguments, rng)
    trainer.run(mixture.batches(sources, rng, tokens=arguments.tokens))


def _copying_sources(arguments: argparse.Namespace) -> list[tuple[float, mixture.Source]]:
    bpe = Tokenizer.from_file(str(arguments.target / "tokenizer.json"))
    return [(0.9, copying.CopySpans(longest=12)), (0.1, copying.sentences_for(bpe))]


def _task_sources(arguments: argparse.Namespace, rng: random.Random) -> list[tuple[float, mixture.Source]]:
    bpe = Tokenizer.from_file(str(arguments.target / "tokenizer.json"))
    texts = grammar.clean_texts(arguments.data, "train", rng)
    forms = word_forms.learn(s for text in texts for s in text)
    corruptor = Corruptor(forms, misspellings(arguments.data))
    share_grammar, share_answers, share_copying = arguments.shares
    sources: list[tuple[float, mixture.Source]] = [
        (share_grammar * 0.6, grammar.GrammarPairs(grammar.plain_texts(texts), corruptor, bpe)),
        (share_grammar * 0.4, grammar.GrammarPairs(texts, corruptor, bpe)),
        (share_copying * 0.8, copying.repeats_for(bpe)),
        (share_copying * 0.1, copying.CopySpans()),
        (share_copying * 0.1, copying.sentences_for(bpe)),
    ]
    if share_answers:
        sources.append((share_answers, AnswerItems(embeddings.load(arguments.cache / "train.npz"), bpe)))
    return sources


def _export(arguments: argparse.Namespace) -> None:
    export.export(arguments.out / "checkpoint.pt", arguments.target, _tuning(arguments))


def _evaluate(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    cache = arguments.cache and arguments.cache / f"{arguments.split}.npz"
    evaluate.report(arguments.target, arguments.files, cache, tuning=_tuning(arguments), count=arguments.items)


def _tuning(arguments: argparse.Namespace) -> Tuning:
    return Tuning(**{field.name: getattr(arguments, field.name) for field in fields(Tuning)})


def _utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _shares(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
