"""GLEU for corrections: n-grams shared with a reference, less those of the source that should have been corrected.

C. Napoles, K. Sakaguchi, M. Post, J. Tetreault: Ground Truth for Grammatical Error Correction Metrics, ACL 2015, with
the change of "GLEU Without Tuning" (2016): no weight to tune. For candidate C, source S, reference R and n = 1..4

    p_n = max(0, |C and R| - |C and (S without R)|) / (number of n-grams in C)

where "and" takes the smaller count of each n-gram and "without" drops every n-gram that R holds at all. Counts and
lengths are summed over the corpus; the score is the brevity penalty times the geometric mean of the four p_n.

Several references: the published script draws one at random for each sentence, 500 times, and averages. Here
run r takes reference r of each sentence (modulo how many it has), as many runs as the most references there
are, averaged: the same expectation of every count, without randomness.

Shapes: S sentences, R runs, C counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ORDER = 4
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_DOUBLED = re.compile(r"``|''")
_TOKEN = re.compile(
    r"can(?=not\b)|not\b"
    r"|\w+?(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b"  # do n't, it 's: parted, as the field's sets have them
    r"|\d+(?:[.,]\d+)*|\w+(?:-\w+)*|\.{2,}|[^\w\s]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A sentence, its correction by the system (the candidate), and at least one correction by people."""

    source: str
    candidate: str
    references: tuple[str, ...]


def tokens_of(text: str) -> list[str]:
    """Words and marks. Text that came tokenized and the same text as people write it give the same tokens."""
    return _TOKEN.findall(_DOUBLED.sub('"', text.translate(_QUOTES)))


def corpus_gleu(sentences: Sequence[Corrected]) -> float:
    """GLEU of the whole set, 0 to 100. Raises ``ValueError`` without sentences or without references."""
    return float(gleu_of(counts(sentences).sum(0)))


def counts(sentences: Sequence[Corrected]) -> NDArray[np.float64]:
    """(S, R, C) what each sentence counts in each run: the candidate's tokens, the reference's, and for each n the
    n-grams that count and the n-grams there are. Raises ``ValueError`` as ``corpus_gleu`` does.
    """
    if not sentences or not all(sentence.references for sentence in sentences):
        raise ValueError("GLEU needs sentences with at least one reference each")
    runs = max(len(sentence.references) for sentence in sentences)
    tokenized = [_Tokenized.of(sentence) for sentence in sentences]
    return np.array([[sentence.counts(run) for run in range(runs)] for sentence in tokenized], dtype=np.float64)


def gleu_of(sums_RC: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...) GLEU, 0 to 100, from summed counts (..., R, C); a run is 0 where no n-gram of some n counts."""
    candidate, reference = sums_RC[..., 0], sums_RC[..., 1]
    matched, possible = sums_RC[..., 2 : 2 + _ORDER], sums_RC[..., 2 + _ORDER :]
    scores = (matched > 0).all(-1)
    precision = np.log(np.where(matched > 0, matched, 1) / np.where(matched > 0, possible, 1)).mean(-1)
    brevity = np.minimum(0.0, 1.0 - reference / np.where(scores, candidate, 1))
    return np.asarray(100.0 * np.where(scores, np.exp(brevity + precision), 0.0).mean(-1))


@dataclass(frozen=True, slots=True)
class _Tokenized:
    source: list[str]
    candidate: list[str]
    references: tuple[list[str], ...]

    @classmethod
    def of(cls, sentence: Corrected) -> _Tokenized:
        references = tuple(tokens_of(reference) for reference in sentence.references)
        return cls(tokens_of(sentence.source), tokens_of(sentence.candidate), references)

    def counts(self, run: int) -> tuple[int, ...]:
        reference = self.references[run % len(self.references)]
        return (
            len(self.candidate),
            len(reference),
            *(_matched(self.source, self.candidate, reference, n) for n in range(1, _ORDER + 1)),
            *(max(len(self.candidate) + 1 - n, 0) for n in range(1, _ORDER + 1)),
        )


def _matched(source: Sequence[str], candidate: Sequence[str], reference: Sequence[str], n: int) -> int:
    """N-grams shared with the reference less those shared with the source alone, at least 0."""
    in_candidate, in_reference = _ngrams(candidate, n), _ngrams(reference, n)
    wrong = Counter({ngram: count for ngram, count in _ngrams(source, n).items() if ngram not in in_reference})
    return max((in_candidate & in_reference).total() - (in_candidate & wrong).total(), 0)


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) + 1 - n))
