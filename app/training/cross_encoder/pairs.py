"""Lists of pairs: a question with its answer and the units that the first stage takes for it most.

Kept as JSON, a list a line. Knows judged lists and scores of the first stage; not the network. C candidates.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.training.relevance.lists import Judged

Unit: TypeAlias = tuple[str, str]
"""What leads to a unit, and its text."""


@dataclass(frozen=True, slots=True)
class PairList:
    """Pairs of one question with units; ``share``: how much of the answer each is, all 0 where nothing answers."""

    question: str
    units: tuple[Unit, ...]
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
    return _shuffled(judged.question, [(_unit(judged, each), float(each in gold)) for each in chosen], rng)


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
    wrong = [_unit(judged, each) for each in order if not judged.right[each]]
    known = {one.text for one in judged.candidates}
    far = [
        _unit(other, int(each))
        for other, own_C in others
        for each in np.argsort(-own_C)
        if not other.right[each] and other.candidates[each].text not in known
    ]
    if gold and rng.random() < taken_away:
        gold = []
    room = size - len(gold)
    chosen = [*wrong[: room - bool(far)], *far[:1]]
    chosen += [*far[1:], *wrong[room - 1 :]][: room - len(chosen)]
    units = [(_unit(judged, each), 1 / len(gold)) for each in gold] + [(one, 0.0) for one in chosen]
    return _shuffled(judged.question, units, rng) if units else None


def _shuffled(question: str, units: list[tuple[Unit, float]], rng: random.Random) -> PairList:
    rng.shuffle(units)
    return PairList(question, tuple(unit for unit, _ in units), tuple(share for _, share in units))


def _unit(judged: Judged, number: int) -> Unit:
    candidate = judged.candidates[number]
    return candidate.lead, candidate.text


def write_pairs(lists: Iterable[PairList], file: Path) -> None:
    """Write them, a list a line. Raises OSError."""
    file.write_text("".join(json.dumps(asdict(one)) + "\n" for one in lists), encoding="utf-8")


def read_pairs(file: Path) -> list[PairList]:
    """What ``write_pairs`` wrote. Raises OSError, ValueError, LookupError."""
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return [
        PairList(line["question"], tuple((lead, text) for lead, text in line["units"]), tuple(line["share"]))
        for line in lines
    ]
