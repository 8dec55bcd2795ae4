"""The source ``blend``: copying, earlier outputs and common phrases as one mixture that learns which of them to trust.

After each drafted token the whole mixture is asked again on the hypothetical output, so that copying resumes after a
rephrased word inside one tree. Beyond prompt lookup, LLMA (Yang et al. 2023), PIA and suffix decoding (Oliaro et al.
2024), which follow one match, or one match length at a time. Stats count its parts by their own names: spans, history,
phrases. K ids, N new tokens, T tokens of the text, V vocabulary, W tokens of the context that is matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import NO_ORIGIN, Commit, Origin, OriginKind, Reference, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.sources.blend import mixture
from decoding.sources.blend.blend_state import BlendState
from decoding.sources.blend.candidates import RECALLED, MixtureContext
from decoding.sources.blend.mixture import MatchState, Workspace, new_workspace
from decoding.sources.blend.ngram_index import BORDER, MAX_MATCH, NO_POSITION, NO_TOKEN, Text, TextArrays
from decoding.sources.blend.weights import first_weights
from decoding.tree import DraftTree

NAMES = ("spans", "history", "phrases")
_CONTRIBUTORS = tuple(tuple(compress(NAMES, (bits & 1, bits & 2, bits & 4))) or ("spans",) for bits in range(8))
_CONTEXT = MAX_MATCH + 1
# Where the latest output tokens stand elsewhere in the text, copying is likely: of the latest _RECENT tokens those that
# stand in the text at most _RARE times count, at each of the _REACH positions after them.
_RECENT, _RARE, _REACH = 12, 6, 13
# The learning rate, and the probability below which a path is not followed even if nodes are free.
_RATE, _LEAST_CHANCE = 0.18, 0.002
# That probability where the output rewrites a text. ``cursor`` and ``edits`` draft that text and its likely changes, so
# the blend adds only what it is rather sure of.
_LEAST_CHANCE_BESIDE = 0.1
# The age of a cursor that was never set: copying does not resume from so old a one (``candidates.FRESH``).
_NEVER = 99
# Output tokens for which room is made at first; the text grows where there are more.
_ROOM = 1024
# So many of the tokens that nobody was asked to draft are learned from: what they say is mostly "none of these".
_LEARNED = 2


class Blend(DraftSource):
    """One session's mixture: its text and where the output stands in it, on the state that all sessions share."""

    name = "blend"

    def __init__(self, shared: BlendState) -> None:
        self._shared = shared
        self._work: Workspace = new_workspace(0)
        self._limit = 0
        self._begin(Request((), 0))

    def _begin(self, request: Request) -> None:
        self._request = request
        is_rewritten = any(reference.cursor for reference in request.references)
        self._least_chance = _LEAST_CHANCE_BESIDE if is_rewritten else _LEAST_CHANCE
        canonical_V = self._shared.canonical_V
        self._canonical_V = canonical_V if canonical_V is not None else np.empty(0, np.int32)
        self._text = Text(canonical_V, room=len(request.prompt) + min(request.max_new_tokens, _ROOM))
        self._origins: list[Origin] = []
        self._written: list[int] = []
        self._unread: list[int] = []  # Committed, and not learned from yet.
        self._not_drafted = 0
        self._sizes_3 = np.zeros(3, np.int64)  # Tokens of the text and of the history, where the output starts.
        self._learned = first_weights()
        self._context = self._new_context(self._shared.history.text(None).arrays)
        self._state = MatchState(
            np.full(_CONTEXT, NO_TOKEN, np.int32),
            np.full(2, NO_TOKEN, np.int32),
            np.array((NO_POSITION, _NEVER), np.int64),
        )

    def start(self, request: Request) -> None:
        """Index references that are not in the prompt, then the prompt; the output grows after it."""
        self._begin(request)
        for index, reference in enumerate(request.references):
            if reference.prompt_start is None and not reference.cursor:
                self._text.extend((*reference.ids, BORDER))
                self._origins += [*_origins_of(index, reference), NO_ORIGIN]
        prompt_start = self._text.size
        self._text.extend(request.prompt)
        self._origins += [NO_ORIGIN] * len(request.prompt)
        for index, reference in enumerate(request.references):
            if reference.prompt_start is not None:
                start = prompt_start + reference.prompt_start
                self._origins[start : start + len(reference.ids)] = _origins_of(index, reference)
        self._learned = self._shared.weights(request.task)
        history = self._shared.history.text(request.scope)
        self._sizes_3[:] = self._text.size, history.size, self._text.size
        self._context = self._new_context(history.arrays)
        ids_T, canonical_T = self._text.arrays.ids_T, self._text.arrays.canonical_T
        known = min(self._text.size, _CONTEXT)
        if known:
            self._state.context_W[_CONTEXT - known :] = canonical_T[self._text.size - known : self._text.size]
            self._state.last_2[2 - min(known, 2) :] = ids_T[self._text.size - min(known, 2) : self._text.size]

    def propose(self, context: DraftContext) -> DraftTree:
        """The likeliest continuations, at most ``context.limit`` nodes."""
        limit = context.limit
        if limit > self._limit:
            self._work, self._limit = new_workspace(limit), limit
        new_N, skip = self._new(context.output[len(self._written) :]), self._not_drafted
        self._unread, self._not_drafted = [], 0
        count, longest = mixture.learn_and_grow(
            self._context, self._state, self._canonical_V, new_N, skip, _RECENT, _RARE, _REACH, limit,
            max(context.least_chance, self._least_chance), self._work, self._learned, _RATE,
        )  # fmt: skip
        return self._tree(count, longest)

    def observe(self, commit: Commit) -> None:
        """Remember what was committed: the next ``propose`` learns from it, in one call.

        Of many tokens that nobody was asked to draft, only the last are learned from.
        """
        self._unread.extend(commit.tokens)
        undrafted = sum(not names for names in commit.sources)
        self._not_drafted = max(undrafted - _LEARNED, 0) if undrafted == len(commit.tokens) else 0

    def finish(self) -> None:
        """Keep the output for later requests of the scope, and forget the session."""
        if self._unread:
            new_N = self._new(self._unread)
            mixture.append_and_learn(
                self._context, self._state, self._canonical_V, new_N, 0, self._work, self._learned, _RATE
            )
        self._shared.history.add(self._request.scope, self._written)
        self._begin(Request((), 0))

    def _new_context(self, history: TextArrays) -> MixtureContext:
        arrays = self._text.arrays
        written_K = np.zeros(arrays.counts_K.size, np.int32)
        np.add.at(written_K, self._written, 1)
        similar_T = np.zeros(arrays.ids_T.size, np.int32)
        return MixtureContext(arrays, history, self._shared.phrases, self._sizes_3, similar_T, written_K)

    def _new(self, tokens: Sequence[int]) -> NDArray[np.int32]:
        """(N) tokens of the output as the kernels want them, with room for them in the text."""
        new_N = np.array(tokens, dtype=np.int32)
        if new_N.size:
            if self._text.make_room(new_N.size, max(tokens) + 1):
                self._context = self._new_context(self._context.history)
            self._text.size += new_N.size
            self._written.extend(tokens)
        return new_N

    def _tree(self, count: int, longest: int) -> DraftTree:
        nodes, drafted = self._work.nodes, slice(1, count + 1)
        bits = nodes.contributors_N[drafted].tolist()
        positions = nodes.positions_N[drafted].tolist()
        return DraftTree(
            tokens=tuple(nodes.tokens_N[drafted].tolist()),
            parents=tuple((nodes.parents_N[drafted] - 1).tolist()),  # There the root is node 0.
            probabilities=tuple(nodes.chances_N[drafted].tolist()),
            origins=tuple(map(self._origin, positions, bits)),
            buckets=(longest,) * count,
            contributors=tuple([_CONTRIBUTORS[each] for each in bits]),
        )

    def _origin(self, position: int, bits: int) -> Origin:
        if position < 0:
            return _RECALLED if bits & RECALLED else NO_ORIGIN
        if position < self._sizes_3[2]:
            return self._origins[position]
        return Origin(OriginKind.OUTPUT, 0, position - int(self._sizes_3[2]))


_RECALLED = Origin(OriginKind.HISTORY)


def _origins_of(index: int, reference: Reference) -> list[Origin]:
    return [Origin(OriginKind.REFERENCE, index, offset) for offset in range(len(reference.ids))]
