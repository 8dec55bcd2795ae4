"""What the cells of a column say: numbers with their unit, days, times of day, or nothing that can be computed with.

A column is read as a whole, because a cell alone does not say whether ``1.200`` is a thousand and whether ``3/4`` is in
March. What can be read in two ways, and is nowhere told, is not read. Numbers are exact (``decimal``).
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["number", "day", "time", "text"]

_EMPTY: Final = frozenset(("", "-", "–", "—", "--", "---", "n/a", "na", "n.a.", "k.a.", "none", "null", "nan", "nil"))
_UNITS: Final = {
    **dict.fromkeys(("€", "eur", "euro", "euros"), "€"),
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars"), "$"),
    **dict.fromkeys(("£", "gbp", "pound", "pounds"), "£"),
    **dict.fromkeys(("¥", "jpy", "yen", "cny", "rmb"), "¥"),
    **dict.fromkeys(("%", "percent", "percentage", "pct", "prozent"), "%"),
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms", "kilogramm"), "kg"),
    **dict.fromkeys(("g", "gr", "gram", "grams", "gramm"), "g"),
    **dict.fromkeys(("t", "ton", "tons", "tonne", "tonnes"), "t"),
    **dict.fromkeys(("km", "kms", "kilometre", "kilometres", "kilometer", "kilometers"), "km"),
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), "m"),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), "cm"),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), "mm"),
    **dict.fromkeys(("l", "litre", "litres", "liter", "liters"), "l"),
    **dict.fromkeys(("ml", "millilitre", "millilitres", "milliliter", "milliliters"), "ml"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "std"), "h"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("d", "day", "days", "tag", "tage"), "day"),
    **dict.fromkeys(("wk", "week", "weeks", "woche", "wochen"), "week"),
    **dict.fromkeys(("mo", "month", "months", "monat", "monate"), "month"),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years", "jahr", "jahre"), "year"),
    **dict.fromkeys(("mb", "megabyte", "megabytes"), "mb"),
    **dict.fromkeys(("gb", "gigabyte", "gigabytes"), "gb"),
    **dict.fromkeys(("kb", "kilobyte", "kilobytes"), "kb"),
    **dict.fromkeys(("ha", "hectare", "hectares", "hektar"), "ha"),
    **dict.fromkeys(("pc", "pcs", "piece", "pieces", "stk", "stück", "x"), "piece"),
}
_NOTE: Final = re.compile(r"\s?\[\w{1,3}\]$")
_NUMBER: Final = re.compile(
    r"(?P<open>\()?\s?(?P<sign>[-+\u2212\u2013])?\s?(?P<before>[^\W\d_]{1,4}\.?|[$€£¥₹₽₩₺₪฿]|[A-Z]{1,2}\$)?\s?"
    r"(?P<inner>[-+\u2212\u2013])?(?P<digits>\d[\d.,'’ \u00a0\u2009\u202f]*\d|\d|[.,]\d+)"
    r"(?:\s?(?P<unit>[%‰$€£¥₹₽₩₺₪฿°]|[^\W\d_]{1,12}\.?(?:[/·][^\W\d_]{1,8})?[²³]?|°[CF]))?\s?(?P<close>\))?"
)
_GROUPED: Final = re.compile(r"\d{1,3}(?:(?P<mark>[.,'’ \u00a0\u2009\u202f])\d{3})(?:(?P=mark)\d{3})*")
_CURRENCY: Final = frozenset("€$£¥₹₽₩₺₪฿")
_COMMA_LANGUAGES: Final = frozenset("de fr es it pt nl da sv nb no fi pl cs ru uk tr el hu ro sk sl hr bg".split())
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jän janvier enero gennaio januari janeiro",
            "february feb februar février febrero febbraio februari fevereiro",
            "march mar märz mär mars marzo maart março",
            "april apr avril abril aprile",
            "may mai mayo maggio mei maj maio",
            "june jun juni juin junio giugno junho",
            "july jul juli juillet julio luglio julho",
            "august aug août agosto augustus augusti",
            "september sep sept septembre septiembre settembre setembro",
            "october oct oktober okt octobre octubre ottobre outubro",
            "november nov novembre noviembre novembro",
            "december dec dezember dez décembre diciembre dicembre desember dezembro",
        ),
        1,
    )
    for name in names.split()
}
_NAME: Final = r"(?P<month>[^\W\d_]{3,10})\.?"
_DAYS: Final = tuple(
    re.compile(rf"(?:[^\W\d_]{{2,10}}\.?,? )?{pattern}(?:[T ]\d{{1,2}}:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)?", re.I)
    for pattern in (
        r"(?P<year>[12]\d{3})[-/.](?P<number>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"(?P<year>[12]\d{3})-(?P<number>\d{2})",
        r"(?P<day>\d{1,2})\.\s?(?P<number>\d{1,2})\.\s?(?P<year>\d{4}|\d\d)?",
        rf"(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th)?[ -](?:of |de )?{_NAME}(?:(?: de|,)?[ -](?P<year>\d{{4}}))?",
        rf"{_NAME}[ -](?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?",
        rf"{_NAME}[ -](?P<year>\d{{4}})",
        _NAME,
    )
)
_SLASHED: Final = re.compile(
    r"(?:[^\W\d_]{2,10}\.?,? )?(\d{1,2})[/-](\d{1,2})[/-](\d{4}|\d\d)(?: \d{1,2}:\d\d(?::\d\d)?)?"
)
_TIME: Final = re.compile(
    r"(\d{1,2})[:.h](\d\d)(?::\d\d)?\s?(?P<half>[ap]\.?m\.?)?(?:\s?(?:h|uhr))?|(\d{1,2})\s?(?P<only>[ap]\.?m\.?)",
    re.IGNORECASE,
)
_SAMPLED: Final = 300  # cells that tell what a column holds
_NO_YEAR: Final = 4  # A leap year that no table is about.


@dataclass(frozen=True, slots=True, order=True)
class Days:
    """The days that a date stands for, from the first to the last: one, a month, a year. Year 4: it names none."""

    first: date
    last: date

    @property
    def has_year(self) -> bool:
        """Whether it says of which year it is."""
        return self.first.year != _NO_YEAR

    def in_year(self, year: int) -> Days:
        """The same days of a year; 29 February of another than a leap year becomes the 28th."""
        return Days(_moved(self.first, year), _moved(self.last, year))


Value: TypeAlias = Decimal | Days | int


@dataclass(frozen=True, slots=True)
class Readings:
    """The cells of a column as values: None for an empty cell, and for one in ``unread``, which is of another kind.

    Of numbers, ``unit`` is that of all cells which have one, None if they have several; ``before`` and ``after`` are
    how cells write it, ``decimals`` how many digits most of them have behind the point, ``grouping`` what parts their
    thousands, ``point`` what stands before decimals. Times of day are minutes. ``years`` are those that dates are in.
    """

    kind: Kind
    values: tuple[Value | None, ...]
    unread: tuple[int, ...] = ()
    unit: str | None = ""
    before: str = ""
    after: str = ""
    decimals: int = 0
    grouping: str = ""
    point: str = "."
    years: frozenset[int] = frozenset()

    def shown(self, number: Decimal) -> str:
        """A number as the column writes its own, with at least as many decimals and none lost."""
        number = number.normalize() if number else Decimal(0)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)  # no number of a table is infinite
        digits = f"{number:,.{max(self.decimals, -exponent, 0)}f}"
        digits = digits.replace(",", "\0").replace(".", self.point).replace("\0", self.grouping)
        return f"{self.before}{digits}{self.after}".replace(f"{self.before}-", f"-{self.before}", 1)


def is_empty(text: str) -> bool:
    """Whether a cell says nothing: blank, a dash, ``n/a``."""
    return text.strip().casefold() in _EMPTY


def unit_of(word: str) -> str | None:
    """The one name of a unit or currency: ``kg`` for ``kilos``; None for a word that is none."""
    return _UNITS.get(word.casefold().rstrip("."))


def read(texts: Sequence[str], *, language: str | None = None) -> Readings:
    """The cells of a column as what most of them are; a column without a kind is ``text``, its values None.

    ``language`` of the document decides what nothing else does: which of ``.`` and ``,`` parts thousands.
    """
    held = [text for text in texts if not is_empty(text)]
    if not held:
        return Readings("text", (None,) * len(texts))
    readers = (partial(_numbers, language=language), _days, _times)
    sample = held[:_SAMPLED]
    unread = [len(reader(sample).unread) for reader in readers]
    if min(unread) * 2 > len(sample):
        return Readings("text", (None,) * len(texts))
    return readers[unread.index(min(unread))](texts)


def days_of(text: str) -> Days | None:
    """The days that a date stands for, whose day and month cannot be mistaken for each other; None for no date."""
    text = text.strip()
    for pattern in _DAYS:
        if (match := pattern.fullmatch(text)) is not None and (days := _days_of(match)) is not None:
            return days
    return None


def month_of(word: str) -> int | None:
    """The number of the month that a word names."""
    return _MONTHS.get(word.casefold().rstrip("."))


def minutes_of(text: str) -> int | None:
    """A time of day in minutes: ``7:30 pm`` is 1,170; None for no time."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    half = (match["half"] or match["only"] or "").casefold().replace(".", "")
    hour, minute = int(match[1] or match[4]), int(match[2] or 0)
    if hour > (12 if half else 24) or minute > 59:
        return None
    return (hour % 12 + 12 * (half == "pm") if half else hour) * 60 + minute


