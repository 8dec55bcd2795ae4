"""``spandraft fix`` corrects a file or standard input; ``--check`` only lists what it would correct.

Text goes in and out as UTF-8 bytes: no newline is translated and none is added.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.loading import load_pipeline
from app.commands.options import GENERATION, MODEL, add_common, add_no_speculation
from app.commands.terminal import Terminal
from app.config.settings import Settings
from app.errors import InputError
from app.output.answer_json import correction_document

if TYPE_CHECKING:
    from app.generation.events import Correction

_FINDINGS = 1


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``fix``."""
    fix = commands.add_parser("fix", help="correct the grammar of a text")
    fix.add_argument("file", help="a text file in UTF-8, or - for standard input")
    fix.add_argument("--check", action="store_true", help="list the findings and exit 1 if there are any")
    add_no_speculation(fix)
    add_common(fix, (*MODEL, *GENERATION, "copy_bias"))
    fix.set_defaults(run=_fix, answers_once_loaded=True)


def _fix(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    text = _read(args.file)
    pipeline = load_pipeline(settings, terminal, corpus=None)
    correction = pipeline.correct(text, speculate=settings.speculate)
    if correction.notice:
        terminal.note(f"note: {correction.notice}")
    if terminal.json:
        terminal.document(correction_document(correction))
    elif args.check:
        _list(correction, args.file, terminal)
    else:
        terminal.write_bytes(correction.corrected.encode("utf-8"))
    return _FINDINGS if args.check and correction.edits else 0


def _read(name: str) -> str:
    """The text, newlines as they are. Raises ``InputError``."""
    described = "standard input" if name == "-" else name
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{name} does not exist", hint="check the path; - reads standard input") from None
    except OSError as problem:
        raise InputError(f"{name} cannot be read: {problem.strerror}", hint="name a text file") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        cause = f"{described} is not UTF-8: byte {problem.start} is 0x{data[problem.start]:02x}"
        raise InputError(cause, hint="convert it to UTF-8 first, for example with iconv") from None
    if "\0" in text:
        raise InputError(f"{described} is not a text: it has a zero byte", hint="name a text file in UTF-8")
    if not text.strip():
        raise InputError(f"{described} is empty", hint="give a text to correct")
    return text


def _list(correction: Correction, name: str, terminal: Terminal) -> None:
    """Findings as ``file:line:column``, the way compilers and editors write them."""
    for edit in correction.edits:
        line = correction.source.count("\n", 0, edit.start) + 1
        column = edit.start - (correction.source.rfind("\n", 0, edit.start) + 1) + 1
        before = correction.source[edit.start : edit.end]
        terminal.line(f"{name}:{line}:{column}: {before!r} -> {edit.replacement!r}")
