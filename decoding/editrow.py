"""One row of the Levenshtein table, grown by a token at a time: how far a rewriting has come in its source.

Copy bias prefers what comes next by it; the drafts of a rewriting hold a belief instead (``sources/rewriting.py``).
S source tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class EditRow:
    """``cost_S1[j]``: edits that turn the first j source tokens into the output so far; ``cursor``: the best j."""

    cost_S1: NDArray[np.int32]
    cursor: int


def first_row(source_S: NDArray[np.int64]) -> EditRow:
    """Before any output: nothing of the source is consumed."""
    return EditRow(np.arange(source_S.size + 1, dtype=np.int32), 0)


def next_row(row: EditRow, source_S: NDArray[np.int64], token: int) -> EditRow:
    """After one more output token (Wagner and Fischer 1974, a row at once).

    Of equally cheap places the cursor takes one whose source token is the token just written, else the furthest.
    """
    old_S1 = row.cost_S1
    same_S = source_S == token
    fresh_S1 = old_S1 + 1
    np.minimum(fresh_S1[1:], old_S1[:-1] + ~same_S, out=fresh_S1[1:])
    steps_S1 = np.arange(fresh_S1.size, dtype=np.int32)
    # A deletion moves right at one edit a place: the running minimum of cost minus place, put back.
    cost_S1 = np.minimum.accumulate(fresh_S1 - steps_S1) + steps_S1
    best_J = np.flatnonzero(cost_S1 == cost_S1.min())
    behind_J = best_J[best_J > 0]
    copied_J = behind_J[same_S[behind_J - 1]]
    return EditRow(cost_S1, int(copied_J[-1] if copied_J.size else best_J[-1]))
