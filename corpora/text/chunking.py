"""Packs the sentences of a document into passages, as exact spans of its text.

Works on any string; in reading text (see ``reading_text``) it also sees headings, lists, tables and code. A sentence
that is too long is cut where it harms least: at a line, a cell, a clause, a space, else between letters, but never
inside a grapheme cluster (what a reader sees as one letter), nor where Thai, Lao, Khmer, Burmese, Chinese or Japanese
writing does not break a line. Offsets are code points, half-open. Every character that is not white space lies in a
sentence and in a passage.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

import regex

from corpora.documents import Document, Mark, Passage
from corpora.text.sentences import Unit, units

# A passage may exceed its target by this factor to end with its paragraph or sentence.
_STRETCH = 1.3
# A heading or a paragraph that does not fit begins a new passage once this share of the target is filled; a heading
# that the document marks and that lies below at most one other, once less is.
_ENOUGH, _ENOUGH_FOR_SECTION = 0.6, 1 / 3
_SECTION_LEVELS = 2
# A last passage shorter than this share of the target is merged with the one before it.
_CRUMB = 0.25
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
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


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents are chunked; stored with a corpus, since passages of two chunkings must not be mixed."""

    target_chars: int = 700
    overlap_sentences: int = 1

    def __post_init__(self) -> None:
        if self.target_chars < 1 or self.overlap_sentences < 0:
            raise ValueError("target_chars must be positive and overlap_sentences not negative")


def passages(document: Document, *, target_chars: int = 700, overlap_sentences: int = 1) -> list[Passage]:
    """Cut a document into passages of about ``target_chars`` code points, none longer than 1.3 times that.

    Only a sentence longer than that is split, and code longer than the target. A heading stays with what follows it.
    Where a paragraph runs over two passages, the second repeats the last ``overlap_sentences`` of the first, if they
    are short. Passages in Chinese, Japanese or Korean have half as many characters, which say as much. No passage lies
    on two sheets, slides or chapters, and a heading begins a new one unless the passage before it would be too short.
    """
    chunking = _fitted(Chunking(target_chars, overlap_sentences), document.text)
    sections = _sections(document.marks)
    spans = [span for part in _apart(document) for span in _spans(document.text, part, sections, chunking)]
    return [Passage.of(part, start, end) for part, (start, end) in zip(_parts(document, spans), spans, strict=True)]


def _spans(text: str, part: range, sections: Set[int], chunking: Chunking) -> Iterator[tuple[int, int]]:
    """The passages of a part of the text; ``sections`` are the offsets of headings that should begin a passage."""
    sentences = (_opening(unit.moved(part.start), sections) for unit in units(text[part.start : part.stop]))
    whole = [fitting for unit in sentences for fitting in _split(text, unit, chunking)]
    groups: list[tuple[int, int]] = []  # first and last unit of each passage
    first = 0
    while first < len(whole):
        groups.append((first, _last_of_passage(whole, first, chunking)))
        first = groups[-1][1] + 1
    if len(groups) > 1 and not whole[groups[-1][0]].opens_section:
        groups[-2:] = _with_fair_end(whole, groups[-2][0], groups[-1], chunking)
    for first, last in groups:
        yield _start(whole, first, chunking), whole[last].end


def _apart(document: Document) -> Iterator[range]:
    """The sheets, slides or chapters of a document: no passage crosses their borders."""
    starts = {mark.start for mark in document.marks if mark.kind in ("sheet", "slide", "chapter")}
    for start, end in pairwise(sorted({0, *starts, len(document.text)})):
        yield range(start, end)


def _sections(marks: Sequence[Mark]) -> Set[int]:
    """The offsets of headings of the first two levels."""
    starts: set[int] = set()
    ends: list[int] = []  # of the headings that the next one lies below
    for mark in sorted((mark for mark in marks if mark.kind == "heading"), key=lambda mark: (mark.start, -mark.end)):
        while ends and ends[-1] <= mark.start:
            ends.pop()
        ends.append(mark.end)
        if len(ends) <= _SECTION_LEVELS:
            starts.add(mark.start)
    return starts


def _opening(unit: Unit, sections: Set[int]) -> Unit:
    return replace(unit, opens_section=True) if unit.start in sections else unit


def _fitted(chunking: Chunking, text: str) -> Chunking:
    """The chunking for a text some of whose characters say about twice as much as letters."""
    dense = sum(len(run) for run in _DENSE.findall(text))
    letters = len(text) - sum(map(text.count, " \n"))
    return replace(chunking, target_chars=max(1, round(chunking.target_chars / (1 + dense / max(letters, 1)))))


