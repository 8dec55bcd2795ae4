"""Questions with the passages they may be asked over, and each sentence's cosine: what answer items are drawn from.

Knows articles and vectors, and turns them into a few bytes a question, so that drawing items needs neither the encoder
nor its vectors. Must not know tokens or prompts.

A question has its own passage, `near` ones of its article (the likeliest of them and others) and `far` ones.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.training.data.embeddings import Embedded

NEAR, LIKELIEST, FAR = 12, 4, 6
_LEVELS = 255


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage for one question: its number, its sentences' numbers, and their cosines to the question."""

    passage: int
    sentences: range
    cosines: tuple[float, ...]

    @property
    def best(self) -> float:
        """The cosine of its likeliest sentence."""
        return max(self.cosines, default=0.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its answers, the number of the sentence that holds one, its passage and others."""

    text: str
    answers: tuple[str, ...]
    sentence: int
    own: Candidate
    near: tuple[Candidate, ...]
    far: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """All questions of a split. `starts[p]` to before `starts[p + 1]` are the sentences of passage p.

    Of question q: `passages_QP[q]` its own passage, then NEAR and FAR ones, -1 where there were fewer; from
    `offsets[q]` on the cosines of their sentences, one after the other, in steps of 1 / 255.
    """

    sentences: list[str]
    starts: NDArray[np.int32]
    questions: list[tuple[str, list[str], int]]
    passages_QP: NDArray[np.int32]
    cosines: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.questions)

    def question(self, index: int) -> Asked:
        """One question with its passages."""
        text, answers, sentence = self.questions[index]
        offset = int(self.offsets[index])
        passages: list[Candidate | None] = []
        for passage in self.passages_QP[index].tolist():
            if passage < 0:
                passages.append(None)
                continue
            rows = range(int(self.starts[passage]), int(self.starts[passage + 1]))
            levels = self.cosines[offset : offset + len(rows)]
            passages.append(Candidate(passage, rows, tuple((levels / _LEVELS).tolist())))
            offset += len(rows)
        own = passages[0]
        assert own is not None
        near, far = ([c for c in part if c is not None] for part in (passages[1 : 1 + NEAR], passages[1 + NEAR :]))
        return Asked(text, tuple(answers), sentence, own, tuple(near), tuple(far))

    def arrays(self) -> dict[str, Any]:
        """The stored form that `read` takes: arrays, and lists under "lists"."""
        return {
            "lists": {"sentences": self.sentences, "questions": self.questions},
            "starts": self.starts,
            "passages": self.passages_QP,
            "cosines": self.cosines,
        }

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Candidates:
        """Candidates from the stored form of `arrays`."""
        starts, passages_QP = stored["starts"], stored["passages"]
        lengths = np.append(np.diff(starts), 0)  # The last is for -1: no passage, no sentences.
        sizes = lengths[passages_QP].sum(axis=1)
        offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])) if len(sizes) else np.zeros(0)
        lists = stored["lists"]
        questions = [(text, answers, sentence) for text, answers, sentence in lists["questions"]]
        return cls(lists["sentences"], starts, questions, passages_QP, stored["cosines"], offsets.astype(np.int64))


def collect(embedded: Embedded, rng: random.Random) -> Candidates:
    """Choose each question's passages, and keep the cosines of their sentences."""
    passages_QP = np.full((len(embedded.questions), 1 + NEAR + FAR), -1, np.int32)
    levels: list[NDArray[np.uint8]] = []
    for index, question in enumerate(embedded.questions):
        chosen = [question.passage, *_near(embedded, index, rng)]
        passages_QP[index, : len(chosen)] = chosen
        far = _far(embedded, question.passage, set(chosen), rng)
        passages_QP[index, 1 + NEAR : 1 + NEAR + len(far)] = far
        rows = [row for passage in (*chosen, *far) for row in embedded.rows_of(passage)]
        cosine_S = embedded.sentence_SE[rows] @ embedded.question_QE[index]
        levels.append(np.rint(np.clip(cosine_S, 0, 1) * _LEVELS).astype(np.uint8))
    return Candidates.read(
        {
            "lists": {
                "sentences": embedded.sentences,
                "questions": [(q.text, list(q.answers), q.sentence) for q in embedded.questions],
            },
            "starts": np.array(embedded.starts, np.int32),
            "passages": passages_QP,
            "cosines": np.concatenate(levels) if levels else np.zeros(0, np.uint8),
        }
    )


def _near(embedded: Embedded, index: int, rng: random.Random) -> list[int]:
    """Passages of the same article: the likeliest few, and others by chance."""
    question = embedded.questions[index]
    same = [p for p in embedded.articles[embedded.article_of[question.passage]] if p != question.passage]

    def likeliest(passage: int) -> float:
        return -float((embedded.sentence_SE[embedded.rows_of(passage)] @ embedded.question_QE[index]).max(initial=-1))

    if len(same) <= NEAR:
        return same
    ranked = sorted(same, key=likeliest)
    return [*ranked[:LIKELIEST], *rng.sample(ranked[LIKELIEST:], NEAR - LIKELIEST)]


def _far(embedded: Embedded, own: int, taken: set[int], rng: random.Random) -> list[int]:
    """Passages of other articles; of the same one only where there are no others."""
    article = embedded.article_of[own]
    everything = len(embedded.article_of)
    others: list[int] = []
    for _ in range(4 * FAR):
        other = rng.randrange(everything)
        if other not in taken and other not in others and embedded.article_of[other] != article:
            others.append(other)
        if len(others) == FAR:
            break
    return others