def numbers_of(text: str) -> set[Decimal]:
    """What a number without a unit may be, by either meaning of point and comma; empty for no number."""
    text = text.strip().replace("\u00a0", " ")
    found = (_decimal(text, point=point) for point in ".,")
    return {number for number in found if number is not None}


def _numbers(texts: Sequence[str], language: str | None) -> Readings:
    matches = [None if is_empty(text) else _NUMBER.fullmatch(_plain(text)) for text in texts]
    digits = [match["digits"] for match in matches if match is not None]
    point = _point(digits, language)
    values: list[Value | None] = []
    unread, units, styles = list[int](), list[str](), list[tuple[str, str]]()
    for index, (text, match) in enumerate(zip(texts, matches, strict=True)):
        value = None if match is None else _signed(match, point)
        values.append(value)
        if value is None:
            unread += [] if is_empty(text) else [index]
            continue
        assert match is not None
        units.append(_unit(match))
        styles.append(_style(text, match))
    known = {unit for unit in units if unit}
    before, after = Counter(styles).most_common(1)[0][0] if styles else ("", "")
    unit = next(iter(known), "") if len(known) < 2 else None
    decimals = [len(number.partition(point)[2]) for number in digits]
    grouping = next((mark for mark in ",.'’ " if mark != point and any(mark in number for number in digits)), "")
    return Readings(
        "number", tuple(values), tuple(unread), unit, before, after, max(decimals, default=0), grouping, point
    )


