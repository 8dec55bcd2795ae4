"""``spandraft train`` makes the bundled models, or models like them, from the training data.

Exit codes: 0 done, 1 not finished (``--minutes`` were up), 130 stopped by Ctrl-C or SIGTERM; in both cases with a
checkpoint, from which the same command continues. Only ``prepare`` needs the encoder.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.terminal import Terminal
from app.config.settings import Settings
from app.errors import UsageError
from app.generation.logit_biases import LogitBiases
from app.output.formatting import count

if TYPE_CHECKING:
    import torch

    from app.training.config import Stage
    from app.training.data.material import Material

_UNFINISHED, _INTERRUPTED = 1, 130
_SPLITS = ("validation", "heldout")


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``train`` with its sub-commands."""
    train = commands.add_parser("train", help="train a target and what drafts for it")
    names = train.add_subparsers(metavar="STEP", required=True)
    _add_prepare(names)
    everything = _sub(names, "all", "run all stages of a configuration, each from where it is", _all)
    _add_run(everything)
    stage = _sub(names, "stage", "run some stages, in the order of the configuration", _stages)
    stage.add_argument("names", nargs="+", metavar="NAME", help="a stage of the configuration")
    stage.add_argument("--begin", help="weights to begin with: a stage, a model's folder, or `none`")
    stage.add_argument("--target", dest="teacher", help="target to learn from: a stage, a folder, or `bundled`")
    _add_run(stage)
    _add_measuring(names)
    curves = _sub(names, "curves", "draw the losses of a run as curves.png", _curves)
    curves.add_argument("--run", dest="folder", type=Path, required=True, help="folder of the run")
    export = _sub(names, "export", "write what a run has made as the folders that are bundled", _export)
    export.add_argument("--run", dest="folder", type=Path, required=True, help="folder of the run")
    export.add_argument("--out", type=Path, required=True, help="folder that gets target, draft, heads, parallel")
    _add_tuning(export)


