"""The tasks of ``bench criteria``: answers and corrections, each with the measure of its outputs.

A task knows its items, how the app is asked for one, and its measure; it must not know criteria.

Shapes: I items, S outputs of each, B weightings of the items, R references, C counts, X sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.answering.stream import AnswerStream, Question
from app.bench.quality.answers import AnswerItem, hits_of, judge, read_items
from app.bench.quality.gleu import Corrected, counts, gleu_of
from app.bench.quality.grammar import GrammarItem, as_written
from app.bench.quality.grammar import read_items as read_grammar_items
from app.bench.workload.records import is_texts, read_records
from app.config.generation_options import GenerationOptions
from app.correction.stream import CorrectionStream, EditProposer
from app.generation.requests import RequestBuilder
from app.pipeline import Pipeline
from retrieval.interfaces import Evidence, Hit, Retrieved

Floats: TypeAlias = NDArray[np.float64]
Worth: TypeAlias = Callable[[Floats], Floats]
"""(B, I) how often each item counts -> (B) the measure over all of them."""

_DATA = Path(__file__).parents[1] / "data"
ANSWERS, CORRECTIONS = _DATA / "answers.jsonl", _DATA / "corrections.jsonl"


class Task(Protocol):
    """Items of one kind."""

    @property
    def name(self) -> str:
        """``answers`` or ``grammar``."""
        ...

    @property
    def measure(self) -> str:
        """The name of the measure: ``answer_accuracy`` or ``gleu``."""
        ...

    @property
    def judged(self) -> int:
        """How many items the measure counts."""
        ...

    def __len__(self) -> int:
        """How many items there are."""
        ...

    def write(self, builder: RequestBuilder, number: int) -> str:
        """The app's output for item ``number``."""
        ...

    def worth(self, texts_IS: Sequence[Sequence[str]]) -> Worth:
        """The measure of these outputs, a row of ``S`` an item."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its hits and evidence, retrieved once, so that every rule sees the same."""

    item: AnswerItem
    hits: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """Questions; the share of the answerable ones that are answered right."""

    asked: tuple[Asked, ...]
    name: ClassVar[str] = "answers"
    measure: ClassVar[str] = "answer_accuracy"

    @property
    def judged(self) -> int:
        """The items that can be answered."""
        return sum(asked.item.gold is not None for asked in self.asked)

    def __len__(self) -> int:
        return len(self.asked)

    def write(self, builder: RequestBuilder, number: int) -> str:
        """The answer from the item's own passages."""
        asked = self.asked[number]
        question = Question(asked.item.question, retrieve=lambda: Retrieved(asked.hits, asked.evidence))
        options = builder.resolve(GenerationOptions(), builder.mode(question.text))
        return AnswerStream(builder, question, options).answer().text

    def worth(self, texts_IS: Sequence[Sequence[str]]) -> Worth:
        """The share of right answers; NaN where no item can be answered."""
        answerable_I = np.array([asked.item.gold is not None for asked in self.asked], dtype=np.float64)
        right_I = np.array([_right(asked.item, texts) for asked, texts in zip(self.asked, texts_IS, strict=True)])

        def accuracy(weights_BI: Floats) -> Floats:
            with np.errstate(invalid="ignore"):
                return np.asarray(weights_BI @ right_I / (weights_BI @ answerable_I))

        return accuracy


@dataclass(frozen=True, slots=True)
class Corrections:
    """Sentences; GLEU of what they become."""

    items: tuple[GrammarItem, ...]
    proposer: EditProposer | None = None
    name: ClassVar[str] = "grammar"
    measure: ClassVar[str] = "gleu"

    @property
    def judged(self) -> int:
        """All of them."""
        return len(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def write(self, builder: RequestBuilder, number: int) -> str:
        """The corrected text; a segment whose correction changes its meaning stays as it was, as in the app."""
        text = as_written(self.items[number].source)
        return CorrectionStream(builder, text, proposer=self.proposer).correction().corrected

    def worth(self, texts_IS: Sequence[Sequence[str]]) -> Worth:
        """GLEU over all outputs of all items."""
        corrected = [
            Corrected(item.source, text, item.references)
            for item, texts in zip(self.items, texts_IS, strict=True)
            for text in texts
        ]
        counts_XRC = counts(corrected)
        runs, size = counts_XRC.shape[1:]
        counts_IC = counts_XRC.reshape(len(self.items), -1, runs * size).sum(1)
        return lambda weights_BI: gleu_of((weights_BI @ counts_IC).reshape(-1, runs, size))


def answers_of(file: Path, pipeline: Pipeline, n: int | None) -> Answers:
    """The items of ``file`` (``bench answers``), each with its evidence."""
    limit = pipeline.settings.evidence_sentences
    asked = []
    for item in read_items(file)[:n]:
        hits = hits_of(item)
        asked.append(Asked(item, tuple(hits), tuple(pipeline.find_evidence(item.question, hits, limit))))
    return Answers(tuple(asked))


def bundled_answers(pipeline: Pipeline, n: int | None) -> Answers:
    """The bundled questions, asked of the pipeline's corpus, the sample."""
    corpus, settings = pipeline.corpus, pipeline.settings
    assert corpus is not None
    asked = []
    for item in read_records(ANSWERS, _bundled, form='{"question": "Who?", "answers": ["Ann"]}')[:n]:
        retrieved = corpus.retrieve(item.question, settings.k, settings.evidence_sentences)
        asked.append(Asked(item, retrieved.hits, retrieved.evidence))
    return Answers(tuple(asked))


def corrections_of(file: Path | None, n: int | None, proposer: EditProposer | None = None) -> Corrections:
    """The items of ``file`` (``bench grammar``), or the bundled texts."""
    items = read_grammar_items(file if file is not None else CORRECTIONS)[:n]
    return Corrections(tuple(items), proposer)


def is_grammar(file: Path) -> bool:
    """Whether the first item of ``file`` is one of ``bench grammar``. Raises InputError if there is none."""
    first = read_records(file, lambda record: record, form='of "bench answers" or of "bench grammar"')[0]
    return "source" in first and "question" not in first


def _right(item: AnswerItem, texts: Sequence[str]) -> float:
    """The share of texts that answer an item right; 0 for a question that cannot be answered."""
    return sum(judge(item, text).right for text in texts) / len(texts) if item.gold is not None else 0.0


def _bundled(record: dict[str, Any]) -> AnswerItem | None:
    """A question that the sample corpus answers; its passages are what the retriever finds there."""
    question, answers = record.get("question"), record.get("answers")
    return AnswerItem(question, (), 0, tuple(answers)) if isinstance(question, str) and is_texts(answers) else None
