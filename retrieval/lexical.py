"""Passages by words: BM25 over the terms of ``retrieval.terms``, and over the other forms of a question's words.

Lucene's variant (C. Kamphuis, A. P. de Vries, L. Boytsov, J. Lin: Which BM25 Do You Mean?, ECIR 2020), scored at query
time, because every passage that is added or removed changes the scores of all. A word of which the passages have other
forms, too, counts in two parts: by itself, and as one term with all its forms, of which each counts by its weight. A
question of other words has the scores of plain BM25. Knows rows (integers of the library) and texts, not vectors or
documents. N rows of a segment, P postings, K results.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.language import guess_language, has_english_word, languages_of_words
from retrieval.postings import PostingSegment, fingerprints
from retrieval.segments import LiveSegment, Segments
from retrieval.terms import query_terms, terms
from retrieval.word_forms import WordForms

TERMS: Final = "terms:3"
"""The kind of the index file. What ``retrieval.terms`` gives for a text belongs to it: another number if it changes."""

K1: Final = 1.5  # how soon a repeated word counts no more
B: Final = 0.75  # how much a long passage is discounted
FORMS: Final = 0.6  # the share of a word's score that it has together with its other forms
PART: Final = 0.5  # how much a part of a compound counts against a word of the question

_LOOKED_AT: Final = 8  # passages that tell a name from another word

_Postings: TypeAlias = list[tuple[NDArray[np.int32], NDArray[np.int32] | NDArray[np.float64]]]
_Scores: TypeAlias = list[tuple[NDArray[np.int32], NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class _Sought:
    """A term of a question, its other forms and how much each counts, and how much all of it counts."""

    term: str
    forms: Mapping[str, float]
    weight: float = 1.0


class LexicalIndex:
    """Terms by row. Not thread-safe; its owner holds a lock."""

    def __init__(self, live: Sequence[LiveSegment[PostingSegment]] = ()) -> None:
        self.segments = Segments(live)
        self._lengths = _Lengths.of(())
        self._lengths_of = -1  # the change of ``segments`` after which they were counted

    def __len__(self) -> int:
        return len(self.segments)

    def add(self, rows: Sequence[int], texts: Sequence[str]) -> None:
        """Add passages under new row numbers."""
        assert len(rows) == len(texts), "one row number for each text"
        if rows:
            self.segments.add(PostingSegment.of(rows, [terms(text) for text in texts]))

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many were removed."""
        return self.segments.remove(rows)

    def words(self, texts: Callable[[Sequence[int]], Iterable[str]]) -> IndexedWords:
        """The words of the passages that are here now; ``texts`` gives those of rows."""
        return IndexedWords(self.segments.live, texts)

    def search(self, questions: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        """For each question the at most ``k`` best (row, score > 0), best first, ties by the lower row."""
        if self._lengths_of != self.segments.changes:
            self._lengths, self._lengths_of = _Lengths.of(self.segments.live), self.segments.changes
        if k < 1 or not self._lengths.count:
            return [[] for _ in questions]
        scorer = _Scorer(self.segments.live, self._lengths)
        return [scorer.best(self._sought(question, scorer), k) for question in questions]

    def _sought(self, question: str, scorer: _Scorer) -> list[_Sought]:
        language = guess_language(question)
        if language is None:
            is_english = has_english_word(question)
            forms = WordForms(["English"] if is_english else ["English", *languages_of_words(scorer.share)])
        else:
            forms = WordForms([language])
        vocabularies = [live.segment.vocabulary for live in self.segments.live]
        sought: list[_Sought] = []
        for term in query_terms(question):
            sought.append(_Sought(term, forms.of(term, vocabularies)))
            sought.extend(_Sought(part, forms.of(part, vocabularies), PART) for part in forms.parts(term, vocabularies))
        return sought


class IndexedWords:
    """The words of one state of the index: a ``retrieval.spelling.CorpusWords``. Any thread may use it."""

    def __init__(
        self, live: Sequence[LiveSegment[PostingSegment]], texts: Callable[[Sequence[int]], Iterable[str]]
    ) -> None:
        self._live = live
        self._texts = texts
        self._vocabularies = [one.segment.vocabulary for one in live]
        self._forms = WordForms(["English"])

    def has(self, word: str) -> bool:
        """Whether a passage has the word, or another form of it."""
        return bool(self.frequency(word)) or any(map(self.frequency, self._forms.of(word, self._vocabularies)))

    def frequency(self, word: str) -> int:
        """The number of passages that have the word as it is written here."""
        return sum(int(live.alive_N[places].sum()) for live, places in self._places(word))

    def near(self, word: str, slips: int) -> list[tuple[str, int]]:
        """The words of passages at most ``slips`` away from a key, each with its distance."""
        found = {near: far for vocabulary in self._vocabularies for near, far in vocabulary.near(word, slips)}
        return [(near, far) for near, far in found.items() if self.frequency(near)]

    def is_only_a_name(self, word: str) -> bool:
        """Whether it begins with a capital wherever the first passages that have it write it."""
        rows = np.concatenate(
            [live.segment.rows_N[places[live.alive_N[places]]] for live, places in self._places(word)]
        )
        return not any(re.search(rf"\b{re.escape(word)}\b", text) for text in self._texts(rows[:_LOOKED_AT].tolist()))

    def _places(self, word: str) -> list[tuple[LiveSegment[PostingSegment], NDArray[np.int32]]]:
        (fingerprint,) = fingerprints([word])
        return [(live, live.segment.positions_P[live.segment.postings(fingerprint)]) for live in self._live]


@dataclass(frozen=True, slots=True)
class _Lengths:
    """What BM25 needs of one state of the index, whatever is asked; holds nothing of its passages.

    ``count`` passages, 0 if they have no term; whether all of a segment are alive, and what is added to the count of a
    term below the line for each of its passages (N).
    """

    count: int
    are_whole: tuple[bool, ...]
    discounts: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, live: Sequence[LiveSegment[PostingSegment]]) -> _Lengths:
        count = sum(int(one.alive_N.sum()) for one in live)
        length = sum(int(one.segment.lengths_N[one.alive_N].sum()) for one in live)
        if not length:
            return cls(0, (), ())
        average = length / count
        lengths = [one.segment.lengths_N.astype(np.float64) for one in live]
        discounts = tuple(K1 * ((1 - B) + B * lengths_N / average) for lengths_N in lengths)
        return cls(count, tuple(one.is_whole for one in live), discounts)


