"""A text that the output rewrites, as a lattice: copy a token, leave words out, or take a likely edit.

A state 0 to S is how many source tokens are behind, S + 1 that the end token is, too; further states stand inside
edits of several tokens, or behind an insertion. Knows nothing of what was written. S source tokens.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from decoding.interfaces import Edit

# Chance that a source token is copied where no edit is likely, by how many were copied since the last change.
COPIED = (0.66, 0.82, 0.9, 0.95, 0.97, 0.98)
SETTLED = len(COPIED) - 1
# Of what is not copied: the share of one, two, ... words left out.
_SKIPPED = (0.25, 0.08, 0.04, 0.025, 0.012)
# Each further token of an edit, once the first was right.
_INSIDE = 0.96
_MOST_EDITED = 0.96

EDIT, SKIP, COPY = -1, 0, 1
Arc = tuple[int, float, int, int]
"""Token, chance, next state, and one of EDIT, SKIP, COPY."""


class Lattice:
    """``after[s]``: the states before the next words, the last one S; none inside an edit. ``homes[s]``: how many
    source tokens are behind, for a state inside an edit at its end. ``states_before``: the states before a token.
    """

    def __init__(self, ids: Sequence[int], end: int | None, edits: Iterable[Edit] = ()) -> None:
        """``end`` is the end token. An edit without ids leaves its tokens out; such edits tell where words begin.

        Without any, every token counts as a word.
        """
        self.size = len(ids)
        self.after: list[tuple[int, ...]] = []
        self.homes = list(range(len(ids) + 2))
        self.states_before: defaultdict[int, list[int]] = defaultdict(list)
        self._tokens = (*ids, *(() if end is None else (end,)))
        self._edits: defaultdict[int, list[Arc]] = defaultdict(list)
        self._arcs: dict[tuple[int, int], list[Arc]] = {}
        known = [edit for edit in edits if 0 <= edit.start <= edit.end <= len(ids) and edit.chance > 0]
        borders = sorted({border for edit in known if not edit.ids for border in (edit.start, edit.end)})
        borders = borders or list(range(len(ids)))
        for state in range(len(ids) + 1):
            following = bisect_right(borders, state)
            words = borders[following : following + len(_SKIPPED)]
            self.after.append(tuple(words if len(ids) in words or len(words) == len(_SKIPPED) else [*words, len(ids)]))
        for state, token in enumerate(self._tokens):
            self.states_before[token].append(state)
        self.after.append(())
        insertions = {edit.start for edit in known if _inserts(edit)}
        self._behind = {state: self._new(state, self.after[state]) for state in insertions}
        self._add(known)

    def arcs(self, state: int, run: int) -> list[Arc]:
        """What may come next, the likeliest first; ``run`` tokens were copied just before."""
        run = run if run < SETTLED else SETTLED
        known = self._arcs.get((state, run))
        if known is None:
            known = self._arcs[state, run] = self._made(state, run)
        return known

    def _made(self, state: int, run: int) -> list[Arc]:
        home = self.homes[state]
        if home > self.size or (state > self.size and self._behind.get(home) != state):
            return self._edits.get(state, [])
        arcs = self._edits.get(home, [])
        if state != home:
            arcs = [arc for arc in arcs if self.homes[arc[2]] != home]
        edited = sum(arc[1] for arc in arcs)
        copied, other = COPIED[run] * (1 - edited), (1 - COPIED[run]) * (1 - edited)
        skipped = zip(self.after[home], _SKIPPED, strict=False)
        steps = [(home, copied, COPY), *((to, other * share, SKIP) for to, share in skipped)]
        made = [(self._tokens[to], chance, to + 1, kind) for to, chance, kind in steps if to < len(self._tokens)]
        return sorted([*arcs, *made], key=lambda arc: -arc[1])

    def _new(self, home: int, after: tuple[int, ...]) -> int:
        self.homes.append(home)
        self.after.append(after)
        return len(self.homes) - 1

    def _add(self, edits: Sequence[Edit]) -> None:
        """Together the edits at one position are never certain: something is left for copying."""
        total: defaultdict[int, float] = defaultdict(float)
        for edit in edits:
            total[edit.start] += edit.chance
        for edit in edits:
            chance = edit.chance * min(1.0, _MOST_EDITED / total[edit.start])
            if edit.ids:
                self._edits[edit.start].append((edit.ids[0], chance, self._inside(edit), EDIT))
            elif edit.end < len(self._tokens):
                self._edits[edit.start].append((self._tokens[edit.end], chance, edit.end + 1, SKIP))

    def _inside(self, edit: Edit) -> int:
        """The state behind the first token of the edit. Nothing is put in twice at one position."""
        state = self._behind[edit.start] if _inserts(edit) else edit.end
        for token in reversed(edit.ids[1:]):
            inside = self._new(edit.end, ())
            self._edits[inside].append((token, _INSIDE, state, EDIT))
            state = inside
        return state


def _inserts(edit: Edit) -> bool:
    return edit.start == edit.end and bool(edit.ids)
