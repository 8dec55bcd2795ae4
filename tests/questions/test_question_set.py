"""The question set is what it says: lines of one form, documents that are there, answers that stand in them.

A half is ``NAME.jsonl`` over the files of ``documents/NAME``; whoever tunes anything looks at ``tune`` only. A line has
the question, the documents that answer it (any of them will do), ``values``, groups of alternatives of which a right
answer has one each (``least`` of the groups are enough), and ``spans``, words of the documents' reading text that a
citation may touch. No documents and no values: nothing answers it, and a refusal is right. What is ``computed``
stands in no row: it is made of many. ``corpus`` is ``sample`` where the question is about the bundled articles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from app.bench.quality.question_set import HALVES, QUESTION_SET, Half, SetQuestion, documents_of, read_questions
from app.bench.quality.verdict import Verdict, verdict
from app.generation.events import NO_STATS, Answer, Citation
from corpora.loaders.sandboxed_loader import load_file
from corpora.sample import sample_documents

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
_PREFIXES: Mapping[Half, str] = {"tune": "t-", "report": "r-"}
# Kinds whose answers are too free for a span.
_FREE = ("beginner", "summary")


@cache
def questions_of(half: Half) -> list[SetQuestion]:
    return read_questions(QUESTION_SET, half)


@cache
def texts_of(half: Half) -> dict[str, str]:
    """The reading texts of a half's documents, and of the articles of the sample corpus, by their names."""
    ours = {path.name: load_file(path).text for path in _files_of(half)}
    return ours | {document.name: document.text for document in sample_documents()}


def _files_of(half: Half) -> list[Path]:
    return sorted((documents_of(QUESTION_SET) / half).glob("[!.]*"))


def faults(question: SetQuestion, texts: Mapping[str, str]) -> list[str]:
    """What is wrong with one question: its form first, what its documents lack, then how its own answer is judged."""
    wrong = [check for check, holds in _checks(question, texts).items() if not holds]
    wrong += [f"no document has {span!r}" for span in question.spans if not _is_in(span, question.documents, texts)]
    if not wrong and verdict(question, _own_answer(question, texts), texts.__getitem__) is not Verdict.RIGHT:
        wrong.append("an answer that quotes the spans is not right")
    return wrong


def _checks(question: SetQuestion, texts: Mapping[str, str]) -> dict[str, bool]:
    answered, is_free = question.is_answerable, question.kind in _FREE or question.is_computed
    turns = [message.role for message in question.history]
    return {
        "it asks something": question.text.strip() == question.text,
        "documents and values are there together": answered == bool(question.documents),
        "nothing answers what is absent": question.kind != "absent" or not answered,
        "only other languages may lack an answer as well": answered or question.kind in ("absent", "other-language"),
        "it has spans where one can say which": is_free or bool(question.spans) == answered,
        "only tables are computed": not question.is_computed or question.kind == "table",
        "its documents are there": set(question.documents) <= set(texts),
        "only a follow-up has a history, which ends with an answer": (question.kind == "follow-up") == bool(turns)
        and turns == ["user", "assistant"] * (len(turns) // 2),
        "beginners ask the sample": (question.kind == "beginner") == (question.corpus == "sample"),
    }


def _is_in(span: str, documents: Sequence[str], texts: Mapping[str, str]) -> bool:
    return any(span in texts[name] for name in documents if name in texts)


def _own_answer(question: SetQuestion, texts: Mapping[str, str]) -> Answer:
    """What the question itself says is right: its spans; where it has none, what is computed, or all of the text."""
    if question.is_computed:
        said = [forms[0] for forms in question.values]
    else:
        said = list(question.spans) or [texts[name] for name in question.documents]
    cited = tuple(
        Citation("passage", name, 0, len(texts[name]), 0, 1, "copied") for name in question.documents if name in texts
    )
    return Answer(question.text, "\n".join(said), cited, (), NO_STATS, "eos")


@pytest.mark.parametrize("half", HALVES)
def test_every_question_is_answered_by_its_documents(half: Half) -> None:
    wrong = {question.id: faults(question, texts_of(half)) for question in questions_of(half)}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("half", HALVES)
def test_every_document_is_asked_about(half: Half) -> None:
    asked = set(chain.from_iterable(question.documents for question in questions_of(half)))
    assert {path.name for path in _files_of(half)} - asked == set()


@pytest.mark.parametrize("half", HALVES)
def test_a_half_has_as_many_of_each_kind_as_said(half: Half) -> None:
    assert Counter(question.kind for question in questions_of(half)) == _NUMBERS


def test_ids_questions_and_documents_are_named_once() -> None:
    every = [(half, question) for half in HALVES for question in questions_of(half)]
    ids = Counter(question.id for _, question in every)
    asked = Counter((question.text.casefold(), question.history) for _, question in every)
    documents = Counter(path.name for half in HALVES for path in _files_of(half))
    assert [name for name, times in chain(ids.items(), asked.items(), documents.items()) if times > 1] == []
    assert [question.id for half, question in every if not question.id.startswith(_PREFIXES[half])] == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"spans": ("three keys",)}, "no document has 'three keys'"),
        ({"values": (("five",),)}, "an answer that quotes the spans is not right"),
        ({"documents": ("ring.md",)}, "its documents are there"),
        ({"spans": ()}, "it has spans where one can say which"),
        ({"kind": "absent"}, "nothing answers what is absent"),
    ],
)
def test_a_wrong_question_is_found(change: dict[str, Any], fault: str) -> None:
    right = SetQuestion(
        id="t-plain-00",
        kind="plain",
        text="how many keys are on the ring?",
        documents=("keys.md",),
        values=(("four",),),
        spans=("has four keys",),
        least=1,
    )
    texts = {"keys.md": "The ring has Four keys. The ring has four keys."}
    assert faults(right, texts) == []
    assert fault in faults(replace(right, **change), texts)
