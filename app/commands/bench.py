"""``spandraft bench NAME``: runs one of the benches and prints its table, or its report under ``--json``.

A bench is a module of `app.bench` with ``add_arguments(parser)``, ``run(args, settings) -> Report`` and, if its rows
are to be read in another form, ``table(report) -> lines``. Only the one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from app.bench.report import Report
from app.commands.options import DRAFTERS, MODEL, add_common
from app.commands.terminal import Terminal
from app.config.settings import Settings

BENCHES = {
    "methods": "the methods that replay and speed can run: paper and rule",
    "replay": "tokens a step on recorded outputs, without a model",
    "record": "what the target writes over the sample corpus, as records for replay",
    "speed": "tokens a second with and without drafts, and against Hugging Face",
    "drafters": "each drafter alone, and what it adds to the tree: tokens a forward, and time beside plain decoding",
    "concurrency": "many requests at once, beside one after the other",
    "divergence": "how often reduced precision flips a token, with drafts and in a batch without",
    "answers": "how often answers are right, verbatim, or rightly refused",
    "grammar": "GLEU of corrections",
    "criteria": "what lossy acceptance costs in quality and diversity, and what it buys in speed",
}

_MODULES = {
    "methods": "drafters.methods",
    "replay": "replay.bench",
    "record": "replay.record",
    "speed": "speed.bench",
    "drafters": "drafters.bench",
    "concurrency": "speed.concurrency",
    "divergence": "speed.divergence",
    "answers": "quality.answers",
    "grammar": "quality.grammar",
    "criteria": "criteria.bench",
}

# `replay` names its target by --model, because it needs none; what a target is loaded with are settings all the same.
_FLAGS: dict[str, tuple[str, ...]] = {
    "methods": (),
    "replay": (*(key for key in MODEL if key != "target"), *DRAFTERS),
    "speed": (*MODEL, *DRAFTERS),
    "drafters": (*MODEL, *DRAFTERS),
    "criteria": (*MODEL, *DRAFTERS, "sources", "budget", "quote"),
    "divergence": tuple(key for key in MODEL if key != "dtype"),
}
_WIDEST = 120


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``bench`` with one sub-command a bench; the one named in ``argv`` gets its own options."""
    bench = commands.add_parser("bench", help="measure speed and quality on this machine")
    names = bench.add_subparsers(metavar="BENCH", required=True)
    for name, about in BENCHES.items():
        parser = names.add_parser(name, help=about, description=about)
        if list(argv[:2]) == ["bench", name]:
            module = importlib.import_module(f"app.bench.{_MODULES[name]}")
            module.add_arguments(parser)
            parser.set_defaults(run=_run, bench=module)
        add_common(parser, _FLAGS.get(name, MODEL))


def _run(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    report: Report = args.bench.run(args, settings)
    if terminal.json:
        terminal.document(report.document())
    else:
        terminal.note(", ".join(f"{key}: {value}" for key, value in report.machine.items()))
        if hasattr(args.bench, "table"):
            terminal.table(args.bench.table(report))
        else:
            _print_rows(report, terminal)
    return 0


def _print_rows(report: Report, terminal: Terminal) -> None:
    """One row a method; turned by ninety degrees if that is too wide for a terminal; else a block of lines each."""
    keys = list(dict.fromkeys(key for row in report.rows for key in row))
    lines = [keys, *([_cell(row.get(key)) for key in keys] for row in report.rows)]
    turned = [list(column) for column in zip(*lines, strict=True)]
    if _width(lines) <= _WIDEST:
        terminal.table(lines)
    elif _width(turned) <= _WIDEST:
        terminal.table(turned)
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
    return sum(max(len(line[at]) for line in table) + 2 for at in range(len(table[0])))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    if isinstance(value, list | tuple):
        return " to ".join(_cell(one) for one in value)
    return "" if value is None else str(value)
