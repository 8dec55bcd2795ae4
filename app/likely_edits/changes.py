"""Changes: what the correction of a text may write instead, and how likely each is.

The tagger says what may be done at each word, the word forms and the spelling which word to write. "a" and "an" go by
the sound that the next word begins with; where letters do not tell it (UN, FBI, unilateral) nothing is proposed.

Errors come in company. What is learned from errors that rules made takes each error by itself, but a person who makes
one makes more. So the odds of a change grow with the number of words elsewhere that are surely wrong (``weighed``).

Knows English text, never tokens. W words, T tags, P places, V words of the vocabulary.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.likely_edits import tags
from app.likely_edits.spelling import Spelling
from app.likely_edits.tables import Tables
from app.likely_edits.tagger import Tagger
from app.likely_edits.tags import like
from app.likely_edits.words import MAY_STAND_TWICE, Word, letters_alike, words_of

# A change as likely as this counts as an error; what is misspelt says less about the grammar around it.
_SURE, _MISSPELT = 0.4, 0.1
# What the odds of a lone change are multiplied by; each error elsewhere adds so much, and so many errors at most do.
_ALONE, _EACH, _MOST = 0.4, 2.8, 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """The characters ``[start, end)`` of a text become ``new``."""

    start: int
    end: int
    new: str
    chance: float


def weighed(
    words: Sequence[Word], dropped: Sequence[float], changes: Sequence[Change], misspelt: Collection[int]
) -> tuple[list[float], list[Change]]:
    """The chances of words to be left out and of changes, each one once; ``misspelt`` are places of words."""
    sums: dict[tuple[int, int, str], float] = {}
    for change in changes:
        key = change.start, change.end, change.new
        sums[key] = sums.get(key, 0.0) + change.chance
    drops = [Change(word.start, word.end, "", chance) for word, chance in zip(words, dropped, strict=True)]
    every = [Change(*key, min(1.0, chance)) for key, chance in sums.items()]
    spelt = {words[at].start for at in misspelt}
    sure = _sure([*drops, *every], spelt)
    found = [replace(change, chance=_with_company(change, sure)) for change in every]
    return [_with_company(drop, sure) for drop in drops], found


def _sure(changes: Sequence[Change], misspelt: Collection[int]) -> list[tuple[Change, float]]:
    """The likeliest change of each place, if it is likely, with what it counts."""
    best: dict[int, Change] = {}
    for change in changes:
        if change.chance >= _SURE and (change.start not in best or change.chance > best[change.start].chance):
            best[change.start] = change
    return [(one, one.chance * (_MISSPELT if start in misspelt else 1.0)) for start, one in best.items()]


def _with_company(change: Change, sure: Sequence[tuple[Change, float]]) -> float:
    others = sum(counts for one, counts in sure if not _touch(one, change))
    odds = _ALONE + _EACH * min(_MOST, others)
    return change.chance * odds / (1.0 - change.chance + change.chance * odds)


def _touch(one: Change, other: Change) -> bool:
    return one.start <= other.end and other.start <= one.end


_CHANCE = 0.97
# Begin with the sound of "you" or of "won"; begin with an h that nobody hears; may be said with and without it.
_CONSONANT = re.compile(
    r"eu|ewe|one(?!i)|once|u[bfklrst][aeiou]|(?:universi|universa|uniqu|unit[^ei]|unite[ds]|union|unifor|unicor|unify|units?$)"
)
_VOWEL = re.compile(r"hour|honest|honou?r|heir")
_EITHER = re.compile(r"uni(?![mn])|histor|hotel|habitual|hyster|heroic|herb")
# Where one of these follows, "a" is a name or a slip of another kind.
_NO_NOUNS = frozenset("a an the and or is are was in of as at on it if i to".split())


def article_changes(words: Sequence[Word]) -> Iterator[Change]:
    """An "a" that ought to be "an", or the other way round."""
    for at, (word, following) in enumerate(itertools.pairwise(words)):
        if word.lower not in ("a", "an") or (at and word.text != word.lower) or following.start != word.end + 1:
            continue
        wanted = wanted_article(following.text)
        if wanted is not None and wanted != word.lower:
            yield Change(word.start, word.end, like(word.text, wanted), _CHANCE)


def wanted_article(word: str) -> str | None:
    """ "a" or "an"; None where letters do not tell."""
    small = word.lower()
    if len(word) < 2 or not word.isalpha() or not word.isascii() or word[1:] != word[1:].lower() or small in _NO_NOUNS:
        return None
    if _CONSONANT.match(small):
        return "a"
    if _VOWEL.match(small):
        return "an"
    if _EITHER.match(small):
        return None
    return "an" if small[0] in "aeiou" else "a"


# Verbs that "have" follows, and "of" where it is written as it sounds; some are nouns, too, behind one of these.
_BEFORE_HAVE = frozenset("could would should might must".split())
_OF_NOUNS = frozenset("a an the this that his her its our their my your full all some with".split())
_NO_VERBS = frozenset("course necessity the a an".split())


def have_changes(words: Sequence[Word]) -> Iterator[Change]:
    """An "of" that ought to be "have": "could of done"."""
    for at, word in enumerate(words[1:-1], 1):
        if word.lower != "of" or words[at + 1].lower in _NO_VERBS or not words[at + 1].text.isalpha():
            continue
        verb = at - 1 if words[at - 1].lower not in ("n't", "not") else at - 2
        if verb >= 0 and words[verb].lower in _BEFORE_HAVE and (not verb or words[verb - 1].lower not in _OF_NOUNS):
            yield Change(word.start, word.end, like(word.text, "have"), _CHANCE)


_LEAST = 0.004
# The errors that the tagger learned from are not those that people make: each kind's odds in their texts.
_SCALE = {"insert": 1.5, "replace": 1.0, "form": 0.9, "drop": 1.5, "case": 1.5, "spell": 1.5}
_COMMA = 2.0
# A word so rare that it has no place in the vocabulary is right rather than misspelt.
_SELDOM = 0.3
# A known misspelling in small letters is one this often at least.
_LISTED = 0.8
# A capital inside a sentence begins a name, and of names hardly any are known.
_NAME = 0.3
# Where so many words are unknown, the text is not English.
_FOREIGN = 0.34
# A word written twice is a slip this often at least, unless it is one that sentences do double.
_DOUBLED = 0.8
# Where an error is unlikelier than this, the word that was meant is not asked for.
_ASKED = 0.05
# How much slips count against what the words around ask for.
_SLIPS = 0.75
# The log chance of a word that is none of those that may be meant.
_RARE = -12.0
# Another of these is another thing said rather than an error.
_MODALS = frozenset("can could will would may might shall should must".split())
_MODAL = 0.3
_ENDS = frozenset(".?!,")
# Behind these a sentence goes on, or has ended.
_OPEN = frozenset(".?!,;:-–—…")
# So many words make a sentence.
_SENTENCE = 4
_TAGS = tuple(tag.partition(":")[::2] for tag in tags.TAGS)
_DROP, _SPELL, _OTHER = (tags.TAGS.index(tag) for tag in (tags.DROP, tags.SPELL, tags.OTHER))
_FORMS = [at for at, tag in enumerate(tags.TAGS) if tag.startswith(tags.FORM)]


class Changes:
    """Reads only; one object serves every thread."""

    def __init__(self, tables: Tables, tagger: Tagger) -> None:
        self._families = tables.families
        self._rank = tables.vocabulary
        self._words = sorted(tables.vocabulary, key=tables.vocabulary.__getitem__)
        self._spelling = Spelling(tables)
        self._tagger = tagger

    def of(self, text: str) -> tuple[list[Word], list[float], list[Change]]:
        """The words of a text, the chance of each to be left out, and what else may change."""
        words = words_of(text)
        unknown = {at for at, word in enumerate(words) if word.text.isalpha() and not self._spelling.knows(word.lower)}
        if not words or len(unknown) > max(2.0, _FOREIGN * len(words)):
            return words, [0.0] * len(words), []
        tagged = self._tagger.tag(words)
        chances_WT = tagged.chances_WT
        certain = [*article_changes(words), *have_changes(words)]
        changes = [*self._tagged(text, words, chances_WT), *certain]
        spells = {at: self._misspelt(words[at], at, chances_WT) for at in unknown}
        forms_W, others_W = chances_WT[:-1, _FORMS].sum(axis=1), chances_WT[:-1, _OTHER]
        asked = [at for at in range(len(words)) if max(forms_W[at], others_W[at], spells.get(at, 0.0)) >= _ASKED]
        meant_PV = self._tagger.meant(tagged, asked) if asked else ()
        for at, meant_V in zip(asked, meant_PV, strict=True):
            if at in spells:
                changes += self._spelt(words[at], spells[at], meant_V, spaced=_is_spaced(text))
            else:
                changes += self._others(words[at], float(others_W[at]), meant_V)
            changes += self._formed(words[at], chances_WT[at], meant_V)
        kept = {change.start for change in certain}
        dropped, changes = _joined(words, _dropped(words, chances_WT[:-1, _DROP], kept), changes)
        dropped, changes = weighed(words, dropped, changes, unknown)
        return words, dropped, changes

    def _misspelt(self, word: Word, at: int, chances_WT: NDArray[np.float32]) -> float:
        """How likely an unknown word is misspelt."""
        spell = float(chances_WT[at, _SPELL])
        is_name = at > 0 and word.text[0].isupper()
        if self._spelling.lists(word.lower):
            spell = min(1.0, spell * _SCALE["spell"])
            return spell if is_name else max(spell, _LISTED)
        if self._spelling.is_rare(word.lower):
            spell *= _SELDOM
        return spell * _NAME if is_name else spell

    def _tagged(self, text: str, words: Sequence[Word], chances_WT: NDArray[np.float32]) -> Iterator[Change]:
        spaced = _is_spaced(text)
        for at, tag in zip(*(places.tolist() for places in np.nonzero(chances_WT > _LEAST)), strict=True):
            kind, what = _TAGS[tag]
            scale = _COMMA if (kind, what) == ("insert", ",") else _SCALE.get(kind, 1.0)
            chance = min(1.0, float(chances_WT[at, tag]) * scale)
            if kind == "insert" and not self._is_put_in_anyhow(words, at, what):
                yield _insertion(words, at, what, chance, spaced=spaced)
            elif at < len(words) and kind == "replace" and what != words[at].lower:
                likely = chance * _modal(words[at].lower, what)
                yield Change(words[at].start, words[at].end, tags.like(words[at].text, what), likely)
            elif at < len(words) and kind == "case":
                yield Change(words[at].start, words[at].end, tags.flipped(words[at].text), chance)

    def _is_put_in_anyhow(self, words: Sequence[Word], at: int, what: str) -> bool:
        """Whether a word beside lacks it ("dont"), or it would end what is no sentence."""
        beside = words[max(0, at - 1) : at + 1]
        return _ends_what_is_no_sentence(words, at, what) or any(
            what in self._spelling.parts(word.lower) for word in beside
        )

    def _spelt(self, word: Word, chance: float, meant_V: NDArray[np.float32], *, spaced: bool) -> Iterator[Change]:
        near = self._spelling.candidates(word.lower)
        logs = [
            _SLIPS * math.log(share) + max(_log(meant_V, self._rank.get(part, len(meant_V))) for part in one.split())
            for one, share in near
        ]
        for (one, _), share in zip(near, _shares(logs), strict=True):
            right = one if spaced else one.replace(" n't", "n't").replace(" '", "'")
            yield Change(word.start, word.end, tags.like(word.text, right), chance * share)

    def _formed(self, word: Word, chances_T: NDArray[np.float32], meant_V: NDArray[np.float32]) -> Iterator[Change]:
        """The forms of each tag share out its chance."""
        for tag in _FORMS:
            forms = list(tags.forms(word.lower, _TAGS[tag][1], self._families))
            for form, share in zip(forms, _shares([_log(meant_V, self._rank[form]) for form in forms]), strict=True):
                likely = float(chances_T[tag]) * _SCALE["form"] * share * _modal(word.lower, form)
                yield Change(word.start, word.end, tags.like(word.text, form), likely)

    def _others(self, word: Word, chance: float, meant_V: NDArray[np.float32]) -> Iterator[Change]:
        """The likeliest words of all, if they look alike."""
        best = np.argpartition(-meant_V, 5)[:5]
        for at in best:
            other = self._words[at]
            if other != word.lower and letters_alike(word.lower, other):
                yield Change(word.start, word.end, tags.like(word.text, other), chance * math.exp(meant_V[at]))


def _log(meant_V: NDArray[np.float32], rank: int) -> float:
    return float(meant_V[rank]) if rank < len(meant_V) else _RARE


def _shares(logs: Sequence[float]) -> list[float]:
    if not logs or max(logs) == -math.inf:
        return [0.0] * len(logs)
    odds = [math.exp(log - max(logs)) for log in logs]
    return [one / sum(odds) for one in odds]


def _modal(old: str, new: str) -> float:
    return _MODAL if old in _MODALS and new in _MODALS else 1.0


def _dropped(words: Sequence[Word], chances_W: NDArray[np.float32], kept: Collection[int]) -> list[float]:
    """Chances to be left out, none for words that begin at ``kept``. Of a word written twice it is the second alone."""
    dropped = [min(1.0, float(chance) * _SCALE["drop"]) for chance in chances_W]
    for at, word in enumerate(words):
        if word.start in kept:
            dropped[at] = 0.0
        elif at and word.lower == words[at - 1].lower and word.text.isalpha():
            may = word.lower in MAY_STAND_TWICE
            dropped[at - 1], dropped[at] = 0.0, 0.0 if may else max(dropped[at], _DOUBLED)
    return dropped


def _joined(
    words: Sequence[Word], dropped: Sequence[float], changes: Sequence[Change]
) -> tuple[list[float], list[Change]]:
    """Words that ought to be one, as one change: the tagger drops the first and puts both for the second."""
    dropped, found = [*dropped], []
    places = {word.start: at for at, word in enumerate(words)}
    for change in changes:
        at = places.get(change.start, 0)
        if at and change.new.lower() == words[at - 1].lower + words[at].lower:
            first = words[at - 1]
            dropped[at - 1] = max(0.0, dropped[at - 1] - change.chance)
            found.append(replace(change, start=first.start, new=like(first.text, change.new.lower())))
        else:
            found.append(change)
    return dropped, found


def _is_spaced(text: str) -> bool:
    """Whether marks stand alone, as in corpora: "do n't stop ."."""
    return any(mark in text for mark in (" .", " ,", " n't"))


def _ends_what_is_no_sentence(words: Sequence[Word], at: int, what: str) -> bool:
    """Whether a mark would end a title, an item of a list or a line of verse."""
    return what in _ENDS and at == len(words) and (at < _SENTENCE or words[-1].text in _OPEN)


def _insertion(words: Sequence[Word], at: int, what: str, chance: float, *, spaced: bool) -> Change:
    """Before word ``at``; the first word gives its capital away."""
    if at == 0:
        first = words[0]
        return Change(first.start, first.end, f"{what.capitalize()} {tags.lowered(first.text)}", chance)
    place = words[at - 1].end
    is_tight = not what[0].isalpha() or what == "n't"
    return Change(place, place, what if is_tight and not spaced else f" {what}", chance)
