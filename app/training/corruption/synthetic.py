"""Clean sentences -> the same sentences with errors as learners make them: rows of the correction task.

A rule gets the words of a sentence and changes one position, or returns False if there is none; punctuation stays on
its word. Spelling slips are made as somebody in a hurry, or by ear, would make them. Deterministic given the random
generator. Knows words, letters and English error types. Must not know tokens or models.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from app.training.corruption.word_forms import WordForms

ARTICLES = ("a", "an", "the")
PREPOSITIONS = ("in", "on", "at", "to", "of", "for", "with", "from", "by", "about", "into", "as")
NEAR_PREPOSITIONS = {
    "in": "on at of to into", "on": "in at of to", "at": "in on to", "to": "for at in of", "of": "in for from about to",
    "for": "to of at in", "with": "by of to from", "from": "of by in", "by": "with from in of", "about": "of on for",
    "into": "in to", "as": "like for",
}  # fmt: skip
CONFUSED = (
    "their there they're", "its it's", "your you're", "to too", "then than", "affect effect", "loose lose",
    "who which that", "much many", "few little", "less fewer", "good well", "other another others",
    "whose who's", "where were", "of off", "quite quiet", "accept except", "advice advise", "because becouse",
    "although despite", "every all", "some any", "such so", "very much", "also too", "he she", "his her",
    "it they", "him he", "them they", "me my", "our we", "everyone everybody", "live life", "believe belief",
    "economic economy", "health healthy", "important importance", "different difference", "successful success",
    "difficult difficulty", "safe safety", "young youth", "and or but", "when if", "so but", "how what",
    "between among", "hard hardly", "most almost", "during while", "until by",
)  # fmt: skip
DROPPED = "that to is are was be been have has had it they he do not of and for in on so as will would can".split()
INSERTED = "the of to that is are have for in it be more a and do was on".split()
JOINED = {"every day": "everyday", "a lot": "alot", "in fact": "infact", "at least": "atleast", "as well": "aswell"}

_WORD = re.compile(r"^([\"'(“‘\[]*)([A-Za-z][A-Za-z'’-]*)([^A-Za-z]*)$")
Rule = Callable[[list[str], random.Random], bool]


@dataclass(frozen=True, slots=True)
class Corruptor:
    """Puts errors into sentences. `misspelt` maps right words to their known misspellings."""

    forms: WordForms
    misspelt: dict[str, list[str]]
    counts: tuple[float, ...] = (4.0, 3.5, 2.0, 1.0)
    """Weights of one error in a sentence, two, ...: as far as its length allows, one more each six words."""

    def corrupt(self, sentence: str, rng: random.Random) -> str:
        """The sentence with one to four errors, more in longer ones; sometimes equal, where no rule finds a place."""
        words = sentence.split()
        most = 1 + min(len(self.counts) - 1, len(words) // 6)
        for _ in range(rng.choices(range(1, most + 1), weights=self.counts[:most])[0]):
            for _ in range(6):
                if self._draw_rule(rng)(words, rng) or not words:
                    break
        return " ".join(w for w in words if w)

    def _draw_rule(self, rng: random.Random) -> Rule:
        rules: list[tuple[float, Rule]] = [
            (22, self.misspell), (14, scramble_letters), (9, self.verb), (4, self.number), (1, self.adverb),
            (4, drop_article), (2, insert_article), (4, change_article), (3, change_preposition), (1, drop_preposition),
            (4, confuse), (1, drop_word), (2, insert_word), (5, repeat_word), (8, capitals), (2, drop_comma),
            (1, insert_comma), (5, drop_end), (3, space_mark), (3, join_words), (1, split_word), (1, swap_words),
            (5, contraction), (1, comparative),
        ]  # fmt: skip
        return rng.choices([r for _, r in rules], weights=[w for w, _ in rules])[0]

    def misspell(self, words: list[str], rng: random.Random) -> bool:
        """A known misspelling."""

        def change(word: str) -> str | None:
            known = self.misspelt.get(word.lower())
            return rng.choice(known) if known else None

        return change_one(words, rng, change)

    def verb(self, words: list[str], rng: random.Random) -> bool:
        """Another form of a verb."""
        return change_one(words, rng, lambda w: _pick(self.forms.verbs.get(w.lower()), rng))

    def number(self, words: list[str], rng: random.Random) -> bool:
        """Singular for plural, or plural for singular."""
        return change_one(words, rng, lambda w: self.forms.nouns.get(w.lower()) if len(w) > 3 else None)

    def adverb(self, words: list[str], rng: random.Random) -> bool:
        """Adverb for adjective, or adjective for adverb."""
        return change_one(words, rng, lambda w: self.forms.adverbs.get(w.lower()))


def change_one(words: list[str], rng: random.Random, change: Callable[[str], str | None]) -> bool:
    """Apply `change` to the letters of one word for which it gives something else; case and punctuation stay."""
    for i in rng.sample(range(len(words)), len(words)):
        parts = _WORD.match(words[i])
        new = change(parts[2]) if parts else None
        if parts and new and new != parts[2]:
            words[i] = parts[1] + _like(parts[2], new) + parts[3]
            return True
    return False


def scramble_letters(words: list[str], rng: random.Random) -> bool:
    """A typing or a spelling slip inside a word of four letters or more."""
    return change_one(words, rng, lambda w: slip(w, rng) if len(w) > 3 else None)


def drop_article(words: list[str], rng: random.Random) -> bool:
    """Lose an article; the next word takes over its capital."""
    return _remove(words, rng, [i for i, w in enumerate(words) if w.lower() in ARTICLES])


def insert_article(words: list[str], rng: random.Random) -> bool:
    """An article too many, before a plain lower-case word."""
    places = [
        i for i, w in enumerate(words)
        if i and w.isalpha() and w.islower() and len(w) > 3 and words[i - 1].lower() not in ARTICLES
    ]  # fmt: skip
    if places:
        words.insert(rng.choice(places), rng.choices(ARTICLES, weights=(3, 1, 6))[0])
    return bool(places)


def change_article(words: list[str], rng: random.Random) -> bool:
    """One article for another."""
    return change_one(words, rng, lambda w: _pick(ARTICLES, rng) if w.lower() in ARTICLES else None)


def change_preposition(words: list[str], rng: random.Random) -> bool:
    """A near preposition for the right one."""
    return change_one(words, rng, lambda w: _pick(NEAR_PREPOSITIONS.get(w.lower(), "").split(), rng))


def drop_preposition(words: list[str], rng: random.Random) -> bool:
    """Lose a preposition."""
    return _remove(words, rng, [i for i, w in enumerate(words) if w in PREPOSITIONS])


def confuse(words: list[str], rng: random.Random) -> bool:
    """A word for one that sounds or means nearly the same."""

    def change(word: str) -> str | None:
        return _pick([w for line in CONFUSED if word.lower() in line.split() for w in line.split()], rng)

    return change_one(words, rng, change)


def drop_word(words: list[str], rng: random.Random) -> bool:
    """Lose a small word."""
    return _remove(words, rng, [i for i, w in enumerate(words) if i and w in DROPPED])


def insert_word(words: list[str], rng: random.Random) -> bool:
    """A small word too many."""
    words.insert(rng.randrange(1, len(words) + 1) if len(words) > 1 else 0, rng.choice(INSERTED))
    return True


def repeat_word(words: list[str], rng: random.Random) -> bool:
    """A word twice."""
    places = [i for i, w in enumerate(words) if w.isalpha() and w.islower()]
    if places:
        i = rng.choice(places)
        words.insert(i, words[i])
    return bool(places)


def capitals(words: list[str], rng: random.Random) -> bool:
    """A capital lost, mostly; or one too many."""
    upper = [i for i, w in enumerate(words) if (w[:1].isupper() and not w.isupper()) or w == "I"]
    if upper and rng.random() < 0.85:
        i = 0 if 0 in upper and rng.random() < 0.4 else rng.choice(upper)
        words[i] = words[i][0].lower() + words[i][1:]
        return True
    lower = [i for i, w in enumerate(words) if i and w.isalpha() and w.islower() and len(w) > 3]
    if lower:
        i = rng.choice(lower)
        words[i] = words[i].capitalize()
    return bool(lower)


def drop_comma(words: list[str], rng: random.Random) -> bool:
    """Lose a comma."""
    places = [i for i, w in enumerate(words) if w.endswith(",") and len(w) > 1]
    if places:
        i = rng.choice(places)
        words[i] = words[i][:-1]
    return bool(places)


def insert_comma(words: list[str], rng: random.Random) -> bool:
    """A comma too many, or one where the sentence goes on after a full stop would do."""
    places = [i for i, w in enumerate(words[:-1]) if w.isalpha()]
    if places:
        words[rng.choice(places)] += ","
    return bool(places)


def drop_end(words: list[str], rng: random.Random) -> bool:
    """Lose the mark that ends the sentence."""
    if not words or words[-1][-1:] not in (".", "?", "!") or len(words[-1]) < 2:
        return False
    words[-1] = words[-1][:-1]
    return True


def space_mark(words: list[str], rng: random.Random) -> bool:
    """A space before a mark, or none after it."""
    places = [i for i, w in enumerate(words) if len(w) > 2 and w[-1] in ".,?!;:" and w[-2].isalpha()]
    if not places:
        return False
    i = rng.choice(places)
    if i + 1 < len(words) and rng.random() < 0.5:
        words[i : i + 2] = [words[i] + words[i + 1]]
    else:
        words[i : i + 1] = [words[i][:-1], words[i][-1]]
    return True


def join_words(words: list[str], rng: random.Random) -> bool:
    """Two words run together, rather where people do it."""
    pairs = [i for i in range(len(words) - 1) if words[i].isalpha() and words[i + 1][:1].islower()]
    usual = [i for i in pairs if f"{words[i]} {words[i + 1]}".lower() in JOINED]
    if not pairs:
        return False
    i = rng.choice(usual or pairs)
    words[i : i + 2] = [words[i] + words[i + 1]]
    return True


def split_word(words: list[str], rng: random.Random) -> bool:
    """One word written as two."""
    places = [i for i, w in enumerate(words) if w.isalpha() and len(w) > 5]
    if places:
        i = rng.choice(places)
        cut = rng.randrange(2, len(words[i]) - 2)
        words[i : i + 1] = [words[i][:cut], words[i][cut:]]
    return bool(places)


def swap_words(words: list[str], rng: random.Random) -> bool:
    """Two plain neighbours change places."""
    pairs = [i for i in range(len(words) - 1) if words[i].isalpha() and words[i + 1].isalpha() and words[i].islower()]
    if pairs:
        i = rng.choice(pairs)
        words[i], words[i + 1] = words[i + 1], words[i]
    return bool(pairs)


def contraction(words: list[str], rng: random.Random) -> bool:
    """An apostrophe lost."""
    return change_one(words, rng, lambda w: w.replace("'", "").replace("’", "") if "'" in w or "’" in w else None)


def comparative(words: list[str], rng: random.Random) -> bool:
    """A "more" before a comparative or an adjective that needs none."""
    places = [
        i for i, w in enumerate(words) if w.isalpha() and w.islower() and w.endswith(("er", "est")) and len(w) > 4
    ]
    if places:
        words.insert(rng.choice(places), "more")
    return bool(places)


def _remove(words: list[str], rng: random.Random, places: list[int]) -> bool:
    if not places or len(words) < 3:
        return False
    i = rng.choice(places)
    gone = words.pop(i)
    if gone[0].isupper() and i < len(words) and rng.random() < 0.8:
        words[i] = words[i][0].upper() + words[i][1:]
    return True


def _pick(options: tuple[str, ...] | list[str] | None, rng: random.Random) -> str | None:
    return rng.choice(options) if options else None


def _like(old: str, new: str) -> str:
    if old == "I" or not old[0].isupper():
        return new
    return new.upper() if len(old) > 1 and old.isupper() else new[0].upper() + new[1:]


_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SOUNDS = (
    ("ie", "ei"), ("ei", "ie"), ("ence", "ance"), ("ance", "ence"), ("able", "ible"), ("ible", "able"),
    ("tion", "sion"), ("ph", "f"), ("ck", "k"), ("ch", "c"), ("sc", "s"), ("c", "s"), ("s", "c"), ("a", "e"),
    ("e", "a"), ("i", "e"), ("ou", "o"), ("gh", ""), ("y", "i"), ("er", "or"), ("or", "er"), ("ea", "e"),
    ("ee", "ea"), ("wh", "w"), ("kn", "n"),
)  # fmt: skip


def slip(word: str, rng: random.Random) -> str:
    """The word with a letter lost, doubled, swapped, mistyped, or spelt by its sound."""
    sounds = [(a, b) for a, b in _SOUNDS if a in word[1:]]
    if sounds and rng.random() < 0.45:
        a, b = rng.choice(sounds)
        return word[0] + word[1:].replace(a, b, 1)
    i = rng.randrange(1, len(word))
    kind = rng.random()
    doubled = [j for j in range(1, len(word)) if word[j] == word[j - 1]]
    if doubled and kind < 0.5:
        i = rng.choice(doubled)
        return word[:i] + word[i + 1 :]
    if kind < 0.35:
        return word[:i] + word[i + 1 :]
    if kind < 0.55:
        return word[:i] + word[i] + word[i:]
    if kind < 0.8 and i + 1 < len(word):
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return word[:i] + _neighbour(word[i], rng) + word[i + 1 :]


def _neighbour(letter: str, rng: random.Random) -> str:
    for row in _KEYBOARD:
        at = row.find(letter.lower())
        if at >= 0:
            return row[max(0, at + rng.choice((-1, 1)))] if at + 1 < len(row) else row[at - 1]
    return letter
