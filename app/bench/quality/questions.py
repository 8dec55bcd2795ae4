"""``spandraft bench questions``: what people ask of documents, judged as right, partly right, wrong or refused.

The documents are read by the loaders into a corpus of their own, questions of beginners are asked of the sample corpus.
A row a kind; answers that are computed from tables have one of their own beside ``table``. ``--half report`` is what is
published: nothing is tuned on it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from app.bench.quality.question_set import HALVES, KINDS, QUESTION_SET, SetQuestion, documents_of, read_questions
from app.bench.quality.verdict import Verdict, verdict
from app.bench.report import Report, Row, progress
from app.config.settings import Settings
from app.errors import InputError
from app.generation.events import Answer
from app.library.corpus import Corpus
from app.pipeline import Pipeline

_NAME: Final = "questions"
_COMPUTED: Final = "table, computed"
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, what was answered, and how that is judged."""

    question: SetQuestion
    answer: Answer
    verdict: Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("--half", choices=HALVES, default="report", help="which half is asked (default: %(default)s)")
    parser.add_argument(
        "--questions", type=Path, default=QUESTION_SET, metavar="FOLDER", help="another question set of this form"
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be given several times")
    parser.add_argument("--id", action="append", metavar="ID", help="only this question; may be given several times")
    parser.add_argument("--details", type=Path, metavar="FILE", help="write each question, answer and verdict as JSON")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the corpus of the documents there, and use it the next time"
    )


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Ask every question and judge the answers. Raises InputError for a set that is not there or of another form."""
    questions = [
        question
        for question in read_questions(args.questions, args.half)
        if (not args.kind or question.kind in args.kind) and (not args.id or question.id in args.id)
    ]
    if not questions:
        raise InputError(f"no question of the {args.half} half is of that kind or id", hint="leave --kind and --id out")
    pipeline = Pipeline.from_pretrained(settings=settings, corpus=None)
    with _corpus(args.questions, settings, pipeline, keep=args.keep) as corpus:
        judged = list(_judged(pipeline, corpus, questions))
    pipeline.close()
    if args.details is not None:
        _write(args.details, judged)
    options = "".join(f" --kind {kind}" for kind in args.kind or ())
    return Report.of(f"spandraft bench questions --half {args.half}{options}", rows_of(judged))


def rows_of(judged: Sequence[Judged]) -> list[Row]:
    """A row a kind that was asked, then one of all."""

    def row(name: str, chosen: Sequence[Judged]) -> Row:
        counts = {str(each): sum(one.verdict is each for one in chosen) for each in Verdict}
        shares = {f"share_{each}": round(counts[each] / len(chosen), 3) for each in (Verdict.RIGHT, Verdict.WRONG)}
        return {"method": name, "questions": len(chosen), **counts, **shares}

    kinds: dict[str, list[Judged]] = {kind: [] for kind in KINDS}
    kinds[_COMPUTED] = []
    for one in judged:
        kinds[_COMPUTED if one.question.is_computed else one.question.kind].append(one)
    return [row(kind, chosen) for kind, chosen in kinds.items() if chosen] + [row(_ALL, judged)]


@contextmanager
def _corpus(folder: Path, settings: Settings, pipeline: Pipeline, *, keep: Path | None) -> Iterator[Corpus]:
    """The documents of the set as a corpus, in a home of their own. Raises InputError if one cannot be read."""
    with tempfile.TemporaryDirectory(prefix="spandraft-questions-") as temporary:
        own = settings.replace(home=keep if keep is not None else Path(temporary))
        is_there = keep is not None and (keep / "corpora" / _NAME).is_dir()
        make = Corpus.open if is_there else Corpus.create
        corpus = make(_NAME, settings=own, models=pipeline.models)
        try:
            progress("reading the documents")
            failed = [one for one in corpus.sync(documents_of(folder)) if one.status == "failed"]
            if failed:
                raise InputError(f"{failed[0].path} could not be read: {failed[0].cause}", hint="mend the question set")
            yield corpus
        finally:
            corpus.close()


def _judged(pipeline: Pipeline, corpus: Corpus, questions: Sequence[SetQuestion]) -> Iterator[Judged]:
    @cache
    def opened(name: str) -> Corpus:
        return Corpus.open(name, settings=pipeline.settings, models=pipeline.models)

    for number, question in enumerate(questions, start=1):
        asked = corpus if question.corpus is None else opened(question.corpus)
        answer = pipeline.answer(question.text, corpus=asked, history=question.history)
        yield Judged(question, answer, verdict(question, answer, _text_of(asked)))
        if number % 25 == 0 or number == len(questions):
            sys.stderr.write(f"\r{number} of {len(questions)}" + ("\n" if number == len(questions) else ""))
            sys.stderr.flush()


def _text_of(corpus: Corpus) -> Callable[[str], str]:
    return lambda name: corpus.document(name).text


def _write(file: Path, judged: Sequence[Judged]) -> None:
    lines = [
        json.dumps(
            {
                "id": one.question.id,
                "kind": one.question.kind,
                "question": one.question.text,
                "verdict": one.verdict,
                "answer": one.answer.text,
                "cited": [[each.document, each.source_start, each.source_end] for each in one.answer.citations],
                "values": one.question.values,
                "notice": one.answer.notice,
            },
            ensure_ascii=False,
        )
        for one in judged
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
