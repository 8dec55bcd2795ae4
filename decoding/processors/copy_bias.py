"""Copy bias: how conservative a correction is, and which changes of the source it is ready to make.

What copying the source would write next gets a bonus; a likely edit of the source gets it too, more or less by its
odds against copying. So the target's choice is weighed with that of whoever guessed the edits (a product of experts,
Hinton 2002). Where no copy and no edit explains the output, a row of the Levenshtein table, grown by a token at a time,
says how far the rewriting has come in its source. S source tokens, J best of them, V vocabulary.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidRequest
from decoding.interfaces import Edit

# No edit is certain; one less likely than this is none.
_MOST, _LEAST = 0.99, 1e-3
# Nats more for going on with an edit that has begun, and with what follows it: half a word helps no one.
_BEGUN = 30.0

EditState: TypeAlias = tuple[int, int | None, int]
"""Source tokens gone through, the number of the edit that has begun or just ended, how many of its tokens are
written."""


@dataclass(frozen=True, slots=True, eq=False)
class CopyState:
    """``row`` says where the source goes on if nothing else does; ``states`` are where copying and edits have led."""

    row: EditRow
    states: tuple[EditState, ...]

    @property
    def cursor(self) -> int:
        """How many source tokens the output has gone through."""
        return self.states[0][0]


class CopyBias:
    """Adds ``bonus`` nats to the next source token; after the last one, to ``end`` (the end token).

    The first token of an edit gets ``bonus + edit_bonus + edit_weight * log(chance / (1 - chance))`` where that is
    above 0: ``edit_bonus`` makes up for a target that is too fond of copying. Once it is written the edit is finished.
    Raises InvalidRequest for an edit of tokens that the source does not have. After an insertion, a deletion or a
    change that no edit foresaw, the position in the source is that of the edit row.
    """

    def __init__(
        self,
        source: tuple[int, ...],
        *,
        bonus: float,
        end: int,
        edits: Sequence[Edit] = (),
        edit_weight: float = 0.0,
        edit_bonus: float = 0.0,
    ) -> None:
        self._source_S = np.asarray(source, dtype=np.int64)
        self._expected = (*source, end)
        self._bonus = bonus
        likely = [edit for edit in edits if edit_weight and edit.chance >= _LEAST]
        self._edits = [_from_first_change(edit, source) for edit in likely]
        self._bonuses = [bonus + edit_bonus + edit_weight * _log_odds(min(edit.chance, _MOST)) for edit in likely]
        self._edits_at: defaultdict[int, list[int]] = defaultdict(list)
        for number, edit in enumerate(self._edits):
            self._edits_at[edit.start].append(number)
        for numbers in self._edits_at.values():
            numbers.sort(key=lambda number: (_inserts(self._edits[number]), -self._edits[number].chance))

    def start(self) -> CopyState:
        """Nothing written."""
        return CopyState(first_row(self._source_S), ((0, None, 0),))

    def advance(self, state: object, token: int) -> CopyState:
        """One more output token."""
        assert isinstance(state, CopyState)
        row = next_row(state.row, self._source_S, token)
        moved: dict[EditState, None] = {}
        for edit_state in state.states:
            # What may be a copy is one, and of several edits it is the likeliest: the first.
            reached = next((to for expected, _, to in self._steps(edit_state) if expected == token), None)
            if reached is not None:
                moved[reached] = None
        return CopyState(row, tuple(moved) or ((row.cursor, None, 0),))

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Add the bonuses in place."""
        assert isinstance(state, CopyState)
        # As long as all may have been copied, no edit has begun.
        begun = _BEGUN if all(edit_state[1] is not None for edit_state in state.states) else 0.0
        bonuses: dict[int, float] = {}
        for edit_state in state.states:
            for token, bonus, _ in self._steps(edit_state):
                bonuses[token] = max(bonus + begun, bonuses.get(token, 0.0))
        for token, bonus in bonuses.items():
            logits_V[token] += bonus

    def _steps(self, edit_state: EditState) -> Iterator[tuple[int, float, EditState]]:
        """What may be written in a state: a token, its bonus, and the state it leads to."""
        consumed, begun, written = edit_state
        if begun is not None and written < len(self._edits[begun].ids):
            yield self._edits[begun].ids[written], self._bonus, self._in_edit(begun, written + 1)
            return
        if consumed >= len(self._expected):
            return
        yield self._expected[consumed], self._bonus, (consumed + 1, None, 0)
        if begun is not None and _inserts(self._edits[begun]):
            return  # Where something was put in, nothing more changes.
        for number in self._edits_at.get(consumed, ()):
            edit = self._edits[number]
            if begun is not None and _inserts(edit):
                continue
            if edit.ids:
                yield edit.ids[0], self._bonuses[number], self._in_edit(number, 1)
            else:
                yield self._expected[edit.end], self._bonuses[number], (edit.end + 1, None, 0)

    def _in_edit(self, number: int, written: int) -> EditState:
        edit = self._edits[number]
        return edit.start if written < len(edit.ids) else edit.end, number, written


def _log_odds(chance: float) -> float:
    return math.log(chance / (1 - chance))


def _inserts(edit: Edit) -> bool:
    return edit.start == edit.end


def _from_first_change(edit: Edit, source: tuple[int, ...]) -> Edit:
    """The edit without the tokens that it copies before it changes any. Raises InvalidRequest."""
    if 0 <= edit.start <= edit.end <= len(source):
        old = source[edit.start : edit.end]
        pairs = zip(old, edit.ids, strict=False)
        same = next((n for n, (left, right) in enumerate(pairs) if left != right), min(len(old), len(edit.ids)))
        if old[same:] or edit.ids[same:]:
            return Edit(edit.start + same, edit.end, edit.ids[same:], edit.chance)
    raise InvalidRequest(
        f"an edit of tokens {edit.start} to {edit.end} does nothing to a source of {len(source)}",
        hint="give positions of the source in order, and ids that are not the source's",
    )


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

    Of equally cheap positions the cursor takes one whose source token is the token just written, else the furthest.
    """
    old_S1 = row.cost_S1
    same_S = source_S == token
    fresh_S1 = old_S1 + 1
    np.minimum(fresh_S1[1:], old_S1[:-1] + ~same_S, out=fresh_S1[1:])
    steps_S1 = np.arange(fresh_S1.size, dtype=np.int32)
    # A deletion moves right at one edit a position: the running minimum of cost minus position, put back.
    cost_S1 = np.minimum.accumulate(fresh_S1 - steps_S1) + steps_S1
    best_J = np.flatnonzero(cost_S1 == cost_S1.min())
    started_J = best_J[best_J > 0]
    copied_J = started_J[same_S[started_J - 1]]
    return EditRow(cost_S1, int(copied_J[-1] if copied_J.size else best_J[-1]))
