"""Spelling and typing slips: one word -> the same word as somebody in a hurry, or by ear, would write it.

Knows letters, keys and sounds. Must not know sentences.
"""

from __future__ import annotations

import random

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
