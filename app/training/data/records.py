"""Training records on disk -> passages, questions, sentences; and which of them are held out.

Knows the JSON Lines files of the training data. Must not know tokens, prompts or models.

An article belongs to one split, decided by a hash of its title alone, so that no sentence, passage or question of a
held-out article can reach training, whichever file it stands in.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.training.errors import DataMissingError

Split = Literal["train", "validation", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "validation", "heldout")

HELDOUT_PERCENT = 4
VALIDATION_PERCENT = 3

_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Mt|Jr|Sr|Prof|Gen|Col|Capt|Lt|Sgt|Rev|Hon|vs|etc|No|Vol|Fig|approx|ca|cf|al|Inc|Ltd|Co|Corp"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)|\b[A-Z]|\be\.g|\bi\.e|\bU\.S|\bU\.K|\bD\.C|\bB\.C|\bA\.D)\.$"
)
# Not the rule of ``corpora.text.sentences``: the models that exist were trained on sentences cut in this way.
_BORDER = re.compile(r"[.!?][\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class PassageRecord:
    """One paragraph of an article."""

    passage_id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class QuestionRecord:
    """A question whose answer stands in `answer_sentence`, a sentence of passage `passage_id`."""

    title: str
    passage_id: str
    question: str
    answers: tuple[str, ...]
    answer_sentence: str


def split_of(title: str) -> Split:
    """The split of an article; underscores, case and outer spaces of the title do not matter."""
    name = title.replace("_", " ").strip().lower()
    bucket = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100
    if bucket < HELDOUT_PERCENT:
        return "heldout"
    return "validation" if bucket < HELDOUT_PERCENT + VALIDATION_PERCENT else "train"


def squad_passages(folder: Path) -> list[PassageRecord]:
    """All SQuAD paragraphs, in file order."""
    return [
        PassageRecord(passage_id=r["passage_id"], title=r["title"], text=squeeze(r["text"]))
        for r in _records(folder / "squad_train_passages.jsonl")
    ]


def squad_questions(folder: Path) -> list[QuestionRecord]:
    """All SQuAD questions, in file order."""
    return [
        QuestionRecord(
            title=r["title"],
            passage_id=r["passage_id"],
            question=squeeze(r["question"]),
            answers=tuple(r["answers"]),
            answer_sentence=squeeze(r["answer_sentence"]),
        )
        for r in _records(folder / "squad_train_qa.jsonl")
    ]


def qed(folder: Path) -> tuple[list[PassageRecord], list[QuestionRecord]]:
    """QED's contexts as passages (one a question) and its questions."""
    passages, questions = [], []
    for r in _records(folder / "qed_nq_train.jsonl"):
        passage_id = f"qed:{r['id']}"
        passages.append(PassageRecord(passage_id=passage_id, title=r["title"], text=squeeze(r["context"])))
        questions.append(
            QuestionRecord(
                title=r["title"],
                passage_id=passage_id,
                question=squeeze(r["question"]),
                answers=tuple(r["answers"]),
                answer_sentence=squeeze(r["answer_sentence"]),
            )
        )
    return passages, questions


def paragraphs(folder: Path, source: str) -> Iterator[tuple[str, str]]:
    """(title, paragraph) of a prose file: `source` is "enwiki", "novels_le1928" or "ms_cpp_docs"."""
    for r in _records(folder / f"prose_{source}.jsonl"):
        title = r.get("title") or r["path"]
        for line in r["text"].split("\n"):
            if line.strip():
                yield title, squeeze(line)


def misspellings(folder: Path) -> dict[str, list[str]]:
    """Right word -> its known misspellings (codespell's dictionary inverted; one-word entries only)."""
    table: dict[str, list[str]] = {}
    for r in _records(folder / "misspellings_codespell.jsonl"):
        for good in r["good"]:
            if " " not in good and " " not in r["bad"]:
                table.setdefault(good, []).append(r["bad"])
    return table


def sentences(text: str) -> list[str]:
    """Sentences of a paragraph, in order; joined by one space they are the squeezed paragraph."""
    text = squeeze(text)
    out, start = [], 0
    for border in _BORDER.finditer(text):
        head = text[start : border.end()].rstrip()
        if head.endswith(".") and _ABBREVIATION.search(head[-12:]):
            continue
        out.append(head)
        start = border.end()
    if start < len(text):
        out.append(text[start:])
    return out


def squeeze(text: str) -> str:
    """The text with every run of white space made one space, and none at its ends."""
    return " ".join(text.split())


def _records(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise DataMissingError(
            f"no training data at {path}",
            hint="name the archive of the training data, or the folder it is unpacked in, with --data",
        )
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
