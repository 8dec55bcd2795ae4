"""The anchors of a question: numbers, identifiers, names, days and quoted words that must stand in what answers it.

    anchors_of("Where was order 99999 shipped?", ...)  ->  99999, strictly

An anchor that stands nowhere in the hits is asked for in vain: the nearest record of another order, person or year is
no answer. What only frames a question ("in 2 sentences", "at 9 pm", "Mr") is no anchor, or none that is strict. Numbers
are compared by value, days by what covers them, words by stem, names as wholes, all with case and width folded. Knows
texts, no vectors, hits or scores. S units, A anchors.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

AnchorKind: TypeAlias = Literal["number", "date", "code", "quoted", "name", "word"]
ANCHOR_KINDS: Final[tuple[AnchorKind, ...]] = ("number", "date", "code", "quoted", "name", "word")

OWN, LEAD, NEAR, PASSAGE, ELSEWHERE, NOWHERE = range(6)
"""Where an anchor stands, seen from a unit: in it, in what leads to it, in its neighbours, in its passage, in another
hit, in none."""

_NEAR_BEFORE, _NEAR_AFTER = 2, 1
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SMALL_NUMBERS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_TENS: Final = dict(zip("thirty forty fifty sixty seventy eighty ninety".split(), range(30, 100, 10), strict=True))
_ORDINALS: Final = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_VALUES: Final = (
    {word: float(number) for number, word in enumerate(_SMALL_NUMBERS)}
    | {word: float(number) for word, number in _TENS.items()}
    | {word: float(number) for number, word in enumerate(_ORDINALS, start=1)}
    | {"hundred": 100.0, "thousand": 1000.0, "dozen": 12.0}
)
_TOO_COMMON: Final = frozenset({"zero", "one", "two", "first", "second", "third", "hundred", "thousand", "dozen"})

_TOKEN = re.compile(r"\d+(?:[.,:'’]\d+)*|[^\W\d_]+")
_POSSESSIVE = re.compile(r"['’]s\b")
_NO_WORD = re.compile(r"n['’]t$|['’](?:d|m|ll|re|ve)$")
_HYPHENED = re.compile(r"\w+(?:-\w+)+")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{2,60})[\"”“»]|(?<![\w'])'([^']{2,60})'(?![\w'])")
_CODE = re.compile(
    r"`([^`]+)`"
    r"|(?<![\w.])((?:[^\W\d]\w*\.)+[^\W\d]\w*(?=\W|$))(?:\(\))?"  # a.b
    r"|(?<!\w)([^\W\d]\w*)\(\)"  # f()
    r"|(?<!\w)(--?[a-z][\w-]{2,})"  # --flag
    r"|(?<!\w)(\w*[^\W_]_[^\W_]\w*)(?!\w)"  # snake_case
    r"|(?<!\w)([a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*)(?!\w)"  # camelCase, CamelCase
    r"|(?<![\w-])((?=[\w-]*\d)(?=[\w-]*[^\W\d_])\w+(?:-\w+)*)(?![\w-])"  # INV-2041, Q1, A4
)
_ORDINAL_OR_UNIT = re.compile(
    r"\d+(?:st|nd|rd|th|s|am|pm|a|p|h|min|kg|g|mg|km|cm|mm|m|l|ml|cl|k|gb|mb|kb|x|c|f|eur|usd|px)$", re.IGNORECASE
)
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_POINT_DATE = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b")
_MONTH = "|".join(f"{month}|{month[:3]}{'t?' if month == 'september' else ''}" for month in _MONTHS)
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?({_MONTH})\b\.?(?:,?\s+(\d{{4}}))?")
_MONTH_DAY = re.compile(rf"\b({_MONTH})\b\.?\s+(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,?\s+(\d{{4}}))?")
_ONE_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b")
_BEFORE_A_MONTH = re.compile(r"\b(?:in|of|since|until|last|next|by)\s+$")
_DAY_NAME = r"(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?s?"
_DAY_RANGE = re.compile(rf"\b{_DAY_NAME}\.?\s*(?:-|–|—|to|through|until|till)\s*{_DAY_NAME}\b")
_ONE_DAY = re.compile(rf"\b{_DAY_NAME}\b")
_ASKED_DAY = re.compile(r"\b(mon|tues|wednes|thurs|fri|satur|sun)days?\b")
_EVERY_DAY = re.compile(r"\b(?:daily|every day|each day|any day|all week|all days|seven days)\b")
_WEEKDAYS = re.compile(r"\b(?:week|working|work) ?days?\b")
_WEEKEND = re.compile(r"\bweek-?ends?\b")

# Numbers in these places say how to answer, or suppose something, and need not be found.
_FRAMED = re.compile(
    r"\b(?:in|with|within|using|at most|up to)\s+(?:\w+\s+)?\d+\s+(?:short\s+)?"
    r"(?:sentence|word|line|bullet|paragraph|point)s?\b"
    r"|\b(?:name|list|give|tell|show|top|state|mention)\s+(?:me\s+)?(?:the\s+)?\d+\b"
    r"|\bpages?\s+\d+\b|\bp\.\s*\d+\b"
    r"|\b\d+\s+(?:example|reason|thing|way|step|fact|tip)s?\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"[$€£]\s*\d[\d.,]*"
    r"|(?:\bat|\bby|\buntil|\btill|\bbefore|\bafter|\bfrom)\s+\d{1,2}(?:[:.]\d\d)?(?=\s*(?:[ap]\.?m\b|o['’]?clock|h\b|\?|$|and\b|or\b|on\b))"
    r"|\d[\d.,]*\s*(?:%|percent|[ap]\.?m\b|o['’]?clock|euros?|dollars?|pounds?|kg|km|cm|mm|grams?|litres?|liters?)"
    r"|\d[\d.,]*\s+(?!is\b|was\b|has\b|does\b|costs?\b|as\b|us\b|this\b|ships?\b)[a-z]{2,}s\b"
    r"|\b(?:the|these|those|all|my|our|your|their)\s+\d{1,3}\b(?!\s*$|\s*\?)"
    r"|\b(?:i am|i'm|aged?|years?|days?|hours?|weeks?|months?)\s+\d+\b(?!\d)",
    re.IGNORECASE,
)
_NO_NAMES: Final = frozenset(
    """mr mrs ms miss dr prof professor sir madam mister i ok hi hello please who whom whose what which when where why
    how is are was were do does did can could will would should shall may must has have had the a an in on at of to for
    from by with and or but if so tell name list give show explain describe""".split()
)
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n)[\"“'(]*$")
_CAPITALISED = re.compile(r"(?<![\w'’])[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LOUD_SHARE = 0.6
_SHORTEST_WORD = 3
_FUZZY_FROM = 4


@dataclass(frozen=True, slots=True)
class Anchor:
    """What must stand in the evidence. ``strict``: where it stands nowhere, nothing answers.

    ``words``: its stems, for names, quoted and other words. ``value`` of a number, ``days`` it covers (0 is Monday),
    ``date`` as (year, month, day), 0 for what is not said; ``code`` without separators.
    """

    text: str
    kind: AnchorKind
    strict: bool = True
    words: tuple[str, ...] = ()
    value: float | None = None
    days: frozenset[int] = frozenset()
    date: tuple[int, int, int] | None = None
    code: str = ""
    is_loose: bool = False
    """Its words may stand apart, or in nearly the same letters."""

    def stands_in(self, text: Words) -> bool:
        """Whether a text has it."""
        if self.date is not None:
            return any(_same_date(self.date, other) for other in text.dates)
        if self.days:
            return self.days <= text.days
        if self.value is not None:
            return self.value in text.values
        if self.code:
            return self.code in text.codes
        return text.has(self.words, loose=self.is_loose)


@dataclass(frozen=True)
class Words:
    """A text as anchors are looked up in it; each view is made when it is first needed."""

    text: str
    stem: Callable[[str], str]
    _folded: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folded", fold(self.text))

    @cached_property
    def tokens(self) -> list[str]:
        """Words and numbers in small letters."""
        return _TOKEN.findall(self._folded)

    @cached_property
    def stems(self) -> list[str]:
        """The stems of all tokens."""
        return [self.stem(token) for token in self.tokens]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.stems)

    @cached_property
    def values(self) -> frozenset[float]:
        """The numbers it has, in digits or words."""
        found: set[float] = set()
        for token in self.tokens:
            found.update(values_of(token))
        for date in self.dates:
            found.update(float(part) for part in date if part)
        for tens, unit in pairwise(self.tokens):
            if tens in _TENS or tens == "twenty":
                found.update(_VALUES[tens] + _VALUES[unit] for _ in range(unit in _VALUES and _VALUES[unit] < 10))
            if unit in ("hundred", "thousand") and (count := _number(tens)) is not None:
                found.add(count * _VALUES[unit])
        return frozenset(found)

    @cached_property
    def codes(self) -> frozenset[str]:
        """Identifiers without their separators: ``inv2041`` for "INV-2041" and "INV 2041"; parts of dotted ones."""
        found = set()
        for match in re.finditer(r"\w+(?:[-./]\w+)*", self._folded):
            found.add(squeeze_code(match[0]))
            if len(match[0]) > 1:
                found.update(part.replace("_", "") for part in re.split(r"[-./]", match[0]))
        tokens = self.tokens
        found.update(first + second for first, second in pairwise(tokens) if second[:1].isdigit())
        return frozenset(found)

    @cached_property
    def joined(self) -> frozenset[str]:
        """Words with hyphens without them: "wifi" for Wi-Fi."""
        return frozenset(match[0].replace("-", "") for match in _HYPHENED.finditer(self._folded))

    @cached_property
    def dates(self) -> frozenset[tuple[int, int, int]]:
        """(year, month, day), 0 for what is not said."""
        return frozenset(_dates(self._folded))

    @cached_property
    def days(self) -> frozenset[int]:
        """The days of the week it names or covers."""
        small = self._folded
        if _EVERY_DAY.search(small):
            return frozenset(range(7))
        found = {_day(match[1]) for match in _ONE_DAY.finditer(small)}
        for match in _DAY_RANGE.finditer(small):
            first, last = _day(match[1]), _day(match[2])
            found.update((first + step) % 7 for step in range((last - first) % 7 + 1))
        if _WEEKDAYS.search(small):
            found.update(range(5))
        if _WEEKEND.search(small):
            found.update((5, 6))
        return frozenset(found)

    def has(self, words: Sequence[str], *, loose: bool) -> bool:
        """Whether it has the words: side by side, at most two others between them; ``loose``: anywhere, or nearly."""
        if loose:
            return all(word in self._known or any(is_near(word, own) for own in self._known) for word in words) or (
                "".join(words) in self.joined
            )
        if not self._known.issuperset(words):
            return "".join(words) in self.joined
        if len(words) == 1:
            return True
        window = len(words) + 2
        places = [place for place, own in enumerate(self.stems) if own in words]
        return any(set(self.stems[max(0, place - 1) : place + window]).issuperset(words) for place in places)


def anchors_of(
    question: str, *, stem: Callable[[str], str], is_ordinary: Callable[[str], bool], is_name: Callable[[str], bool]
) -> tuple[Anchor, ...]:
    """The anchors of a question, in order.

    ``is_ordinary``: of a stem, whether it is a common word of the language; ``is_name``: whether it is mostly written
    with a capital, so that it names something in small letters, too. A word that is neither is rare, or mistyped.
    """
    text = unicodedata.normalize("NFKC", question)
    found: list[tuple[int, Anchor]] = []
    taken = [False] * (len(text) + 1)

    def take(start: int, end: int, anchor: Anchor | None) -> None:
        if anchor is not None and not any(taken[start:end]):
            found.append((start, anchor))
        taken[start:end] = [True] * (end - start)

    for match in _QUOTED.finditer(text):
        take(match.start(), match.end(), _quoted(match[1] or match[2], stem))
    for match in _CODE.finditer(text):
        if not _ORDINAL_OR_UNIT.match(match[0]) and not _is_date(match[0]):
            take(match.start(), match.end(), _code(next(part for part in match.groups() if part)))
    for start, end, anchor in _asked_dates(text):
        take(start, end, anchor)
    frames = [match.span() for match in _FRAMED.finditer(text)]
    supposed = [match.span() for match in _SUPPOSED.finditer(text)]
    for match in _TOKEN.finditer(text):
        if any(start <= match.start() < end for start, end in frames):
            continue
        is_supposed = any(start <= match.start() < end for start, end in supposed)
        take(match.start(), match.end(), _numeric(match[0], strict=not is_supposed)) if _is_number(match[0]) else None
    for start, end, anchor in _names(text, stem, is_ordinary, is_name):
        take(start, end, anchor)
    return tuple(anchor for _, anchor in sorted(found, key=lambda pair: pair[0]))


def standing(
    anchors: Sequence[Anchor],
    units: Sequence[tuple[str, str, int]],
    passages: Sequence[str],
    *,
    stem: Callable[[str], str],
) -> NDArray[np.int8]:
    """(S, A): where each anchor stands, seen from each unit (its text, its leads, the number of its passage).

    Units of one passage come in its order; ``passages`` are whole texts by number, empty where units are all there is.
    """
    levels_SA = np.full((len(units), len(anchors)), NOWHERE, np.int8)
    if not anchors or not units:
        return levels_SA
    words = [Words(text, stem) for text, _, _ in units]
    leads = {lead: Words(lead, stem) for _, lead, _ in units}
    whole = [Words(text, stem) for text in passages]
    number_S = np.array([number for _, _, number in units])
    for column, anchor in enumerate(anchors):
        own_S = np.array([anchor.stands_in(one) for one in words])
        in_lead = {lead: bool(lead) and anchor.stands_in(one) for lead, one in leads.items()}
        lead_S = np.array([in_lead[lead] for _, lead, _ in units])
        in_passage = {
            number: bool((own_S | lead_S)[number_S == number].any())
            or (0 <= number < len(whole) and anchor.stands_in(whole[number]))
            for number in dict.fromkeys(number_S.tolist())
        }
        anywhere = any(in_passage.values()) or any(anchor.stands_in(one) for one in whole)
        levels_S = np.full(len(units), ELSEWHERE if anywhere else NOWHERE, np.int8)
        levels_S[[in_passage[number] for number in number_S.tolist()]] = PASSAGE
        levels_S[_beside(own_S, number_S)] = NEAR
        levels_S[lead_S], levels_S[own_S] = LEAD, OWN
        levels_S[lead_S & ~own_S] = LEAD
        levels_SA[:, column] = levels_S
    return levels_SA


def fold(text: str) -> str:
    """Case and width folded, ligatures spelled out."""
    return unicodedata.normalize("NFKC", text).casefold()


def values_of(token: str) -> Iterator[float]:
    """The numbers that a token may stand for: "1,000" is a thousand, "9:00" and "9.00" are nine, "nine" is, too."""
    value = _number(token)
    if value is not None:
        yield value
    parts = re.split(r"[:.]", token)
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        hour, minutes = int(parts[0]), int(parts[1])
        if hour < 25 and len(parts[1]) == 2 and minutes < 60:
            yield hour + minutes / 60
            yield hour + minutes / 100


def squeeze_code(text: str) -> str:
    """An identifier without case and separators."""
    return re.sub(r"[\W_]+", "", fold(text))


def is_near(word: str, other: str) -> bool:
    """Whether two words differ by a slip: one letter more, less, other or moved; two in words of eight or more."""
    if min(len(word), len(other)) < _FUZZY_FROM or abs(len(word) - len(other)) > 2 or word[0] != other[0]:
        return False
    return _distance(word, other) <= (2 if min(len(word), len(other)) >= 8 else 1)


def _distance(one: str, other: str) -> int:
    """Optimal string alignment: insertions, deletions, substitutions, neighbours moved."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, second in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != second))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == second:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _beside(own_S: NDArray[np.bool_], number_S: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Units of which a neighbour in the same passage has it: one of the two before, or the next."""
    beside_S = np.zeros_like(own_S)
    for back in range(1, _NEAR_BEFORE + 1):
        beside_S[back:] |= own_S[:-back] & (number_S[back:] == number_S[:-back])
    for ahead in range(1, _NEAR_AFTER + 1):
        beside_S[:-ahead] |= own_S[ahead:] & (number_S[:-ahead] == number_S[ahead:])
    return beside_S


