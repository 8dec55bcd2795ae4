"""``spandraft bench NAME``: runs one of the benches and prints its table, or its report under ``--json``.

A bench is a module of `app.bench` with ``add_arguments(parser)`` and ``run(args, settings) -> Report``. Only the one
that is asked for is imported.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from app.commands.options import DRAFTERS, MODEL, add_common
from app.commands.terminal import Terminal
from app.config.settings import Settings

if TYPE_CHECKING:
    from app.bench.report import Report


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench by its module of `app.bench`, with the settings that are its flags."""

    about: str
    module: str
    settings: tuple[str, ...] = MODEL


# `replay` names its target by --model, because it needs none; what a target is loaded with are settings all the same.
_MODEL_BUT_TARGET = tuple(key for key in MODEL if key != "target")

BENCHES: Final[Mapping[str, Bench]] = MappingProxyType(
    {
        "methods": Bench("the methods that replay and speed can run: paper and rule", "methods", ()),
        "replay": Bench(
            "tokens a step on recorded outputs, without a model", "replay.bench", (*_MODEL_BUT_TARGET, *DRAFTERS)
        ),
        "record": Bench("what the target writes over the sample corpus, as records for replay", "replay.record"),
        "speed": Bench(
            "tokens a second with and without drafts, and against Hugging Face", "speed.bench", (*MODEL, *DRAFTERS)
        ),
        "drafters": Bench(
            "each drafter alone, and what it adds to the tree: tokens a forward, and time beside plain decoding",
            "drafters",
            (*MODEL, *DRAFTERS),
        ),
        "indexing": Bench(
            "how fast documents are embedded, and what the number format costs",
            "indexing",
            ("encoder_dtype",),
        ),
        "concurrency": Bench("many requests at once, beside one after the other", "speed.concurrency"),
        "divergence": Bench(
            "how often reduced precision flips a token, with drafts and in a batch without",
            "speed.divergence",
            tuple(key for key in MODEL if key != "dtype"),
        ),
        "answers": Bench("how often answers are right, verbatim, or rightly refused", "quality.answers"),
        "questions": Bench("what people ask of documents of ten kinds: right, wrong, refused", "quality.questions"),
        "grammar": Bench("GLEU of corrections", "quality.grammar"),
        "criteria": Bench(
            "what lossy acceptance costs in quality and diversity, and what it buys in speed",
            "criteria.bench",
            (*MODEL, *DRAFTERS, "sources", "budget", "quote"),
        ),
    }
)
_TERMINAL_COLUMNS: Final = 120


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``bench`` with one sub-command a bench; the one named in ``argv`` gets its own options."""
    benches = commands.add_parser("bench", help="measure speed and quality on this machine")
    names = benches.add_subparsers(metavar="BENCH", required=True)
    for name, bench in BENCHES.items():
        parser = names.add_parser(name, help=bench.about, description=bench.about)
        if list(argv[:2]) == ["bench", name]:
            module = importlib.import_module(f"app.bench.{bench.module}")
            module.add_arguments(parser)
            parser.set_defaults(run=_run, module=module)
        add_common(parser, bench.settings)


def _run(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    report: Report = args.module.run(args, settings)
    if terminal.json:
        terminal.document(report.document())
    else:
        terminal.note(", ".join(f"{key}: {value}" for key, value in report.machine.items()))
        if report.table is not None:
            terminal.table(report.table)
        else:
            _print_rows(report, terminal)
    return 0


def _print_rows(report: Report, terminal: Terminal) -> None:
    """A row a method; a column a method if that is too wide for a terminal; else a block of lines each."""
    keys = list(dict.fromkeys(key for row in report.rows for key in row))
    lines = [keys, *([_cell(row.get(key)) for key in keys] for row in report.rows)]
    transposed = [list(column) for column in zip(*lines, strict=True)]
    if _width(lines) <= _TERMINAL_COLUMNS:
        terminal.table(lines)
    elif _width(transposed) <= _TERMINAL_COLUMNS:
        terminal.table(transposed)
    else:
        _print_blocks(keys, lines[1:], terminal)


def _print_blocks(keys: Sequence[str], lines: Sequence[Sequence[str]], terminal: Terminal) -> None:
    indent = max(len(key) for key in keys[1:]) + 2
    for line in lines:
        terminal.line(terminal.bold(line[0]))
        for key, cell in zip(keys[1:], line[1:], strict=True):
            if cell:
                terminal.line(f"  {key.ljust(indent)}{cell}")


def _width(table: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in zip(*table, strict=True))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    if isinstance(value, list | tuple):
        return " to ".join(_cell(item) for item in value)
    return "" if value is None else str(value)
