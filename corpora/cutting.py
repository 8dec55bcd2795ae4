"""Where to cut text that has no sentence's end in reach: at a line, a cell, a clause, a space, else between letters.

Never inside a grapheme cluster (what a reader sees as one letter) that fits, nor where Thai, Lao, Khmer, Burmese,
Chinese or Japanese writing does not break a line. Knows nothing of sentences or passages.
"""

from __future__ import annotations

import regex

_CLAUSE_END = regex.compile(r"[,;:\u060c\u061b](?=\s)|[\uff0c\u3001\uff1b\uff1a\u104a](?!\p{M})")
_CELL_END = regex.compile(r" \| (?!\p{M})")
_GAP = regex.compile(r" (?!\p{M})")
_CLUSTER = regex.compile(r"\X")
_LONGEST_CLUSTER = 64
# Not after: a vowel written before its consonant, what stacks the next consonant, an opening bracket. Not before: a
# mark, a vowel written behind its consonant, a consonant that closes a syllable, small kana, closing marks. Not in
# the middle of a word or number of letters that stand between those of other scripts.
_UNBROKEN = regex.compile(
    r"(?<=[\u0e40-\u0e44\u0ec0-\u0ec4\u1039\u17d2\u300a\u300c\u300e\u3010\u3014\uff08\u3008])"
    r"|(?=\p{M}|[\u0e2f-\u0e3a\u0e45\u0e46\u0eaf-\u0ebc\u0ec6]|[\u1000-\u1021][\u1039\u103a])"
    r"|(?=[\u3001-\u3003\u3005\u3009\u300b\u300d\u300f\u3011\u3015\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\u30fc])"
    r"|(?=[\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087\u30a1\u30a3\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7])"
    r"|(?<=[A-Za-z0-9])(?=[A-Za-z0-9])"
)


def cut(text: str, start: int, end: int) -> int:
    """The offset, after ``start`` and at most ``end``, at which ``text[start:end]`` is best cut from what follows."""
    middle = start + (end - start) // 2
    if (at := text.rfind("\n", middle, end)) > start:
        return at + 1
    for separator in (_CELL_END, _CLAUSE_END, _GAP):
        # One character more: what follows a separator decides whether it stands alone.
        found = separator.finditer(text, middle, end + 1)
        ends: list[int] = [match.end() for match in found if start < match.start() and match.end() <= end]
        if ends:
            return ends[-1]
    return _between_letters(text, start, end)


def _between_letters(text: str, start: int, end: int) -> int:
    borders: list[int] = [
        match.end() for match in _CLUSTER.finditer(text, start, end + _LONGEST_CLUSTER) if match.end() <= end
    ]
    middle = start + (end - start) // 2
    for at in reversed(borders):
        if at < middle:
            break
        if _UNBROKEN.match(text, at) is None:
            return at
    return borders[-1] if borders else end
