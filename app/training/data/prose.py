"""Which sentences the edit tagger learns from: all kinds, more of those that are like what learners write.

Knows sentences only. Must not know errors or tags.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from app.training.examples import grammar

LONGEST, HELD_OUT = 40, 1000
_GENERAL_SHARE, _PLAIN_SHARE = 0.35, 0.25
_LEAST_WORDS = 6
_TOLD = re.compile(
    r"\b(?:thee|thou|thy|ye|hath|doth|shew|whilst|upon|[Ss]ir|[Mm]adam|was|were|had|said|went|came|saw|took|could|did"
    r"|would|[Hh]e|[Ss]he|his|him|her)\b|[\"“”‘:;—(\d_]| -|--"
)
_NAME = re.compile(r"(?<=\S )(?!I\b)[A-Z]")

Weighted = list[tuple[float, Sequence[str]]]


def prose_of(texts: list[list[str]], rng: random.Random) -> tuple[list[str], Weighted]:
    """Plain sentences held out, and the others: general, plain and all, each with its share."""
    held, plain = _short(grammar.plain_texts(texts), rng)
    every = _short(texts, rng)[1]
    general = [sentence for sentence in plain if is_general(sentence)]
    rest = 1 - _GENERAL_SHARE - _PLAIN_SHARE
    return held, [(_GENERAL_SHARE, general or plain), (_PLAIN_SHARE, plain), (rest, every)]


def is_general(sentence: str) -> bool:
    """Whether it says what holds now and in general, as essays do: nothing told, no names, no numbers."""
    return len(sentence.split()) >= _LEAST_WORDS and not _TOLD.search(sentence) and not _NAME.search(sentence)


def _short(texts: Iterable[Sequence[str]], rng: random.Random) -> tuple[list[str], list[str]]:
    """Their sentences of at most LONGEST words, mixed: HELD_OUT of them and the others."""
    sentences = [sentence for text in texts for sentence in text if len(sentence.split()) <= LONGEST]
    rng.shuffle(sentences)
    return sentences[:HELD_OUT], sentences[HELD_OUT:]
