"""Subtitles, ``.srt`` and ``.vtt``, to reading text: the time of each, and what is said then, without marks of style.

Comments, regions, styles and the counts of the file are nobody's words. A speaker is named before his words.
"""

from __future__ import annotations

import re
from html import unescape

from corpora.documents import Document
from corpora.loaders.formats.decoding import decoded
from corpora.text.reading_text import ReadingText

_TIME = r"(?:\d+:)?\d{1,2}:\d\d(?:[.,]\d+)?"
_CUE = re.compile(rf"\s*({_TIME})\s*-->\s*({_TIME})")
_NO_WORDS = re.compile(r"\ufeff?WEBVTT\b|NOTE\b|STYLE\b|REGION\b")
_SPEAKER = re.compile(r"<v(?:\.[\w.]+)?\s+([^<>]+)>")
_STYLE = re.compile(rf"</?(?:[biuvc]|font|lang|ruby|rt)\b[^<>]*>|<{_TIME}>|\{{\\[^{{}}]*\}}")


def load(data: bytes, name: str) -> Document:
    """Load subtitles, a paragraph each. Raises ``BinaryText``."""
    reading = ReadingText()
    text = decoded(data, name, note=reading.note)
    for block in re.split(r"\n\s*\n", text):
        reading.paragraph("\n".join(_lines(block.strip().split("\n"))))
    return reading.document(name)


def _lines(block: list[str]) -> list[str]:
    """What a block shows: its time and its words; a block without a time is text, unless it is for the player."""
    for number, line in enumerate(block[:2], 1):
        if time := _CUE.match(line):
            return [f"{time[1]} --> {time[2]}", *map(_words, block[number:])]
    return [] if _NO_WORDS.match(block[0]) else [*map(_words, block)]


def _words(line: str) -> str:
    return unescape(_STYLE.sub("", _SPEAKER.sub(r"\1: ", line)))
