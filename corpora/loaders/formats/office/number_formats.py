"""Number formats of spreadsheets: ``0.15`` by ``0.0%`` is shown as ``15.0%``, ``42`` by ``00000`` as ``00042``.

A format has up to four sections (positive, negative, zero, text), or sections with conditions; colours and spacing are
left out, since a text has none (ECMA-376 part 1, 18.8.31). Decimals and thousands are separated as the codes write
them, ``1,234.50``; what a program would show by its country's habits, as the short date, is shown as ISO 8601 has it.
Knows nothing of files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final

GENERAL: Final = "General"
_ISO_DATE, _ISO_MINUTE = "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
BUILT_IN: Final = MappingProxyType(
    {
        0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0;("$"#,##0)', 6: '"$"#,##0;("$"#,##0)',
        7: '"$"#,##0.00;("$"#,##0.00)', 8: '"$"#,##0.00;("$"#,##0.00)', 9: "0%", 10: "0.00%", 11: "0.00E+00",
        12: "# ?/?", 13: "# ??/??", 14: _ISO_DATE, 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
        19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: _ISO_MINUTE, 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)",
        39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)", 41: '#,##0;(#,##0);"-"', 42: '"$"#,##0;("$"#,##0);"-"',
        43: '#,##0.00;(#,##0.00);"-"', 44: '"$"#,##0.00;("$"#,##0.00);"-"', 45: "mm:ss", 46: "[h]:mm:ss",
        47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    }
    | dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), _ISO_DATE)
    | dict.fromkeys((32, 33, 34, 35, 55, 56), "h:mm:ss")
)  # fmt: skip
"""The formats that a file names by number alone; 14 and 22 are those of the country, 27 to 58 those of East Asia."""

# What programs give to dates and times by themselves: zeros at their end are not meant.
_BY_DEFAULT = frozenset(("yyyy-mm-dd h:mm:ss", "yyyy-mm-dd hh:mm:ss", "h:mm:ss", "hh:mm:ss"))
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<filling>.)|\[(?P<bracket>[^\]]*)\]|(?P<general>General)'
    r"|(?P<half>AM/PM|A/P|上午/下午)|(?P<exponent>E[+-])|(?P<fraction>(?<=[sS\]])\.0+)"
    r"|(?P<date>[yY]+|[mM]+|[dD]+|[hH]+|[sS]+|e+|b+|g+)|(?P<digit>[0#?])|(?P<sign>[.,%/@])|(?P<other>.)",
    re.DOTALL | re.IGNORECASE,
)
_LITERAL = ("quoted", "escaped", "symbol", "other")
_PLAIN = re.compile(r"(x*)(0|#*,?##,?##0|#+0)((?:\.0+)?)x*")
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_SYMBOL = re.compile(r"\$(?P<symbol>[^-\]]*)(?:-(?P<locale>.*))?", re.DOTALL)
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LAST_DAY, _DAY_THAT_NEVER_WAS = 2_958_466, 60
_MICROSECONDS = 6  # decimals of a second
_DIGITS, _LARGEST_PLAIN = 12, 10**21
_LONGEST = 400
_EXACT = Context(prec=1000, rounding=ROUND_HALF_UP)  # of any number by any code

_MONTHS: Final = MappingProxyType(
    {
        "en": "January February March April May June July August September October November December",
        "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "nl": "januari februari maart april mei juni juli augustus september oktober november december",
        "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "sv": "januari februari mars april maj juni juli augusti september oktober november december",
        "da": "januar februar marts april maj juni juli august september oktober november december",
        "no": "januar februar mars april mai juni juli august september oktober november desember",
    }
)
_DAYS: Final = MappingProxyType(
    {
        "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
        "es": "lunes martes miércoles jueves viernes sábado domingo",
        "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
        "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
        "pt": "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
        "sv": "måndag tisdag onsdag torsdag fredag lördag söndag",
        "da": "mandag tirsdag onsdag torsdag fredag lørdag søndag",
        "no": "mandag tirsdag onsdag torsdag fredag lørdag søndag",
    }
)
_LANGUAGES: Final = MappingProxyType(
    {
        0x06: "da",
        0x07: "de",
        0x09: "en",
        0x0A: "es",
        0x0C: "fr",
        0x10: "it",
        0x13: "nl",
        0x14: "no",
        0x16: "pt",
        0x1D: "sv",
    }
)


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of a section; ``kind`` is the name of its group in ``_TOKEN``, or ``elapsed``."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Section:
    """A section, and what it is: found out once, since a sheet shows many values by it."""

    tokens: tuple[_Token, ...]
    condition: tuple[str, float] | None
    language: str
    is_date: bool
    is_number: bool
    plain: _Plain | None

    @classmethod
    def of(cls, tokens: Sequence[_Token], condition: tuple[str, float] | None, language: str) -> _Section:
        """The section of these tokens."""
        is_date = any(token.kind in ("date", "elapsed", "half") for token in tokens)
        is_number = any(token.kind == "digit" for token in tokens)
        return cls(tuple(tokens), condition, language, is_date, is_number, _Plain.of(tokens))


@dataclass(frozen=True, slots=True)
class _Plain:
    """A section that nearly all numbers have: ``0``, ``#,##0.00`` or the like, between literals."""

    before: str
    behind: str
    grouping: str
    places: int
    percent: int

    @classmethod
    def of(cls, tokens: Sequence[_Token]) -> _Plain | None:
        """None if the section is another."""
        shape = "".join(
            token.text if token.kind in ("digit", "sign") and token.text != "%" else "x" for token in tokens
        )
        found = _PLAIN.fullmatch(shape)
        if found is None or any(token.kind not in ("digit", "sign", *_LITERAL) for token in tokens):
            return None
        before, behind = tokens[: found.end(1)], tokens[found.end(3) :]
        return cls(
            "".join(token.text for token in before),
            "".join(token.text for token in behind),
            "," if "," in found[2] else "",
            len(found[3][1:]),
            sum(token == _Token("sign", "%") for token in tokens),
        )

    def shown(self, value: float) -> str:
        """A value that is not negative."""
        exact = _rounded(Decimal(f"{value:.15g}").scaleb(2 * self.percent), self.places)
        return f"{self.before}{exact:{self.grouping}f}{self.behind}"


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A format code, ready to show values."""

    code: str
    sections: tuple[_Section, ...]

    @classmethod
    def of(cls, code: str) -> NumberFormat:
        """Any text is a code; what it does not understand it shows as it stands."""
        return _parsed(code)

    @property
    def is_general(self) -> bool:
        return not self.sections

    def number(self, value: float, *, since_1904: bool = False) -> str:
        """A number as it is shown; a date is a number of days."""
        if self.is_general:
            return general(value)
        section, is_absolute = self._section(value)
        if section is None or (not section.tokens and all(not other.tokens for other in self.sections)):
            return general(value)
        if section.is_date:
            return _date(value, section, self.code, since_1904=since_1904)
        text = _number(abs(value), section)
        is_zero = not any(ch in "123456789" for ch in text) and section.is_number
        return text if is_absolute or value >= 0 or is_zero else f"-{text}"

    def text(self, value: str) -> str:
        """A text as it is shown."""
        section = self.sections[3] if len(self.sections) > 3 else (self.sections[-1] if self.sections else None)
        if section is None or not any(token.text == "@" and token.kind == "sign" for token in section.tokens):
            return value
        kept = [token for token in section.tokens if token.kind in _LITERAL or token.text == "@"]
        return "".join(value if token.text == "@" else token.text for token in kept)

    def _section(self, value: float) -> tuple[_Section | None, bool]:
        """The section for a value, and whether it shows the sign itself."""
        numeric = self.sections[:3]
        if any(section.condition for section in numeric):
            for section in numeric:
                if section.condition is None or _holds(section.condition, value):
                    return section, section.condition is not None and section.condition[0] in ("<", "<=")
            return None, False
        if value < 0 and len(numeric) > 1:
            return numeric[1], True
        if value == 0 and len(numeric) > 2:
            return numeric[2], True
        return numeric[0], False


def general(value: float) -> str:
    """A number without a format, rounded to hide binary fractions."""
    if value == int(value) and abs(value) < _LARGEST_PLAIN:
        return str(int(Decimal(f"{value:.15g}")))
    return f"{value:.{_DIGITS if abs(value) < 10**_DIGITS else 15}g}".upper()


@lru_cache(maxsize=1024)
def _parsed(code: str) -> NumberFormat:
    if not code or code.casefold() == "general" or len(code) > _LONGEST:
        return NumberFormat(code, ())
    if "[$-f800]" in code.casefold():
        code = _ISO_DATE  # the country's long date
    if "[$-f400]" in code.casefold():
        code = "h:mm:ss"  # the country's time
    sections: list[_Section] = []
    tokens: list[_Token] = []
    condition: tuple[str, float] | None = None
    language = "en"
    for match in _TOKEN.finditer(code):
        kind, text = match.lastgroup or "other", match[match.lastgroup or 0]
        if kind == "other" and text == ";":
            sections.append(_Section.of(_minutes_told(tokens), condition, language))
            tokens, condition = [], None
        elif kind == "bracket":
            if found := _CONDITION.fullmatch(text):
                condition = found[1], float(found[2]) if re.fullmatch(r"-?\d+\.?\d*", found[2]) else 0.0
            elif _ELAPSED.fullmatch(text):
                tokens.append(_Token("elapsed", text.casefold()))
            elif (symbol := _SYMBOL.fullmatch(text)) is not None:
                language = _language(symbol["locale"] or "") or language
                tokens.append(_Token("symbol", symbol["symbol"]))
        elif kind == "space":
            tokens.append(_Token("other", " "))
        elif kind != "filling":
            tokens.append(_Token(kind, text))
    sections.append(_Section.of(_minutes_told(tokens), condition, language))
    return NumberFormat(code, tuple(sections[:4]))


def _language(locale: str) -> str | None:
    """The language of ``407`` or ``de-DE``."""
    if re.fullmatch(r"[0-9A-Fa-f]{1,8}", locale):
        return _LANGUAGES.get(int(locale, 16) & 0x3FF)
    language = locale[:2].casefold().replace("nb", "no")
    return language if language in _MONTHS else None


def _minutes_told(tokens: Sequence[_Token]) -> tuple[_Token, ...]:
    """The tokens of a section, with ``m`` of minutes as ``n``: it stands behind hours or before seconds."""
    told = list(tokens)
    times = [n for n, token in enumerate(told) if token.kind in ("date", "elapsed")]
    for before, at, after in zip([None, *times], times, [*times[1:], None], strict=False):
        token = told[at]
        if token.kind == "date" and token.text[0] in "mM" and len(token.text) < 3:
            behind_hours = before is not None and told[before].text[0] in "hH"
            if behind_hours or (after is not None and told[after].text[0] in "sS"):
                told[at] = _Token("date", "n" * len(token.text))
    return tuple(told)


def _holds(condition: tuple[str, float], value: float) -> bool:
    sign, limit = condition
    compare: dict[str, bool] = {
        "<": value < limit, ">": value > limit, "=": value == limit,
        "<=": value <= limit, ">=": value >= limit, "<>": value != limit,
    }  # fmt: skip
    return compare[sign]


def _number(value: float, section: _Section) -> str:
    """A value that is not negative, by the digits of a section."""
    tokens = section.tokens
    if section.plain is not None:
        return _stripped(section.plain.shown(value))
    if not section.is_number and _Token("sign", "@") in tokens:
        return general(value)
    if not section.is_number:
        return _stripped("".join(general(value) if t.kind == "general" else _literal(t) for t in tokens))
    exact = Decimal(f"{value:.15g}") * 100 ** sum(token == _Token("sign", "%") for token in tokens)
    if any(token.kind == "exponent" for token in tokens):
        return _scientific(exact, tokens)
    if any(token == _Token("sign", "/") for token in tokens):
        return _fraction(exact, tokens)
    return _stripped(_fixed(exact, tokens))


def _rounded(exact: Decimal, places: int) -> Decimal:
    return exact.quantize(Decimal(1).scaleb(-places), context=_EXACT)


def _literal(token: _Token) -> str:
    return "" if token.kind == "sign" and token.text == "@" else token.text


def _stripped(text: str) -> str:
    return text.strip(" \u00a0")


def _fixed(exact: Decimal, tokens: Sequence[_Token]) -> str:
    """By digits before and behind a point; the places of digits not there are filled by ``0`` alone."""
    point = next((n for n, token in enumerate(tokens) if token == _Token("sign", ".")), len(tokens))
    whole, decimals = list(tokens[:point]), list(tokens[point + 1 :])
    last = max((n for n, token in enumerate(whole) if token.kind == "digit"), default=-1)
    while last + 1 < len(whole) and whole[last + 1] == _Token("sign", ","):  # each divides by a thousand
        exact /= 1000
        del whole[last + 1]
    while decimals and _Token("sign", ",") in decimals:
        exact /= 1000
        decimals.remove(_Token("sign", ","))
    first = next((n for n, token in enumerate(whole) if token.kind == "digit"), 0)
    has_thousands = _Token("sign", ",") in whole[first:last]
    whole = [token for n, token in enumerate(whole) if token != _Token("sign", ",") or not first < n < last]
    places = sum(token.kind == "digit" for token in decimals)
    digits, _, behind = f"{_rounded(exact, places):f}".partition(".")
    text = _whole(digits.lstrip("0"), whole, has_thousands=has_thousands)
    shown = _decimals(behind.ljust(places, "0"), decimals)
    has_point = point < len(tokens) and any(ch.isdigit() for ch in shown)
    return text + ("." if has_point else "") + shown


def _whole(digits: str, tokens: Sequence[_Token], *, has_thousands: bool) -> str:
    """The digits before the point, from the last on; the first place takes all that are left."""
    parts: list[str] = []
    left, written = list(digits), 0
    places = [n for n, token in enumerate(tokens) if token.kind == "digit"]

    def write(digit: str) -> None:
        nonlocal written
        if has_thousands and written and written % 3 == 0:
            parts.append(",")
        parts.append(digit)
        written += 1

    for n in range(len(tokens) - 1, -1, -1):
        token = tokens[n]
        if token.kind != "digit":
            parts.append(_literal(token)[::-1])
            continue
        if left:
            write(left.pop())
        elif token.text == "0":
            write("0")
        while left and n == places[0]:
            write(left.pop())
    if not places:
        parts.extend(reversed(left))
    return "".join(parts)[::-1]


def _decimals(digits: str, tokens: Sequence[_Token]) -> str:
    """The digits behind the point; zeros at the end that no ``0`` asks for are left out."""
    places = [token.text for token in tokens if token.kind == "digit"]
    keep = len(places)
    while keep and places[keep - 1] != "0" and digits[keep - 1] == "0":
        keep -= 1
    parts, at = [], 0
    for token in tokens:
        if token.kind == "digit":
            parts.append(digits[at] if at < keep else "")
            at += 1
        else:
            parts.append(_literal(token))
    return "".join(parts)


def _scientific(exact: Decimal, tokens: Sequence[_Token]) -> str:
    at = next(n for n, token in enumerate(tokens) if token.kind == "exponent")
    mantissa, exponent = tokens[:at], tokens[at + 1 :]
    point = next((n for n, token in enumerate(mantissa) if token == _Token("sign", ".")), len(mantissa))
    step = max(sum(token.kind == "digit" for token in mantissa[:point]), 1)
    places = sum(token.kind == "digit" for token in mantissa[point:])
    power = exact.adjusted() // step * step if exact else 0
    scaled = _rounded(exact.scaleb(-power), places)
    if scaled >= 10**step:  # 9.99 became 10.0
        power += step
        scaled = exact.scaleb(-power)
    sign = "-" if power < 0 else ("+" if tokens[at].text.endswith("+") else "")
    return _stripped(
        f"{_fixed(scaled, mantissa)}E{sign}{_whole(str(abs(power)).lstrip('0'), exponent, has_thousands=False)}"
    )


def _fraction(exact: Decimal, tokens: Sequence[_Token]) -> str:
    """``1 1/2``; the denominator is given, or has as many digits as there are places for it."""
    bar = next(n for n, token in enumerate(tokens) if token == _Token("sign", "/"))
    below = "".join(t.text for t in tokens[bar + 1 :] if t.kind == "digit" or t.text.isdecimal())
    above = [n for n, token in enumerate(tokens[:bar]) if token.kind == "digit"]
    has_whole = any(tokens[n].kind != "digit" for n in range(above[0], above[-1])) if above else False
    whole, rest = divmod(Fraction(exact), 1) if has_whole else (0, Fraction(exact))
    if below.isdecimal() and below.strip("0"):
        bottom = int(below)
        top = round(rest * bottom)
    else:
        found = rest.limit_denominator(10 ** max(min(len(below), 6), 1) - 1)
        top, bottom = found.numerator, found.denominator
    if has_whole and top >= bottom:
        whole, top = whole + 1, 0
    literals = [_literal(token) for token in tokens[: above[0] if above else 0]]
    ends = [
        _literal(token) for token in tokens[bar + 1 :] if token.kind not in ("digit",) and not token.text.isdecimal()
    ]
    if has_whole and not top:
        text = str(whole)
    elif has_whole and whole:
        text = f"{whole} {top}/{bottom}"
    else:
        text = f"{top}/{bottom}"
    return _stripped("".join([*literals, text, *ends]))


@lru_cache(maxsize=4096)
def _date(value: float, section: _Section, code: str, *, since_1904: bool) -> str:
    """Days since the epoch, by the letters of a section."""
    if not 0 <= value < _LAST_DAY:
        return general(value)
    places = next((len(t.text) - 1 for t in section.tokens if t.kind == "fraction"), 0)
    seconds = _rounded(Decimal(f"{value:.15g}") * 86_400, min(places, _MICROSECONDS))
    days = int(seconds // 86_400)
    if not since_1904 and days < _DAY_THAT_NEVER_WAS:
        days += 1  # Spreadsheets count a 29 February 1900.
    start = _EPOCH_1904 if since_1904 else _EPOCH
    moment = start + timedelta(days=days, microseconds=int(seconds % 86_400 * 1_000_000))
    if code.casefold() in _BY_DEFAULT:
        return _by_default(moment, code)
    is_half = any(token.kind == "half" for token in section.tokens)
    shown = [_part(token, moment, seconds, section.language, is_half=is_half) for token in section.tokens]
    return _stripped("".join(shown))


def _by_default(moment: datetime, code: str) -> str:
    parts = [f"{moment:%Y-%m-%d}"] if code.startswith("y") else []
    if (moment.hour, moment.minute, moment.second) != (0, 0, 0) or not parts:
        parts.append(f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}")
    return " ".join(parts)


def _part(token: _Token, moment: datetime, seconds: Decimal, language: str, *, is_half: bool) -> str:
    if token.kind == "elapsed":
        per = {"h": 3600, "m": 60, "s": 1}[token.text[0]]
        return str(int(seconds // per)).rjust(len(token.text), "0")
    if token.kind == "half":
        half = token.text.split("/")[moment.hour >= 12]
        return half if len(half) == 1 else half.upper()  # as Excel shows a/p and am/pm
    if token.kind == "fraction":
        return f".{moment.microsecond:06}"[: len(token.text)]
    if token.kind != "date":
        return _literal(token)
    letter, count = token.text[0].casefold(), len(token.text)
    hour = (moment.hour % 12 or 12) if is_half else moment.hour
    number: dict[str, int] = {"m": moment.month, "d": moment.day, "h": hour, "n": moment.minute, "s": moment.second}
    if letter in ("m", "d") and count > 2:
        return _name(letter, count, moment, language)
    if letter in number:
        return str(number[letter]).rjust(min(count, 2), "0")
    shown: dict[str, Callable[[], str]] = {
        "y": lambda: f"{moment.year:04}" if count > 2 else f"{moment.year % 100:02}",
        "e": lambda: f"{moment.year}",
        "b": lambda: f"{moment.year + 543}" if count > 2 else f"{(moment.year + 543) % 100:02}",
    }
    return shown[letter]() if letter in shown else ""


def _name(letter: str, count: int, moment: datetime, language: str) -> str:
    """The name of a month or weekday: whole by four letters, short by three, its initial by five."""
    names = (_MONTHS if letter == "m" else _DAYS)[language].split()
    name = names[moment.month - 1 if letter == "m" else moment.weekday()]
    return name if count == 4 else (name[0] if count == 5 else name[:3])
