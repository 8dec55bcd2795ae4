"""``spandraft bench grammar FILE``: GLEU of doing nothing and of the target's corrections, and how many are right.

``unchanged`` is the share of clean sentences left alone, ``right`` the share of the others that became a reference.

FILE has ``{"source", "references"}`` a line. The field's sets come tokenized (``do n't know .``); people do not write
so, and the target is given what people write. Both sides are tokenized alike before they are compared.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bench.quality.gleu import Corrected, corpus_gleu, tokens_of
from app.bench.report import Report, Row
from app.bench.workload.records import is_texts, read_records
from app.config.settings import Settings
from app.errors import InputError
from app.pipeline import Pipeline

_BEFORE_MARK = re.compile(r"\s+(?=[,.;:!?%)\]}]+(?:\s|$)|n't\b|'(?:s|re|ve|ll|d|m)\b)")
_AFTER_MARK = re.compile(r"(?<=[(\[{])\s+")


@dataclass(frozen=True, slots=True)
class GrammarItem:
    """A sentence and the ways in which people corrected it."""

    source: str
    references: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether one of the people left it as it was."""
        return any(tokens_of(self.source) == tokens_of(reference) for reference in self.references)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("file", type=Path, help='JSON Lines: {"source", "references"}')
    parser.add_argument("--n", type=int, default=None, metavar="N", help="only the first N items")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Correct every source with the target and score it. Raises InputError for a file of another form."""
    if args.n is not None and args.n < 1:
        raise InputError(f"--n cannot be {args.n}", hint="it must be at least 1")
    items = read_items(args.file)[: args.n]
    pipeline = Pipeline.from_pretrained(settings=settings, corpus=None)
    rows = rows_of(items, lambda text: pipeline.correct(text).corrected)
    limited = "" if args.n is None else f" --n {args.n}"
    return Report.of(f"spandraft bench grammar {args.file}{limited}", rows)


def read_items(path: Path) -> list[GrammarItem]:
    """The items of a file. Raises InputError."""
    return read_records(path, _item, form='{"source": "He go .", "references": ["He goes ."]}')


def rows_of(items: Sequence[GrammarItem], correct: Callable[[str], str]) -> list[Row]:
    """One row for leaving every source alone and one for ``correct``."""
    corrected = []
    for number, item in enumerate(items, start=1):
        corrected.append(correct(as_written(item.source)))
        _progress(number, len(items))
    return [
        _row("uncorrected", items, [item.source for item in items]),
        _row("target", items, corrected),
    ]


def as_written(text: str) -> str:
    """Tokenized text as people write it; other text is left as it is, but for blanks before its marks."""
    return _AFTER_MARK.sub("", _BEFORE_MARK.sub("", text))


def _row(method: str, items: Sequence[GrammarItem], candidates: Sequence[str]) -> Row:
    pairs = list(zip(items, candidates, strict=True))
    clean = [tokens_of(item.source) == tokens_of(candidate) for item, candidate in pairs if item.is_clean]
    faulty = [(item, candidate) for item, candidate in pairs if not item.is_clean]
    right = [
        any(tokens_of(candidate) == tokens_of(reference) for reference in item.references) for item, candidate in faulty
    ]
    scored = [Corrected(item.source, candidate, item.references) for item, candidate in pairs]
    return {
        "method": method,
        "gleu": round(corpus_gleu(scored), 2),
        "items": len(items),
        "clean_items": len(clean),
        "unchanged": round(sum(clean) / len(clean), 4) if clean else None,
        "right": round(sum(right) / len(right), 4) if right else None,
    }


def _item(record: dict[str, Any]) -> GrammarItem | None:
    source, references = record.get("source"), record.get("references")
    if not isinstance(source, str) or not is_texts(references) or not references:
        return None
    return GrammarItem(source, tuple(references))


def _progress(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        sys.stderr.write(f"\rcorrected {done} of {total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