def _parts(document: Document, spans: Sequence[tuple[int, int]]) -> Iterator[Document]:
    """For each span the document with the marks near it alone, so that no passage searches 50,000 rows."""
    coming, near = deque(document.marks), list[Mark]()
    for start, end in spans:
        while coming and coming[0].start < end:
            near.append(coming.popleft())
        near = [mark for mark in near if mark.end > start]
        yield replace(document, marks=tuple(near))


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as spans: in order, not overlapping, covering all that is not white space.

    A newline always ends one. A block of code is one, its first indent included; a heading, a list item or a table row
    is at least one of its own.
    """
    return [(unit.start, unit.end) for unit in units(text)]


def _last_of_passage(whole: Sequence[Unit], first: int, chunking: Chunking) -> int:
    """The index of the last unit of the passage that begins with unit ``first``."""
    limit, enough = _limit(chunking), int(chunking.target_chars * _ENOUGH)
    section = chunking.target_chars * _ENOUGH_FOR_SECTION
    start, last = _start(whole, first, chunking), first
    for i in range(first + 1, len(whole)):
        unit, filled = whole[i], whole[i - 1].end - start
        if unit.end - start > limit or (unit.opens_section and not whole[i - 1].leads_on and filled >= section):
            break
        if unit.opens_paragraph and not whole[i - 1].leads_on and filled >= enough:
            if unit.is_heading or filled >= chunking.target_chars or not _section_fits(whole, i, start + limit):
                break
        elif filled >= chunking.target_chars and not whole[i - 1].leads_on and unit.is_line:
            break
        last = i
    torn = last  # A heading at the end of a passage would be torn from its text.
    while torn > first and whole[torn].leads_on and last + 1 < len(whole):
        torn -= 1
    return last if whole[torn].leads_on else torn


def _with_fair_end(
    whole: Sequence[Unit], first: int, end: tuple[int, int], chunking: Chunking
) -> list[tuple[int, int]]:
    """The last two passages, or one instead if the last is too short; if one would be too long, cut more evenly."""
    border, last = end
    if whole[last].end - whole[border].start >= chunking.target_chars * _CRUMB:
        return [(first, border - 1), end]
    if whole[last].end - _start(whole, first, chunking) <= _limit(chunking):
        return [(first, last)]

    def fairness(i: int) -> tuple[bool, bool, int]:
        before = whole[i - 1].end - _start(whole, first, chunking)
        after = whole[last].end - _start(whole, i, chunking)
        tears_nothing = whole[i].opens_paragraph and not whole[i - 1].leads_on
        return after <= _limit(chunking), tears_nothing, min(before, after)

    border = max(range(first + 1, border + 1), key=fairness)
    return [(first, border - 1), (border, last)]


def _start(whole: Sequence[Unit], first: int, chunking: Chunking) -> int:
    """Where the passage of unit ``first`` starts: the overlap with sentences before it in the same paragraph."""
    begin, room = first, chunking.target_chars // 3
    for _ in range(chunking.overlap_sentences):
        if begin == 0 or whole[begin].opens_paragraph or whole[begin].is_line:
            break
        start = whole[begin - 1].start
        if whole[first].start - start > room or whole[first].end - start > _limit(chunking):
            break
        begin -= 1
    return whole[begin].start


def _section_fits(whole: Sequence[Unit], i: int, end: int) -> bool:
    """Whether the paragraph that unit ``i`` opens, with what it introduces, ends before ``end``."""
    while whole[i].end <= end and i + 1 < len(whole) and (whole[i].leads_on or not whole[i + 1].opens_paragraph):
        i += 1
    return whole[i].end <= end


def _split(text: str, unit: Unit, chunking: Chunking) -> Iterator[Unit]:
    """The unit itself or, if it is too long, parts of it."""
    longest, part = _limit(chunking), _limit(chunking)
    if unit.is_code:  # leaves room for the words that introduce it
        longest, part = chunking.target_chars, max(1, chunking.target_chars // 2)
    if unit.end - unit.start <= longest:
        yield unit
        return
    start = unit.start
    while unit.end - start > part:
        border = _cut_point(text, start, start + part)
        yield from _stripped(text, unit, start, border)
        start = border
    yield from _stripped(text, unit, start, unit.end)


def _stripped(text: str, unit: Unit, start: int, end: int) -> Iterator[Unit]:
    """One part of a unit without white space at its ends; nothing if that is all it is."""
    words = text[start:end]
    if words.strip():
        end = start + len(words.rstrip())
        start = start if unit.is_code else end - len(words.strip())
        opens = start == unit.start and unit.opens_paragraph
        yield Unit(start, end, opens, False, False, unit.is_line, unit.is_code, opens and unit.opens_section)


def _cut_point(text: str, start: int, end: int) -> int:
    """The offset, after ``start`` and at most ``end``, at which ``text[start:end]`` is best cut from what follows."""
    middle = start + (end - start) // 2
    if (newline := text.rfind("\n", middle, end)) > start:
        return newline + 1
    for separator in (_CELL_END, _CLAUSE_END, _GAP):
        # One character more: what follows a separator decides whether it is one.
        separators = separator.finditer(text, middle, end + 1)
        ends: list[int] = [match.end() for match in separators if start < match.start() and match.end() <= end]
        if ends:
            return ends[-1]
    return _between_letters(text, start, end)


def _between_letters(text: str, start: int, end: int) -> int:
    borders: list[int] = [
        match.end() for match in _CLUSTER.finditer(text, start, end + _LONGEST_CLUSTER) if match.end() <= end
    ]
    middle = start + (end - start) // 2
    for border in reversed(borders):
        if border < middle:
            break
        if _UNBROKEN.match(text, border) is None:
            return border
    return borders[-1] if borders else end


def _limit(chunking: Chunking) -> int:
    return max(1, int(chunking.target_chars * _STRETCH))
