"""The features of a question and of the sentences that may answer it; the same in training and in serving.

Knows texts and cosines, not vectors, hits or what is made of the features. Plain string work: a few dozen sentences
take about a millisecond. S sentences, F features, Q words of the question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from retrieval.interfaces import UnitKind

BEHIND_BEST = 1
"""The feature that says how much lower than the best a cosine is."""
_WORD = re.compile(r"[^\W\d_]+|\d(?:[\d,.]*\d)?")
_ENDINGS = ("ing", "ed", "es", "s", "ly")
_SHORTEST_STEM = 3
_SMALL_WORDS = frozenset(
    """the a an of in to and was is for on as by with that at from were are be it his her he she they their its this
    which or not had has have but also who whom whose what when where how why did does do many much name type kind
    """.split()
)
_KINDS_OF_QUESTION = (
    r"who|whom", r"whose", r"when|what (?:year|date|day|month)|which year", r"what year|which year", r"where", r"which",
    r"why", r"how", r"how (?:many|much)", r"how (?:long|old|far|tall|high|large|big|fast)", r"what",
    r"(?:what|which) (?:city|country|state|place|area|region|town|river|island|continent)", r"percent|percentage",
    r"named?|called|known as|term", r"(?:type|kind|sort)s?", r"(?:what|which) (?:language|religion)",
    r"(?:what|which) (?:company|organi[sz]ation|group|team|band|person|king|author|president|album|song|book)",
    r"what happen(?:s|ed)|purpose|reason|cause[ds]?", r"other than|besides|along with|not",
)  # fmt: skip
_KINDS_OF_ANSWER = (
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
    r"%|\bpercent\b", r"[$£€]|\b(?:million|billion|dollars?|pounds?|euros?)\b",
    r"\b(?:because|due to|since|so that|in order|caused?|results?|therefore|thus|allows?)\b",
    r"[\"“”]", r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|half|third|hundred|thousand)\b",
    r"\b(?:called|named|known|termed|referred)\b", r"\(", r",[^,]*,", r"\b(?:is|are|was|were) (?:an?|the)\b",
    r"\b(?:years?|months?|days?|hours?|weeks?|centur(?:y|ies))\b", r"\b(?:such as|including|like)\b",
)  # fmt: skip
_PLACE = re.compile(r"\b(?:in|at|near|to|from) [A-Z]")
_STARTS_WITH_PRONOUN = re.compile(r"\W*(?:He|She|It|They|This|These|That|His|Her|Their|Its)\b")
_YEAR = re.compile(r"1\d{3}|20\d\d")
_LIST_LIMIT = 15
_QUESTION_KINDS = tuple(re.compile(rf"\b(?:{pattern})\b") for pattern in _KINDS_OF_QUESTION)
_ANSWER_KINDS = tuple(re.compile(pattern) for pattern in _KINDS_OF_ANSWER)
_BEGINS = re.compile(r"\W*(?:do|does|did|is|are|was|were|can|could|has|have|had)\b")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of text, the number of its passage, and its cosine to the question. Those of a passage come in its order.

    ``lead``: what leads to it (title, headings, a question, a label), one a line, the outermost first;
    ``lead_similarity``: the best cosine of the nearest of them to the question.
    """

    text: str
    passage: int
    similarity: float
    lead: str = ""
    lead_similarity: float = 0.0
    kind: UnitKind = "sentence"


@dataclass(frozen=True, slots=True)
class Rarity:
    """How rare a word is, by its stem: the logarithm of one over the share of sentences that have it."""

    known: Mapping[str, float]
    unknown: float

    def of(self, stem: str) -> float:
        """Nats; words never seen are the rarest."""
        return self.known.get(stem, self.unknown)


def stems(text: str) -> list[str]:
    """The words of a text in small letters without common endings, in order."""
    return [_stem(word) for word in _WORD.findall(text)]


