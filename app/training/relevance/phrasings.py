"""A question in other forms that people type: in small letters, as keywords, with slips, chattily; about another thing.

Texts in, texts out. Must not know sentences, vectors or features.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(r"(?<![\w.,-])\d{1,4}(?![\w.,-])")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'’-]+(?: (?:of |the |de )?[A-Z][\w'’-]+)*")
_SMALL_WORDS = frozenset(
    """a an the of in to and was is for on as by with that at from were are be it his her he she they their its this
    which or has have had do does did who whom whose what when where how why many much there i you we can could would
    should will may must my your our me be been being into than then so if not no any some about out up
    """.split()
)
_CHATTY = (
    "please tell me {}", "can you tell me {}", "i would like to know {}", "hi, {}", "{} please", "do you know {}",
    "quick question: {}", "{} thanks",
)  # fmt: skip
_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "k": "jl",
    "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb",
    "w": "qe", "y": "tu",
}  # fmt: skip
_SHORTEST_SLIP = 4


def small_letters(question: str) -> str:
    """As typed in a hurry: no capitals, no question mark."""
    return question.lower().rstrip("?. ")


def keywords(question: str) -> str:
    """The words that tell something, in order, in small letters; the question itself where there is only one."""
    words = [word for word in question.rstrip("?. ").split() if word.lower().strip(",.'\"") not in _SMALL_WORDS]
    return " ".join(words).lower() if len(words) > 1 else small_letters(question)


def chatty(question: str, rng: random.Random) -> str:
    """With words around it that ask for nothing."""
    return rng.choice(_CHATTY).format(small_letters(question))


def mistyped(question: str, misspelt: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """With one to three slips in words of some length, known ones where the word has any."""
    places = [match for match in _WORD.finditer(question) if len(match[0]) >= _SHORTEST_SLIP]
    slips = rng.sample(places, min(len(places), rng.choice((1, 1, 2, 2, 3))))
    for match in sorted(slips, key=lambda one: -one.start()):
        question = question[: match.start()] + _slip(match[0], misspelt, rng) + question[match.end() :]
    return small_letters(question) if rng.random() < 0.6 else question


def about_another(question: str, names: Sequence[str], rng: random.Random) -> str | None:
    """The question with one number or name replaced by another; None where it has neither."""
    places = [*_NUMBER.finditer(question), *_NAME.finditer(question)]
    if not places:
        return None
    place = rng.choice(places)
    other = _other_number(place[0], rng) if place[0].isdigit() else rng.choice(names)
    if other.lower() in question.lower():
        return None
    return question[: place.start()] + other + question[place.end() :]


def names_of(question: str) -> list[str]:
    """Runs of capitalised words inside it."""
    return _NAME.findall(question)


def topic(question: str) -> str | None:
    """The longest run of telling words, as a heading would have it; None where there is none of two words or more."""
    runs: list[list[str]] = [[]]
    for word in question.rstrip("?. ").split():
        bare = word.strip(",.;:\"'()")
        if not bare or bare.lower() in _SMALL_WORDS:
            runs.append([])
            continue
        runs[-1].append(bare)
        if bare != word:
            runs.append([])
    longest = max(runs, key=len)[:4]
    return (longest[0][:1].upper() + " ".join(longest)[1:]) if len(longest) > 1 else None


def _slip(word: str, misspelt: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    known = misspelt.get(word.lower())
    if known and rng.random() < 0.5:
        return rng.choice(known)
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + rng.choice(_NEIGHBOURS.get(word[at].lower(), "e")) + word[at + 1 :]


def _other_number(number: str, rng: random.Random) -> str:
    """Of the same length, so that a year becomes a year."""
    if len(number) == 4:
        return str(int(number) + rng.choice((-1, 1)) * rng.randint(1, 60))
    other = number
    while other == number:
        other = str(rng.randint(10 ** (len(number) - 1), 10 ** len(number) - 1))
    return other
