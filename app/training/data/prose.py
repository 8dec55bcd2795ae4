"""Clean English prose from the training records, and the choices from it that a task trains on.

Knows which prose is clean (well-formed sentences), plain (short sentences of common words) and general (what holds
now, without names or numbers). Must not know errors, tokens or models.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from app.training.data import records

COMMON_WORDS = 6000
"""A word is common if it is among so many most frequent ones."""
LONGEST, HELD_OUT = 40, 1000
"""For the edit tagger: words of a sentence at most, and sentences held out."""

_PLAIN_SHARE = 0.93
_PLAIN_WORDS = 28
_GENERAL_SENTENCES, _PLAIN_SENTENCES = 0.35, 0.25
"""Shares of the edit tagger's sentences; the rest are of all kinds."""
_LEAST_WORDS = 6

_SOURCES = (("enwiki", 0.2), ("novels_le1928", 0.25), ("ms_cpp_docs", 0.1), ("squad", 0.5))
"""Which prose, and which share of it: far more than a run of some ten million tokens sees."""

_CLEAN = re.compile(r"^[\"“‘(]?[A-Z][\x20-\x7e“”‘’–—£éèöüáñç]*[.!?][\"'”’)]*$")
_LOST_APOSTROPHE = re.compile(r"\w (?:s|t|d|m|ll|re|ve)\b")
_NARRATIVE = re.compile(
    r"\b(?:thee|thou|thy|ye|hath|doth|shew|whilst|upon|[Ss]ir|[Mm]adam|was|were|had|said|went|came|saw|took|could|did"
    r"|would|[Hh]e|[Ss]he|his|him|her)\b|[\"“”‘:;—(\d_]| -|--"
)
_NAME = re.compile(r"(?<=\S )(?!I\b)[A-Z]")

Weighted = list[tuple[float, Sequence[str]]]


def clean_texts(folder: Path, split: records.Split, rng: random.Random, *, more: float = 1.0) -> list[list[str]]:
    """Paragraphs of clean sentences of one split, from all the prose there is; questions count as paragraphs.

    `more` multiplies how much is taken of each source. Raises DataMissingError.
    """
    texts: list[list[str]] = []
    for source, share in _SOURCES:
        for title, text in _paragraphs(folder, source):
            if rng.random() < share * more and records.split_of(title) == split:
                texts.append(clean_sentences(text))
    for question in records.squad_questions(folder):
        if rng.random() < 0.08 * more and records.split_of(question.title) == split:
            texts.append(clean_sentences(question.question))
    return [text for text in texts if text]


def clean_sentences(text: str) -> list[str]:
    """The sentences that begin with a capital, end with a mark and have 3 to 55 words."""
    return [
        s for s in records.sentences(text)
        if 3 <= len(s.split()) <= 55
        and _CLEAN.match(s)
        and not _LOST_APOSTROPHE.search(s)
        and s.count('"') % 2 == 0
    ]  # fmt: skip


def plain_texts(texts: list[list[str]]) -> list[list[str]]:
    """The short sentences of common words, as learners write: names and terms teach little about grammar."""
    counts = Counter(word for text in texts for sentence in text for word in _words(sentence))
    common = {word for word, _ in counts.most_common(COMMON_WORDS)}

    def is_plain(sentence: str) -> bool:
        words = _words(sentence)
        known = sum(word in common for word in words)
        return len(sentence.split()) <= _PLAIN_WORDS and known >= _PLAIN_SHARE * max(1, len(words))

    return [plain for text in texts if (plain := [s for s in text if is_plain(s)])]


def tagger_sentences(texts: list[list[str]], rng: random.Random) -> tuple[list[str], Weighted]:
    """What the edit tagger learns from: plain sentences held out, and the others by kind, each kind with its share.

    More of them than by chance are like what learners write: general, then plain, then all kinds.
    """
    held_out, plain = _short(plain_texts(texts), rng)
    every = _short(texts, rng)[1]
    general = [sentence for sentence in plain if is_general(sentence)]
    rest = 1 - _GENERAL_SENTENCES - _PLAIN_SENTENCES
    return held_out, [(_GENERAL_SENTENCES, general or plain), (_PLAIN_SENTENCES, plain), (rest, every)]


def is_general(sentence: str) -> bool:
    """Whether a sentence says what holds now and in general, as essays do: no narrative, no names, no numbers."""
    return len(sentence.split()) >= _LEAST_WORDS and not _NARRATIVE.search(sentence) and not _NAME.search(sentence)


def _short(texts: Iterable[Sequence[str]], rng: random.Random) -> tuple[list[str], list[str]]:
    """The sentences of at most LONGEST words, shuffled: HELD_OUT of them and the others."""
    sentences = [sentence for text in texts for sentence in text if len(sentence.split()) <= LONGEST]
    rng.shuffle(sentences)
    return sentences[:HELD_OUT], sentences[HELD_OUT:]


def _paragraphs(folder: Path, source: str) -> Iterator[tuple[str, str]]:
    if source == "squad":
        return ((passage.title, passage.text) for passage in records.squad_passages(folder))
    return records.paragraphs(folder, source)


def _words(sentence: str) -> list[str]:
    return [word.strip("\"'“”‘’.,;:?!()").lower() for word in sentence.split()]
