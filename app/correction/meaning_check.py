"""Whether a correction kept what its sentence says: the last check before a target's words replace a person's.

Works on strings only. The strict check is for small targets, which now and then drop or garble a word: whatever is
deleted or inserted must be a small word or a mark, whatever is changed must still look like the word it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from app.correction.segments import fixed_parts, line_breaks
from app.likely_edits.words import MAY_STAND_TWICE

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")
_NOT: Final = re.compile(r"(?:do|does|did|is|are|was|were|has|have|had|wo|would|should|could|ca|must|need|ai)n['’]?t")
_DENIALS: Final = frozenset("no not n't never none neither nor cannot nothing nobody".split())
_NUMBERS: Final = frozenset(
    "two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred thousand million".split()
)
_LEAST_LIKENESS: Final = 0.5
_SAME_JOINED: Final = 0.75
_SHORT: Final = 4
_MOST_PUT_BACK: Final = 2
_MIDDLE: Final = 6

# Words that carry grammar rather than meaning; a correction may add, drop or exchange them.
_SMALL: Final = frozenset(
    "a an the this that these those some any each every all both either neither no not n't such same other another "
    "of to in on at by for from with about into onto over under between through during before after since until up "
    "down out off as than and or but so if because while although though when where who whom whose which what how why "
    "there here then too also very much many more most less few fewer little lot well good better best bad worse "
    "i me my mine we us our ours you your yours he him his she her hers it its they them their theirs one ones "
    "am is are was were be been being do does did done have has had having will would shall should can could may might "
    "must get got just only even still yet already ever never again".split()
)
# Who is spoken of: another one of these is about somebody else.
_PERSONS: Final = {
    word: person
    for person, words in enumerate(
        (
            "i me my mine",
            "we us our ours",
            "you your yours",
            "he him his",
            "she her hers",
            "it its",
            "they them their theirs",
        )
    )
    for word in words.split()
}
_NEVER: Final = frozenset({("its", "it")})
# "Ive" and "Id" are not only names.
_APOSTROPHE_LOST: Final = re.compile(
    r"(?:I(?:m|ve|d|ll)|(?:You|They|We)(?:re|ve|ll|d)|(?:That|What|There|He|She|Who)s)"
)


def keeps_its_meaning(source: str, corrected: str, *, strict: bool) -> bool:
    """Whether line breaks, numbers and addresses are the same and the words are much the same.

    ``strict`` looks at every change, otherwise half of the letters must be left.
    """
    if line_breaks(source) != line_breaks(corrected) or fixed_parts(source) != fixed_parts(corrected):
        return False
    if strict:
        return next(_great_changes(_words(source), _words(corrected)), None) is None
    return _likeness(source, corrected) >= _LEAST_LIKENESS


def without_great_changes(source: str, corrected: str) -> str | None:
    """The correction with what the strict check minds put back as it was; None where that is too much, or not all."""
    old, new = _words(source), _words(corrected)
    great = list(_great_changes(old, new))
    if len(great) > _MOST_PUT_BACK:
        return None
    kept = corrected
    for i, j, k, m in reversed(great):
        start, stop = _span(new, k, m, len(corrected))
        kept = kept[:start] + source[slice(*_span(old, i, j, len(source)))] + kept[stop:]
    if source[:1].isupper():
        kept = kept[:1].upper() + kept[1:]
    return kept if keeps_its_meaning(source, kept, strict=True) else None


def _span(words: list[re.Match[str]], start: int, stop: int, length: int) -> tuple[int, int]:
    """Where words are, with the blanks before them; at the beginning, with those behind."""
    if start == 0:
        return 0, words[stop].start() if stop < len(words) else length
    return words[start - 1].end(), words[stop - 1].end()


def _words(text: str) -> list[re.Match[str]]:
    return list(_WORD.finditer(text))


def _great_changes(old: list[re.Match[str]], new: list[re.Match[str]]) -> Iterator[tuple[int, int, int, int]]:
    """The changes ``old[i:j]`` to ``new[k:m]`` that may be more than grammar."""
    old_words, new_words = ([match[0].casefold() for match in words] for words in (old, new))
    for i, j, k, m in _changes(old_words, new_words):
        is_small = _is_small_change(old_words[i:j], new_words[k:m], before=old_words[max(0, i - 1) : i])
        begins_otherwise = i == 0 and _begins_otherwise(old_words[:j], new_words[:m])
        if not is_small or begins_otherwise or _loses_a_name(old, (i, j), new[k:m]):
            yield i, j, k, m


def _loses_a_name(old: list[re.Match[str]], span: tuple[int, int], new: list[re.Match[str]]) -> bool:
    """Whether a name among ``old[slice(*span)]`` is not among the new words, if perhaps spelt a little otherwise."""
    capitals = {word[0].casefold() for word in new if word[0][0].isupper()} - _SMALL
    return any(
        _is_name(old, at) and not any(_likeness(old[at][0].casefold(), one) >= _SAME_JOINED for one in capitals)
        for at in range(*span)
    )


def _is_name(words: list[re.Match[str]], at: int) -> bool:
    """Whether a word has a capital because it is a name: another name is before it, or a word inside the sentence."""
    word, before = words[at][0], words[at - 1][0] if at else ""
    if not (word[0].isupper() and word[1:].islower()) or not before[:1].isalpha() or before.casefold() in _SMALL:
        return False
    return word.casefold() not in _SMALL and (before[0].isupper() or _APOSTROPHE_LOST.fullmatch(word) is None)


def _begins_otherwise(old: list[str], new: list[str]) -> bool:
    """Whether what began as "Coming soon" does, without a subject, no longer does."""
    return (
        bool(old)
        and old[:1] != new[:1]
        and len(old[0]) > _SHORT
        and old[0].endswith("ing")
        and not old[0].endswith("thing")
    )


def _changes(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """``old[i:j]`` became ``new[k:m]``. As many small words for as many are changes of one word each."""
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "replace" and j - i == m - k and all(map(_is_same_place, old[i:j], new[k:m])):
            yield from ((i + at, i + at + 1, k + at, k + at + 1) for at in range(j - i))
        elif kind != "equal":
            yield i, j, k, m


def _is_small_change(old: list[str], new: list[str], *, before: list[str]) -> bool:
    if _told(old) - _told(new):
        return False
    if not new and old == before and old[0].isalnum():
        return old[0] not in MAY_STAND_TWICE  # A word written twice.
    if not (old and new) and sum(any(map(str.isalnum, word)) for word in old + new) > 1:
        return False  # Several words dropped or added at once: the copy has slipped.
    if len(old) == len(new) and any(map(_is_about_another, old, new)):
        return False
    if len(old) == len(new) and all(map(_is_same_place, old, new)):
        return True
    old_heavy, new_heavy = ([word for word in words if not _is_light(word)] for words in (old, new))
    if len(old_heavy) == len(new_heavy):
        return all(_looks_like(*pair) for pair in zip(old_heavy, new_heavy, strict=True))
    return _likeness("".join(old), "".join(new)) >= _SAME_JOINED


def _is_same_place(old: str, new: str) -> bool:
    """Both carry grammar alone, or one is a slip of the other: ``becouse`` and ``because``."""
    return (_is_light(old) and _is_light(new)) or _likeness(old, new) >= _SAME_JOINED


def _is_about_another(old: str, new: str) -> bool:
    return (old, new) in _NEVER or (old in _PERSONS and new in _PERSONS and _PERSONS[old] != _PERSONS[new])


def _told(words: list[str]) -> Counter[str]:
    """What must not be lost: how often something is denied, the numbers written as words, signs that are no marks."""
    told = Counter(
        word for word in words if word in _NUMBERS or (len(word) == 1 and not (word.isalnum() or word.isascii()))
    )
    told["not"] = sum(word in _DENIALS or _NOT.fullmatch(word) is not None for word in words)
    return told


def _is_light(word: str) -> bool:
    return word in _SMALL or _NOT.fullmatch(word) is not None or not any(character.isalnum() for character in word)


def _looks_like(old: str, new: str) -> bool:
    """``go`` and ``went``, ``buy`` and ``bought``, ``recieve`` and ``received``; not ``yesterday`` and ``y``."""
    longer = max(len(old), len(new))
    if longer <= _SHORT or (longer <= _MIDDLE and old[0] == new[0] and min(len(old), len(new)) > 1):
        return True
    return _likeness(old, new) >= _LEAST_LIKENESS


def _likeness(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _LEAST_LIKENESS else 0.0
