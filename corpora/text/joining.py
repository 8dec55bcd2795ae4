"""Puts wrapped lines together again: which line breaks were made by a margin, and which hyphens by a break.

Knows nothing of blocks: it is given the lines of one paragraph. The margin and the words that decide about a
hyphen are taken from the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from corpora.text.reading_text import words

_BROKEN_WORD = re.compile(r"(\w+)-$")
_SENTENCE_END = re.compile(r"[.!?:\u3002\uff01\uff1a\uff1b\uff1f][\"')\]\u2019\u201d\u300d\u300f\uff09]*$")
_UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]")
# Cells of a table set in columns.
COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
# A word is put together again at a hyphen, except after these: they keep theirs.
_KEEP_HYPHEN = words(
    "all built cross double fine four full half hard high ill long low mid non old one quasi self short single "
    "three two user well wide"
)
# Wrapped lines end within this share of the margin; a shorter line was ended on purpose.
NEARLY_FULL = 0.75
_WIDEST_MARGIN = 200


class Joiner:
    """Joins wrapped lines; remembers the text's own words to decide whether a hyphen at a line's end belongs."""

    def __init__(self, text: str, *, keep_hyphens: bool = False) -> None:
        self._words = frozenset(re.findall(r"[\w-]+", text.casefold()))
        self._keep_hyphens = keep_hyphens
        self._margin = _margin(text)

    def paragraph(self, lines: Sequence[str]) -> str:
        """The lines as one, except where a break was meant; those stay newlines."""
        groups = [[lines[0].strip()]]
        for line, following in pairwise(line.strip() for line in lines):
            if self._was_wrapped(line, following):
                groups[-1].append(following)
            else:
                groups.append([following])
        return "\n".join(self.joined(group) for group in groups)

    def joined(self, lines: Sequence[str]) -> str:
        """All these lines as one."""
        parts = [lines[0]]
        for line, following in pairwise(lines):
            cut, gap = self.seam(line, following)
            parts[-1] = parts[-1][: len(parts[-1]) - cut]
            parts += (gap, following)
        return "".join(parts)

    def seam(self, line: str, following: str) -> tuple[int, str]:
        """How many characters go from the end of ``line``, and what stands between it and ``following``.

        No space between scripts that have none, no hyphen inside a word that was only broken.
        """
        if not line or not following:
            return 0, ""
        if line.endswith("\N{SOFT HYPHEN}"):
            return 1, ""
        broken = _BROKEN_WORD.search(line)
        if broken and following[0].isalnum():
            return (0 if self._hyphen_belongs(broken[1], following) else 1), ""
        return 0, "" if _UNSPACED.match(line[-1]) and _UNSPACED.match(following) else " "

    def _hyphen_belongs(self, head: str, following: str) -> bool:
        tail = re.match(r"\w+", following)
        assert tail is not None, "the caller looked at the first letter"
        head, rest = head.casefold(), tail[0].casefold()
        if self._keep_hyphens or not following[0].islower() or not head[-1].isalpha():
            return True
        if f"{head}-{rest}" in self._words:
            return True
        return head in _KEEP_HYPHEN and head + rest not in self._words

    def _was_wrapped(self, line: str, following: str) -> bool:
        """Would the next word have fitted on this line? Then the break was meant, unless a sentence runs on."""
        if line.endswith("\N{SOFT HYPHEN}") or (_BROKEN_WORD.search(line) and following[0].islower()):
            return True
        if self._margin is None:
            return False
        first_word = following.split(None, 1)[0]
        if len(line) + 1 + len(first_word) > self._margin * NEARLY_FULL:
            return True
        return following[0].islower() and not _SENTENCE_END.search(line)


def _margin(text: str) -> int | None:
    """Where this text breaks its lines: nearly the longest of the prose lines that another line follows.

    None if lines end all over the place: then nobody wrapped them, each is a paragraph or a line of verse.
    """
    lines = text.split("\n")
    lengths = sorted(len(line.rstrip()) for line, following in pairwise(lines) if following.strip() and _is_prose(line))
    margin = lengths[int(len(lengths) * 0.75)] if lengths else 0
    filled = sum(length > margin * NEARLY_FULL for length in lengths)
    return margin if margin <= _WIDEST_MARGIN and filled * 2 >= len(lengths) else None


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and indent(line) < 4 and line[0] != "|" and not COLUMNS.search(line.strip())


def indent(line: str) -> int:
    """By how many columns a line is indented."""
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
