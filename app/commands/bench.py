"""``spandraft bench NAME``: runs one of the benches and prints its table, or its report under ``--json``.

A bench is a module of `app.bench` with ``add_arguments(parser)`` and ``run(args, settings) -> Report``. Only the
one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from app.bench.report import Report
from app.commands.options import MODEL, add_common
from app.commands.terminal import Terminal
from app.settings import Settings

BENCHES = {
    "replay": "tokens a step on recorded outputs, without a model",
    "speed": "tokens a second with and without drafts, and against Hugging Face",
    "answers": "how often answers are right, verbatim, or rightly refused",
    "grammar": "GLEU of corrections",
}


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``bench`` with one sub-command a bench; the one named in ``argv`` gets its own options."""
    bench = commands.add_parser("bench", help="measure speed and quality on this machine")
    names = bench.add_subparsers(metavar="BENCH", required=True)
    for name, about in BENCHES.items():
        parser = names.add_parser(name, help=about, description=about)
        if list(argv[:2]) == ["bench", name]:
            module = importlib.import_module(f"app.bench.{name}")
            module.add_arguments(parser)
            parser.set_defaults(run=_run, bench=module)
        add_common(parser, () if name == "replay" else MODEL)


def _run(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    report: Report = args.bench.run(args, settings)
    if terminal.json:
        terminal.document(report.document())
    else:
        terminal.note(", ".join(f"{key}: {value}" for key, value in report.machine.items()))
        _print_rows(report, terminal)
    return 0


def _print_rows(report: Report, terminal: Terminal) -> None:
    """One row a method, or turned by ninety degrees if that is too wide for a terminal."""
    keys = list(dict.fromkeys(key for row in report.rows for key in row))
    lines = [keys, *([_cell(row.get(key)) for key in keys] for row in report.rows)]
    width = sum(max(len(line[at]) for line in lines) + 2 for at in range(len(keys)))
    terminal.table(lines if width <= 110 else [list(column) for column in zip(*lines, strict=True)])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    return "" if value is None else str(value)
