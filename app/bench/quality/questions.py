"""``spandraft bench questions``: what people ask of documents, judged as right, partly right, wrong or refused.

The documents are read by the loaders into a corpus of their own, questions of beginners are asked of the sample corpus.
A row a kind; answers that are computed from tables have one of their own beside ``table``. ``--half report`` is what is
published: nothing is tuned on it. ``--evidence`` asks no target: the likeliest evidence is the answer, which takes a
tenth of the time and tells what searching and judging come to.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from app.answering.question_parts import retrieve_parts
from app.bench.quality.question_set import HALVES, KINDS, QUESTION_SET, SetQuestion, documents_of, read_questions
from app.bench.quality.verdict import Verdict, verdict
from app.bench.report import Report, Row, progress
from app.config.settings import Settings
from app.errors import InputError
from app.generation.events import NO_STATS, REFUSAL, Answer, Citation
from app.library.corpus import Corpus
from app.loading.search_models import SearchModels
from app.pipeline import Pipeline
from retrieval.interfaces import Evidence

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
    parser.add_argument("--evidence", action="store_true", help="judge the likeliest evidence, without a target")
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
    if args.evidence:
        models = SearchModels(settings)
        judged = _asked(args, settings, models, questions, partial(_best_evidence, settings))
    else:
        with Pipeline.from_pretrained(settings=settings, corpus=None) as pipeline:
            judged = _asked(args, settings, pipeline.models, questions, partial(_answered, pipeline))
    if args.details is not None:
        _write(args.details, judged)
    options = "".join(f" --kind {kind}" for kind in args.kind or ()) + (" --evidence" if args.evidence else "")
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


def _answered(pipeline: Pipeline, question: SetQuestion, corpus: Corpus) -> Answer:
    return pipeline.answer(question.text, corpus=corpus, history=question.history)


def _best_evidence(settings: Settings, question: SetQuestion, corpus: Corpus) -> Answer:
    """The likeliest evidence for each part of the question as if it were the answer, or the refusal."""
    limit = settings.evidence_sentences
    found = retrieve_parts(
        lambda text: corpus.retrieve(text, settings.k, limit), question.text, question.history, sentences=limit
    )
    best: list[Evidence] = []
    for part in sorted({part for one in found.evidence for part in one.parts}):
        first = next(one for one in found.evidence if part in one.parts)
        if first.is_likely and first not in best:
            best += [first, *first.along]
    citations = [
        Citation(passage.id, passage.document_name, start, end, 0, len(one.text), "copied")
        for one in best
        for passage in [found.hits[one.hit].passage]
        for start, end in one.rows or [(one.start, one.end)]
    ]
    text = " ".join(one.text for one in best) or REFUSAL
    return Answer(question.text, text, tuple(citations), (), NO_STATS, "eos")


@contextmanager
def _corpus(folder: Path, settings: Settings, models: SearchModels, *, keep: Path | None) -> Iterator[Corpus]:
    """The documents of the set as a corpus, in a home of their own. Raises InputError if one cannot be read."""
    with tempfile.TemporaryDirectory(prefix="spandraft-questions-") as temporary:
        own = settings.replace(home=keep if keep is not None else Path(temporary))
        is_there = keep is not None and (keep / "corpora" / _NAME).is_dir()
        make = Corpus.open if is_there else Corpus.create
        corpus = make(_NAME, settings=own, models=models)
        try:
            progress("reading the documents")
            failed = [one for one in corpus.sync(documents_of(folder)) if one.status == "failed"]
            if failed:
                raise InputError(f"{failed[0].path} could not be read: {failed[0].cause}", hint="mend the question set")
            yield corpus
        finally:
            corpus.close()


def _asked(
    args: argparse.Namespace,
    settings: Settings,
    models: SearchModels,
    questions: Sequence[SetQuestion],
    answer: Callable[[SetQuestion, Corpus], Answer],
) -> list[Judged]:
    """Ask all questions, each of its corpus."""

    @cache
    def opened(name: str) -> Corpus:
        return Corpus.open(name, settings=settings, models=models)

    judged: list[Judged] = []
    with _corpus(args.questions, settings, models, keep=args.keep) as corpus:
        for number, question in enumerate(questions, start=1):
            asked = corpus if question.corpus is None else opened(question.corpus)
            given = answer(question, asked)
            judged.append(Judged(question, given, verdict(question, given, _text_of(asked))))
            if number % 25 == 0 or number == len(questions):
                sys.stderr.write(f"\r{number} of {len(questions)}" + ("\n" if number == len(questions) else ""))
                sys.stderr.flush()
    return judged


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
