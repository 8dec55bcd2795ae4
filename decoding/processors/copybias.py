"""Copy bias: a bonus on the token that copying the source would write next; how conservative a correction is.

The place in the source is that of the edit row (see ``editrow.py``): after an insertion, a deletion or a changed
word the expected token is again the one that follows in the source. S source tokens, V vocabulary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.editrow import EditRow, first_row, next_row


class CopyBias:
    """Adds ``bonus`` nats to the next source token; behind the last one, to ``end`` (the end token)."""

    def __init__(self, source: tuple[int, ...], *, bonus: float, end: int) -> None:
        self._source_S = np.asarray(source, dtype=np.int64)
        self._expected = (*source, end)
        self._bonus = bonus

    def start(self) -> EditRow:
        """Nothing written."""
        return first_row(self._source_S)

    def advance(self, state: object, token: int) -> EditRow:
        """One more output token."""
        assert isinstance(state, EditRow)
        return next_row(state, self._source_S, token)

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Add the bonus in place."""
        assert isinstance(state, EditRow)
        logits_V[self._expected[state.cursor]] += self._bonus
