"""Evidence: beginnings of the pieces that the retriever likes best, where the output is about to begin one.

A reference with a ``lead`` (the tokens that the output writes before quoting it, such as `` [1]``) is drafted whole at
the start of the output and behind a quotation that is complete. References stand in the retriever's order. An opening
(the refusal to answer) is drafted whole beside them, as likely as the request says, and to its end once begun.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import NO_ORIGIN, Opening, Origin, OriginKind, Reference, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree

# How often the target begins with the first, second, ... piece that is left; then, how often a begun one goes on.
_BEGIN = (0.55, 0.15, 0.08)
_BEGIN_NEXT = (0.25, 0.1, 0.05)
_GO_ON = 0.985
# Openings are calibrated apart from quotations; a start less likely than this is not worth a look.
_OPENING, _BEGUN = 1, 2
_LEAST_CHANCE = 0.01


class EvidenceStarts(DraftSource):
    """Silent inside a quotation; there the spans know better."""

    name = "evidence"

    def __init__(self) -> None:
        self._references: list[tuple[int, Reference]] = []
        self._openings: list[Opening] = []

    def start(self, request: Request) -> None:
        """Remember the pieces that can be quoted, and what may be written in their place."""
        self._references = [(at, one) for at, one in enumerate(request.references) if one.lead and one.ids]
        self._openings = [one for one in request.openings if one.ids]

    def propose(self, context: DraftContext) -> DraftTree:
        """The best pieces not quoted yet, from their lead on; what of an opening is not written yet."""
        return DraftTree.side_by_side(self._chains(tuple(context.output), context.limit))

    def _chains(self, written: tuple[int, ...], limit: int) -> list[DraftTree]:
        if written and not self._at_border(written):
            return [
                _fixed(one.ids[len(written) :], _GO_ON, limit, bucket=_BEGUN)
                for one in self._openings
                if len(written) < len(one.ids) and one.ids[: len(written)] == written
            ]
        left = [(at, one) for at, one in self._references if not written or not _holds(written, one.ids)]
        openings = [] if written else [one for one in self._openings if one.chance >= _LEAST_CHANCE]
        others = max(_LEAST_CHANCE, 1.0 - sum(one.chance for one in openings))
        chances = _BEGIN_NEXT if written else _BEGIN
        begun = [(at, one, chance * others) for (at, one), chance in zip(left, chances, strict=False)]
        return [*(_fixed(one.ids, one.chance, limit, bucket=_OPENING) for one in openings), *_drafts(begun, limit)]

    def finish(self) -> None:
        """Forget the session."""
        self._references, self._openings = [], []

    def _at_border(self, tokens: tuple[int, ...]) -> bool:
        return any(tokens[-len(one.ids) :] == one.ids for _, one in self._references)


def _fixed(ids: tuple[int, ...], chance: float, limit: int, *, bucket: int) -> DraftTree:
    ids = ids[:limit]
    return DraftTree.chain(ids, (chance, *[_GO_ON] * (len(ids) - 1))[: len(ids)], bucket=bucket)


def _drafts(pieces: Sequence[tuple[int, Reference, float]], limit: int) -> list[DraftTree]:
    """The pieces as chains. Each is ``(index, reference, chance to be the one)``; where some begin alike, that is as
    likely as all of them together, and parting is as likely as what is left.
    """
    chains = [((*one.lead, *one.ids)[:limit], chance) for _, one, chance in pieces]
    drafts = []
    for (index, reference, _), (ids, _) in zip(pieces, chains, strict=True):
        alike = [(_shared(ids, other), chance) for other, chance in chains]
        estimates, above = [], 1.0
        for depth in range(1, len(ids) + 1):
            here = sum(chance for shared, chance in alike if shared >= depth)
            estimates.append(here / above * (_GO_ON if depth > 1 else 1.0))
            above = here
        inside = range(len(ids) - len(reference.lead))
        origins = [*[NO_ORIGIN] * len(reference.lead), *(Origin(OriginKind.REFERENCE, index, at) for at in inside)]
        drafts.append(DraftTree.chain(ids, estimates, origins=origins[: len(ids)]))
    return drafts


def _shared(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many tokens both begin with."""
    return next((at for at, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))


def _holds(text: tuple[int, ...], piece: tuple[int, ...]) -> bool:
    first, size = piece[0], len(piece)
    return any(token == first and text[at : at + size] == piece for at, token in enumerate(text))
