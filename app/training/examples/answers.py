"""Answer examples: a question, the eight evidence sentences serving would show, and the sentence that answers.

Knows the answer prompt, and how evidence is ranked: by the scorer of serving. Must not know the model or the encoder.

Shapes: S sentences.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from app.loading.bundled import RELEVANCE
from app.training.data import tokenizer
from app.training.data.candidates import Asked, Candidate, Candidates
from app.training.data.tokenizer import encode
from app.training.examples.mixture import Example
from retrieval.evidence.relevance import LearnedRelevance, Relevance
from retrieval.evidence.relevance_features import Candidate as Judged

REFUSAL = "The documents do not answer this."
EVIDENCE_SENTENCES = 8
DISTRACTORS = 3


@dataclass(frozen=True, slots=True)
class AnswerMix:
    """The mixture of answer rows; shares are of the rows."""

    unanswerable: float = 0.2
    """Questions whose passage is left out; a few more lose their sentence because it is not among the best."""
    far: float = 0.5
    """The share of those that only get passages of other articles, which teaches what a confidence of 0 to 3 means."""
    short: float = 0.6
    """Rows with less evidence, cut to the best few: more decisions in the same number of tokens."""
    decision_weight: float = 2.5
    copy_weight: float = 0.4
    """The weights of the first tokens of an answer, which decide, and of the others, which are copied."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence of a prompt: its text, the number of its passage, its cosine to the question, its log-odds."""

    text: str
    number: int
    similarity: float
    relevance: float

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
    """Endless items over questions with candidates; passages are drawn anew each time."""

    candidates: Candidates
    bpe: Tokenizer
    mix: AnswerMix = field(default_factory=AnswerMix)
    relevance: Relevance = field(default_factory=lambda: LearnedRelevance.read(RELEVANCE))
    _ids: dict[str, list[int]] = field(default_factory=dict)

    def draw(self, rng: random.Random) -> Example:
        """One training row."""
        mix = self.mix
        item = self.item(rng, fewest=2 if rng.random() < mix.short else EVIDENCE_SENTENCES)
        prompt = self.prompt(item.question, item.evidence)
        if item.gold is None:
            output = [*self._encode(REFUSAL), tokenizer.EOS]
            weights = [mix.decision_weight] + [mix.copy_weight] * (len(output) - 1)
        else:
            output = [*self._encode(f"[{item.gold.number}] {item.gold.text}"), tokenizer.EOS]
            weights = [mix.decision_weight] * min(6, len(output)) + [mix.copy_weight] * max(0, len(output) - 6)
        return Example(task="answer", prompt=prompt, output=output, weights=weights)

    def prompt(self, question: str, evidence: tuple[Evidence, ...]) -> list[int]:
        """The prompt's token ids."""
        ids = [tokenizer.QUESTION, *self._encode(question)]
        for e in evidence:
            ids += [tokenizer.EVIDENCE, tokenizer.SCORE_0 + e.bucket, *self._encode(f"[{e.number}] {e.text}")]
        return [*ids, tokenizer.ANSWER]

    def item(self, rng: random.Random, *, unanswerable: bool | None = None, fewest: int = EVIDENCE_SENTENCES) -> Item:
        """One question with its passages in random order and `fewest` to eight evidence sentences.

        `unanswerable` None: by the mixture's share, and some of those over passages of other articles.
        """
        # Decided once: questions that do not fit are drawn anew, and would else shift the share.
        left_out = rng.random() < self.mix.unanswerable if unanswerable is None else unanswerable
        far = unanswerable is None and left_out and rng.random() < self.mix.far
        while True:
            best = rng.randint(fewest, EVIDENCE_SENTENCES) if fewest < EVIDENCE_SENTENCES else EVIDENCE_SENTENCES
            asked = self.candidates.question(rng.randrange(len(self.candidates)))
            item = self._try_item(asked, rng, left_out=left_out, far=far, best=best)
            if item is not None:
                return item

    def _try_item(self, asked: Asked, rng: random.Random, *, left_out: bool, far: bool, best: int) -> Item | None:
        """None if the gold sentence fell out of the evidence and another one seems to hold the answer."""
        others = distractors(asked, rng, DISTRACTORS + left_out, far=far)
        chosen = others if left_out else [asked.own, *others]
        rng.shuffle(chosen)
        rows = [row for c in chosen for row in c.sentences]
        owners = [c.passage for c in chosen for _ in c.sentences]
        cosines = [cosine for c in chosen for cosine in c.cosines]
        texts = self.candidates.sentences
        judged = [Judged(texts[row], owner, cosine) for row, owner, cosine in zip(rows, owners, cosines, strict=True)]
        scores = self.relevance.scores(asked.text, judged)
        ranked = rank(scores)[:best]
        evidence = number_evidence([(judged[i], scores[i]) for i in ranked])
        picked = [rows[i] for i in ranked]
        gold = evidence[picked.index(asked.sentence)] if asked.sentence in picked else None
        if not evidence or (gold is None and any(a in e.text for a in asked.answers for e in evidence)):
            return None
        return Item(
            question=asked.text,
            answers=asked.answers,
            passages=tuple(tuple(texts[r] for r in c.sentences) for c in chosen),
            evidence=evidence,
            gold_passage=None if left_out else chosen.index(asked.own),
            gold=gold,
        )

    def _encode(self, text: str) -> list[int]:
        if text not in self._ids:
            self._ids[text] = encode(self.bpe, " " + text)
        return self._ids[text]


def distractors(asked: Asked, rng: random.Random, count: int, *, far: bool) -> list[Candidate]:
    """Other passages, mostly of the same article; half of the time the likeliest ones, as a retriever would."""
    drawn = [] if far else rng.sample(asked.near, min(len(asked.near), 8))
    if rng.random() < 0.5:
        drawn.sort(key=lambda c: -c.best)
    drawn = drawn[: count if rng.random() < 0.7 else max(min(1, count), count - 1)]
    missing = count - len(drawn)
    return [*drawn, *rng.sample(asked.far, min(missing, len(asked.far)))]


def rank(scores: Sequence[float]) -> list[int]:
    """Indexes of the best EVIDENCE_SENTENCES, best first; equal ones in document order."""
    return sorted(range(len(scores)), key=lambda i: -scores[i])[:EVIDENCE_SENTENCES]


def number_evidence(ranked: Sequence[tuple[Judged, float]]) -> tuple[Evidence, ...]:
    """Sentences with their log-odds, best first -> evidence; passages are numbered by first appearance."""
    numbers: dict[int, int] = {}
    return tuple(
        Evidence(one.text, numbers.setdefault(one.passage, len(numbers) + 1), one.similarity, relevance)
        for one, relevance in ranked
    )