def _plain(text: str) -> str:
    """A cell's text as numbers are read in it: of plain width, without a note's mark behind it, as in ``12.50[3]``."""
    return _NOTE.sub("", unicodedata.normalize("NFKC", text).strip())


def _point(digits: Sequence[str], language: str | None) -> str:
    """What stands before decimals in a column, as far as its numbers tell; the language of the document else."""
    votes = {".": 0, ",": 0}
    for number in digits:
        for mark, other in ((".", ","), (",", ".")):
            behind = number.rpartition(mark)[2]
            if mark not in number:
                continue
            if number.count(mark) > 1 or other in behind:
                votes[other] += 1  # It parts thousands.
            elif other in number or len(behind) != 3 or number.startswith(("0", mark)):
                votes[mark] += 1
    if votes["."] != votes[","]:
        return max(votes, key=lambda mark: votes[mark])
    if language in _COMMA_LANGUAGES:
        return ","
    return "."


def _signed(match: re.Match[str], point: str) -> Decimal | None:
    value = _decimal(match["digits"], point=point)
    before = match["before"]
    if value is None or (before and (unit_of(before) or before) not in _CURRENCY):
        return None
    if bool(match["open"]) != bool(match["close"]) or (match["sign"] and match["inner"]):
        return None
    is_negative = (match["sign"] or match["inner"] or "+") != "+" or bool(match["open"])
    return -value if is_negative else value