def features(question: str, candidates: Sequence[Candidate], rarity: Rarity) -> NDArray[np.float32]:
    """(S, F): the features of each candidate among the others; those of the question are the same in every row."""
    asked = _Question.of(question, rarity)
    words = [_WORD.findall(candidate.text) for candidate in candidates]
    stemmed = [[_stem(word) for word in words_of_one] for words_of_one in words]
    forms = [
        _form(candidate.text, own_words, own_stems, asked)
        for candidate, own_words, own_stems in zip(candidates, words, stemmed, strict=True)
    ]
    parts = [
        _similarity(candidates),
        _overlap(asked, candidates, stemmed),
        np.array(forms, dtype=np.float32),
        np.broadcast_to(np.array(asked.kinds, np.float32), (len(candidates), len(asked.kinds))),
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Question:
    stems: tuple[str, ...]
    telling: tuple[str, ...]
    rarity_Q: NDArray[np.float32]
    is_name_Q: NDArray[np.bool_]
    kinds: tuple[float, ...]

    @classmethod
    def of(cls, text: str, rarity: Rarity) -> _Question:
        words = _WORD.findall(text)
        stemmed = tuple(_stem(word) for word in words)
        telling = tuple(dict.fromkeys(stem for stem in stemmed if stem not in _SMALL_WORDS)) or stemmed[:1] or ("",)
        names = {own for word, own in zip(words[1:], stemmed[1:], strict=True) if word[0].isupper()}
        small = text.lower()
        kinds = [float(bool(kind.search(small))) for kind in _QUESTION_KINDS]
        return cls(
            stems=stemmed,
            telling=telling,
            rarity_Q=np.array([rarity.of(stem) for stem in telling], np.float32),
            is_name_Q=np.array([stem in names for stem in telling], np.bool_),
            kinds=(*kinds, float(bool(_BEGINS.match(small))), len(telling) / 12),
        )


def _similarity(candidates: Sequence[Candidate]) -> NDArray[np.float32]:
    """By the encoder: the cosine, its rank and distance among the others, and the best of its passage."""
    cosine_S = np.array([candidate.similarity for candidate in candidates], np.float32)
    passage_S = np.array([candidate.passage for candidate in candidates])
    place_S, size_S, best_S = (np.zeros(len(candidates), np.float32) for _ in range(3))
    for passage in dict.fromkeys(passage_S.tolist()):
        own = np.flatnonzero(passage_S == passage)
        place_S[own], size_S[own], best_S[own] = np.arange(len(own)), len(own), cosine_S[own].max()
    order = np.argsort(-cosine_S, kind="stable")
    rank_S = np.empty(len(candidates), np.float32)
    rank_S[order] = np.minimum(np.arange(len(candidates)), _LIST_LIMIT)
    best = cosine_S.max()
    rival_S = np.where(rank_S == 0, cosine_S[order[min(1, len(order) - 1)]], best)
    columns = (
        cosine_S, cosine_S - best, cosine_S - rival_S, rank_S / 8, best_S, best_S - best, np.minimum(place_S, 15) / 10,
        (place_S == 0), np.minimum(size_S, 15) / 10, np.full(len(candidates), np.log(len(candidates)) / 3),
    )  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def _overlap(asked: _Question, candidates: Sequence[Candidate], stemmed: list[list[str]]) -> NDArray[np.float32]:
    """By words: how much of the question the sentence has, its neighbours, and its passage."""
    sets = [set(own) for own in stemmed]
    found_SQ = np.array([[word in own for word in asked.telling] for own in sets], np.bool_)
    passage_S = np.array([candidate.passage for candidate in candidates])
    around_SQ, before_SQ, after_SQ = found_SQ.copy(), np.zeros_like(found_SQ), np.zeros_like(found_SQ)
    for passage in dict.fromkeys(passage_S.tolist()):
        around_SQ[passage_S == passage] = found_SQ[passage_S == passage].any(axis=0)
    same = passage_S[1:] == passage_S[:-1]
    before_SQ[1:][same], after_SQ[:-1][same] = found_SQ[:-1][same], found_SQ[1:][same]
    weight_Q, names_Q = asked.rarity_Q, asked.is_name_Q
    total = max(float(weight_Q.sum()), 1e-3)
    own_S, around_S = found_SQ @ weight_Q, around_SQ @ weight_Q
    pairs = set(pairwise(asked.stems))
    paired_S = [len(pairs.intersection(pairwise(own))) / max(1, len(pairs)) for own in stemmed]
    named = max(1, int(names_Q.sum()))
    missing = 0.5 if not names_Q.any() else 0.0
    columns = (
        own_S / total, own_S / 10, around_S / total, (found_SQ | before_SQ) @ weight_Q / total,
        after_SQ @ weight_Q / total, (own_S - own_S.max()) / total, (around_S - around_S.max()) / total,
        (found_SQ & names_Q).sum(axis=1) / named + missing, (around_SQ & names_Q).sum(axis=1) / named + missing,
        (found_SQ * weight_Q).max(axis=1) / 10, (~found_SQ * weight_Q).max(axis=1) / 10,
        (~around_SQ * weight_Q).max(axis=1) / 10, paired_S, found_SQ[:, 0], found_SQ[:, -1],
    )  # fmt: skip
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _form(text: str, words: list[str], own: list[str], asked: _Question) -> list[float]:
    """By form: what the sentence has that an answer of some kind would have, and the question has not."""
    known, small = set(asked.stems), text.lower()
    is_new = [word[0].isupper() and stem not in known for word, stem in zip(words, own, strict=True)]
    numbers = [word for word, stem in zip(words, own, strict=True) if word[0].isdigit() and stem not in known]
    return [
        min(sum(is_new[1:]), 6) / 6,
        min(sum(first and second for first, second in pairwise(is_new)), 4) / 4,
        min(len(numbers), 4) / 4,
        min(sum(bool(_YEAR.fullmatch(number)) for number in numbers), 3) / 3,
        float(bool(_PLACE.search(text))),
        float(bool(_STARTS_WITH_PRONOUN.match(text))),
        min(len(words), 60) / 60,
        min(len(set(own) - known - _SMALL_WORDS), 30) / 30,
        *(float(bool(kind.search(small))) for kind in _ANSWER_KINDS),
    ]


def _stem(word: str) -> str:
    small = word.casefold()
    for ending in _ENDINGS:
        if small.endswith(ending) and len(small) - len(ending) >= _SHORTEST_STEM:
            return small[: -len(ending)]
    return small
