"""The source ``evidence``: sentences that the retriever likes best, where the output is about to begin one.

A reference with a ``lead`` (the tokens that the output writes before quoting it, such as `` [1]``) is drafted whole at
the start of the output and after a quotation that is complete. References stand in the retriever's order. An opening
(the refusal to answer) is drafted whole beside them, as likely as the request says, and to its end once it has begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from decoding.interfaces import NO_ORIGIN, Opening, Origin, OriginKind, Reference, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree

# How often the target begins with the first, second, ... reference that is left, at the start and after a quotation;
# then, how often one that has begun goes on.
_FIRST: Final = (0.55, 0.15, 0.08)
_NEXT: Final = (0.25, 0.1, 0.05)
_GO_ON: Final = 0.985
# Openings are calibrated apart from quotations; a start less likely than this is not drafted.
_OPENING, _OPENING_BEGUN = 1, 2
_LEAST_CHANCE: Final = 0.01


class EvidenceStarts(DraftSource):
    """Silent inside a quotation: there ``blend`` and the others know better."""

    name = "evidence"

    def __init__(self) -> None:
        self._references: list[tuple[int, Reference]] = []
        self._openings: list[Opening] = []

    def start(self, request: Request) -> None:
        """Remember what can be quoted, and what may be written in its place."""
        quotable = enumerate(request.references)
        self._references = [(index, reference) for index, reference in quotable if reference.lead and reference.ids]
        self._openings = [opening for opening in request.openings if opening.ids]

    def propose(self, context: DraftContext) -> DraftTree:
        """The best references not quoted yet, from their lead on; the rest of an opening that has begun."""
        written, limit = tuple(context.output), context.limit
        if written and not self._at_border(written):
            return DraftTree.side_by_side(self._rests(written, limit))
        return DraftTree.side_by_side(self._starts(written, limit))

    def finish(self) -> None:
        """Forget the session."""
        self._references, self._openings = [], []

    def _at_border(self, written: tuple[int, ...]) -> bool:
        """Whether the output ends with a whole quotation."""
        return any(written[-len(reference.ids) :] == reference.ids for _, reference in self._references)

    def _rests(self, written: tuple[int, ...], limit: int) -> list[DraftTree]:
        """What is missing of the openings that the output has begun with."""
        size = len(written)
        begun = [opening.ids for opening in self._openings if opening.ids[:size] == written]
        return [_fixed(ids[size:], _GO_ON, limit, bucket=_OPENING_BEGUN) for ids in begun if len(ids) > size]

    def _starts(self, written: tuple[int, ...], limit: int) -> list[DraftTree]:
        """Openings at the start of the output, and the references that are left, the likeliest first."""
        left = [pair for pair in self._references if not written or not _holds(written, pair[1].ids)]
        openings = [] if written else [opening for opening in self._openings if opening.chance >= _LEAST_CHANCE]
        others = max(_LEAST_CHANCE, 1.0 - sum(opening.chance for opening in openings))
        chances = _NEXT if written else _FIRST
        quotations = [
            (index, reference, chance * others) for (index, reference), chance in zip(left, chances, strict=False)
        ]
        fixed = [_fixed(opening.ids, opening.chance, limit, bucket=_OPENING) for opening in openings]
        return [*fixed, *_quotations(quotations, limit)]


def _fixed(ids: tuple[int, ...], chance: float, limit: int, *, bucket: int) -> DraftTree:
    """A chain whose first token has the probability ``chance``."""
    ids = ids[:limit]
    return DraftTree.chain(ids, (chance, *[_GO_ON] * len(ids))[: len(ids)], bucket=bucket)


def _quotations(quotations: Sequence[tuple[int, Reference, float]], limit: int) -> list[DraftTree]:
    """Chains for (index, reference, probability that it is the one quoted). Where some begin alike, that beginning is
    as likely as all of them together, and parting is as likely as what is left.
    """
    chains = [((*reference.lead, *reference.ids)[:limit], chance) for _, reference, chance in quotations]
    drafts = []
    for (index, reference, _), (ids, _) in zip(quotations, chains, strict=True):
        alike = [(_common_length(ids, other), chance) for other, chance in chains]
        estimates, above = [], 1.0
        for depth in range(1, len(ids) + 1):
            reached = sum(chance for common, chance in alike if common >= depth)
            estimates.append(reached / above * (_GO_ON if depth > 1 else 1.0))
            above = reached
        offsets = range(len(ids) - len(reference.lead))
        copied = [Origin(OriginKind.REFERENCE, index, offset) for offset in offsets]
        origins = [*[NO_ORIGIN] * len(reference.lead), *copied]
        drafts.append(DraftTree.chain(ids, estimates, origins=origins[: len(ids)]))
    return drafts


def _common_length(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((length for length, (left, right) in pairs if left != right), min(len(a), len(b)))


def _holds(text: tuple[int, ...], quotation: tuple[int, ...]) -> bool:
    first, size = quotation[0], len(quotation)
    starts = (start for start, token in enumerate(text) if token == first)
    return any(text[start : start + size] == quotation for start in starts)