class _Scorer:
    """Scores one state of the index."""

    def __init__(self, segments: Sequence[LiveSegment[PostingSegment]], lengths: _Lengths) -> None:
        self.segments = segments
        self._lengths = lengths

    def best(self, query: Sequence[_Sought], k: int) -> list[tuple[int, float]]:
        """The at most ``k`` best (row, score) for the terms of a query; a term that occurs twice counts twice."""
        scores = [np.zeros(len(live.segment.rows_N), dtype=np.float32) for live in self.segments]
        scored: dict[tuple[str, float], list[_Scores]] = {}
        for sought in query:
            key = sought.term, sought.weight
            if key not in scored:
                scored[key] = self._scores_of(sought)
            for part in scored[key]:
                for scores_N, (positions_P, term_scores_P) in zip(scores, part, strict=True):
                    scores_N[positions_P] += term_scores_P
        return _best([live.segment.rows_N for live in self.segments], scores, k)

    def share(self, word: str) -> float:
        """Of the passages, how many have a word."""
        return sum(len(positions_P) for positions_P, _ in self._postings(word)) / self._lengths.count

    def _scores_of(self, sought: _Sought) -> list[_Scores]:
        """What a term adds to the scores: by itself, and with its forms if it has any."""
        own = self._postings(sought.term)
        if not sought.forms:
            return [self._weighed(own, sought.weight)]
        # In one order, so that the sums do not depend on what segments there are.
        others = [(self._postings(form), weight) for form, weight in sorted(sought.forms.items())]
        together = self._together([(own, 1.0), *others])
        if not any(len(positions_P) for positions_P, _ in own):
            return [self._weighed(together, sought.weight)]
        return [self._weighed(own, (1 - FORMS) * sought.weight), self._weighed(together, FORMS * sought.weight)]

    def _postings(self, term: str) -> _Postings:
        """For each segment the positions in ``rows_N`` that have the term, and how often."""
        (fingerprint,) = fingerprints([term])
        postings: _Postings = []
        for live, is_whole in zip(self.segments, self._lengths.are_whole, strict=True):
            span = live.segment.postings(fingerprint)
            positions_P, counts_P = live.segment.positions_P[span], live.segment.counts_P[span]
            if not is_whole:
                alive_P = live.alive_N[positions_P]
                positions_P, counts_P = positions_P[alive_P], counts_P[alive_P]
            postings.append((positions_P, counts_P))
        return postings

    def _together(self, terms: Sequence[tuple[_Postings, float]]) -> _Postings:
        """The postings of several terms as those of one, of which each occurrence counts by the weight of its term."""
        together: _Postings = []
        for at, live in enumerate(self.segments):
            own = [(*postings[at], weight) for postings, weight in terms if len(postings[at][0])]
            if len(own) == 1 and own[0][2] == 1.0:
                together.append(own[0][:2])
                continue
            counts_N = np.zeros(len(live.segment.rows_N))
            has_N = np.zeros(len(live.segment.rows_N), dtype=np.bool_)
            for positions_P, counts_P, weight in own:
                counts_N[positions_P] += weight * counts_P
                has_N[positions_P] = True
            positions_P = np.flatnonzero(has_N).astype(np.int32)
            together.append((positions_P, counts_N[positions_P]))
        return together

    def _weighed(self, postings: _Postings, share: float) -> _Scores:
        """For each segment the same positions, and what the term adds to their scores."""
        frequency = sum(len(positions_P) for positions_P, _ in postings)
        # As float32, so that the sums are those of bm25s to the last bit.
        weight = share * float(np.float32(math.log(1 + (self._lengths.count - frequency + 0.5) / (frequency + 0.5))))
        scores: _Scores = []
        for discount_N, (positions_P, counts_P) in zip(self._lengths.discounts, postings, strict=True):
            scores.append(
                (positions_P, (weight * (counts_P / (discount_N[positions_P] + counts_P))).astype(np.float32))
            )
        return scores


def _best(rows: Sequence[NDArray[np.int64]], scores: Sequence[NDArray[np.float32]], k: int) -> list[tuple[int, float]]:
    all_rows_N, scores_N = np.concatenate(rows), np.concatenate(scores)
    if k < len(scores_N):
        least = float(np.partition(scores_N, -k)[-k])
        candidates = np.flatnonzero((scores_N >= least) & (scores_N > 0))  # more than k if some tie at the cut
    else:
        candidates = np.flatnonzero(scores_N > 0)
    order_K = np.lexsort((all_rows_N[candidates], -scores_N[candidates]))[:k]
    return [(int(all_rows_N[i]), float(scores_N[i])) for i in candidates[order_K]]
