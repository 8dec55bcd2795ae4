"""A text that the output rewrites: a belief where in it the output stands, and what may be written next.

The text is a lattice. In state s from 0 to S the output has gone through the first s source tokens; in state S + 1 it
has written the end token, too. Further states stand inside edits of several tokens, and after an insertion. An arc from
state to state writes one token: it copies the next source token, leaves words out and copies the token after them, or
takes a likely edit. The lattice knows nothing of what was written. S source tokens.

The belief is a probability for each state in which the output may be. Each output token moves it (the forward pass of a
pair hidden Markov model, Durbin et al. 1998): the token was copied, copied after words left out, part of a likely edit,
or, what no arc expects, put in or put for a word. So copying resumes at every position where it may, in proportion to
the probability of that position. The continuations form a tree that is opened in order of path probability. Beyond SAD
(Sun et al. 2021), which waits for a unique n-gram after each edit.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import itemgetter

from decoding.interfaces import NO_ORIGIN, Edit, Origin, OriginKind
from decoding.tree import AT_ROOT, DraftTree

# Probability that a source token is copied where no edit is likely, by how many were copied since the last change.
COPIED = (0.66, 0.82, 0.9, 0.95, 0.97, 0.98)
SETTLED = len(COPIED) - 1
# Of what is not copied: the share of one, two, ... words left out.
_SKIPPED = (0.25, 0.08, 0.04, 0.025, 0.012)
# Each further token of an edit, once the first was right.
_INSIDE = 0.96
_MOST_EDITED = 0.96

EDIT, SKIP, COPY = -1, 0, 1
Arc = tuple[int, float, int, int]
"""Token, probability, next state, and one of EDIT, SKIP, COPY."""

# Of what no arc expects: one token put in, or one in the place of the rest of this word, of two words, ...
_UNEXPECTED = 0.008
_PUT_IN = 0.06
_PUT_FOR = (0.07, 0.02, 0.008, 0.004)
# A jump to any position that holds the token just written.
_JUMP = 4e-6
# States that the belief keeps at most, and the probability, as a part of them all, below which none is kept.
_MOST_STATES, _FAINT = 12, 1e-4
# States from which the tree is drafted, at its root and at a node.
_ROOT_STATES, _NODE_STATES = 8, 3
# A path less likely than this is never worth a node.
_LEAST = 0.002
# A token may be reached from several states, which are worth a node only together.
_MOST_WAYS = 3

_weight = itemgetter(1)
_States = list[tuple[int, float, int]]
"""State, probability of the path to it, tokens copied since the last change."""
_Node = tuple[float, int, int, int, _States]
"""A drafted token: minus the probability of its path, a running number, its parent, token, the states it leads to."""


class Rewriting:
    """The belief of one session about the rewriting of reference ``index``."""

    def __init__(self, lattice: Lattice, index: int) -> None:
        self._lattice = lattice
        self._index = index
        self._belief: dict[int, float] = {0: 1.0}
        self._run = SETTLED

    def advance(self, token: int) -> None:
        """The output has one more token."""
        lattice, moved = self._lattice, dict[int, float]()
        copied, likeliest = False, 0.0
        for state, weight in self._belief.items():
            for expected, chance, to, kind in lattice.arcs(state, self._run):
                if expected == token:
                    moved[to] = moved.get(to, 0.0) + weight * chance
                    if weight * chance > likeliest:
                        likeliest, copied = weight * chance, kind == COPY
            home = lattice.homes[state]
            put = weight * _UNEXPECTED
            moved[home] = moved.get(home, 0.0) + put * _PUT_IN
            for to, share in zip(lattice.after[state], _PUT_FOR, strict=False):
                moved[to] = moved.get(to, 0.0) + put * share
        for state in lattice.states_before.get(token, ()):
            moved[state + 1] = moved.get(state + 1, 0.0) + _JUMP
        best = sorted(moved.items(), key=_weight, reverse=True)[:_MOST_STATES]
        total = sum(weight for _, weight in best)
        self._belief = {state: weight / total for state, weight in best if weight > _FAINT * total}
        # Copied if that is what most likely happened, not where the belief now stands.
        self._run = self._run + 1 if copied and likeliest > total / 2 else 0

    def draft(self, limit: int, *, edited: bool, least_chance: float = 0.0) -> DraftTree:
        """The likeliest paths, at most ``limit`` tokens, none on a path less likely than ``least_chance``; through
        likely edits only if ``edited``.

        The contributor of a token is ``edits`` where an edit wrote it, else ``cursor``.
        """
        opened = self._opened(limit, edited, max(least_chance, _LEAST))
        # The main chain, or a branch: estimates of the two are wrong in different ways.
        main = min(self._run, SETTLED)
        chances: list[float] = []
        buckets: list[int] = []
        for node, (negative, _, parent, _, _) in enumerate(opened):
            above = -opened[parent][0] if parent != AT_ROOT else 1.0
            chances.append(min(1.0, -negative / above))
            buckets.append(buckets[parent] if parent != AT_ROOT else main if node == 0 else main + SETTLED + 1)
        marks = [self._mark(node) for node in opened]
        return DraftTree(
            tokens=tuple([node[3] for node in opened]),
            parents=tuple([node[2] for node in opened]),
            probabilities=tuple(chances),
            origins=tuple([origin for origin, _ in marks]),
            buckets=tuple(buckets),
            contributors=tuple([names for _, names in marks]),
        )

    def _opened(self, limit: int, edited: bool, least_of_all: float) -> list[_Node]:
        """The likeliest continuations, the likeliest first and a parent before its children."""
        opened: list[_Node] = []
        heap: list[_Node] = []
        # The probabilities of the best found, at most ``limit``: what is below all of them will never be opened.
        best: list[float] = []
        belief = sorted(self._belief.items(), key=_weight, reverse=True)[:_ROOT_STATES]
        states = [(state, weight, self._run) for state, weight in belief]
        parent, number = AT_ROOT, itertools.count()
        while len(opened) < limit:
            least = max(best[0], least_of_all) if len(best) == limit else least_of_all
            for token, reached in self._reached(states, least, edited).items():
                chance = reached[0][1] if len(reached) == 1 else sum(map(_weight, reached))
                if chance >= least:
                    (heapq.heappush if len(best) < limit else heapq.heappushpop)(best, chance)
                    heapq.heappush(heap, (-chance, next(number), parent, token, reached))
            if not heap:
                break
            parent = len(opened)
            opened.append(heapq.heappop(heap))
            states = opened[-1][4]
            if len(states) > _NODE_STATES:
                states = sorted(states, key=_weight, reverse=True)[:_NODE_STATES]
        return opened

    def _reached(self, states: _States, least: float, edited: bool) -> dict[int, _States]:
        """The tokens that may follow, each with the states it leads to."""
        arcs_of = self._lattice.arcs
        reached: dict[int, _States] = {}
        for state, weight, run in states:
            enough = least / (_MOST_WAYS * weight)
            for token, chance, to, kind in arcs_of(state, run):
                if chance < enough:
                    break
                if kind == EDIT and not edited:
                    continue
                step = (to, weight * chance, run + 1 if kind == COPY else 0)
                if token in reached:
                    reached[token].append(step)
                else:
                    reached[token] = [step]
        return reached

    def _mark(self, node: _Node) -> tuple[Origin, tuple[str]]:
        """Origin and contributor."""
        before = max(node[4], key=_weight)[0] - 1
        if node[3] in self._lattice.states_before and before in self._lattice.states_before[node[3]]:
            is_source = before < self._lattice.size
            return Origin(OriginKind.REFERENCE, self._index, before) if is_source else NO_ORIGIN, ("cursor",)
        return NO_ORIGIN, ("edits",)


class Lattice:
    """``after[s]``: the states before the next words, the last one S; none inside an edit. ``homes[s]``: how many
    source tokens the output has gone through, for a state inside an edit those at its end. ``states_before``: the
    states before a token.
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
        self._after_insertion = {state: self._new(state, self.after[state]) for state in insertions}
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
        if home > self.size or (state > self.size and self._after_insertion.get(home) != state):
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
        """The state after the first token of the edit. Nothing is put in twice at one position."""
        state = self._after_insertion[edit.start] if _inserts(edit) else edit.end
        for token in reversed(edit.ids[1:]):
            inside = self._new(edit.end, ())
            self._edits[inside].append((token, _INSIDE, state, EDIT))
            state = inside
        return state


def _inserts(edit: Edit) -> bool:
    return edit.start == edit.end and bool(edit.ids)
