"""Blend: copying, earlier outputs and common phrases as one mixture that learns, from commit to commit, whom to trust.

After each drafted token the whole mixture is asked again on the hypothetical output, so that copying resumes behind a
rephrased word inside one tree. Beyond prompt lookup, LLMA (Yang et al. 2023), PIA and suffix decoding (Oliaro et al.
2024), which follow one match, or one match length at a time. Its parts are counted by their own names: spans, history,
phrases.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import NO_ORIGIN, Commit, Origin, OriginKind, Reference, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.sources.blend import step
from decoding.sources.blend.blend_state import BlendState
from decoding.sources.blend.candidates import RECALLED, MixtureContext
from decoding.sources.blend.mixture import Position, Workspace, new_workspace
from decoding.sources.blend.ngram_index import BORDER, MAX_MATCH, NO_TOKEN, NOWHERE, Text, TextArrays
from decoding.tree import DraftTree

NAMES = ("spans", "history", "phrases")
_VOICES = tuple(tuple(compress(NAMES, (bits & 1, bits & 2, bits & 4))) or ("spans",) for bits in range(8))
_CONTEXT = MAX_MATCH + 1
# Rare output tokens, by how often they stand in the text, among the latest few: where they stand, copying is likely.
_RECENT, _RARE, _REACH = 12, 6, 13
# The learning rate, and the chance below which a path is not followed even if nodes are free.
_RATE, _KEEP = 0.18, 0.002
# That chance where a source of its own follows the text that is rewritten: it knows the changes, and the branches.
_KEEP_BESIDE = 0.1
_ROOM = 1024
# So many of the tokens that nobody was asked to draft are learned from: what they say is mostly "none of these".
_LEARNED = 2


class Blend(DraftSource):
    """One session's mixture."""

    name = "blend"

    _text: Text
    _sizes_3: NDArray[np.int64]
    _here: Position
    _behind: list[int]
    _not_drafted: int

    def __init__(self, shared: BlendState) -> None:
        self._shared = shared
        self._work: Workspace = new_workspace(0)
        self._limit = 0
        self._begin(Request((), 0))

    def start(self, request: Request) -> None:
        """Index references that are not in the prompt, then the prompt; the output grows behind it."""
        self._begin(request)
        for index, reference in enumerate(request.references):
            if reference.prompt_start is None and not reference.cursor:
                self._text.extend((*reference.ids, BORDER))
                self._origins += [*_places_of(index, reference), NO_ORIGIN]
        prompt_start = self._text.size
        self._text.extend(request.prompt)
        self._origins += [NO_ORIGIN] * len(request.prompt)
        for index, reference in enumerate(request.references):
            if reference.prompt_start is not None:
                start = prompt_start + reference.prompt_start
                self._origins[start : start + len(reference.ids)] = _places_of(index, reference)
        self._learned = self._shared.weights(request.task)
        self._history = self._shared.history.text(request.scope)
        self._sizes_3[:] = self._text.size, self._history.size, self._text.size
        self._seen = self._see(self._history.arrays)
        ids_T, kins_T = self._text.arrays.ids_T, self._text.arrays.kins_T
        known = min(self._text.size, _CONTEXT)
        if known:
            self._here.context_C[_CONTEXT - known :] = kins_T[self._text.size - known : self._text.size]
            self._here.last_2[2 - min(known, 2) :] = ids_T[self._text.size - min(known, 2) : self._text.size]

    def propose(self, context: DraftContext) -> DraftTree:
        """The likeliest continuations, at most ``context.limit`` nodes."""
        limit = context.limit
        if limit > self._limit:
            self._work, self._limit = new_workspace(limit), limit
        new_N, skip = self._new(context.output[len(self._written) :]), self._not_drafted
        self._behind, self._not_drafted = [], 0
        count, longest = step.advance(
            self._seen, self._here, self._kin_K, new_N, skip, _RECENT, _RARE, _REACH, limit,
            max(context.least_chance, self._keep), self._work, self._learned, _RATE,
        )  # fmt: skip
        return self._tree(count, longest)

    def observe(self, commit: Commit) -> None:
        """What was committed is taken up when it is next asked, in the same call.

        Of many tokens that nobody was asked to draft, only the last are learned from.
        """
        self._behind.extend(commit.tokens)
        undrafted = sum(not names for names in commit.sources)
        self._not_drafted = max(undrafted - _LEARNED, 0) if undrafted == len(commit.tokens) else 0

    def finish(self) -> None:
        """Hand the output on to later requests of the scope, and forget the session."""
        if self._behind:
            new_N = self._new(self._behind)
            step.append_and_learn(self._seen, self._here, self._kin_K, new_N, 0, self._work, self._learned, _RATE)
        self._shared.history.add(self._request.scope, self._written)
        self._begin(Request((), 0))

    def _begin(self, request: Request) -> None:
        self._request = request
        self._keep = _KEEP_BESIDE if any(reference.cursor for reference in request.references) else _KEEP
        kin_V = self._shared.kin_V
        self._kin_K = kin_V if kin_V is not None else np.empty(0, np.int32)
        self._text = Text(kin_V, room=len(request.prompt) + min(request.max_new_tokens, _ROOM))
        self._origins: list[Origin] = []
        self._written: list[int] = []
        self._behind = []
        self._not_drafted = 0
        self._sizes_3 = np.zeros(3, np.int64)
        self._here = Position(
            np.full(_CONTEXT, NO_TOKEN, np.int32), np.full(2, NO_TOKEN, np.int32), np.array((NOWHERE, 99), np.int64)
        )

    def _see(self, history: TextArrays) -> MixtureContext:
        arrays = self._text.arrays
        written_K = np.zeros(arrays.counts_K.size, np.int32)
        np.add.at(written_K, self._written, 1)
        similar_T = np.zeros(arrays.ids_T.size, np.int32)
        return MixtureContext(arrays, history, self._shared.phrases, self._sizes_3, similar_T, written_K)

    def _new(self, tokens: Sequence[int]) -> NDArray[np.int32]:
        """Tokens of the output as the kernels take them up, with room for them in the text."""
        new_N = np.array(tokens, dtype=np.int32)
        if new_N.size:
            if self._text.make_room(new_N.size, max(tokens) + 1):
                self._seen = self._see(self._seen.history)
            self._text.size += new_N.size
            self._written.extend(tokens)
        return new_N

    def _tree(self, count: int, longest: int) -> DraftTree:
        nodes, drafted = self._work.nodes, slice(1, count + 1)
        bits = nodes.voices_N[drafted].tolist()
        places = nodes.places_N[drafted].tolist()
        return DraftTree(
            tokens=tuple(nodes.tokens_N[drafted].tolist()),
            parents=tuple((nodes.parents_N[drafted] - 1).tolist()),  # There the root is node 0.
            probabilities=tuple(nodes.chances_N[drafted].tolist()),
            origins=tuple(map(self._origin, places, bits)),
            buckets=(longest,) * count,
            contributors=tuple([_VOICES[each] for each in bits]),
        )

    def _origin(self, place: int, bits: int) -> Origin:
        if place < 0:
            return _RECALLED if bits & RECALLED else NO_ORIGIN
        if place < self._sizes_3[2]:
            return self._origins[place]
        return Origin(OriginKind.OUTPUT, 0, place - int(self._sizes_3[2]))


_RECALLED = Origin(OriginKind.HISTORY)


def _places_of(index: int, reference: Reference) -> list[Origin]:
    return [Origin(OriginKind.REFERENCE, index, offset) for offset in range(len(reference.ids))]
