"""Raised and lowered characters of a PDF's lines, joined to the text that they belong to: ``10^6``, ``the harbour[3]``.

``raised_text`` says how they are written. Knows nothing of pdfium.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from corpora.loaders.formats import raised_text
from corpora.loaders.formats.pdf.pdf_rules import Rule
from corpora.loaders.formats.pdf.pdf_words import Piece, Word

# In ems of the text that it belongs to: how small a script is, how high or low, how near.
_SMALLER, _RAISED, _HIGHEST, _LOWEST, _NEAR = 0.86, 0.12, 0.8, 0.45, 0.3
_SPACE = 0.13
_LONGEST = 12
# How long (points) the bar of a fraction is, how high (in ems) above the line, how near to its words; from where to
# where what it divides stands above and below it.
_LONGEST_BAR, _LOWEST_BAR, _HIGHEST_BAR, _NEAR_BAR = 60.0, 0.15, 0.42, 0.8
_FROM_BAR, _BELOW_BAR = 0.6, 0.6
# How many pieces before and after a script, as they were drawn, may be what it belongs to.
_BEFORE, _AFTER = 8, 4


def with_scripts(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces with the small raised and lowered ones joined to the text that they belong to."""
    largest = max((piece.em for piece in pieces), default=0.0)
    found: list[Piece | None] = list(pieces)
    for n, script in enumerate(pieces):
        if script.em >= _SMALLER * largest or len(script.text) > _LONGEST:
            continue
        near = (*range(n - 1, max(n - _BEFORE, 0) - 1, -1), *range(n + 1, min(n + _AFTER, len(found))))
        before = next((m for m in near if (base := found[m]) is not None and _is_behind(script, base)), None)
        after = next((m for m in near if (base := found[m]) is not None and _is_behind(base, script, script)), None)
        following = found[after] if after is not None else None
        if before is not None and (base := found[before]) is not None:
            found[before] = _joined(base, script, following)
            found[n] = None
        elif after is not None and following is not None and script.baseline > following.baseline:
            found[after] = _preceded(following, script)
            found[n] = None
    return [piece for piece in found if piece is not None]


def with_fractions(pieces: Sequence[Piece], level: Sequence[Rule]) -> list[Piece]:
    """Pieces with those above and below a short rule, beside which a line goes on, made one: ``1/2``."""
    found = list(pieces)
    for rule in level:
        if rule.end - rule.start > _LONGEST_BAR:
            continue
        inside = [p for p in found if rule.start - 1 <= p.left and p.right <= rule.end + 1 and len(p.text) <= _LONGEST]
        above = [p for p in inside if 0 <= (p.baseline - rule.at) / p.em <= _FROM_BAR]
        below = [p for p in inside if _BELOW_BAR <= (rule.at - p.baseline) / p.em <= 1 + _FROM_BAR]
        line = [p for p in found if _is_beside_bar(p, rule)]
        if len(above) != 1 or len(below) != 1 or not line:
            continue
        upper, lower, base = above[0], below[0], line[0]
        text = "/".join(p.text if p.text.isalnum() else f"({p.text})" for p in (upper, lower))
        word = Word(text, rule.start, rule.end)
        whole = replace(base, words=(word,), left=rule.start, right=rule.end, order=upper.order)
        found = [whole if p is upper else p for p in found if p is not lower]
    return found


def _is_beside_bar(piece: Piece, rule: Rule) -> bool:
    """Whether a line has the bar of a fraction at the height of its own minus, next to its words."""
    gap = max(rule.start - piece.right, piece.left - rule.end)
    return _LOWEST_BAR <= (rule.at - piece.baseline) / piece.em <= _HIGHEST_BAR and -0.1 <= gap / piece.em <= _NEAR_BAR


def _is_behind(right: Piece, left: Piece, script: Piece | None = None) -> bool:
    """Whether ``right`` follows ``left`` at once, and ``script``, which is one of them, is raised or lowered."""
    script = script or right
    base = left if script is right else right
    if script.em >= _SMALLER * base.em or not -0.15 * base.em <= right.left - left.right <= _NEAR * base.em:
        return False
    rise = (script.baseline - base.baseline) / base.em
    return _RAISED < rise < _HIGHEST or -_LOWEST < rise < -_RAISED / 2


def _joined(base: Piece, script: Piece, following: Piece | None) -> Piece:
    before = " ".join(word.text for word in base.words[-3:])
    after = ""
    if following is not None:
        is_apart = following.left - script.right > _SPACE * base.em
        after = (" " if is_apart else "") + following.words[0].text
    is_raised = script.baseline > base.baseline
    line = raised_text.on_one_line(
        [
            raised_text.Piece(before),
            raised_text.Piece(script.text, "raised" if is_raised else "lowered"),
            raised_text.Piece(after),
        ]
    )
    last = base.words[-1]
    word = Word(last.text + line[len(before) : len(line) - len(after)].rstrip(), last.left, script.right)
    return replace(base, words=(*base.words[:-1], word), right=max(base.right, script.right))


def _preceded(base: Piece, script: Piece) -> Piece:
    """A line that begins with a raised number, as notes do."""
    text = raised_text.on_one_line([raised_text.Piece(script.text, "raised"), raised_text.Piece(" ")]).strip()
    word = Word(text, script.left, script.right)
    return replace(base, words=(word, *base.words), left=min(base.left, script.left))