def _is_number(token: str) -> bool:
    return token[0].isdigit() or token.lower() in _VALUES


def _number(token: str) -> float | None:
    """The value of a token, None for a word that is none."""
    if token in _VALUES:
        return _VALUES[token]
    plain = re.sub(r"[,'’](?=\d{3}\b)", "", token)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", plain) and len(plain) > 7:
        plain = plain.replace(".", "")
    plain = plain.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def _numeric(token: str, *, strict: bool) -> Anchor | None:
    small = token.lower()
    if small in _TOO_COMMON:
        return None
    value = next(values_of(small), None)
    if value is None:
        return None
    return Anchor(token, "number", strict=strict and token[0].isdigit(), value=value)


def _quoted(text: str, stem: Callable[[str], str]) -> Anchor | None:
    words = tuple(stem(token) for token in _TOKEN.findall(fold(text)))
    return Anchor(text, "quoted", words=words) if words else None


def _code(text: str) -> Anchor | None:
    squeezed = squeeze_code(text.removesuffix("()"))
    if "." in text.strip("."):
        squeezed = squeeze_code(text.removesuffix("()").rsplit(".", 1)[-1])
    return Anchor(text, "code", code=squeezed) if squeezed else None


def _is_date(text: str) -> bool:
    return _ISO_DATE.fullmatch(text) is not None