def _add_prepare(names: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    prepare = _sub(names, "prepare", "pack all that training draws from into one file", _prepare)
    prepare.add_argument("--data", type=Path, required=True, help="training data: a folder, or the .tar.xz")
    prepare.add_argument("--cache", type=Path, required=True, help="folder where embeddings are kept, made if missing")
    prepare.add_argument("--out", type=Path, required=True, help="the file that is written")
    prepare.add_argument("--tokenizer", default="bundled", help="tokenizer.json, `bundled`, or `new` to train one")
    prepare.add_argument("--prose", type=float, default=1.0, help="times the usual amount of prose (1.0)")
    prepare.add_argument("--passages", type=int, default=6500, help="passages that questions are asked over (6500)")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", dest="training", default="cpu", metavar="NAME|FILE", help="cpu, cuda, tiny, or TOML"
    )
    parser.add_argument(
        "--change", action="append", default=[], metavar="KEY=VALUE", help="stages.tasks.steps=800, ..."
    )
    parser.add_argument(
        "--material", type=Path, help="file that `prepare` wrote; not needed by stages with `options.prompts_file`"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoints, logs, models")
    parser.add_argument("--device", dest="on", default="auto", help="auto (default), cpu, cuda")
    parser.add_argument("--minutes", type=float, help="stop after so many, with a checkpoint")


def _add_measuring(names: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = _sub(names, "evaluate", "measure a target on articles that it was not trained on", _evaluate)
    evaluate.add_argument("--model", type=Path, required=True, help="the target's folder")
    heldout = _sub(names, "heldout", "write such items as files for `spandraft bench answers` and `grammar`", _heldout)
    heldout.add_argument("--out", type=Path, required=True, help="folder of the files")
    measure = _sub(names, "measure", "how far a drafter alone carries a target on such articles", _measure)
    measure.add_argument("--model", type=Path, required=True, help="the target's folder")
    measure.add_argument("--drafter", type=Path, required=True, help="folder of a draft model, heads, parallel drafter")
    for parser in (evaluate, heldout, measure):
        parser.add_argument("--material", type=Path, required=True, help="file that `prepare` wrote")
        parser.add_argument("--items", type=int, default=300, help="how many of each (300)")
        parser.add_argument("--split", choices=_SPLITS, default=_SPLITS[parser is heldout])
    _add_tuning(evaluate)


def _add_tuning(parser: argparse.ArgumentParser) -> None:
    for field in dataclasses.fields(LogitBiases):
        # Not the setting of the same name: this is the value that the model's folder keeps.
        dest = f"tuned_{field.name}"
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", dest=dest, type=float, metavar="NATS", help="see README"
        )


def _sub(
    names: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    run: Callable[[argparse.Namespace, Settings, Terminal], int],
) -> argparse.ArgumentParser:
    """No settings are read: a run is decided by its configuration alone."""
    parser = names.add_parser(name, help=about, description=about)
    parser.add_argument("--json", action="store_true", help="print exactly one JSON document")
    parser.add_argument("--verbose", action="store_true", help="show where an unexpected error came from")
    parser.set_defaults(parser=parser, run=run, set=[], config=None)
    return parser


def _prepare(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training.data.prepare import Amounts, bundled_tokenizer, prepare

    _one_thread()
    chosen = {"bundled": bundled_tokenizer(), "new": None}
    size = prepare(
        args.data,
        args.cache,
        args.out,
        amounts=Amounts(prose=args.prose, passages=args.passages),
        tokenizer_file=chosen.get(args.tokenizer, Path(args.tokenizer)),
        say=terminal.note,
    )
    _done(terminal, {"material": str(args.out), "bytes": size}, f"{args.out}: {size / 2**20:.1f} MiB")
    return 0


def _all(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training import config

    return _train(args, config.load(args.training, args.change).stages, terminal)


def _stages(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training import config

    loaded = config.load(args.training, args.change)
    named = [loaded.stage(name) for name in args.names]
    if len(named) > 1 and (args.begin or args.teacher):
        raise UsageError("--begin and --target are for one stage alone", hint="name one stage at a time")
    chosen = [_with_overrides(stage, args.begin, args.teacher) for stage in loaded.stages if stage in named]
    return _train(args, chosen, terminal)


def _with_overrides(stage: Stage, begin: str | None, target: str | None) -> Stage:
    """The stage with what ``--begin`` and ``--target`` say instead of its configuration."""
    overridden = stage if begin is None else dataclasses.replace(stage, begin="" if begin == "none" else begin)
    return overridden if target is None else dataclasses.replace(overridden, target=target)


def _train(args: argparse.Namespace, stages: Sequence[Stage], terminal: Terminal) -> int:
    from app.training.stages import run_stage

    device = _device(args.on)
    material = _material(args.material)
    stop_at_s = time.monotonic() + 60 * args.minutes if args.minutes is not None else float("inf")
    finished: list[str] = []
    code = 0
    for stage in stages:
        outcome = run_stage(stage, material, args.out, device=device, stop_at_s=stop_at_s, say=terminal.note)
        if not outcome.finished:
            code = _INTERRUPTED if outcome.interrupted else _UNFINISHED
            break
        finished.append(stage.name)
    _draw(args.out, terminal)
    what = f"{len(finished)} of {count(len(stages), 'stage')} finished in {args.out}"
    _done(terminal, {"run": str(args.out), "finished": finished, "complete": code == 0}, what)
    return code


def _evaluate(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training.evaluation.measure import measure_target
    from app.training.outputs.prompts import tuning_of

    _one_thread()
    tuning = _tuning(args) or tuning_of(args.model) or LogitBiases()
    material = _material(args.material)
    figures = measure_target(args.model, material, split=args.split, tuning=tuning, count=args.items, say=terminal.note)
    if terminal.json:
        terminal.document(figures)
    else:
        terminal.table([["figure", "value"], *([name, f"{value:.3f}"] for name, value in figures.items())])
    return 0


def _measure(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training.evaluation.measure import load_drafter, measure_drafter
    from app.training.outputs.prompts import served_prompts
    from decoding.target.loading import load_target

    _one_thread()
    target = load_target(str(args.model), device="cpu")
    source, shared = load_drafter(args.drafter, target)
    prompts = served_prompts(_material(args.material), args.model, split=args.split)
    figures = measure_drafter(target, source, shared, (prompts.request(number) for number in range(args.items)))
    if terminal.json:
        rows = [dataclasses.asdict(task) | {"mean_length": task.mean_length, "rate": task.rate} for task in figures]
        terminal.document({"source": source, "tasks": rows})
    else:
        header = ["source", "task", "requests", "mean acceptance length", "accepted"]
        rows_of_text = [
            [source, task.task, str(task.requests), f"{task.mean_length:.2f}", f"{task.rate:.1%}"] for task in figures
        ]
        terminal.table([header, *rows_of_text])
    return 0


def _heldout(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training.evaluation import heldout

    heldout.write(_material(args.material), args.out, count=args.items, split=args.split)
    _done(terminal, {"folder": str(args.out)}, f"{args.out}: answers.jsonl, grammar.jsonl, clean.jsonl, misspelt.jsonl")
    return 0


def _curves(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training.evaluation.curves import draw

    file = draw(args.folder)
    _done(terminal, {"curves": str(file)}, str(file))
    return 0


def _export(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.training.export import export

    parts = export(args.folder, args.out, tuning=_tuning(args), say=terminal.note)
    _done(terminal, {"folder": str(args.out), "parts": parts}, f"{args.out}: {', '.join(parts)}")
    return 0


def _material(path: Path | None) -> Material:
    from app.training.data.material import Material, NoMaterial

    return Material(path) if path is not None else NoMaterial()


def _device(name: str) -> torch.device:
    import torch

    if name not in ("auto", "cpu") and not name.startswith("cuda"):
        raise UsageError(f"there is no device {name}", hint="write auto, cpu or cuda")
    has_cuda = torch.cuda.is_available()
    if name.startswith("cuda") and not has_cuda:
        raise UsageError("there is no CUDA device here", hint="leave --device out, or write --device cpu")
    chosen = ("cuda" if has_cuda else "cpu") if name == "auto" else name
    if chosen == "cpu":
        from app.training.loop.process import return_freed_blocks

        _one_thread()
        return_freed_blocks()
    else:
        torch.set_float32_matmul_precision("high")
    return torch.device(chosen)


def _one_thread() -> None:
    """The trainer runs batches on threads of their own; see `app.training.loop.trainer`."""
    import torch

    torch.set_num_threads(1)


def _draw(run: Path, terminal: Terminal) -> None:
    """Draw the curves; a run does not fail because they cannot be drawn."""
    from app.errors import MissingPartError
    from app.training.errors import DataMissingError
    from app.training.evaluation.curves import draw

    try:
        draw(run)
    except DataMissingError:
        return  # Stopped before the first line of a log.
    except MissingPartError as error:
        terminal.note(f"no curves: {error.cause} {error.hint}")


def _tuning(args: argparse.Namespace) -> LogitBiases | None:
    """The biases that were given; None if none was."""
    given = {f.name: getattr(args, f"tuned_{f.name}") for f in dataclasses.fields(LogitBiases)}
    changed = {name: value for name, value in given.items() if value is not None}
    return LogitBiases(**changed) if changed else None


def _done(terminal: Terminal, document: dict[str, object], text: str) -> None:
    if terminal.json:
        terminal.document(document)
    else:
        terminal.line(text)
