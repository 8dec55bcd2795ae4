"""Finds the sentences of reading text, each with what chunking must know about it. The one place that decides where a
sentence ends: ``units`` inside a text, ``sentence_end`` at the end of a line.

Rules instead of a model: they are exact, fast, and can be tested one by one. Languages without spaces end sentences
with their own stops. Knows nothing of documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import regex

from corpora.text.code_detection import LIST_ITEM, is_code_line
from corpora.text.reading_text import words

RULE: Final = 3
"""Grows with every change of where sentences end: rows that are kept by sentence belong to one rule."""

# What ends a sentence wherever it stands at the end of a text, whatever the script, and what may close behind it.
_FINAL_STOPS = ".!?\u3002\uff01\uff1f"
_FINAL_CLOSERS = "\"')]\u2018\u2019\u201c\u201d\u300d\u300f\uff09"
_NOT_SPACE = re.compile(r"\S")
_LINE = re.compile(r"[^\n]+")
# German closes with the quotation mark that opens in English.
_CLOSERS = "\"')\\]}_\u2018\u2019\u201c\u201d\u00bb\u203a\u3009\u300b\u300d\u300f\u3011\u3015\uff09\uff3d\uff5d"
# Stops of scripts that need no space after them, and stops that do. A run of stops is matched once, from its first.
_SPACED_STOPS = ".!?\u2026\u203d\u0964\u0965\u061f\u06d4\u0589\u1362"
# The full-width dot is also the point in numbers and names.
_UNSPACED_STOPS = "\u3002\uff01\uff1f\uff1b\uff61\u104b\u17d4\u17d5\u203c\u2047\u2048\u2049"
_UNSPACED_STOP = re.compile(f"[{_UNSPACED_STOPS}\u0964\u0965\uff0e]")
# What refers to a note or a source, right behind a stop: [1], [2]-[3], [4, 5-7], [note 2], [A1], [*], (6), ^7, <8>,
# superscripts, a dagger, (Ek 2012).
_NOTE_NUMBERS = r"[0-9]{1,3}(?:\s?[,;\u2013-]\s?[0-9]{1,3})*"
_RAISED, _DAGGERS = "\u00b9\u00b2\u00b3\u2070-\u2079", "*\u2020\u2021\u00a7\u00b6"
_MARK = (
    rf"(?:\[(?:(?:[Nn]ote|nb|n|[Ff]n|Anm)\.?\s)?{_NOTE_NUMBERS}\]|\[(?:[a-z]|[ivx]{{2,5}}|citation needed)\]"
    rf"|\[[A-Z][A-Za-z]{{0,4}}[0-9]{{1,4}}\]|\[[{_DAGGERS}]{{1,3}}\]|\[\^[\w-]{{1,20}}\]|\([0-9]{{1,3}}\)"
    rf"|\([^\s()][^()\n]{{0,60}}\b(?:1[5-9]|20)[0-9]{{2}}[a-z]?\)|<[0-9]{{1,3}}>|\{{[0-9]{{1,3}}\}}|\^[0-9]{{1,3}}"
    rf"|\u207d[{_RAISED}]+\u207e|[{_RAISED}](?:[{_RAISED},\u207b\u2013-]*[{_RAISED}])?|[{_DAGGERS}])"
)
_MARKS = rf"(?:{_MARK}(?:[,;\u2013\u2014-]?{_MARK})*)"
# The same where a text has lost that it was raised: "in Lindby.1 It was", "by Jens Rud.2,3 The".
_LOWERED_MARK = r"[1-9][0-9]{0,2}(?:[,\u2013-]\s?[1-9][0-9]{0,2})*"
_STOP = regex.compile(
    f"(?:[{_UNSPACED_STOPS}]|\uff0e(?![0-9A-Za-z\uff10-\uff19]))+[{_CLOSERS}]*+{_MARKS}?+(?!\\p{{M}})"
    f"|(?<![{_SPACED_STOPS}])[{_SPACED_STOPS}]++[{_CLOSERS}]*+(?:{_MARKS}|(?P<lowered>{_LOWERED_MARK}))?+"
    "(?:[ \u00a0\u202f][\u00bb\u203a])?+(?=\\s)"
)
_OPENERS = "\"'([{\u2018\u201c\u00ab\u300c\u300e\uff08*_`"
# In Japanese a sentence goes on after what it quotes.
_QUOTE_ENDS, _AFTER_QUOTE = "\u300d\u300f", ("\u3068", "\u3063\u3066")
_QUOTES = "\"')]\u2019\u201d\u300b\u300d\u300f\u3011\uff09"
_NO_HEADLINE_ENDS = _UNSPACED_STOPS + ".!?:;,\u2026\u0964\u3001\uff0c\uff1a"
# How documentation heads what it says of a function: "object.__new__(cls[, ...])".
_SIGNATURE = re.compile(r"(?:class |async )?[A-Za-z_][\w.]*\([^()]*(?:\([^()]*\)[^()]*)*\)")
_LEADS_ON = ":\uff1a?\uff1f\u061f"
_LAST_WORD = re.compile(r"[^\s(\[\"'\u2018\u201c/]+\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+\Z")
_ROMAN = "(?=[ivxl])x{0,3}(?:xl|l?x{0,3})(?:i[xv]|v?i{0,4})"
# What counts an item or a part at its beginning: "2.", "(b.", "1.3.", "xiv.", "Article I.", "\u00a7 5.".
_ENUMERATOR = re.compile(
    rf"(?:(?:article|section|chapter|part|schedule|annex|appendix|clause|rule|book|act|scene|artikel|kapitel|teil|anhang"
    rf"|abschnitt|chapitre|titre|annexe|cap[i\u00ed]tulo)\s|\u00a7\s?|\(|\#)?"
    rf"(?:\d{{1,3}}(?:\.\d{{1,3}}){{0,4}}|[a-z]|{_ROMAN})\.\Z",
    re.IGNORECASE,
)
# Dots that lead the eye to a number, and single ones with spaces between them.
_LEADERS = re.compile(r"(?:\.{4,}|\u2026{2,})\Z")
_SUM = re.compile(r"[-+]?[\d$\u20ac\u00a3]")

# Abbreviations that end no sentence, whatever follows.
_NEVER_LAST = words(
    "e.g i.e cf vs viz approx ca resp dr mr mrs ms mx prof st mt messrs gen col lt sgt capt cmdr adm rev hon gov "
    "sen rep pres fig figs eq eqs sec sect ch chap vol ed eds transl al d.h z.b bzw nr"
)
# Abbreviations that end a sentence unless a number follows.
_BEFORE_NUMBER = words(
    "no nos p pp jan feb mar apr jun jul aug sep sept oct nov dec art op par para ver v rev c tel t\u00e9l tlf fax "
    "mobil ext incl excl inkl exkl zzgl abs ziff rn bd kap tab abb maks mind kl apt ave rm bldg reg inv acct ref pt "
    "bk cl str n\u00fam p\u00e1g env"
)
# The same where they begin with a capital: without one they are words.
_CAPITAL_BEFORE_NUMBER = words("max min mob mon tue wed thu fri sat sun")
# What numbers themselves: "Reg. No. 5".
_NUMBERING = re.compile(r"(?:[Nn]os?|[Nn]r)\.")
# A day or a century, as German writes them: "am 12. M\u00e4rz", "im 19. Jahrhundert", "Monday 6. May 2024".
_ORDINAL = re.compile(r"[1-9]\d?\Z")
_COUNTED = words(
    "januar j\u00e4nner februar feber m\u00e4rz april mai juni juli august september oktober november dezember "
    "jahrhundert jahrhunderts jahrhunderte jahrhunderten jh mars maj augusti desember december"
)
_MONTH = re.compile(
    r"(?:January|February|March|May|June|July|October"
    r"|(?:Jan|Feb|M\u00e4r|Mar|Apr|Jun|Jul|Aug|Sept?|O[ck]t|Nov|De[czs])\.?),? [12]\d\d\d\b"
)
_MEASURE = re.compile(r"\d\s?[mglhst]\Z")
# These, and initials such as "U.S.", end a sentence only if a word follows that usually begins one.
_MAYBE_LAST = words("inc ltd co corp bros jr sr dept univ assn est")
_BEGINNERS = words(
    "a an and as at but by for from he her his how however i if in is it its many most no not of on one our she since "
    "so some such that the their then there these they this those to we what when where which while who why with "
    "you your"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, or a block of code: ``text[start:end]``."""

    start: int
    end: int
    opens_paragraph: bool
    is_heading: bool
    leads_on: bool
    """A heading, or a line ending in a colon or a question mark: meaningless without what follows."""
    is_line: bool
    """Begins a line of its own inside its block: an item, a row, a line of verse."""
    is_code: bool
    opens_section: bool = False
    """Is marked as a heading of one of the first levels; set by the caller, which knows the document."""

    def moved(self, by: int) -> Unit:
        return replace(self, start=self.start + by, end=self.end + by) if by else self


