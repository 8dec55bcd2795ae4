"""Lists of pairs: a question with its answer and the units that the first stage takes for it most.

Kept as JSON, a list a line. Knows judged lists and scores of the first stage; not the network. C candidates.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    return _shuffled([(_pair(judged, each), float(each in gold)) for each in chosen], rng)


def written_pairs(
    lists: Sequence[tuple[Judged, NDArray[np.float32]]], size: int, rng: random.Random, *, taken_away: float = 0.12
) -> PairList | None:
    """Of one written question, by its lists and the scores of the first stage, the nearest document's first.

    At most two units that answer, then those that the first stage takes for an answer most, one of them from the second
    list. From a share of the questions what answers is taken away, so that the nearest is learned to be none.
    """
    (judged, scores_C), *others = lists
    order = [int(each) for each in np.argsort(-scores_C)]
    gold = [each for each in order if judged.right[each]][:2]
    wrong = [_pair(judged, each) for each in order if not judged.right[each]]
    known = {one.text for one in judged.candidates}
    far = [
        _pair(other, int(each))
        for other, own_C in others
        for each in np.argsort(-own_C)
        if not other.right[each] and other.candidates[each].text not in known
    ]
    if gold and rng.random() < taken_away:
        gold = []
    room = size - len(gold)
    chosen = [*wrong[: room - bool(far)], *far[:1]]
    chosen += [*far[1:], *wrong[room - 1 :]][: room - len(chosen)]
    pairs = [(_pair(judged, each), 1 / len(gold)) for each in gold] + [(one, 0.0) for one in chosen]
    return _shuffled(pairs, rng) if pairs else None


def _shuffled(pairs: list[tuple[Pair, float]], rng: random.Random) -> PairList:
    rng.shuffle(pairs)
    return PairList(tuple(pair for pair, _ in pairs), tuple(share for _, share in pairs))


def _pair(judged: Judged, number: int) -> Pair:
    candidate = judged.candidates[number]
    return Pair(judged.question, candidate.lead, candidate.text)


def write_pairs(lists: Iterable[PairList], file: Path) -> None:
    """Write them, a list a line. Raises OSError."""
    lines = (
        {"pairs": [[pair.question, pair.lead, pair.text] for pair in one.pairs], "share": one.share} for one in lists
    )
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def read_pairs(file: Path) -> list[PairList]:
    """What ``write_pairs`` wrote. Raises OSError, ValueError, LookupError."""
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return [PairList(tuple(Pair(*one) for one in line["pairs"]), tuple(line["share"])) for line in lines]
