"""Words of questions and of cells: stems that match, and what words of a question mean for a table.

English, with the most usual words of German, French and Spanish tables. Knows no tables and no documents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

Family: TypeAlias = Literal[
    "money", "length", "duration", "height", "weight", "age", "distance", "speed", "depth", "width", "size", "date",
    "time", "person", "place", "rating", "amount",
]  # fmt: skip

_TOKEN: Final = re.compile(r"(?<=\w)['’]s\b|\d+(?:[.,]\d+)*(?=\D|$)|[^\W_]+(?:['’](?!s\b)[^\W\d_]+)?|[€$£¥%]")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_SPLIT: Final = re.compile(r"(?<=\d)(?=[^\W\d_])")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FILLERS: Final = _set(
    """a an the of to in on at for from by with within into as it its this that these those there here and or but so
    what which who whom whose when where why how do does did done is are was were be been being am has have had having
    can could will would shall should may might must i me my we us our you your they them their he him his she her one
    ones please tell say says said show give get got find know want need like look see let can't don't doesn't didn't
    named called exactly lie lies live lives lived living stay stays carry carries carried bring brings brought
    come came join joined move moved keep keeps kept leave leaves left exactly currently now today still already
    just actually really also right hello hi hey thanks thank
    ok okay well me any some every all each everything anything something list listed lists table
    sheet file document row rows entry entries record records data according per cent kind kinds sort type types
    make made go goes going went come comes take takes took put use used using work works held hold holds happen
    happened happens cost costs price much many long often name names mention mentioned there's what's who's where's
    when's stand stands written given give gives was't isn't aren't did you about question answer number numbers no nr
    id available offer offered offers sell sells sold order ordered buy bought pay paid place placed placing belong
    belongs belonging appear appears include included includes contain contains been run runs running ran start starts
    wie was wer wo wann welche welcher welches ist sind war waren der die das den dem des ein eine einen einem einer
    und oder mit von vom zum zur im in am an auf für bei gibt es hat haben kostet kosten viele viel alle
    le la les un une des du de et ou est sont quel quelle quels quelles combien qui quand où y a il elle pour dans sur
    el los las una unos unas y o es son cuál cuáles cuánto cuánta cuántos cuántas quién cuándo dónde hay para en con
    """
)
"""Words that name nothing in a table."""

PLAIN: Final = _set("a an the of to in on at for from by with and or is are was were be no nr number der die das le la")
"""Words that may stand between those of one key or one name."""

UNSUPPORTED: Final = _set(
    """per each every often frequent frequently common commonly share proportion difference median ratio twice half
    double except excluding without neither nor never other than unlike instead compared compare versus vs trend growth
    increase increased decrease decreased change changed rank ranked grouped today yesterday tomorrow next recently"""
)
SPANS_OF_TIME: Final = _set("week month year quarter")
RELATIVE: Final = _set("last next this past previous current per each every")
"""Before a span of time: which one it is, nobody says."""

NUMBERS: Final = {
    word: number
    for number, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)
}

FAMILY_NAMES: Final[dict[Family, frozenset[str]]] = {
    "money": _set(
        """price cost amount fee charge rate fare rent salary wage pay budget deposit tariff toll premium value revenue
        sale sales turnover income expense spend total subtotal sum net gross eur usd gbp chf preis kosten betrag gebühr
        miete gehalt umsatz prix coût montant tarif precio coste costo importe tarifa"""
    ),
    "length": _set("length long loa länge longueur longitud"),
    "duration": _set("duration time minutes hours days period length lasts minute hour day week dauer durée duración"),
    "height": _set("height elevation altitude höhe hauteur altura"),
    "weight": _set("weight mass load gewicht poids peso kg"),
    "age": _set("age alter âge edad"),
    "distance": _set("distance km miles way range strecke entfernung distancia"),
    "speed": _set("speed velocity knots geschwindigkeit vitesse velocidad"),
    "depth": _set("depth draught draft tiefe profondeur profundidad"),
    "width": _set("width beam breadth breite largeur anchura"),
    "size": _set("size capacity area population inhabitants seats berths places volume people guests visitors größe"),
    "date": _set(
        """date day due deadline on year month founded built born opened expiry expires until start end begin created
        since datum tag jahr jour année fecha día año"""
    ),
    "time": _set("time hour departure departs arrival arrives opens closes leaves uhrzeit zeit heure hora"),
    "person": _set(
        """name person owner captain author manager teacher leader contact borrower customer client member staff
        employee driver head doctor artist player responsible by keeper skipper chair tenant guest host tutor coach
        supplier buyer seller assignee reporter applicant patient student speaker trainer instructor who kunde besitzer
        nom auteur client nombre autor cliente"""
    ),
    "place": _set(
        """place location town city room address harbour harbor berth shelf venue station country village street site
        port region floor building office branch where area district zone quay ort stadt raum lieu ville lugar ciudad"""
    ),
    "rating": _set("rating score grade mark points stars rank note bewertung"),
    "amount": _set("quantity qty amount number count stock units pieces menge anzahl bestand quantité cantidad"),
}
"""Words that columns of a family are named with."""

FAMILY_WORDS: Final[dict[str, tuple[Family, ...]]] = {
    **dict.fromkeys(
        "cost costs price priced expensive cheap pay paid worth charge charged earn earns".split(), ("money",)
    ),
    **dict.fromkeys("kostet teuer billig coûte cher cuesta caro barato".split(), ("money",)),
    **dict.fromkeys("heavy weigh weighs weighed".split(), ("weight",)),
    **dict.fromkeys("tall high".split(), ("height",)),
    **dict.fromkeys("old aged".split(), ("age", "date")),
    **dict.fromkeys("far".split(), ("distance",)),
    **dict.fromkeys("fast quick slow".split(), ("speed", "duration")),
    **dict.fromkeys("deep".split(), ("depth",)),
    **dict.fromkeys("wide broad".split(), ("width",)),
    **dict.fromkeys("long last lasts take takes".split(), ("length", "duration")),
    **dict.fromkeys("big large".split(), ("size",)),
    **dict.fromkeys("when date day days dated year month week".split(), ("date", "time")),
    **dict.fromkeys("who whom whose".split(), ("person",)),
    **dict.fromkeys("where located kept".split(), ("place",)),
    **dict.fromkeys("time".split(), ("time",)),
    **dict.fromkeys("stock".split(), ("amount",)),
}
"""Words of a question that ask for a column of a family, whatever it is called."""

MEASURES: Final[frozenset[Family]] = frozenset(("money", "weight", "height", "distance", "speed", "depth", "width"))
"""Families that a table either has or says nothing about."""

Extreme: TypeAlias = Literal["maximum", "minimum"]

SUPERLATIVES: Final[dict[str, tuple[Extreme, tuple[Family, ...]]]] = {
    **dict.fromkeys("highest biggest largest greatest maximum max most top".split(), ("maximum", ())),
    **dict.fromkeys("lowest smallest least minimum min fewest".split(), ("minimum", ())),
    "dearest": ("maximum", ("money",)),
    "priciest": ("maximum", ("money",)),
    "costliest": ("maximum", ("money",)),
    "cheapest": ("minimum", ("money",)),
    "longest": ("maximum", ("length", "duration", "distance")),
    "shortest": ("minimum", ("length", "duration", "distance", "height")),
    "tallest": ("maximum", ("height",)),
    "heaviest": ("maximum", ("weight",)),
    "lightest": ("minimum", ("weight",)),
    "fastest": ("maximum", ("speed",)),
    "slowest": ("minimum", ("speed",)),
    "deepest": ("maximum", ("depth",)),
    "shallowest": ("minimum", ("depth",)),
    "widest": ("maximum", ("width",)),
    "narrowest": ("minimum", ("width",)),
    "oldest": ("maximum", ("age",)),
    "youngest": ("minimum", ("age",)),
    "newest": ("maximum", ("date",)),
    "latest": ("maximum", ("date", "time")),
    "earliest": ("minimum", ("date", "time")),
    "teuerste": ("maximum", ("money",)),
    "teuersten": ("maximum", ("money",)),
    "billigste": ("minimum", ("money",)),
    "günstigste": ("minimum", ("money",)),
    "höchste": ("maximum", ()),
    "höchsten": ("maximum", ()),
    "niedrigste": ("minimum", ()),
    "größte": ("maximum", ()),
    "kleinste": ("minimum", ()),
}
MOST: Final[dict[str, tuple[Family, ...]]] = {
    "expensive": ("money",),
    "costly": ("money",),
    "recent": ("date",),
    "recently": ("date",),
    "populous": ("size",),
    "spacious": ("size",),
}
"""What ``most`` and ``least`` may be followed by."""
# For these families a late date is what the other end of the scale of an age is.
TURNED: Final[dict[str, tuple[Extreme, Family]]] = {"oldest": ("minimum", "date"), "youngest": ("maximum", "date")}

SUMS: Final = _set("total sum altogether overall combined totals summe insgesamt gesamt somme suma")
AVERAGES: Final = _set("average mean avg durchschnitt durchschnittlich moyenne promedio media")

Order: TypeAlias = Literal[">", ">=", "<", "<="]
COMPARISONS: Final[dict[tuple[str, ...], Order]] = {
    ("more", "than"): ">",
    ("greater", "than"): ">",
    ("higher", "than"): ">",
    ("bigger", "than"): ">",
    ("larger", "than"): ">",
    ("longer", "than"): ">",
    ("heavier", "than"): ">",
    ("older", "than"): ">",
    ("later", "than"): ">",
    ("over",): ">",
    ("above",): ">",
    ("exceeding",): ">",
    ("exceeds",): ">",
    ("exceed",): ">",
    ("after",): ">",
    ("at", "least"): ">=",
    ("no", "less", "than"): ">=",
    ("not", "less", "than"): ">=",
    ("minimum", "of"): ">=",
    ("since",): ">=",
    ("less", "than"): "<",
    ("fewer", "than"): "<",
    ("lower", "than"): "<",
    ("smaller", "than"): "<",
    ("shorter", "than"): "<",
    ("cheaper", "than"): "<",
    ("lighter", "than"): "<",
    ("younger", "than"): "<",
    ("earlier", "than"): "<",
    ("under",): "<",
    ("below",): "<",
    ("before",): "<",
    ("at", "most"): "<=",
    ("no", "more", "than"): "<=",
    ("not", "more", "than"): "<=",
    ("maximum", "of"): "<=",
    ("up", "to"): "<=",
    ("until",): "<=",
    ("mehr", "als"): ">",
    ("über",): ">",
    ("weniger", "als"): "<",
    ("unter",): "<",
    ("vor",): "<",
    ("nach",): ">",
}
COMPARED: Final[dict[str, tuple[Family, ...]]] = {
    "longer": ("length", "duration"),
    "shorter": ("length", "duration"),
    "heavier": ("weight",),
    "lighter": ("weight",),
    "older": ("age",),
    "younger": ("age",),
    "cheaper": ("money",),
    "later": ("date", "time"),
    "earlier": ("date", "time"),
    "after": ("date", "time"),
    "before": ("date", "time"),
    "since": ("date", "time"),
    "until": ("date", "time"),
}
"""The families that a word of comparison is about."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word or number, where it stands, and what it is matched by. ``is_glued``: nothing but a sign parts it from the
    one before.
    """

    text: str
    start: int
    end: int
    folded: str
    stem: str
    is_glued: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is a number in digits."""
        return self.folded[0].isdigit()


