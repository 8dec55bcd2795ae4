"""Watermarks of a PDF's pages: words across the text that are none of it, large or on every page, most of them askew.

Other text that runs askew, such as the names of a drawing's axes, is kept. Knows nothing of pdfium.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from corpora.loaders.formats.pdf.pdf_words import PageWords, Piece

# How many times as large as other text a watermark is: one that runs askew, and one that lies across lines.
_LARGE_ASKEW, _LARGE = 1.8, 2.5
# On which share of the pages, and on how many, smaller words askew are one.
_MOST_PAGES, _FEWEST_PAGES = 0.6, 2
_FEWEST_LETTERS = 3


def without_watermarks(pages: Sequence[PageWords]) -> tuple[list[PageWords], list[str]]:
    """The pages without their watermarks, and the texts of those, each once."""
    everywhere = Counter(text for page in pages for text in {piece.text for piece in page.askew})
    repeated = {text for text, count in everywhere.items() if count >= max(_FEWEST_PAGES, _MOST_PAGES * len(pages))}
    found: dict[str, None] = {}
    cleared = []
    for page in pages:
        body = _usual_em(page)
        askew = [piece for piece in page.askew if not _is_mark(piece, body, repeated)]
        pieces = {turns: _without_large(some, body) for turns, some in page.pieces.items()}
        kept = {id(piece) for some in (askew, *pieces.values()) for piece in some}
        gone = [piece for some in (page.askew, *page.pieces.values()) for piece in some if id(piece) not in kept]
        found |= dict.fromkeys(piece.text for piece in gone)
        cleared.append(replace(page, pieces=pieces, askew=askew))
    return cleared, list(found)


def _usual_em(page: PageWords) -> float:
    """The size of most text on a page; infinite if there is none but text askew."""
    sizes = Counter[float]()
    for some in page.pieces.values():
        for piece in some:
            sizes[round(piece.em, 1)] += len(piece.words)
    return max(sizes, key=sizes.__getitem__, default=float("inf"))


def _is_mark(piece: Piece, body: float, repeated: set[str]) -> bool:
    return piece.em >= _LARGE_ASKEW * body or (piece.text in repeated and body < float("inf"))


def _without_large(pieces: list[Piece], body: float) -> list[Piece]:
    """Without large words that lie across at least two lines of others."""
    large = [piece for piece in pieces if piece.em >= _LARGE * body and len(piece.text) >= _FEWEST_LETTERS]
    if not large:
        return pieces
    gone = {
        id(mark)
        for mark in large
        if sum(
            piece.em < mark.em / 2
            and piece.left < mark.right
            and piece.right > mark.left
            and mark.baseline <= piece.middle <= mark.baseline + 0.7 * mark.em
            for piece in pieces
        )
        >= 2
    }
    return [piece for piece in pieces if id(piece) not in gone]