def _decimal(digits: str, *, point: str) -> Decimal | None:
    whole, _, behind = digits.partition(point)
    if not whole.isdecimal() and whole and _GROUPED.fullmatch(whole) is None:
        return None
    if behind and not behind.isdecimal():
        return None
    whole = re.sub(r"\D", "", whole)
    return Decimal(f"{whole or 0}.{behind or 0}") if behind else Decimal(whole or 0) if whole else None


def _unit(match: re.Match[str]) -> str:
    written = match["before"] or match["unit"] or ""
    return unit_of(written) or written.casefold().rstrip(".")


def _style(text: str, match: re.Match[str]) -> tuple[str, str]:
    """What stands before and behind the digits of a cell."""
    before, after = match["before"] or "", match["unit"] or ""
    gap_before = " " if before and re.search(rf"{re.escape(before)}\s", text) else ""
    gap_after = " " if after and re.search(rf"\s{re.escape(after)}", text) else ""
    return before + gap_before, gap_after + after


def _days(texts: Sequence[str]) -> Readings:
    slashed = [_SLASHED.fullmatch(text.strip()) for text in texts]
    is_day_first = _is_day_first([match for match in slashed if match is not None])

    def day(index: int) -> Days | None:
        match = slashed[index]
        if match is None:
            return days_of(texts[index])
        if is_day_first is None:
            return None
        first, second = int(match[1]), int(match[2])
        return _one_day(int(match[3]), *((second, first) if is_day_first else (first, second)))

    return _read_each("day", texts, day)


def _is_day_first(matches: Iterable[re.Match[str]]) -> bool | None:
    """Whether ``3/4/2026`` is in April; None where no date of the column tells, or they contradict each other."""
    firsts, seconds = False, False
    for match in matches:
        firsts, seconds = firsts or int(match[1]) > 12, seconds or int(match[2]) > 12
    return None if firsts == seconds else firsts


def _times(texts: Sequence[str]) -> Readings:
    return _read_each("time", texts, lambda index: minutes_of(texts[index]))


def _read_each(kind: Kind, texts: Sequence[str], value_of: Callable[[int], Value | None]) -> Readings:
    values = [None if is_empty(text) else value_of(index) for index, text in enumerate(texts)]
    unread = [index for index, value in enumerate(values) if value is None and not is_empty(texts[index])]
    years = frozenset(value.first.year for value in values if isinstance(value, Days))
    return Readings(kind, tuple(values), tuple(unread), years=years)


@lru_cache(maxsize=4096)
def _one_day(year: int, month: int, day: int) -> Days | None:
    try:
        one = date(year + 2000 if year < 100 and year != _NO_YEAR else year, month, day)
    except ValueError:
        return None
    return Days(one, one)


def _days_of(match: re.Match[str]) -> Days | None:
    groups = match.groupdict()
    month = int(groups["number"]) if groups.get("number") else month_of(groups.get("month") or "")
    year = int(groups["year"]) if groups.get("year") else _NO_YEAR
    if month is None or not 1 <= month <= 12:
        return None
    if groups.get("day"):
        return _one_day(year, month, int(groups["day"]))
    return Days(date(year, month, 1), date(year, month, monthrange(year, month)[1]))


def _moved(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