def _asked_dates(text: str) -> Iterator[tuple[int, int, Anchor]]:
    small = text.lower()  # As long as the text, unlike its folded form.
    for pattern in (_ISO_DATE, _POINT_DATE, _DAY_MONTH, _MONTH_DAY):
        for match in pattern.finditer(small):
            date = next(iter(_dates(match[0])), None)
            if date is not None:
                yield match.start(), match.end(), Anchor(match[0], "date", date=date)
    for match in _ONE_MONTH.finditer(small):
        is_named = text[match.start()].isupper() and match.start() > 0
        is_verb = match[1] in ("may", "march") and not (is_named or _BEFORE_A_MONTH.search(small[: match.start()]))
        if not is_verb:
            yield match.start(), match.end(), Anchor(match[0], "date", date=(0, _MONTHS.index(match[1]) + 1, 0))
    for match in _ASKED_DAY.finditer(small):
        yield match.start(), match.end(), Anchor(match[0], "date", days=frozenset({_day(match[1])}))


def _dates(small: str) -> Iterator[tuple[int, int, int]]:
    for match in _ISO_DATE.finditer(small):
        yield int(match[1]), int(match[2]), int(match[3])
    for match in _POINT_DATE.finditer(small):
        first, second = int(match[1]), int(match[2])
        yield int(match[3]), second, first
        if second <= 31 and first <= 12:
            yield int(match[3]), first, second  # The month stands first in America.
    for match in _DAY_MONTH.finditer(small):
        yield int(match[3] or 0), _month(match[2]), int(match[1])
    for match in _MONTH_DAY.finditer(small):
        yield int(match[3] or 0), _month(match[1]), int(match[2])
    for match in _ONE_MONTH.finditer(small):
        yield 0, _month(match[1]), 0


