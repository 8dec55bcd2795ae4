"""Quote: the output may only be marked quotations of the evidence, or one fixed refusal. It cannot hallucinate.

An automaton over the output whose state is the set of positions in the evidence where the output may stand. The
language, with E for an end token:

    output    = refusal E | quotation (quotation)* E
    quotation = marker_n (a whole evidence body n, or any non-empty run of tokens inside it)

A question of several parts has evidence for each, and the quotations of an output begin with one for every part.

V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class QuotedSpan:
    """One piece of evidence: the ids of its marker (`` [1]``) and of its body, in the form the output writes them.

    ``opening`` is the marker's form at the very start of the output, where it differs (no leading space).
    ``weight`` (nats) is how much the retriever prefers it: added wherever spans part ways, 0 for the best.
    ``parts`` are the numbers of the parts of the question that it is evidence for.
    """

    marker: tuple[int, ...]
    body: tuple[int, ...]
    opening: tuple[int, ...] | None = None
    weight: float = 0.0
    parts: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class _State:
    """``positions``: (text, offset) pairs where the output may stand; ``used``: spans quoted, which may not begin anew.

    ``refusal``: tokens of the refusal written, None once a quotation has begun.
    """

    positions: frozenset[tuple[int, int]]
    used: frozenset[int]
    may_end: bool
    refusal: int | None


class QuoteProcessor:
    """Allows only quotations of ``spans`` (each at most once) or the ``refusal``.

    While a part of the question has no quotation yet, only its spans may follow, and the output may not end.
    ``whole``: a quotation is a whole body; otherwise any run inside it. ``refusal_bonus`` (nats) is added to the
    refusal's first token: how ready the target is to refuse. ``end_bonus`` (nats) is added to the end after a
    quotation: below 0, another follows where it is nearly as likely to answer. Raises ValueError if nothing could
    ever be written.
    """

    def __init__(
        self,
        spans: Sequence[QuotedSpan],
        *,
        eos_ids: Iterable[int],
        refusal: tuple[int, ...] = (),
        whole: bool = True,
        refusal_bonus: float = 0.0,
        end_bonus: float = 0.0,
    ) -> None:
        usable = [span for span in spans if span.marker and span.body]
        if not usable and not refusal:
            raise ValueError("nothing to quote and no refusal")
        # Texts 0..n-1 open the output, texts n..2n-1 are the same spans after an earlier quotation.
        markers = [span.opening or span.marker for span in usable] + [span.marker for span in usable]
        self._spans = len(usable)
        self._markers = [len(marker) for marker in markers]
        self._weights = [span.weight for span in usable + usable]
        self._parts = [span.parts for span in usable]
        self._texts = [marker + span.body for marker, span in zip(markers, usable + usable, strict=True)]
        self._eos = sorted(eos_ids)
        self._refusal = refusal
        self._whole = whole
        self._refusal_bonus = refusal_bonus
        self._end_bonus = end_bonus

    def start(self) -> _State:
        """Nothing written: a marker or the refusal may begin."""
        positions = frozenset((text, 0) for text in range(self._spans))
        return _State(positions, frozenset(), may_end=False, refusal=0 if self._refusal else None)

    def advance(self, state: object, token: int) -> _State:
        """One more output token; after a token that was not allowed only the end is."""
        assert isinstance(state, _State)
        refusal = None
        if state.refusal is not None and self._refusal[state.refusal : state.refusal + 1] == (token,):
            refusal = state.refusal + 1
        positions = {
            (text, offset + 1) for text, offset in state.positions if self._texts[text][offset : offset + 1] == (token,)
        }
        used, may_end = set(state.used), refusal == len(self._refusal)
        for text, offset in tuple(positions):
            marker, length = self._markers[text], len(self._texts[text])
            if offset == marker and not self._whole:
                positions.update((text, start) for start in range(marker, length))
            if offset == length or (not self._whole and offset > marker):
                may_end = True
                used.add(text % self._spans)
        if may_end and refusal is None:
            answered = frozenset[int]().union(*(self._parts[span] for span in used))
            waiting = [span for span, parts in enumerate(self._parts) if not parts <= answered]
            follow = waiting or [span for span in range(self._spans) if span not in used]
            positions.update((self._spans + span, 0) for span in follow)
            may_end = not waiting
        return _State(frozenset(positions), frozenset(used), may_end, refusal)

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Forbid everything but the allowed next tokens, in place."""
        assert isinstance(state, _State)
        allowed: dict[int, float] = {}
        for text, offset in state.positions:
            for token in self._texts[text][offset : offset + 1]:
                allowed[token] = max(self._weights[text], allowed.get(token, -np.inf))
        if state.refusal is not None:
            for token in self._refusal[state.refusal : state.refusal + 1]:
                allowed[token] = self._refusal_bonus if state.refusal == 0 else 0.0
        if state.may_end or not allowed:
            allowed |= dict.fromkeys(self._eos, self._end_bonus)
        ids_K = np.fromiter(allowed, dtype=np.int64)
        allowed_K = logits_V[ids_K] + np.fromiter(allowed.values(), dtype=logits_V.dtype)
        logits_V[:] = -np.inf
        logits_V[ids_K] = allowed_K
