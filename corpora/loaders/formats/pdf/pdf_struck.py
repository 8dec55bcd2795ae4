"""Words of a PDF that were struck out: a rule as long as they runs through their middle. Knows nothing of pdfium."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from corpora.loaders.formats.pdf.pdf_rules import Rule
from corpora.loaders.formats.pdf.pdf_words import Piece, Word

# In ems above the baseline: from where to where a rule strikes words out, and does not lie below or above them.
_LOWEST, _HIGHEST = 0.15, 0.45
# How far (in ems) such a rule may stand out over the words on either side; a longer one is a table's or a drawing's.
_STANDS_OUT = 0.5
# A word is struck if the rule runs through this share of it.
_SHARE = 0.6


def without_struck(pieces: Sequence[Piece], level: Sequence[Rule]) -> list[Piece]:
    """The pieces without their struck words, those that only had such left out."""
    found: list[Piece] = []
    for piece in pieces:
        across = [rule for rule in level if _runs_through(rule, piece)]
        kept = tuple(word for word in piece.words if not _is_struck(word, across)) if across else piece.words
        if len(kept) == len(piece.words):
            found.append(piece)
        elif kept:
            left, right = min(word.left for word in kept), max(word.right for word in kept)
            found.append(replace(piece, words=kept, left=left, right=right))
    return found


def _runs_through(rule: Rule, piece: Piece) -> bool:
    height, out = (rule.at - piece.baseline) / piece.em, _STANDS_OUT * piece.em
    return _LOWEST <= height <= _HIGHEST and rule.start >= piece.left - out and rule.end <= piece.right + out


def _is_struck(word: Word, rules: Iterable[Rule]) -> bool:
    covered = sum(max(min(rule.end, word.right) - max(rule.start, word.left), 0.0) for rule in rules)
    return covered >= _SHARE * max(word.right - word.left, 0.1)
