"""Whether a hyphen at the end of a line belongs to the word, as in ``mother-/in-law``, or was put there by the margin.

What the text itself writes elsewhere decides first: ``document`` or ``long-term``. Else the hyphen goes, as that of
``docu-/ment`` does, unless something says that it belongs: digits and capitals (``X-/ray``, ``COVID-/related``), number
words, words that are all but always joined by one (``self-/made``, ``Berlin-/based``), small words inside a chain
(``state-of-the-/art``), parts that are both words of the text, or a text that breaks no words. Before ``and`` and the
like a hyphen stands for what follows: ``pre- and post-war``. The lists were chosen by counting how often 60,000
hyphenated words, and the closed words that begin or end alike, are written in encyclopaedias, novels and manuals. Works
on strings only.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from corpora.text.reading_text import words

Seam: TypeAlias = Literal["word", "hyphen", "suspended"]
"""What two lines make: one word, one with its hyphen, or two words of which the first keeps it."""

_HEAD = re.compile(r"[\w'’]+(?:-[\w'’]+)*(?=-\Z)")
_TAIL = re.compile(r"\w+(?:['’-]\w+)*")
_WORDS = re.compile(r"[\w-]+")
_TORN = re.compile(r"(?<![\w-])([\w-]+)-[ \t]*\n\s*([\w-]+)")  # says nothing by itself: it is what has to be decided
# A text that breaks no words has a hyphen at the end of few lines, and hardly one that it writes in one word elsewhere.
_FEWEST_LINES, _MOST_HYPHENS, _MOST_TORN = 40, 0.03, 0.2
# A hyphen before these is that of a word which is completed later.
_CONJUNCTIONS = words("and or und oder sowie bis et ou och eller og y")
_SMALL = words("a al and at by de down du for from go in la le my no of off on out sur the to under up à")
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety vingt trente quarante cinquante soixante")
_UNITS = words(
    "one two three four five six seven eight nine first second third fourth fifth sixth seventh eighth ninth "
    "un deux trois quatre cinq six sept huit neuf dix"
)
_HEADS = words(
    "all best built cross deep double dual easy eighty far first five fourth full grown half hard high higher highest "
    "ill left long longest looking low lower many middle mixed multiple nine newly non old once one open purpose "
    "quarter quasi ready right same second self semi seven short single six so such ten third three top twelve two "
    "user vice well wide worn zero"
)
_TAILS = words(
    "backed based blooded bodied bred byte called century cheeked colored coloured consuming coordinate defined "
    "derived dimensional directed driven dwelling educated eyed faced fashioned footed friendly funded governmental "
    "grained growing haired handed headed hearted humoured independent law legged looking minded mouthed natured only "
    "oriented owned party powered produced ranked rate reaching related roofed sensitive shaped sharing shouldered "
    "sided sighted sized skinned speaking specific spirited style supplied tempered term themed threatening tongued "
    "uniform winged winning witted year years"
)
# These follow a name with a hyphen ("Berlin-based"), and may end a word that is no name ("stub-born").
_TAILS_OF_NAMES = words("area born built class era founded free led like made only run style trained type wide")
_FRENCH_TAILS = words("il ils elle elles ci là être même mêmes moi toi nous vous")
_OLD = words("day days month months week weeks year years jour an ans")
# What begins a word that no hyphen follows, though the rest may be one of the tails: "un-/related".
_PREFIXES = words(
    "a after any back con counter cor de dis em en ex fore im in inter ir mis out over pre pro re sub super trans un "
    "under up"
)
# What ends a word of which the rest may be one of the heads: "full-/er", "well-/ness", "one-/self".
_ENDINGS = words(
    "able age al ance ancy ant ate ation come day dom ed ely en ence ency ent eous er ers es est ful fully hood iance "
    "ible ic ice ify ing ings ion ise ish ism ist ity ive ize less ling lings ly ment ments most ness nesses ous ple "
    "row s self selves ship ships sion some spring teen teens teenth tence tenced tences th ther tion tional ton ty "
    "vel ward wards way ways where wise y"
)
_NO_ADVERBS = words("analy assemb cataly dialy electroly famili hydroly paraly italy monopoly")


class Hyphens:
    """Decides by the words of one text. ``always_kept``: by none, every hyphen that is there belongs."""

    def __init__(self, text: str, *, always_kept: bool = False) -> None:
        torn = [(head + tail).casefold() for head, tail in _TORN.findall(text)]
        self._words = frozenset(_WORDS.findall(_TORN.sub(" ", text.casefold())))
        self._breaks_no_words = (
            text.count("\n") >= _FEWEST_LINES
            and len(torn) <= _MOST_HYPHENS * text.count("\n")
            and sum(word in self._words for word in torn) <= _MOST_TORN * len(torn)
        )
        self._always_kept = always_kept

    def seam(self, line: str, following: str) -> Seam | None:
        """What a line that ends in a hyphen makes with the one that follows; None if that is no part of a word."""
        token, rest = _HEAD.search(line.removesuffix("\n")), _TAIL.match(following)
        if token is None or rest is None:
            return None
        *before, head = token[0].split("-")
        tail, *after = re.split("['’-]", rest[0])
        if self._always_kept or not head[-1:].isalpha():
            return "hyphen"
        if rest[0] in _CONJUNCTIONS and rest.end() < len(following):
            return "suspended"
        if not tail[0].islower() and not _is_shouted(head, tail):
            return "hyphen"
        if written := self._as_written(before, head, tail, rest[0]):
            return written
        if (
            len(head) == 1
            or (any(map(str.isupper, head[1:])) and not tail.isupper())
            or _in_chain(before, head, tail, after)
        ):
            return "hyphen"
        return "hyphen" if self._is_compound(head, tail) else "word"

    def _as_written(self, before: list[str], head: str, tail: str, rest: str) -> Seam | None:
        """How the text writes the word elsewhere, if it does."""
        head, tail = head.casefold(), tail.casefold()
        whole = "-".join([*before, head]).casefold()
        if f"{head}-{tail}" in self._words or f"{whole}-{rest.casefold()}" in self._words:
            return "hyphen"
        return "word" if head + tail in self._words else None

    def _is_compound(self, head: str, tail: str) -> bool:
        is_name, low, tail = head[0].isupper(), head.casefold(), tail.casefold()
        if low in _TENS:
            return tail in _UNITS
        is_tail = tail in _TAILS or tail in _FRENCH_TAILS or (tail == "old" and low in _OLD)
        if is_tail and low not in _PREFIXES and (len(low) > 2 or tail in _FRENCH_TAILS):
            return True
        if is_name and tail in _TAILS_OF_NAMES and len(low) > 3:
            return True
        if tail in _ENDINGS or len(tail) < 3:
            return tail in ("up", "by") and len(low) > 3
        if low in _HEADS or (low.endswith("ing") and len(low) > 5 and len(tail) > 3 and not is_name):
            return True
        if low.endswith("ly") and len(low) > 5 and len(tail) > 3 and low not in _NO_ADVERBS:
            return True
        are_words = min(len(low), len(tail)) > 3 and low not in _PREFIXES and {low, tail} <= self._words
        return are_words or self._breaks_no_words


def _is_shouted(head: str, tail: str) -> bool:
    """Whether both are in capitals and as long as parts of a word are, not names as in "AC-/DC"."""
    return head.isupper() and tail.isupper() and len(head) > 3 and len(tail) > 2


def _in_chain(before: list[str], head: str, tail: str, after: list[str]) -> bool:
    """Whether a small word stands between hyphens: "mother-/in-law", "state-of-the-/art", "up-to-/date"."""
    return (bool(before) and (head in _SMALL or tail in _SMALL)) or (bool(after) and tail in _SMALL)
