"""Lists of pairs as tokens: a question with its answer and the units that the first stage takes for it most.

Knows judged lists, first-stage scores and the reader's form; not the network. L lists, R pairs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.training.relevance.lists import Judged


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a unit with its leads."""

    question: str
    lead: str
    text: str


@dataclass(frozen=True, slots=True)
class PairList:
    """Pairs of one question; ``share``: how much of the answer each is, all 0 where nothing answers."""

    pairs: tuple[Pair, ...]
    share: tuple[float, ...]
    first: tuple[float, ...]
    """Scores of the first stage."""


def pair_list(judged: Judged, scores_C: NDArray[np.float32], size: int, rng: random.Random) -> PairList:
    """The annotated answer, with the units that the first stage scores highest, and one of chance.

    What has the answer's words but is not what was annotated may answer or not, and is left out.
    """
    order = [int(each) for each in np.argsort(-scores_C)]
    gold = [each for each in order if judged.gold[each] and judged.right[each]][:1]
    if not gold:
        gold = [each for each in order if judged.right[each]][:1]
    wrong = [each for each in order if not judged.right[each]]
    room = size - len(gold)
    chosen = gold + wrong[: room - 1]
    if rest := wrong[room - 1 :]:
        chosen.append(rng.choice(rest))
    rng.shuffle(chosen)
    return PairList(
        pairs=tuple(_pair(judged, each) for each in chosen),
        share=tuple(float(each in gold) for each in chosen),
        first=tuple(float(scores_C[each]) for each in chosen),
    )


def _pair(judged: Judged, number: int) -> Pair:
    candidate = judged.candidates[number]
    return Pair(judged.question, candidate.lead, candidate.text)


def pair_lists(
    judged: Sequence[Judged], scores: Sequence[NDArray[np.float32]], size: int, rng: random.Random
) -> list[PairList]:
    """One for each list."""
    return [pair_list(one, own, size, rng) for one, own in zip(judged, scores, strict=True)]
