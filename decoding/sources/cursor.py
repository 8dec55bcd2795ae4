"""Cursor: where copying goes on in a text that the output rewrites from beginning to end (grammar correction).

The edit row knows how far the output has come in its source, after a changed, added or dropped word too; the main
chain copies from there, side branches skip a token or repeat one. Beyond SAD (Sun et al. 2021), which waits for a
unique n-gram after each edit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decoding.editrow import EditRow, first_row, next_row
from decoding.interfaces import NO_ORIGIN, Commit, Draft, Origin, OriginKind, Reference, Request

_COPY = 0.93
_AFTER_EDIT = 0.72
_CONFIDENT_AFTER = 3
# Side branches by their offset to the cursor: (offset, chance of its first token, length).
_SIDES = ((1, 0.10, 6), (-1, 0.06, 6), (2, 0.04, 4))


class Cursor:
    """Drafts the rest of the reference that has ``cursor`` set; silent without one."""

    def __init__(self) -> None:
        self._reference = Reference(())
        self._index = 0
        self._source_S: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._row: EditRow = first_row(self._source_S)
        self._seen = 0
        self._run = 0
        self._ends: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """``cursor``."""
        return "cursor"

    def start(self, request: Request) -> None:
        """Find the text that the output rewrites."""
        self.finish()
        for index, reference in enumerate(request.references):
            if reference.cursor:
                self._reference, self._index = reference, index
                self._ends = tuple(sorted(request.eos_ids))[:1]
                self._run = _CONFIDENT_AFTER
        self._source_S = np.asarray(self._reference.ids, dtype=np.int64)
        self._row = first_row(self._source_S)

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The rest of the source and the end token, then short branches one or two tokens beside it."""
        if not self._reference.ids:
            return []
        for token in tokens[self._seen :]:
            self._advance(token)
        self._seen = len(tokens)
        first = _COPY if self._run >= _CONFIDENT_AFTER else _AFTER_EDIT
        drafts = [self._chain(self._row.cursor, first, limit)]
        for offset, chance, length in _SIDES:
            start = self._row.cursor + offset
            if 0 <= start <= len(self._reference.ids):
                drafts.append(self._chain(start, chance, min(limit, length)))
        return [draft for draft in drafts if draft.tokens]

    def observe(self, commit: Commit) -> None:
        """The output is taken up by the next ``propose``."""

    def finish(self) -> None:
        """Forget the session."""
        self._reference, self._seen, self._run, self._ends = Reference(()), 0, 0, ()

    def _advance(self, token: int) -> None:
        before = self._row
        self._row = next_row(before, self._source_S, token)
        copied = self._row.cursor == before.cursor + 1 and self._source_S[before.cursor] == token
        self._run = self._run + 1 if copied else 0

    def _chain(self, start: int, first: float, limit: int) -> Draft:
        ids = (self._reference.ids[start:] + self._ends)[:limit]
        origins = tuple(
            Origin(OriginKind.REFERENCE, self._index, start + step) if start + step < self._source_S.size else NO_ORIGIN
            for step in range(len(ids))
        )
        return Draft(ids, (first, *([_COPY] * (len(ids) - 1)))[: len(ids)], origins)
