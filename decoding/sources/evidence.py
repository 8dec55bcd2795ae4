"""Evidence: beginnings of the pieces that the retriever likes best, where the output is about to begin one.

A reference with a ``lead`` (the tokens that the output writes before quoting it, such as `` [1]``) is drafted whole at
the start of the output and behind a quotation that is complete. References stand in the retriever's order.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import NO_ORIGIN, Commit, Draft, Origin, OriginKind, Reference, Request

# How often the target begins with the first, second, ... piece that is left; then, how often a begun one goes on.
_BEGIN = (0.55, 0.15, 0.08)
_BEGIN_NEXT = (0.25, 0.1, 0.05)
_GO_ON = 0.97


class EvidenceStarts:
    """Silent inside a quotation; there the spans know better."""

    def __init__(self) -> None:
        self._references: list[tuple[int, Reference]] = []

    @property
    def name(self) -> str:
        """``evidence``."""
        return "evidence"

    def start(self, request: Request) -> None:
        """Remember the pieces that can be quoted."""
        self._references = [(at, one) for at, one in enumerate(request.references) if one.lead and one.ids]

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The best pieces not quoted yet, from their lead on."""
        if tokens and not self._at_border(tokens):
            return []
        written = tuple(tokens)
        left = [(at, one) for at, one in self._references if not tokens or not _holds(written, one.ids)]
        chances = _BEGIN_NEXT if tokens else _BEGIN
        return [_draft(at, one, chance, limit) for (at, one), chance in zip(left, chances, strict=False)]

    def observe(self, commit: Commit) -> None:
        """Nothing to learn."""

    def finish(self) -> None:
        """Forget the session."""
        self._references = []

    def _at_border(self, tokens: Sequence[int]) -> bool:
        return any(tuple(tokens[-len(one.ids) :]) == one.ids for _, one in self._references)


def _draft(index: int, reference: Reference, chance: float, limit: int) -> Draft:
    ids = (*reference.lead, *reference.ids)[:limit]
    inside = range(len(ids) - len(reference.lead))
    origins = [*[NO_ORIGIN] * len(reference.lead), *(Origin(OriginKind.REFERENCE, index, at) for at in inside)]
    return Draft(ids, (chance, *[_GO_ON] * (len(ids) - 1))[: len(ids)], tuple(origins[: len(ids)]))


def _holds(text: tuple[int, ...], piece: tuple[int, ...]) -> bool:
    first, size = piece[0], len(piece)
    return any(token == first and text[at : at + size] == piece for at, token in enumerate(text))