def _same_date(asked: tuple[int, int, int], found: tuple[int, int, int]) -> bool:
    """Whether what is asked for is there: what the text does not say is not held against it, but the day must be."""
    (year, month, day), (other_year, other_month, other_day) = asked, found
    return month == other_month and (not day or day == other_day) and (not year or not other_year or year == other_year)


def _month(name: str) -> int:
    return next(number for number, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3]))


def _day(name: str) -> int:
    return next(number for number, day in enumerate(_DAYS) if day.startswith(name[:2]))


def _names(
    text: str, stem: Callable[[str], str], is_ordinary: Callable[[str], bool], is_name: Callable[[str], bool]
) -> Iterator[tuple[int, int, Anchor]]:
    """Runs of capitalised words; in small letters words that name something or are no ordinary ones."""
    matches = list(_CAPITALISED.finditer(text))
    capitals = [match[0][0].isupper() for match in matches]
    is_loud = len(matches) > 2 and sum(capitals) > _LOUD_SHARE * len(matches)
    run: list[re.Match[str]] = []
    for match, is_capital in zip(matches, capitals, strict=True):
        word = match[0].removesuffix("'s").removesuffix("’s")
        own = stem(fold(word))
        starts = _SENTENCE_START.search(text[: match.start()]) is not None
        is_word = _NO_WORD.search(match[0]) is None  # "I'm", "we'll" and "don't" name nothing.
        counts = (
            is_word and is_capital and not is_loud and fold(word) not in _NO_NAMES
            and (not starts or not is_ordinary(own)) and fold(word) not in _VALUES
        )  # fmt: skip
        if counts and (not run or text[run[-1].end() : match.start()].strip() == ""):
            run.append(match)
            continue
        if run:
            yield _name(text, run, stem, is_ordinary)
            run = []
        if counts:
            run.append(match)
        elif is_word and len(own) >= _SHORTEST_WORD and not is_ordinary(own) and fold(word) not in _VALUES:
            # In small letters it may be any word, mistyped: of a name nearly the same letters are enough.
            kind: AnchorKind = "name" if is_name(own) else "word"
            words = tuple(stem(token) for token in _TOKEN.findall(fold(word)))
            yield match.start(), match.end(), Anchor(word, kind, strict=kind == "name", words=words, is_loose=True)
    if run:
        yield _name(text, run, stem, is_ordinary)


def _name(
    text: str, run: Sequence[re.Match[str]], stem: Callable[[str], str], is_ordinary: Callable[[str], bool]
) -> tuple[int, int, Anchor]:
    """One name of the words of a run; of ordinary words only, such as "Annual Meeting", it may be said otherwise."""
    start, end = run[0].start(), run[-1].end()
    words = tuple(stem(token) for token in _TOKEN.findall(_POSSESSIVE.sub("", fold(text[start:end]))))
    ordinary = [is_ordinary(word) for word in words]
    anchor = Anchor(text[start:end], "name", strict=not all(ordinary), words=words, is_loose=any(ordinary))
    return start, end, anchor
