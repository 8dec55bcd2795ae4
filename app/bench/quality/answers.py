"""``spandraft bench answers FILE``: how often an answer from given passages is right, verbatim, rightly refused.

FILE has ``{"question", "passages", "gold": index or null, "answers"}`` a line; ``gold`` null marks a question that the
passages do not answer. Two methods see the same passages: ``top-evidence`` returns the sentence whose cosine to the
question is highest, or refuses below a threshold, without a model and without the learned scorer; ``target`` is the
pipeline.
"""

from __future__ import annotations

import argparse
import re
import string
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bench.report import Report, Row
from app.bench.workload.records import is_texts, read_records
from app.config.settings import Settings
from app.errors import InputError
from app.generation.prompts import REFUSAL
from app.pipeline import Pipeline
from corpora.documents import Document, Passage
from corpora.text.chunking import sentences
from retrieval.evidence.selection import FindEvidence
from retrieval.interfaces import Hit

THRESHOLD = 0.55
"""Tuned on 800 questions of SQuAD's training half (bundled encoder, four passages of the question's article, the
answering one among them or not): of 0, 0.05 ... 0.85 it made most outcomes right when a fifth cannot be answered."""

_MARKER = re.compile(r"\[\d+\]")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

AnswerFunction = Callable[[str, Sequence[Hit]], str]


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """A question, its passages, the index of the one that answers it (None: none does), and right answers."""

    question: str
    passages: tuple[str, ...]
    gold: int | None
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one answer. ``verbatim`` is None for a refusal, which quotes nothing."""

    answerable: bool
    refused: bool
    right: bool
    verbatim: bool | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("file", type=Path, help='JSON Lines: {"question", "passages", "gold", "answers"}')
    parser.add_argument("--n", type=int, default=None, metavar="N", help="only the first N items")
    parser.add_argument(
        "--threshold", type=float, default=THRESHOLD, metavar="COSINE", help="below it top-evidence refuses"
    )


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Answer every question with both methods. Raises InputError for a file of another form."""
    if args.n is not None and args.n < 1:
        raise InputError(f"--n cannot be {args.n}", hint="it must be at least 1")
    items = read_items(args.file)[: args.n]
    pipeline = Pipeline.from_pretrained(settings=settings, corpus=None)
    methods: dict[str, AnswerFunction] = {
        "top-evidence": top_evidence(pipeline.models.evidence_finder(by_cosine=True), args.threshold),
        "target": lambda question, hits: pipeline.answer_from(question, hits).text,
    }
    limited = "" if args.n is None else f" --n {args.n}"
    command = f"spandraft bench answers {args.file}{limited} --threshold {args.threshold:g}"
    return Report.of(command, [row_of(method, items, answer) for method, answer in methods.items()])


def read_items(path: Path) -> list[AnswerItem]:
    """The items of a file. Raises InputError."""
    form = '{"question": "Who?", "passages": ["Ann did it."], "gold": 0, "answers": ["Ann"]}'
    return read_records(path, _item, form=form)


def top_evidence(find_evidence: FindEvidence, threshold: float) -> AnswerFunction:
    """The sentence most similar to the question, or the refusal where none reaches ``threshold``."""

    def answer(question: str, hits: Sequence[Hit]) -> str:
        best = find_evidence(question, hits, 1)
        return best[0].text if best and best[0].similarity >= threshold else REFUSAL

    return answer


def row_of(method: str, items: Sequence[AnswerItem], answer: AnswerFunction) -> Row:
    """Answer all items and count."""
    judged = []
    for number, item in enumerate(items, start=1):
        judged.append(judge(item, answer(item.question, hits_of(item))))
        _progress(method, number, len(items))
    answerable = [verdict for verdict in judged if verdict.answerable]
    others = [verdict for verdict in judged if not verdict.answerable]
    return {
        "method": method,
        "answer_accuracy": _share([verdict.right for verdict in answerable]),
        "refusal_recall": _share([verdict.refused for verdict in others]),
        "false_refusal": _share([verdict.refused for verdict in answerable]),
        "verbatim": _share([verdict.verbatim for verdict in judged if verdict.verbatim is not None]),
        "answerable": len(answerable),
        "unanswerable": len(others),
    }


def judge(item: AnswerItem, text: str) -> Judged:
    """Compare an answer with the known answers to its question. ``[n]`` marks do not count as text."""
    refused = " ".join(_MARKER.sub(" ", text).split()) in (REFUSAL, "")
    answer = f" {normalized(_MARKER.sub(' ', text))} "
    right = not refused and any(f" {normalized(gold)} " in answer for gold in item.answers)
    return Judged(
        answerable=item.gold is not None,
        refused=refused,
        right=right,
        verbatim=None if refused else _is_verbatim(text, item.passages),
    )


def normalized(text: str) -> str:
    """As SQuAD's script compares answers: lower case, no punctuation, no articles, single blanks."""
    plain = " ".join(_ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())
    return plain or " ".join(text.lower().split())  # an answer that is all article or punctuation is itself


def hits_of(item: AnswerItem) -> list[Hit]:
    """The passages as a search would give them, in the file's order."""
    documents = [Document.of(f"passage {number}", text) for number, text in enumerate(item.passages, start=1)]
    passages = [Passage.of(document, 0, len(document.text)) for document in documents]
    return [Hit(passage, 1.0 / rank) for rank, passage in enumerate(passages, start=1)]


def _is_verbatim(text: str, passages: Sequence[str]) -> bool:
    """Whether every sentence of the answer stands in a passage, white space aside."""
    sources = [" ".join(passage.split()) for passage in passages]
    quoted = [part[start:end] for part in _MARKER.split(text) for start, end in sentences(part)]
    return all(any(" ".join(sentence.split()) in source for source in sources) for sentence in quoted)


def _item(record: dict[str, Any]) -> AnswerItem | None:
    question, passages, gold, answers = (record.get(key) for key in ("question", "passages", "gold", "answers"))
    if not isinstance(question, str) or not question.strip() or "gold" not in record:
        return None
    if not is_texts(passages) or not is_texts(answers) or not passages:
        return None
    if gold is not None and (type(gold) is not int or not 0 <= gold < len(passages) or not answers):
        return None
    return AnswerItem(question, tuple(passages), gold, tuple(answers))


def _share(outcomes: Sequence[bool]) -> float | None:
    """The share of True; None of nothing."""
    return round(sum(outcomes) / len(outcomes), 4) if outcomes else None


def _progress(method: str, done: int, total: int) -> None:
    if done % 25 == 0 or done == total:
        sys.stderr.write(f"\r{method}: {done} of {total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
