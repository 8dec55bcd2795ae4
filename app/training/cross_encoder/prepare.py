"""Makes the pairs that the cross-encoder learns from.

    python -m app.training.cross_encoder.prepare --data FOLDER --cache FOLDER --scorer FILE --out FILE

Data and cache as in ``app.training.relevance.train``; the scorer is what that made, and chooses what is hard to tell
apart. C candidates.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.training.cross_encoder.pairs import PairList, pair_list, write_pairs, written_pairs
from app.training.relevance.lists import Judged, ListKind, drawn
from app.training.relevance.train import Recipe, training_material
from retrieval.evidence.relevance import LearnedRelevance

_PAIRS: Final = 5
_SHARES: Final[dict[ListKind, float]] = {"table": 0.3, "no row": 0.3}
"""Tables of chance are much alike: so many of them are enough."""


def _made(args: argparse.Namespace, rng: random.Random) -> Iterator[PairList]:
    # Everything else in training runs without the library.
    from app.config.settings import Settings
    from app.training.relevance.written import WRITTEN, written_lists

    scorer, material = LearnedRelevance.read(args.scorer), training_material(args.data, args.cache)
    for one in drawn(material.train, material.vectors, random.Random(Recipe().seed), most=args.questions):
        if rng.random() < _SHARES.get(one.kind, 1):
            yield pair_list(one, scorer.first_stage(one.question, one.candidates)[0], _PAIRS, rng)
    written: defaultdict[str, list[tuple[Judged, NDArray[np.float32]]]] = defaultdict(list)
    for found in written_lists(WRITTEN, Settings.load()):
        own = found.judged
        scores_C, _ = scorer.first_stage(own.question, own.candidates, own.passages)
        written[found.name].append((own, scores_C))
    for name in sorted(written):
        if (pairs := written_pairs(written[name], _PAIRS, rng)) is not None:
            yield pairs


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the lists that the cross-encoder learns from."""
    parser = argparse.ArgumentParser(description="Make the pairs that the cross-encoder learns from.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked training data")
    parser.add_argument("--cache", type=Path, required=True, help="folder for vectors and word counts")
    parser.add_argument("--scorer", type=Path, required=True, help="the scorer that chooses what is hard to tell apart")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--questions", type=int, default=8500, help="how many of the data are drawn at most")
    args = parser.parse_args(arguments)
    rng = random.Random(Recipe().seed)
    made = list(_made(args, rng))
    rng.shuffle(made)
    write_pairs(made, args.out)
    print(f"{len(made)} lists, {sum(len(one.units) for one in made)} pairs: {args.out}")


if __name__ == "__main__":
    main()