def words_of(text: str) -> list[Word]:
    """The words of a text. ``R-04`` is two, the second glued to the first, and so are ``500g`` and ``2024-02-12``."""
    found: list[Word] = []
    for match in _TOKEN.finditer(text):
        start = match.start()
        for piece in [] if match[0][1:] == "s" and not match[0][0].isalnum() else _SPLIT.split(match[0]):
            folded = fold(piece)
            if folded:
                between = text[found[-1].end : start] if found else " "
                is_glued = not between or (len(between) == 1 and between in "-./:_#")
                found.append(Word(piece, start, start + len(piece), folded, stem(folded), is_glued))
            start += len(piece)
    return found


def fold(text: str) -> str:
    """Case, width and ligatures do not count, nor does which apostrophe is used."""
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


def stems_of(text: str) -> tuple[str, ...]:
    """The stems of a name or a cell: those of ``words_of``, in a fraction of the time."""
    return tuple(one for token in _TOKEN.findall(text) for one in _stems_of_token(token))


@lru_cache(maxsize=65536)
def _stems_of_token(token: str) -> tuple[str, ...]:
    if token[0] in "'’":
        return ()
    return tuple(stem(folded) for piece in _SPLIT.split(token) if (folded := fold(piece)))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A folded word without the ending of a plural or a verb, a number without zeros before it."""
    if word[0].isdigit():
        return word.lstrip("0") or "0" if word.isdecimal() else word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("sses", "shes", "ches", "xes", "zes"):
        if len(word) > 4 and word.endswith(ending):
            return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "aeiouls":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def are_akin(left: str, right: str) -> bool:
    """Whether two stems are of one family of words: ``borrow`` and ``borrower``, ``depart`` and ``departur``."""
    if left == right:
        return True
    short, long = sorted((left, right), key=len)
    return len(short) >= 4 and long.startswith(short) and long[len(short) :] in _ENDINGS


_ENDINGS: Final = _set("er or r ment ion ation ur al ly y t ant ent ee ity ness ist ship n en e")


def phrase_at(words: Sequence[Word], at: int, phrases: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The longest of the phrases that the words have at a place."""
    fitting = [phrase for phrase in phrases if tuple(word.folded for word in words[at : at + len(phrase)]) == phrase]
    return max(fitting, key=len, default=None)
