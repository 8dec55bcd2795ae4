"""The question set is what it says: lines of one form, documents that are there, answers that stand in them.

A half is ``NAME.jsonl`` over the files of ``documents/NAME``; whoever tunes anything looks at ``tune`` only. A line has
the question, the documents that answer it (any of them will do), ``values``, groups of alternatives of which a right
answer has one each (``least`` of the groups are enough), and ``spans``, words of the documents' reading text that a
citation may touch. No documents and no values: nothing answers it, and a refusal is right. What is ``computed``
stands in no row: it is made of many. ``corpus`` is ``sample`` where the question is about the bundled articles.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from corpora.loaders.sandboxed_loader import load_file
from corpora.sample import sample_documents

_FOLDER = Path(__file__).parent
_HALVES = ("tune", "report")
_NUMBERS: Mapping[str, int] = {
    "plain": 28,
    "paraphrase": 22,
    "mistyped": 18,
    "keywords": 18,
    "table": 34,
    "absent": 75,
    "faq": 18,
    "beginner": 31,
    "follow-up": 10,
    "two-part": 10,
    "list": 10,
    "summary": 5,
    "other-language": 14,
}
_NEEDED = {"id", "kind", "question", "documents", "values", "spans", "computed", "history", "least"}
_PREFIXES = {"tune": "t-", "report": "r-"}
# Kinds whose answers are too free for a span.
_WITHOUT_SPANS = ("beginner", "summary")


@cache
def questions_of(half: str) -> list[dict[str, Any]]:
    """The lines of a half; none where it is not written yet."""
    path = _FOLDER / f"{half}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


@cache
def texts_of(half: str) -> dict[str, str]:
    """The reading texts of a half's documents, and of the articles of the sample corpus, by their names."""
    ours = {path.name: load_file(path).text for path in _files_of(half)}
    return ours | {document.name: document.text for document in sample_documents()}


def _files_of(half: str) -> list[Path]:
    return sorted((_FOLDER / "documents" / half).glob("[!.]*"))


def plain(text: str) -> str:
    """As values are compared: case-folded, white space collapsed."""
    return " ".join(text.casefold().split())


def faults(question: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """What is wrong with one line."""
    return [*_faults_of_form(question, texts), *_missing_from_documents(question, texts)]


def _faults_of_form(question: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    answered = bool(question["values"])
    turns = [turn["role"] for turn in question["history"]]
    checks = {
        "it has the keys of a question": set(question) - {"corpus"} == _NEEDED,
        "its kind is known": question["kind"] in _NUMBERS,
        "it asks something": question["question"].strip() == question["question"] != "",
        "each group has alternatives, none of them empty": all(
            group and all(isinstance(value, str) and value.strip() for value in group) for group in question["values"]
        ),
        "documents and values are there together": answered == bool(question["documents"]),
        "nothing answers what is absent": question["kind"] != "absent" or not answered,
        "only other languages may lack an answer as well": answered or question["kind"] in ("absent", "other-language"),
        "what answers is shown": bool(question["spans"]) == answered or (answered and _is_free(question)),
        "enough groups are wanted, not too many": (1 if answered else 0)
        <= question["least"]
        <= len(question["values"]),
        "only tables are computed": not question["computed"] or question["kind"] == "table",
        "its documents are there": set(question["documents"]) <= set(texts),
        "only a follow-up has a history, which ends with an answer": (question["kind"] == "follow-up") == bool(turns)
        and turns == ["user", "assistant"] * (len(turns) // 2),
        "beginners ask the sample": (question["kind"] == "beginner") == (question.get("corpus") == "sample"),
    }
    return [check for check, holds in checks.items() if not holds]


def _is_free(question: Mapping[str, Any]) -> bool:
    return question["kind"] in _WITHOUT_SPANS or bool(question["computed"])


def _missing_from_documents(question: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    found = [texts[name] for name in question["documents"] if name in texts]
    missing = [f"no document has the span {span!r}" for span in question["spans"] if not _any_has(found, span)]
    if not question["computed"]:
        folded = [plain(text) for text in found]
        missing += [
            f"no document has any of {group}"
            for group in question["values"]
            if not any(_any_has(folded, plain(value)) for value in group)
        ]
    return missing


def _any_has(texts: list[str], part: str) -> bool:
    return any(part in text for text in texts)


@pytest.mark.parametrize("half", _HALVES)
def test_every_line_is_answered_by_its_documents(half: str) -> None:
    wrong = {question["id"]: faults(question, texts_of(half)) for question in questions_of(half)}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("half", _HALVES)
def test_every_document_is_asked_about(half: str) -> None:
    asked = set(chain.from_iterable(question["documents"] for question in questions_of(half)))
    assert {path.name for path in _files_of(half)} - asked == set()


@pytest.mark.parametrize("half", _HALVES)
def test_a_half_has_as_many_of_each_kind_as_said(half: str) -> None:
    assert Counter(question["kind"] for question in questions_of(half)) <= Counter(_NUMBERS)


def test_ids_questions_and_documents_are_named_once() -> None:
    every = [(half, question) for half in _HALVES for question in questions_of(half)]
    ids = Counter(question["id"] for _, question in every)
    asked = Counter((plain(question["question"]), len(question["history"]), half) for half, question in every)
    documents = Counter(path.name for half in _HALVES for path in _files_of(half))
    assert [name for name, times in chain(ids.items(), asked.items(), documents.items()) if times > 1] == []
    assert [question["id"] for half, question in every if not question["id"].startswith(_PREFIXES[half])] == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"spans": ["three keys"]}, "no document has the span 'three keys'"),
        ({"values": [["five"]]}, "no document has any of ['five']"),
        ({"documents": ["ring.md"]}, "its documents are there"),
        ({"least": 2}, "enough groups are wanted, not too many"),
        ({"kind": "absent"}, "nothing answers what is absent"),
    ],
)
def test_a_wrong_line_is_found(change: dict[str, Any], fault: str) -> None:
    right: dict[str, Any] = {
        "id": "t-plain-00",
        "kind": "plain",
        "question": "how many keys are on the ring?",
        "documents": ["keys.md"],
        "values": [["four"]],
        "spans": ["has four keys"],
        "computed": False,
        "history": [],
        "least": 1,
    }
    texts = {"keys.md": "The ring has Four keys. The ring has four keys."}
    assert faults(right, texts) == []
    assert fault in faults(right | change, texts)
