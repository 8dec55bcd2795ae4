"""A text that the output rewrites, as a lattice: copy a token, leave some out, or take a likely edit.

A state 0 to S is how many source tokens are behind; further states stand inside edits of several
tokens. S source tokens.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from decoding.interfaces import Edit

# Chance that a source token is copied where no edit is likely, by how many were copied since the last change.
COPIED = (0.66, 0.82, 0.89, 0.925, 0.94, 0.95)
SETTLED = len(COPIED) - 1
# Of what is not copied: the share of one, two, ... words left out.
_SKIPPED = (0.30, 0.10, 0.05, 0.03, 0.015)
# Each further token of an edit, once the first was right.
_INSIDE = 0.96
_MOST_EDITED = 0.96

Arc = tuple[int, float, int]
"""Token, chance, next state."""


@dataclass(slots=True)
class Lattice:
    """``copies[s]``: the arc that copies, its chance before the run is known; ``edits[s]``: arcs of likely edits;
    ``skips[s]``: arcs that leave words out. ``after[s]``: starts of the next words, the end last.
    """

    size: int
    copies: list[tuple[int, float]] = field(default_factory=list)
    edits: dict[int, list[Arc]] = field(default_factory=dict)
    skips: list[list[Arc]] = field(default_factory=list)
    after: list[tuple[int, ...]] = field(default_factory=list)
    places: dict[int, list[int]] = field(default_factory=dict)
    homes: list[int] = field(default_factory=list)
    _arcs: dict[tuple[int, int], list[Arc]] = field(default_factory=dict)

    @classmethod
    def of(cls, ids: Sequence[int], end: int | None, edits: Iterable[Edit]) -> Lattice:
        """The lattice of a source, ``end`` (the end token) behind it. An edit without ids leaves its tokens out;
        where such edits begin and end, words do.
        """
        lattice = cls(len(ids))
        tokens = [*ids, -1 if end is None else end]
        known = [edit for edit in edits if 0 <= edit.start <= edit.end <= len(ids) and edit.chance > 0]
        borders = sorted({place for edit in known if not edit.ids for place in (edit.start, edit.end)} | {len(ids)})
        if len(borders) == 1:
            borders = list(range(len(ids) + 1))
        by_start: dict[int, list[Edit]] = {}
        for edit in known:
            by_start.setdefault(edit.start, []).append(edit)
        lattice.homes = list(range(len(tokens) + 1))
        for place, token in enumerate(tokens):
            lattice.places.setdefault(token, []).append(place)
            lattice._add_state(tokens, by_start.get(place, ()), borders)
        return lattice

    def _add_state(self, tokens: Sequence[int], edits: Sequence[Edit], borders: Sequence[int]) -> None:
        place = len(self.copies)
        next_border = bisect_right(borders, place)
        after = tuple(borders[next_border : next_border + len(_SKIPPED)])
        self.after.append(after)
        share = min(1.0, _MOST_EDITED / max(1e-9, sum(edit.chance for edit in edits)))
        changed = 0.0
        for edit in edits:
            chance = edit.chance * share
            changed += chance
            if edit.ids:
                self.edits.setdefault(place, []).append((edit.ids[0], chance, self._inside(edit)))
            else:
                self.edits.setdefault(place, []).append((tokens[edit.end], chance, edit.end + 1))
        self.copies.append((tokens[place], 1 - changed))
        self.skips.append([(tokens[to], part, to + 1) for to, part in zip(after, _SKIPPED, strict=False)])

    def _inside(self, edit: Edit) -> int:
        """The state behind the first of the edit's tokens."""
        state = edit.end
        for token in reversed(edit.ids[1:]):
            self.homes.append(edit.end)
            self.edits[len(self.homes) - 1] = [(token, _INSIDE, state)]
            state = len(self.homes) - 1
        return state

    def arcs(self, state: int, run: int) -> list[Arc]:
        """What may come next; ``run`` tokens were copied just before."""
        if state >= len(self.copies):
            return self.edits.get(state, [])
        run = run if run < SETTLED else SETTLED
        known = self._arcs.get((state, run))
        if known is None:
            token, unchanged = self.copies[state]
            known = [(token, COPIED[run] * unchanged, state + 1), *self.edits.get(state, ())]
            rest = (1 - COPIED[run]) * unchanged
            known += [(token, rest * share, to) for token, share, to in self.skips[state]]
            self._arcs[state, run] = known
        return known
