"""What the text of a cell is: a number, a date, a weekday, a mail address, a word. Header rows are told by it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, TypeAlias

from corpora.text.reading_text import words

Kind: TypeAlias = Literal[
    "empty", "number", "year", "quantity", "date", "time", "weekday", "month", "quarter", "truth", "address", "code",
    "text",
]  # fmt: skip

_CURRENCY = (
    r"[$€£¥₹₽₩₺₪฿]|US\$|EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|JPY|CNY|RUB|TRY|INR|BRL|CAD|AUD|kr\.?|zł|Kč|Ft|R\$"
)
_DIGITS = r"(?:\d{1,3}(?:[ .,'’\u00a0\u2009\u202f]\d{3})+|\d+)(?:[.,]\d+)?(?:[eE][+-]?\d+)?|[.,]\d+"
_FRACTION = r"(?:\d+ )?\d+\s?/\s?\d+|\d*\s?[¼½¾⅓⅔⅛⅜⅝⅞]"
_SIGN = r"[-+\u2212\u2013~≈<>≤≥±]?\s?"
_NUMBER = re.compile(
    rf"\(?{_SIGN}(?:{_CURRENCY})?\s?{_SIGN}(?:{_DIGITS}|{_FRACTION})\s?(?:%|‰|{_CURRENCY}|[kKMm](?![^\W\d_]))?-?\)?",
    re.IGNORECASE,
)
_QUANTITY = re.compile(
    rf"{_SIGN}(?:{_DIGITS}|{_FRACTION})(?:\s?[-–x×:]\s?(?:{_DIGITS}))*\s?[^\W\d_°%µ\"'′″]{{0,3}}[°\"'′″µ]?[^\W\d_]{{0,12}}"
    r"(?:[/·*^ ][^\W_]{1,12}\.?)?[²³]?"
)
_YEAR = re.compile(r"(?:1[5-9]|20|21)\d\d")
_MONTHS = words(
    "january february march april may june july august september october november december jan feb mar apr jun jul"
    " aug sep sept oct nov dec januar februar märz mai juni juli oktober dezember jän mär okt dez janvier février mars"
    " avril juin juillet août septembre octobre novembre décembre enero febrero marzo abril mayo junio julio agosto"
    " septiembre octubre noviembre diciembre gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre"
    " januari februari maart mei augustus augusti maj janeiro fevereiro março maio junho julho setembro outubro"
    " novembro dezembro marts styczeń luty marzec kwiecień czerwiec lipiec sierpień wrzesień październik listopad"
    " grudzień"
)
_WEEKDAYS = words(
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun montag"
    " dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so lundi mardi mercredi jeudi"
    " vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo lunedì martedì mercoledì giovedì"
    " venerdì sabato domenica maandag dinsdag woensdag donderdag vrijdag zaterdag zondag måndag tisdag onsdag torsdag"
    " fredag lördag söndag mandag tirsdag lørdag søndag segunda terça quarta quinta sexta poniedziałek wtorek środa"
    " czwartek piątek sobota niedziela"
)
_A_MONTH = r"(?:" + "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True)) + r")\.?"
_CLOCK = r"\d{1,2}[:.h]\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\.?)?|\d{1,2}\s?[ap]\.?m\.?"
_TIME = re.compile(rf"(?:{_CLOCK})(?:\s?[-–]\s?(?:{_CLOCK}))?(?:\s?(?:h|uhr|utc|gmt|z))?", re.IGNORECASE)
_DATE = re.compile(
    r"(?:(?:[^\W\d_]{2,10})\.?,? )?(?:[12]\d{3}[-/](?:0?[1-9]|1[0-2])(?:[-/]\d{1,2})?|\d{4}\.\d{1,2}\.\d{1,2}\.?|"
    r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|"
    rf"\d{{1,2}}\.\d{{1,2}}\.|\d{{1,2}}(?:\.|st|nd|rd|th)?[ -](?:of )?(?:{_A_MONTH})(?:,?[ -]\d{{2,4}})?|"
    rf"(?:{_A_MONTH})[ -]\d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|(?:{_A_MONTH})[ -]'?\d{{2,4}})"
    rf"(?:[T, ]+(?:{_CLOCK})(?:Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)
_QUARTER = re.compile(r"(?:[QqHhKk]|Kw ?|KW ?|T)[1-4](?:[ /-]?(?:20)?\d\d)?|(?:20\d\d)[ /-]?[QH][1-4]")
_TRUTHS = words("yes no true false ja nein oui non sí si nej nee tak nie да нет y n x ✓ ✔ ✗ ✘ ☑ ☐ ☒ 是 否 on off")
_NOTHING = words(
    "- – — -- --- n/a na n.a. null none nan nil ? . .. … tbd tba #n/a #div/0! #ref! #value! #name? #num! #null! k.a."
)
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|(?:https?://|www\.)\S+|\+\d[\d ()/-]{6,}", re.IGNORECASE)
_CODE = re.compile(r"(?=.*\d)[^\s,;!?]*[\d][^\s,;!?]*|(?=.*\d)\d[\d ()/-]{6,}\d")


@lru_cache(maxsize=4096)
def kind_of(text: str) -> Kind:
    """What a cell's text, on one line, is. ``text`` is all that is nothing else, ``code`` a word with digits in it."""
    low = text.casefold()
    if not text or low in _NOTHING:
        return "empty"
    if len(text) > 60:
        return "text"
    bare = low.rstrip(".")
    if bare in _MONTHS and bare not in ("mar", "may", "mars"):
        return "month"
    if bare in _WEEKDAYS:
        return "weekday"
    if low in _TRUTHS:
        return "truth"
    return "text" if not any(ch.isdigit() or ch in "¼½¾⅓⅔⅛⅜⅝⅞@." for ch in text) else _kind_of_digits(text)


def _kind_of_digits(text: str) -> Kind:
    found: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_YEAR, "year"), (_DATE, "date"), (_TIME, "time"), (_NUMBER, "number"), (_QUARTER, "quarter"),
        (_ADDRESS, "address"), (_CODE, "code"), (_QUANTITY, "quantity"),
    )  # fmt: skip
    for pattern, kind in found:
        if pattern.fullmatch(text):
            # ``12.30`` is a number as long as nothing says that it is a time.
            return "number" if kind == "time" and re.fullmatch(r"\d+\.\d+", text) else kind
    return "text"
