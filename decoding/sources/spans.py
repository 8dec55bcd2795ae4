"""Spans: every earlier place whose suffix matches the output, all match lengths blended, best path first.

Prompt, retrieved passages outside the prompt, and the output itself are one text. The places that share the last
token vote for what follows, a longer match with a greater weight; the continuations form a tree that is opened in
order of path probability. After LLMA (Yang et al. 2023), prompt lookup, PIA and suffix decoding (Oliaro et al.
2024), which take one match or one match length at a time.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from decoding.interfaces import NO_ORIGIN, Commit, Draft, Origin, OriginKind, Reference, Request

_BORDER = -1
_MAX_MATCH = 12
_MAX_PLACES = 96
_MAX_DEPTH = 32
# Weight of a place by the length of its match, and the weight of "none of these places": the trust in a lone
# match of length m is WEIGHT[m] / (WEIGHT[m] + DOUBT). Set by hand: half for one token, nine tenths from four on.
_WEIGHT = (0.0, 1.0, 2.5, 6.0, 10.0, 15.0, 22.0, 30.0, 40.0, 50.0, 60.0, 75.0, 90.0)
_DOUBT = 1.2
_KEEP = 0.02


@dataclass(slots=True, eq=False)
class _Node:
    """A drafted token: the places just behind it, each with the length of its match, this token included."""

    parent: _Node | None
    token: int
    chance: float
    depth: int
    matches: list[tuple[int, int]]
    is_leaf: bool = True


class Spans:
    """Copies from everything that the session has seen."""

    def __init__(self) -> None:
        self._text: list[int] = []
        self._places: dict[int, list[int]] = {}
        self._output_start = 0
        self._origins: list[Origin] = []

    @property
    def name(self) -> str:
        """``spans``."""
        return "spans"

    def start(self, request: Request) -> None:
        """Index references that are not in the prompt, then the prompt; the output grows behind it."""
        self.finish()
        outside = [(at, one) for at, one in enumerate(request.references) if one.prompt_start is None]
        for index, reference in outside:
            self._extend((*reference.ids, _BORDER))
            self._origins += [*_places_of(index, reference), NO_ORIGIN]
        prompt_start = len(self._text)
        self._extend(request.prompt)
        self._origins += [NO_ORIGIN] * len(request.prompt)
        for index, reference in enumerate(request.references):
            if reference.prompt_start is not None:
                start = prompt_start + reference.prompt_start
                self._origins[start : start + len(reference.ids)] = _places_of(index, reference)
        self._output_start = len(self._text)

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The likeliest continuations, at most ``limit`` nodes in all, as root-to-leaf chains."""
        self._extend(tokens[len(self._text) - self._output_start :])
        matches = self._matches()
        return self._open(matches, limit) if matches else []

    def observe(self, commit: Commit) -> None:
        """The output is taken up by the next ``propose``."""

    def finish(self) -> None:
        """Forget the session."""
        self._text, self._places, self._origins = [], {}, []

    def _extend(self, tokens: Sequence[int]) -> None:
        """Append tokens; a place is indexed under the token before it once something stands there."""
        for token in tokens:
            if self._text and self._text[-1] != _BORDER and token != _BORDER:
                self._places.setdefault(self._text[-1], []).append(len(self._text))
            self._text.append(token)

    def _matches(self) -> list[tuple[int, int]]:
        """(place, match length) of the latest places that follow the last token."""
        text, end = self._text, len(self._text)
        matches = []
        for place in self._places.get(text[-1], ())[-_MAX_PLACES:]:
            length = 1
            while length < _MAX_MATCH and length < place and text[place - 1 - length] == text[end - 1 - length]:
                length += 1
            matches.append((place, length))
        return matches

    def _open(self, matches: list[tuple[int, int]], limit: int) -> list[Draft]:
        """Best-first: a node is a set of places one token further on; its children split them by token."""
        nodes: list[_Node] = []
        heap: list[tuple[float, int, _Node]] = []
        self._push(heap, None, 1.0, matches)
        while heap and len(nodes) < limit:
            negative, _, node = heapq.heappop(heap)
            nodes.append(node)
            if node.parent is not None:
                node.parent.is_leaf = False
            if node.depth < _MAX_DEPTH:
                self._push(heap, node, -negative, node.matches)
        return [self._draft(node) for node in nodes if node.is_leaf]

    def _push(
        self,
        heap: list[tuple[float, int, _Node]],
        parent: _Node | None,
        probability: float,
        matches: list[tuple[int, int]],
    ) -> None:
        text, end = self._text, len(self._text)
        groups: dict[int, list[tuple[int, int]]] = {}
        total = _DOUBT
        for place, length in matches:
            if place < end and text[place] != _BORDER:
                total += _WEIGHT[length]
                groups.setdefault(text[place], []).append((place + 1, min(length + 1, _MAX_MATCH)))
        depth = parent.depth + 1 if parent is not None else 1
        for token, group in groups.items():
            # The match of a place in the group has grown by this token: its weight as a vote was one less.
            chance = sum(_WEIGHT[length - 1] for _, length in group) / total
            if probability * chance >= _KEEP:
                node = _Node(parent, token, chance, depth, group)
                heapq.heappush(heap, (-probability * chance, group[0][0], node))

    def _draft(self, leaf: _Node) -> Draft:
        ids: list[int] = []
        chances: list[float] = []
        node: _Node | None = leaf
        while node is not None:
            ids.append(node.token)
            chances.append(node.chance)
            node = node.parent
        first = leaf.matches[-1][0] - len(ids)
        origins = tuple(self._origin(first + step) for step in range(len(ids)))
        return Draft(tuple(reversed(ids)), tuple(reversed(chances)), origins)

    def _origin(self, place: int) -> Origin:
        if place < self._output_start:
            return self._origins[place]
        return Origin(OriginKind.OUTPUT, 0, place - self._output_start)


def _places_of(index: int, reference: Reference) -> list[Origin]:
    return [Origin(OriginKind.REFERENCE, index, offset) for offset in range(len(reference.ids))]
