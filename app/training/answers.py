"""Answer examples: a question, the eight evidence sentences serving would show, and the sentence that answers.

Knows the answer prompt, and how evidence is picked: by cosine of sentence embeddings. Must not know the model.

Shapes: S sentences, Q questions, E embedding size.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.training import tokenizer
from app.training.embeddings import Embedded
from app.training.grammar import encode
from app.training.mixture import Example

REFUSAL = "The documents do not answer this."
EVIDENCE_SENTENCES = 8
DISTRACTORS = 3
UNANSWERABLE_SHARE = 0.3
"""Questions whose passage is left out; a few more lose their sentence because it is not among the eight best. That is
more often than users meet them, because a refusal is the rarest thing to learn; the refusal bias sets it right."""

_FAR_SHARE = 0.5
"""Of those, questions that only get passages of other articles: what a confidence of 0 to 3 means."""

_SHORT_SHARE = 0.6
"""Training rows with less evidence, cut to the best few: more decisions in the same number of tokens."""

_DECISION_WEIGHT = 2.5
_COPY_WEIGHT = 0.4


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence of a prompt: its text, the number of its passage, its cosine to the question."""

    text: str
    number: int
    similarity: float

    @property
    def bucket(self) -> int:
        """The retriever's confidence as the prompt shows it, 0 to 9."""
        return min(9, max(0, int(10 * self.similarity)))


@dataclass(frozen=True, slots=True)
class Item:
    """A question over a few passages, each a list of sentences.

    `gold_passage` is None if the answer's passage was left out; `gold` is None also if its sentence is no evidence.
    """

    question: str
    answers: tuple[str, ...]
    passages: tuple[tuple[str, ...], ...]
    evidence: tuple[Evidence, ...]
    gold_passage: int | None
    gold: Evidence | None


@dataclass(slots=True)
class AnswerItems:
    """Endless items over embedded articles; distractors are drawn anew each time."""

    embedded: Embedded
    bpe: Tokenizer
    _ids: dict[str, list[int]] = field(default_factory=dict)

    def draw(self, rng: random.Random) -> Example:
        """One training row."""
        item = self.item(rng, fewest=2 if rng.random() < _SHORT_SHARE else EVIDENCE_SENTENCES)
        prompt = self.prompt(item.question, item.evidence)
        if item.gold is None:
            output = [*self._encode(REFUSAL), tokenizer.EOS]
            weights = [_DECISION_WEIGHT] + [_COPY_WEIGHT] * (len(output) - 1)
        else:
            output = [*self._encode(f"[{item.gold.number}] {item.gold.text}"), tokenizer.EOS]
            weights = [_DECISION_WEIGHT] * min(6, len(output)) + [_COPY_WEIGHT] * max(0, len(output) - 6)
        return Example(task="answer", prompt=prompt, output=output, weights=weights)

    def prompt(self, question: str, evidence: tuple[Evidence, ...]) -> list[int]:
        """The prompt's token ids."""
        ids = [tokenizer.QUESTION, *self._encode(question)]
        for e in evidence:
            ids += [tokenizer.EVIDENCE, tokenizer.SCORE_0 + e.bucket, *self._encode(f"[{e.number}] {e.text}")]
        return [*ids, tokenizer.ANSWER]

    def item(self, rng: random.Random, *, unanswerable: bool | None = None, fewest: int = EVIDENCE_SENTENCES) -> Item:
        """One question with its passages in random order and `fewest` to eight evidence sentences.

        `unanswerable` None: by UNANSWERABLE_SHARE, and some of those over passages of other articles.
        """
        while True:
            left_out = rng.random() < UNANSWERABLE_SHARE if unanswerable is None else unanswerable
            far = unanswerable is None and left_out and rng.random() < _FAR_SHARE
            best = rng.randint(fewest, EVIDENCE_SENTENCES) if fewest < EVIDENCE_SENTENCES else EVIDENCE_SENTENCES
            index = rng.randrange(len(self.embedded.questions))
            item = self._try_item(index, rng, left_out=left_out, far=far, best=best)
            if item is not None:
                return item

    def _try_item(self, index: int, rng: random.Random, *, left_out: bool, far: bool, best: int) -> Item | None:
        """None if the gold sentence fell out of the evidence and another one seems to hold the answer."""
        emb, question = self.embedded, self.embedded.questions[index]
        others = self._distractors(index, rng, DISTRACTORS + left_out, far=far)
        chosen = others if left_out else [question.passage, *others]
        rng.shuffle(chosen)
        rows = [row for p in chosen for row in emb.rows_of(p)]
        cosine_S = emb.sentence_SE[rows] @ emb.question_QE[index]
        ranked = rank(cosine_S)[:best]
        owners = {row: p for p in chosen for row in emb.rows_of(p)}
        evidence = number_evidence([(emb.sentences[rows[i]], owners[rows[i]], float(cosine_S[i])) for i in ranked])
        picked = [rows[i] for i in ranked]
        gold = evidence[picked.index(question.sentence)] if question.sentence in picked else None
        if gold is None and any(a in e.text for a in question.answers for e in evidence):
            return None
        return Item(
            question=question.text,
            answers=question.answers,
            passages=tuple(tuple(emb.sentences[r] for r in emb.rows_of(p)) for p in chosen),
            evidence=evidence,
            gold_passage=None if left_out else chosen.index(question.passage),
            gold=gold,
        )

    def _distractors(self, index: int, rng: random.Random, count: int, *, far: bool) -> list[int]:
        """Other passages, mostly of the same article; half of the time the likeliest ones, as a retriever would."""
        emb, question = self.embedded, self.embedded.questions[index]
        same = [] if far else [p for p in emb.articles[emb.article_of[question.passage]] if p != question.passage]
        drawn = rng.sample(same, min(len(same), 8))
        if rng.random() < 0.5:
            drawn.sort(key=lambda p: -float((emb.sentence_SE[emb.rows_of(p)] @ emb.question_QE[index]).max()))
        drawn = drawn[: count if rng.random() < 0.7 else max(1, count - 1)]
        while len(drawn) < min(count, len(emb.article_of) - 1):
            other = rng.randrange(len(emb.article_of))
            if other != question.passage and other not in drawn:
                drawn.append(other)
        return drawn

    def _encode(self, text: str) -> list[int]:
        if text not in self._ids:
            self._ids[text] = encode(self.bpe, " " + text)
        return self._ids[text]


def rank(cosine_S: NDArray[np.float32]) -> list[int]:
    """Indexes of the best EVIDENCE_SENTENCES, best first; equal ones in document order."""
    return [int(i) for i in np.argsort(-cosine_S, kind="stable")[:EVIDENCE_SENTENCES]]


def number_evidence(ranked: list[tuple[str, int, float]]) -> tuple[Evidence, ...]:
    """(sentence, passage, cosine), best first -> evidence; passages are numbered by first appearance."""
    numbers: dict[int, int] = {}
    return tuple(
        Evidence(text=text, number=numbers.setdefault(passage, len(numbers) + 1), similarity=cosine)
        for text, passage, cosine in ranked
    )
