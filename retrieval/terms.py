"""Splits text into terms: words case-folded, identifiers whole and in parts, unspaced scripts as bigrams.

For matching in the word index only; nothing to do with a model's tokens.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Final

from corpora.documents import Passage
from retrieval.document_names import words_of_name

_HEADINGS: Final = ("chapter", "heading", "slide", "sheet")
# Words that frame a question and name nothing. Words that programs give a meaning (for, if, in, is, with)
# are not here: a question may be about them, and BM25 weighs frequent words down by itself.
_FRAME_WORDS = """
a an the of to what which who whom whose when where why how do does did done i me my we us our you your it its
this that these those there can could would should may might must will shall be am are was were been being has
have had having about please tell explain describe mean means happens
"""
_FRAME = frozenset(_FRAME_WORDS.split())

# Scripts written without spaces between words; Hangul too, whose words carry their particles.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\ua9e0-\ua9ff\uaa60-\uaa7f\u3005-\u3007\u3040-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_NO_LETTERS = (
    "\u0e2f\u0e3f\u0e4f\u0e5a\u0e5b\u104a-\u104f\u17d4-\u17d6\u17d8-\u17db\u3006\u30a0\u30fb"  # but signs between them
)
_OPERATORS = r"\*\*=|//=|>>=|<<=|\.\.\.|\*\*|//|->|=>|:=|==|!=|<=|>=|\+=|-=|\*=|/=|%=|@=|&=|\|=|\^=|<<|>>|&&|\|\|"
_PART_BORDER = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def terms(text: str) -> list[str]:
    """The terms of a passage, in order; every occurrence counts."""
    split: list[str] = []
    for match in _pattern().finditer(unicodedata.normalize("NFKC", text)):
        token = match.group()
        if match.lastgroup == "unspaced":
            split.extend(_bigrams(token))
        elif match.lastgroup == "word":
            split.extend(_word(token))
        else:
            split.append(token.casefold())
    return split


def searched_text(passage: Passage) -> str:
    """What a passage is searched by: the name of its document, the headings above it, its text."""
    headings = dict.fromkeys(" ".join(mark.label.split()) for mark in passage.marks if mark.kind in _HEADINGS)
    above = [heading for heading in headings if heading not in passage.text]
    return "\n".join([words_of_name(passage.document_name), *above, passage.text])


def query_terms(question: str) -> list[str]:
    """The terms of a question without the words that only frame it; all of them if nothing else is there."""
    everything = terms(question)
    return [term for term in everything if term not in _FRAME] or everything


def is_frame(word: str) -> bool:
    """Whether a word only frames an English question and names nothing."""
    return word in _FRAME


def is_unspaced(term: str) -> bool:
    """Whether a term is of a script without spaces between words, as Chinese is: a character, or two neighbours."""
    return re.match(f"[{_UNSPACED}]", term) is not None


def is_word(term: str) -> bool:
    """Whether a term is a word of a script with spaces: no number, no identifier, no bigram of Chinese."""
    return _SHORTEST_WORD <= len(term) <= _LONGEST_WORD and _whole_word().fullmatch(term) is not None


def _word(word: str) -> Iterator[str]:
    """``parseHTTPHeader`` gives itself folded, ``parse``, ``http`` and ``header``; ``__x__`` also ``x``."""
    folded = word.casefold()
    yield folded
    parts = [part.casefold() for part in _PART_BORDER.split(word) if part]
    if parts != [folded]:
        yield from parts


def _bigrams(run: str) -> Iterator[str]:
    """Each two neighbours, and each character that can stand alone, for questions of a single one."""
    yield from (ch for ch in run if unicodedata.category(ch)[0] != "M")
    for left, right in pairwise(run):
        yield left + right


_SHORTEST_WORD, _LONGEST_WORD = 2, 48
_MARKS = frozenset({"Mn", "Mc", "Me"})  # No mark means anything to an expression.


@cache
def _pattern() -> re.Pattern[str]:
    """Python's ``\\w`` has no combining marks, which are part of words in many scripts."""
    marks = _marks()
    word = rf"[^\W{_UNSPACED}]+"
    sharp = r"[A-Za-z](?:\+\+|#)"
    return re.compile(
        rf"(?P<word>(?!{sharp}){word}(?:[{marks}]+(?:{word})?)*)"
        rf"|(?P<unspaced>(?:(?![{_NO_LETTERS}])[{_UNSPACED}])+)"
        rf"|{sharp}"
        rf"|{_OPERATORS}"
    )


@cache
def _whole_word() -> re.Pattern[str]:
    return re.compile(rf"[^\W\d_{_UNSPACED}](?:[^\W\d_{_UNSPACED}]|[{_marks()}])*")


@cache
def _marks() -> str:
    return "".join(ch for ch in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(ch) in _MARKS)