def units(text: str) -> list[Unit]:
    """All sentences and blocks of code of a text, in order."""
    sentences: list[Unit] = []
    lines = [(match.start(), match.end()) for match in _LINE.finditer(text) if match[0].strip()]
    i, previous_end = 0, -1
    while i < len(lines):
        start, end = lines[i]
        opens = previous_end < 0 or "\n\n" in _bare(text[previous_end:start])
        if is_code_line(text[start:end]):
            while i + 1 < len(lines) and is_code_line(text[slice(*lines[i + 1])]):
                i += 1
            end = start + len(text[start : lines[i][1]].rstrip())
            if sentences and text[sentences[-1].end - 1] not in ".!?":
                sentences[-1] = replace(sentences[-1], leads_on=True)
            sentences.append(Unit(start, end, opens, False, False, True, True))
        else:
            ends_block = i + 1 == len(lines) or "\n\n" in _bare(text[end : lines[i + 1][0]])
            is_headline = i + 1 < len(lines) and ends_block and _is_headline(text[start:end])
            sentences.extend(_line_units(text, start, end, opens, is_headline))
        previous_end = lines[i][1]
        i += 1
    return sentences


def sentence_end(*, also: str = "", closers: str = _FINAL_CLOSERS) -> re.Pattern[str]:
    """A pattern found in a text that ends as a sentence does: with a stop, closed quotes and brackets, a reference.

    The one rule for "does this end a sentence?"; where inside a text sentences end, ``units`` says. ``also`` are
    further characters that count as stops, ``closers`` those that may follow one.
    """
    mark = rf"(?:{_MARKS}|(?<=[^\W\d_][{_FINAL_STOPS}]){_LOWERED_MARK})?"
    return re.compile(f"[{re.escape(_FINAL_STOPS + also)}][{re.escape(closers)}]*{mark}$")


