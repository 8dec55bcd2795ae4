""" "a" before a consonant, "an" before a vowel, by the sound that the next word begins with.

Knows English words only. Where the sound is not told by the letters (UN, FBI, unilateral) nothing is proposed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from app.likely_edits.company import Change
from app.likely_edits.tags import like
from app.likely_edits.words import Word

_CHANCE = 0.97
# Begin with the sound of "you" or of "won"; begin with an h that nobody hears; may be said with and without it.
_CONSONANT = re.compile(
    r"eu|ewe|one(?!i)|once|u[bfklrst][aeiou]|(?:universi|universa|uniqu|unit[^ei]|unite[ds]|union|unifor|unicor|unify|units?$)"
)
_VOWEL = re.compile(r"hour|honest|honou?r|heir")
_EITHER = re.compile(r"uni(?![mn])|histor|hotel|habitual|hyster|heroic|herb")
# Where one of these follows, "a" is a name or a slip of another kind.
_NO_NOUNS = frozenset("a an the and or is are was in of as at on it if i to".split())


def article_changes(words: Sequence[Word]) -> Iterator[Change]:
    """An "a" that ought to be "an", or the other way round."""
    for at, (word, following) in enumerate(itertools.pairwise(words)):
        if word.lower not in ("a", "an") or (at and word.text != word.lower) or following.start != word.end + 1:
            continue
        wanted = wanted_article(following.text)
        if wanted is not None and wanted != word.lower:
            yield Change(word.start, word.end, like(word.text, wanted), _CHANCE)


def wanted_article(word: str) -> str | None:
    """ "a" or "an"; None where letters do not tell."""
    small = word.lower()
    if len(word) < 2 or not word.isalpha() or not word.isascii() or word[1:] != word[1:].lower() or small in _NO_NOUNS:
        return None
    if _CONSONANT.match(small):
        return "a"
    if _VOWEL.match(small):
        return "an"
    if _EITHER.match(small):
        return None
    return "an" if small[0] in "aeiou" else "a"
