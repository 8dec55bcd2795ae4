"""Sentences with errors and, for each of their words, the edit that undoes the error: what the edit tagger learns from.

The written and the corrected sentence are aligned word by word: equal words, then the cheapest pairs in between. Knows
prose, words and tags. Must not know the network.

Shapes: B sentences, N pieces, W words, F features.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.likely_edits import encoder
from app.likely_edits.tables import Tables
from app.likely_edits.tagger import EMBEDDED, MEANT
from app.likely_edits.tags import AT, BEFORE, CASE, COMPLETE, KEEP, tag_of
from app.likely_edits.words import Word, features_of, letters_alike, names_of, words_of
from app.training.corruption.learner_errors import LearnerErrors
from app.training.corruption.present_tense import PresentTense

Pair = tuple[int | None, int | None]
"""Indices of a written and of a corrected word; None where there is no such word."""
Alike = Callable[[str, str], bool]

_GAP, _ALIKE, _UNLIKE = 1.0, 0.5, 1.4


def aligned(old: Sequence[str], new: Sequence[str], alike: Alike) -> list[Pair]:
    """Pairs in order: equal words, and between them the cheapest pairs, alike words before others."""
    pairs: list[Pair] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal" or j - i == m - k == 1:
            pairs += zip(range(i, j), range(k, m), strict=True)
        elif kind == "replace":
            pairs += _cheapest(old[i:j], new[k:m], i, k, alike)
        else:
            pairs += [(at, None) for at in range(i, j)] + [(None, at) for at in range(k, m)]
    return pairs


def _cheapest(old: Sequence[str], new: Sequence[str], i: int, k: int, alike: Alike) -> list[Pair]:
    """The cheapest pairs by dynamic programming (Levenshtein 1966); `i` and `k` are the indices of the first words."""
    best: list[list[tuple[float, list[Pair]]]] = [[(0.0, [])]]
    for row in range(len(old) + 1):
        if row:
            best.append([])
        for column in range(len(new) + 1):
            ways: list[tuple[float, list[Pair], Pair]] = []
            if row and column:
                cost, pairs = best[row - 1][column - 1]
                step = _ALIKE if alike(old[row - 1], new[column - 1]) else _UNLIKE
                ways.append((cost + step, pairs, (i + row - 1, k + column - 1)))
            if row:
                cost, pairs = best[row - 1][column]
                ways.append((cost + _GAP, pairs, (i + row - 1, None)))
            if column:
                cost, pairs = best[row][column - 1]
                ways.append((cost + _GAP, pairs, (None, k + column - 1)))
            if ways:
                cost, pairs, last = min(ways, key=lambda way: way[0])
                best[row].append((cost, [*pairs, last]))
    return best[-1][-1][1]


NO_WORD = -1
_IN_PRESENT = 0.4
"""The share of sentences that are put into the present, where that is easy."""
_POOL = 32
"""Batches that are drawn at once and cut by length."""


@dataclass(frozen=True, slots=True)
class Undone:
    """One sentence: for each word, and for the end, its features, the tag of what to insert before it, the tag of its
    own edit (indices in BEFORE and AT), and the word that was meant, or NO_WORD.
    """

    words: tuple[str, ...]
    features_WF: NDArray[np.int32]
    before_W: tuple[int, ...]
    at_W: tuple[int, ...]
    meant_W: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sentences of similar length."""

    pieces: encoder.Pieces
    features_WF: torch.Tensor
    before_W: torch.Tensor
    at_W: torch.Tensor
    meant_W: torch.Tensor


class Undoing:
    """Corrupts sentences and labels their words with the edits that undo it."""

    def __init__(self, errors: LearnerErrors, tables: Tables) -> None:
        self._errors = errors
        self._present = PresentTense(errors.forms)
        self._tables = tables
        self._names = {name: at for at, name in enumerate(names_of(tables.vocabulary, EMBEDDED))}

    def example(self, sentence: str, rng: random.Random) -> Undone:
        """The sentence with errors, or as it is."""
        right, wrong = (self._present.pair(sentence, rng) if rng.random() < _IN_PRESENT else None) or (sentence,) * 2
        old, new = words_of(self._errors.corrupt(wrong, rng)), words_of(right)
        features_WF = features_of(old, self._names, self._tables.vocabulary)
        return Undone(tuple(word.text for word in old), features_WF, *self.labels(old, new))

    def labels(
        self, old: Sequence[Word], new: Sequence[Word]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """What to insert before each old word, its own edit, and the word that was meant.

        Of several words inserted at one position the first counts.
        """
        vocabulary, families = self._tables.vocabulary, self._tables.families
        before, own = [_COMPLETE] * (len(old) + 1), [_KEEP] * (len(old) + 1)
        meant = [NO_WORD] * (len(old) + 1)
        following = 0
        for i, j in aligned([word.lower for word in old], [word.lower for word in new], self._alike):
            tag = tag_of(None if i is None else old[i].text, None if j is None else new[j].text, families, vocabulary)
            if i is None:
                if before[following] == _COMPLETE:
                    before[following] = _BEFORE[tag]
                continue
            following, own[i] = i + 1, _AT[tag]
            if j is not None and tag not in (KEEP, CASE):
                rank = vocabulary.get(new[j].lower, MEANT)
                meant[i] = rank if rank < MEANT else NO_WORD
        return tuple(before), tuple(own), tuple(meant)

    def _alike(self, old: str, new: str) -> bool:
        return new in self._tables.families.get(old, ()) or letters_alike(old, new)


class Batches(torch.utils.data.IterableDataset[Batch]):
    """`count` batches of `size` sentences; the same for the same seed."""

    def __init__(
        self, sources: Sequence[tuple[float, Sequence[str]]], undoing: Undoing, *, seed: int, count: int, size: int
    ) -> None:
        self._sources = sources
        self._undoing = undoing
        self._seed, self._count, self._size = seed, count, size

    def __iter__(self) -> Iterator[Batch]:
        rng, tokenizer = random.Random(self._seed), encoder.piece_tokenizer()
        sources, weights = [texts for _, texts in self._sources], [weight for weight, _ in self._sources]
        for start in range(0, self._count, _POOL):
            drawn = (rng.choice(rng.choices(sources, weights)[0]) for _ in range(_POOL * self._size))
            pool = sorted(
                (self._undoing.example(sentence, rng) for sentence in drawn), key=lambda example: len(example.words)
            )
            cut = [pool[at : at + self._size] for at in range(0, len(pool), self._size)]
            rng.shuffle(cut)
            yield from (batch_of(examples, tokenizer) for examples in cut[: self._count - start])


def batch_of(examples: Sequence[Undone], tokenizer: Tokenizer) -> Batch:
    """The examples as arrays; ``tokenizer`` is the encoder's."""

    def joined(rows: Iterator[tuple[int, ...]]) -> torch.Tensor:
        return torch.tensor([index for row in rows for index in row])

    return Batch(
        encoder.pieces_of([example.words for example in examples], tokenizer),
        torch.from_numpy(np.concatenate([example.features_WF for example in examples])),
        joined(example.before_W for example in examples),
        joined(example.at_W for example in examples),
        joined(example.meant_W for example in examples),
    )


_BEFORE = {tag: at for at, tag in enumerate(BEFORE)}
_AT = {tag: at for at, tag in enumerate(AT)}
_COMPLETE, _KEEP = _BEFORE[COMPLETE], _AT[KEEP]