_REFERRED = sentence_end()


def _line_units(text: str, start: int, end: int, opens: bool, is_headline: bool) -> Iterator[Unit]:
    """The sentences of one line. A headline that is a block of its own is a heading."""
    spans = [(start + a, start + b) for a, b in _sentence_spans(text[start:end])]
    for n, (a, b) in enumerate(spans):
        is_last = n + 1 == len(spans)
        leads_on = is_headline or (is_last and text[b - 1] in _LEADS_ON)
        yield Unit(a, b, opens and n == 0, opens and is_headline, leads_on, not opens and n == 0, False)


def _sentence_spans(line: str) -> Iterator[tuple[int, int]]:
    """The spans of sentences in a line without newlines, white space around them left out."""
    end = len(line.rstrip())
    start = len(line) - len(line.lstrip())
    for stop in _STOP.finditer(line, 0, end):
        if _ends_sentence(line, start, stop):
            yield start, stop.end()
            following = _NOT_SPACE.search(line, stop.end(), end)
            start = following.start() if following else end
    if start < end:
        yield start, end


def _ends_sentence(line: str, start: int, stop: re.Match[str]) -> bool:
    """Whether this stop ends the sentence that began at ``start``."""
    if _UNSPACED_STOP.match(stop[0]):
        return not (stop[0][-1] in _QUOTE_ENDS and line.startswith(_AFTER_QUOTE, stop.end()))
    rest = line[stop.end() : stop.end() + 40].lstrip().lstrip(_OPENERS)
    if rest[:1].islower():
        return False
    if stop["lowered"] and not (rest[:1].isalpha() and _may_refer(line[max(start, stop.start() - 40) : stop.start()])):
        return False
    if _leads_to_number(line, start, stop):
        return False
    if not rest or not stop[0].startswith(".") or stop[0].startswith(".."):
        return True
    return _ends_with_dot(line[max(start, stop.start() - 40) : stop.start()], rest)


