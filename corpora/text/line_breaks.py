"""Which line breaks of a plain text were made by a margin, and which on purpose.

A margin breaks where the next word would not have fitted, anywhere in a sentence, so most lines behind it begin with a
small letter. Lines on purpose begin alike (dates, names and colons, capitals), end alike (sums), hold a cell each side
of the same delimiters, or are short or ragged. What speaks for neither follows the margin of the whole text; in doubt a
break stays. Writing without small letters goes by length alone. A heading right above its paragraph is what no margin
that broke the lines below it would have broken so, or all capitals; it is judged apart from them, and so are short
lines below a colon. Works on strings only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from corpora.text.code_detection import indent
from corpora.text.sentences import sentence_end

# A colon ends a line on purpose, too, and so does the semicolon of a script without spaces.
LINE_END = sentence_end(also=":\uff1a\uff1b")
_ASKS_OR_LEADS = re.compile("[?!:\uff1f\uff01\uff1a][\"'\u201d\u2019\u00bb)]*$")
# Cells of a table set in columns.
COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
# A letter of a script that puts no spaces between words.
UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]")
# A wrapped line fills at least this share of the margin; a shorter line was ended on purpose.
NEARLY_FULL = 0.75
# A line that another one goes on from fills at least this share of it.
_HARDLY_FULL = 0.5
# Where the next word would have fitted into this share of the longest line, in more than a quarter of the lines, no
# margin broke them. Without a sign in the words, a line has to be as full as this.
_RAGGED, _AS_FULL = 0.8, 0.9
_HYPHENS = ("-", "\N{SOFT HYPHEN}")
_WIDEST_MARGIN = 200
_NARROWEST, _NARROWEST_SURE, _NARROWEST_UNSPACED = 35, 20, 10
_WIDE = 50  # from here on a third of the lines may go on in the middle of a sentence, else half of them must
_OPENERS = "\"'([{\u2018\u201c\u201e\u00ab\u00bf\u00a1\u2013\u2014*_ "
_INNER_STOP = re.compile(r"[^\W\d_]{2}[.!?] [^\W\d_]")  # names may begin all lines, but verse ends none so
# No line on purpose ends in one of these: articles, prepositions and conjunctions of some languages.
_RUNNING_ON = re.compile(
    r"\b(?:an?|and|as|at|by|for|from|in|into|of|or|that|the|their|to|with|which|au|avec|de|des|dans|du|et|la|le|les|ou|par|"
    r"pour|que|sur|un|une|am|auf|aus|das|dem|den|der|die|ein|eine|einem|einen|einer|im|mit|oder|und|vom|von|zu|zum|zur|"
    r"con|del|el|en|los|las|och|som|till|av|een|het|van|voor)$"
)
_CLAUSE_END = re.compile("[,;\uff0c\u3001\uff1b]$")
# A date, a time, a number with a mark, a name with a colon or an equals sign: what rows of a list begin with.
_ROW_START = re.compile(
    r"[\[(<]?\d{1,4}[-/.:]\d{1,2}(?:[-/.:]\d{1,4})?\b"
    r"|(?:\w{3},?\s+)?\w{3}\s+\d{1,2},?\s+(?:\d{4}\s+)?\d{1,2}:\d\d"
    r"|[\[(<#@]\S"
    r"|[+$\u20ac\u00a3]\s?\d"
    r"|[^\W\d_][\w.()/&'\u2019-]*(?: [\w.()/&'\u2019-]+){0,3}\s?[:=]{1,2}(?:\s|$)"
    r"|[\w.-]+\s?=\s?\S"
    r"|[\u2013\u2014\u00b7\u25cf\u25aa\u25a0\u25a1\u2610\u2611\u2713\u2714\u2192\u203a>]\s?"
)
_CUE = re.compile(r"\d\d:\d\d[.,:]\d\d.*-->")
_CONTACT = re.compile(r"\S+@\S+\.\w+|(?:\+|00)?[\d ()/-]{6,}|(?:www\.)\S+")
_SUM = re.compile(
    r"(?:^|[\s$\u20ac\u00a3])[-+]?\d[\d.,:]*\s?(?:%|[\u20ac$\u00a3]|[A-Z]{3}|kr|[kcm]?m|k?g|[mcd]?l|pcs|St\.?)?$"
)
_FEWEST_ROWS = 3
_FEWEST_OF_A_PROGRAM, _MOST = 4, 0.9
_COLONS = (":", "\uff1a")
_BELOW = 8  # lines below a heading that say what margin broke them
_WORD_OF_A_TITLE, _WORDS_OF_A_TITLE, _LETTERS_OF_A_TITLE = re.compile(r"[^\W\d_]{4,}"), 4, 5
_NO_TITLE = re.compile(r"[,;()\[\]\u2013\u2014]|[^\W\d_]{2}\.")
_SAMPLE = 500  # blocks from all over a text say what its margin is
_FEWEST_SMALL = 0.2  # of the letters, where small ones tell anything


class LineBreaks:
    """Judges the blocks of one text, whose margin it knows."""

    def __init__(self, blocks: Iterable[Sequence[str]]) -> None:
        """``blocks`` are the lines of the text, a blank line between each two blocks."""
        several = [block for block in blocks if len(block) > 1 and _is_prose(block)]
        sample = several[:: len(several) // _SAMPLE + 1]
        stripped = [[line.strip() for line in block] for block in sample]
        self._margin: int | None = None
        self._is_greedy = _is_greedy(stripped)
        self._filled_margin = _filled_margin(stripped)
        wrapped = [max(map(len, block)) for block in stripped if len(block) > 2 and all(self.made_by_margin(block))]
        self._margin = _quantile(wrapped, 0.9) or _quantile(_going_on(stripped), 0.9)

    def made_by_margin(self, lines: Sequence[str]) -> list[bool]:
        """For each line but the last of a block, whether the break behind it was made by the margin."""
        edges = sorted({0, *self._edges_of_headings(lines), *_begin_of_short_lines(lines), len(lines)})
        lines = [line.strip() for line in lines]
        parts = [self._made_by_margin(lines[start:end]) for start, end in pairwise(edges)]
        return [made for number, part in enumerate(parts) for made in ([False] if number else []) + part]

    def is_heading(self, lines: Sequence[str], number: int) -> bool:
        """Whether a line stands right above what it is the heading of."""
        if number + 1 >= len(lines):
            return False
        line, following = lines[number].strip(), lines[number + 1].strip()
        if LINE_END.search(line) and not _ASKS_OR_LEADS.search(line):
            return False
        if line.isupper() and not following.isupper():
            return sum(map(str.isalpha, line)) >= _LETTERS_OF_A_TITLE and not _breaks_off(line)
        if _begins_small(following):
            return False
        if _is_title(line) and not _is_title(following) and not _breaks_off(line):
            return True
        return self._is_broken_unlike(lines[number], lines[number + 1 : number + 1 + _BELOW])

    def _is_broken_unlike(self, line: str, below: Sequence[str]) -> bool:
        """Whether the margin of the lines below had room for another word in this one, or none for its last."""
        running = [pair for pair in pairwise(each.strip() for each in below) if _goes_on(*pair)]
        if not running:
            return False
        depth = indent(line) - min(map(indent, below))
        widest = max(len(each) for pair in running for each in pair)
        line = line.strip()
        reach = depth + _reach(line, below[0])
        if reach <= widest * _RAGGED:
            return True
        if not self._is_greedy or _breaks_off(line) or _NO_TITLE.search(line):
            return False
        next_word = min(_reach(*pair) for pair in running)
        return next_word > widest and (reach <= widest or depth + len(line) >= next_word)

    def _edges_of_headings(self, lines: Sequence[str]) -> Iterator[int]:
        """Where headings begin and end, at the beginning of a block or behind the end of a sentence."""
        may_begin = True
        for number, line in enumerate(lines):
            if may_begin and self.is_heading(lines, number):
                yield from (number, number + 1)
            else:
                may_begin = LINE_END.search(line.strip()) is not None

    def _made_by_margin(self, lines: Sequence[str]) -> list[bool]:
        """As ``made_by_margin``, for stripped lines without headings."""
        if len(lines) < 2:
            return []
        if rows := _rows(lines):
            margin = max(_NARROWEST, max(map(len, lines)) * _RAGGED)
            pairs = enumerate(pairwise(lines), 1)
            return [number not in rows and _goes_on(*pair) and _reach(*pair) > margin for number, pair in pairs]
        if any(map(_CONTACT.fullmatch, lines)):
            return [False] * (len(lines) - 1)
        letters = [letter for line in lines for letter in line if letter.isalpha()]
        tells = sum(map(str.islower, letters)) >= _FEWEST_SMALL * len(letters)
        return self._by_sentences(lines) if tells else self._by_length(lines)

    def _by_sentences(self, lines: Sequence[str]) -> list[bool]:
        """By which lines go on in the middle of a sentence."""
        pairs = list(pairwise(lines))
        going_on = [_goes_on(*pair) for pair in pairs]
        broken_off = sum(
            not goes_on and not LINE_END.search(line) for (line, _), goes_on in zip(pairs, going_on, strict=True)
        )
        if _is_one_text(lines, going_on):
            return [True] * len(pairs)
        longest = max(map(len, lines))
        is_filled = all(_reach(*pair) > longest for pair in pairs) and LINE_END.search(lines[-1]) is not None
        fewest = broken_off / (4 if is_filled and len(pairs) > 1 else 2 if longest >= _WIDE else 1)
        if not any(going_on) or sum(going_on) < fewest:
            if is_filled and longest >= _WIDE and any(map(_INNER_STOP.search, lines)):
                return [True] * len(pairs)
            full = [self._margin is not None and _reach(*pair) > self._margin * _AS_FULL for pair in pairs]
            return full if all(full) or len(pairs) < _FEWEST_ROWS else [False] * len(pairs)
        margin = longest if len(pairs) > 1 else max(longest, self._margin or 0)
        if len(pairs) == 1 and LINE_END.search(lines[1]):
            return [True]  # one sentence in two lines
        is_narrow = margin < _NARROWEST and (self._margin is None or self._margin >= _NARROWEST)
        if is_narrow and not (margin >= _NARROWEST_SURE and is_filled and len(pairs) > 2):
            return [False] * len(pairs)
        ragged = sum(
            goes_on and _reach(*pair) <= margin * _RAGGED and not pair[0].endswith(_HYPHENS)
            for pair, goes_on in zip(pairs, going_on, strict=True)
        )
        if ragged * 4 > sum(going_on) and len(pairs) > 1:
            return [False] * len(pairs)
        return [
            _reach(*pair) > margin * (_HARDLY_FULL if goes_on else NEARLY_FULL)
            for pair, goes_on in zip(pairs, going_on, strict=True)
        ]

    def _by_length(self, lines: Sequence[str]) -> list[bool]:
        """By length alone, where small letters cannot tell."""
        margin = self._filled_margin
        ended = [bool(LINE_END.search(line) or _CLAUSE_END.search(line)) for line in lines[:-1]]
        if margin is None or (len(ended) > 1 and all(ended)):
            return [False] * len(ended)
        if any(map(UNSPACED.search, lines)):
            return [margin >= _NARROWEST_UNSPACED and len(line) > margin * NEARLY_FULL for line in lines[:-1]]
        return [margin >= _NARROWEST and _reach(*pair) > margin * NEARLY_FULL for pair in pairwise(lines)]


def goes_on(line: str, following: str, margin: int) -> bool:
    """Whether a line alone, in a text of this margin, goes on in the following one."""
    return _goes_on(line, following) or _reach(line, following) > margin * NEARLY_FULL


def _begin_of_short_lines(lines: Sequence[str]) -> list[int]:
    """The first of the lines that a colon behind prose leads to, if no margin broke any of them."""
    longest = 0
    for number, line in reversed(list(enumerate(lines))):
        if line.rstrip().endswith(_COLONS) and number + 2 < len(lines):
            widest = max(len(each.strip()) for each in lines[: number + 1])
            return [number + 1] if longest <= widest * NEARLY_FULL else []
        longest = max(longest, len(line.strip()))
    return []


def _is_title(line: str) -> bool:
    """Whether each long word has a capital, as in English titles."""
    found = _WORD_OF_A_TITLE.findall(line)
    return len(found) >= _WORDS_OF_A_TITLE and all(word[0].isupper() for word in found) and not _NO_TITLE.search(line)


def _breaks_off(line: str) -> bool:
    """Whether a line ends as none on purpose does, or hardly any."""
    return bool(_RUNNING_ON.search(line) or _CLAUSE_END.search(line)) or line.endswith(_HYPHENS)


def _begins_small(line: str) -> bool:
    return line.lstrip(_OPENERS)[:1].islower()


def _goes_on(line: str, following: str) -> bool:
    """Whether a sentence certainly runs on into the following line."""
    return (_begins_small(following) and not LINE_END.search(line)) or _RUNNING_ON.search(line) is not None


def _is_one_text(lines: Sequence[str], going_on: Sequence[bool]) -> bool:
    """Whether most lines go on, and sentences end inside lines but the last: then they are wrapped, however short."""
    ended = [LINE_END.search(line) is not None for line in lines]
    ends_inside = any(map(_INNER_STOP.search, lines))
    return ends_inside and ended[-1] and not any(ended[:-1]) and 2 * sum(going_on) > len(going_on)


def _reach(line: str, following: str) -> int:
    """How long the line would have been with the first word of the following one."""
    return len(line) + 1 + len(following.split(None, 1)[0])


def _going_on(blocks: Iterable[Sequence[str]]) -> list[int]:
    """The lengths of lines that go on in the next one, in blocks that are no rows."""
    pairs = (pair for block in blocks if not _rows(block) for pair in pairwise(block))
    return [len(line) for line, following in pairs if _goes_on(line, following) and len(line) >= _NARROWEST]


def _is_greedy(blocks: Iterable[Sequence[str]]) -> bool:
    """Whether a program broke the lines, which breaks none that has room for another word."""
    reaches = [
        _reach(*pair) > widest
        for block in blocks
        if (widest := max(map(len, block))) >= _NARROWEST and not _rows(block)
        for pair in pairwise(block[1:])  # the first may be a heading
        if _goes_on(*pair)
    ]
    return len(reaches) >= _FEWEST_OF_A_PROGRAM and sum(reaches) >= _MOST * len(reaches)


def _rows(lines: Sequence[str]) -> set[int]:
    """The numbers of the lines that begin a row, if the lines are rows of a list or a log; else none."""
    if any(map(_CUE.search, lines)):
        return set(range(len(lines)))
    every = set(range(len(lines)))
    if _ends_alike(lines) or _has_cells(lines):
        return every
    for is_start in (_ROW_START.match, _shape_of_most(lines)):
        starts = {number for number, line in enumerate(lines) if is_start(line)}
        if 2 * len(starts) >= len(lines) and (len(starts) >= _FEWEST_ROWS or len(starts) == len(lines)):
            return starts
    return set()


def _ends_alike(lines: Sequence[str]) -> bool:
    """Whether most lines end in a sum, or all in the same word."""
    if len({line.split()[-1] for line in lines}) == 1:
        return True
    return len(lines) >= _FEWEST_ROWS and 3 * sum(bool(_SUM.search(line)) for line in lines) >= 2 * len(lines)


def _has_cells(lines: Sequence[str]) -> bool:
    """Whether all lines have the same number of delimiters, as rows of a table of values have."""
    for delimiter in "\t;|,":
        counts = {line.count(delimiter) for line in lines}
        if len(counts) == 1 and (count := counts.pop()):
            tight = sum(len(re.findall(rf"{re.escape(delimiter)}(?=\S)", line)) for line in lines)
            if delimiter in "\t|" or (2 * tight > count * len(lines) and (count > 1 or len(lines) >= _FEWEST_ROWS)):
                return True
    return False


def _shape_of_most(lines: Sequence[str]) -> Callable[[str], bool]:
    """Whether a line begins as most of the lines do: with the same word, or with figures and marks of one shape."""
    words = Counter(_first(line) for line in lines)
    shapes = Counter(_shape(_first(line)) for line in lines)
    (word, of_word), (shape, of_shape) = words.most_common(1)[0], shapes.most_common(1)[0]
    if of_word >= _FEWEST_ROWS and 3 * of_word >= 2 * len(lines):
        return lambda line: _first(line) == word
    if of_shape >= 2 and 3 * of_shape >= 2 * len(lines) and re.search(r"[^aA'\u2019\u201c\u201d\"().,;!?-]", shape):
        return lambda line: _shape(_first(line)) == shape
    return lambda line: False


def _first(line: str) -> str:
    return line.split(None, 1)[0]


def _shape(word: str) -> str:
    """``9-9-9`` for a date, ``A`` for a word, ``[9:9]`` for a time in brackets."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", word))


def _is_prose(block: Sequence[str]) -> bool:
    return not any(line.startswith("\0") or line[:1] == "|" or COLUMNS.search(line.strip()) for line in block)


def _filled_margin(blocks: Sequence[Sequence[str]]) -> int | None:
    """The upper quartile of the lengths of lines that another one follows; None if most lines are shorter."""
    lengths = [len(line) for block in blocks for line in block[:-1] if indent(line) < 4]
    margin = _quantile(lengths, 0.75)
    if margin is None or margin > _WIDEST_MARGIN:
        return None
    return margin if sum(length > margin * NEARLY_FULL for length in lengths) * 2 >= len(lengths) else None


def _quantile(lengths: Sequence[int], share: float) -> int | None:
    ordered = sorted(length for length in lengths if length <= _WIDEST_MARGIN)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
