"""Words that may stand for one another, by the encoder: what a paraphrase says where a text says something else.

Knows words and their vectors. W words, E embedding size.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.training.relevance.vectors import Vectors
from retrieval.evidence.meanings import Meanings
from retrieval.evidence.relevance_features import Lexicon, stem

_WORD = re.compile(r"(?<![\w'’-])[a-z]{4,}(?![\w'’-])")
_OFTEN = 40
_NEAREST = 4
_LEAST_COSINE = 0.62
_SAME_BEGINNING = 4
_A_BLOCK = 1024
_DIMENSION = 64


def common_words(sentences: Iterable[str], rarity: Lexicon) -> list[str]:
    """Ordinary words in small letters that are often written."""
    counts = Counter(word for sentence in sentences for word in _WORD.findall(sentence))
    return sorted(word for word, count in counts.items() if count >= _OFTEN and rarity.is_ordinary(stem(word)))


def synonyms(words: Sequence[str], vectors: Vectors) -> dict[str, list[str]]:
    """The nearest words of each that begin otherwise; words that have none are left out."""
    vectors.add(words)
    vectors_WE = vectors.of(words)
    near: dict[str, list[str]] = {}
    for start in range(0, len(words), _A_BLOCK):
        cosine_WW: NDArray[np.float32] = vectors_WE[start : start + _A_BLOCK] @ vectors_WE.T
        nearest_WK = np.argsort(-cosine_WW, axis=1)[:, : 4 * _NEAREST]
        for row, (word, nearest_K) in enumerate(zip(words[start:], nearest_WK, strict=False)):
            others = [
                words[other]
                for other in nearest_K.tolist()
                if cosine_WW[row, other] >= _LEAST_COSINE and words[other][:_SAME_BEGINNING] != word[:_SAME_BEGINNING]
            ]
            if others:
                near[word] = others[:_NEAREST]
    return near


def meanings(words: Sequence[str], vectors: Vectors) -> Meanings:
    """What serving knows of the meanings of these words, by their stems."""
    vectors.add(words)
    of_stem: dict[str, list[int]] = {}
    for row, word in enumerate(words):
        of_stem.setdefault(stem(word), []).append(row)
    vectors_WE = vectors.of(words)
    means_VE = np.array([vectors_WE[rows].mean(axis=0) for rows in of_stem.values()], np.float32)
    return Meanings.of(list(of_stem), means_VE, dimension=_DIMENSION)


def reworded(question: str, near: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """The question with most of its ordinary words replaced, as far as they have synonyms."""
    return _WORD.sub(lambda match: _other(match[0], near, rng), question)


def _other(word: str, near: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    others = near.get(word)
    return rng.choice(others) if others and rng.random() < 0.6 else word