def _leads_to_number(line: str, start: int, stop: re.Match[str]) -> bool:
    """Whether dots are there for the eye: "Beer ........ 4.00", "Beer . . . . 4.00"."""
    following = line[stop.end() : stop.end() + 8].lstrip()
    before = line[max(start, stop.start() - 8) : stop.start()]
    if _LEADERS.match(stop[0]):
        return before[-1:].isspace() or len(stop[0]) > 5 or _SUM.match(following) is not None
    if stop[0] != ".":
        return False
    row = before.replace(" ", "")
    if following.startswith("."):
        return True
    return before.endswith(" ") and (row.endswith("...") or (row.endswith(".") and _SUM.match(following) is not None))


def _may_refer(head: str) -> bool:
    """Whether a number right behind the stop after ``head`` refers to a note: no "Fig.2", "POSIX.1", "Mk.38"."""
    last = _LAST_WORD.search(head)
    if last is None or not last[0][-1].islower() or last[0] == "Mk":
        return False
    word = last[0].casefold()
    return len(word) > 1 and word not in _NEVER_LAST | _BEFORE_NUMBER and not _ENUMERATOR.match(f"{head}.")


def _ends_with_dot(head: str, rest: str) -> bool:
    """Whether the dot between ``head`` and ``rest`` is a full stop."""
    last = _LAST_WORD.search(head)
    if last is None:
        return True
    word = last[0].casefold()
    if _ENUMERATOR.match(head + "."):
        return False
    follower = re.match(r"[\w']+", rest)
    begins = follower is not None and follower[0].casefold() in _BEGINNERS
    if word in _NEVER_LAST or (_ORDINAL.match(word) and follower and follower[0].casefold() in _COUNTED):
        return False
    if _ORDINAL.match(word) and _MONTH.match(rest):
        return False
    if (rest[0].isdigit() or rest[0] == "+" or _NUMBERING.match(rest)) and _stands_before_number(last[0]):
        return False
    if _MEASURE.search(head):
        return True
    if word in _MAYBE_LAST or (_INITIALS.match(last[0] + ".") and word != "i"):
        return begins
    return True


def _stands_before_number(word: str) -> bool:
    """Whether a word with a dot is short for what a number follows: "Tel.", "Max.", "Hauptstr."."""
    folded = word.casefold()
    is_named = folded in _CAPITAL_BEFORE_NUMBER and word[0].isupper()
    return is_named or folded in _BEFORE_NUMBER or folded.endswith("str")


def _is_headline(line: str) -> bool:
    """Whether the last line of a block is short and does not end as a sentence does."""
    stripped = line.strip()
    if len(stripped) <= 100 and _SIGNATURE.fullmatch(stripped):
        return True
    if len(stripped) > 100 or LIST_ITEM.match(line) or " | " in line or _REFERRED.search(stripped):
        return False
    return any(ch.isalpha() for ch in stripped) and stripped.rstrip(_QUOTES)[-1:] not in _NO_HEADLINE_ENDS


def _bare(gap: str) -> str:
    """The newlines of a gap between two lines; two of them are a blank line."""
    return "".join(ch for ch in gap if ch == "\n")
