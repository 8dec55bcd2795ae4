"""Whether text is code, asked at four places. The rules stand side by side, since each errs to another side on purpose.

- ``is_code_line``: a line of reading text. Exact: reading text marks code by its indent.
- ``looks_like_code``: a block of plain text that may become reading text. Errs to prose where a wide margin indents
  everything; a block that is code keeps its line breaks.
- ``is_code_sentence``: a sentence that may be shown as evidence. Errs to prose: only what begins as lines of
  programs do, since a sentence lost is evidence lost.
- ``may_be_code``: a piece of text that may be corrected. Errs to code: any sign that prose lacks, since code that is
  left alone costs nothing and code that is corrected is broken.

Two loaders know better and do not ask: a PDF has fonts of fixed pitch, Sphinx writes its topics in a form of its own.
Works on strings only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

CODE_INDENT: Final = "    "
"""What reading text puts before every line of code."""

LIST_ITEM = re.compile(r"\s*(?:[-*+\u2022]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_PROGRAM_LINE = re.compile(
    r"^\s*(?:>>>|\.\.\.|[$%#>] |//|[\w.\[\]]+ ?[-+*/|&]?= |[})\]])|[;{}\\]$|\(\)"
    # Words that begin sentences, too, count only in the form of a statement.
    r"|^\s*(?:(?:async )?(?:def|class|for|if|elif|else|while|with|try|except)\b.*[:{(]$|from [\w.]+ import "
    r"|import [\w.]+(?:,? (?:as )?[\w.]+)?$|return(?: \S+){0,3}$)"
)
_PROGRAM_START = re.compile(
    r"\s*(>>>|\.\.\.( |$)|[$#] |@\w+|(async )?(def|class|import|from|return|raise|assert|for|if|while) .*[:)=]$)"
)
_SIGN_OF_CODE = re.compile(
    r"[{};]\s*$|^\s*[{}<$]\s*\w|^\s*(?:>>>|//|/\*|--)|[=!<>]=|=>|->|::|&&|\|\||\w\(\w*\)|</?\w+[^>]*>\s*$"
    r"|^\s*\w+\s*[+*/-]?=\s*\S"
    r"|^\s*(?:def|class|import|from|return|raise|assert|elif|if|for|while|with|try|except)\b.*(?:[:)=]\s*$|import )"
)
_NO_PROSE = re.compile(
    r"[{}<>\\|=_$#@^~`]|::|->|\(\)|\w\(|--|;$|//|^\s*[a-z]+[.:]?$|^\s*(?:SELECT|INSERT|UPDATE|FROM|WHERE)\b"
)
_OPENING = re.compile("[\\s\"'(\u2018\u201c\u00ab\u300c\u2013\u2014-]+")
_LETTER = re.compile(r"[^\W\d_]")
_LEAST_LETTER_SHARE = 0.55
_FILLED_SHARE, _LONG_LINE = 0.75, 40


def is_code_line(line: str) -> bool:
    """Whether a line of reading text is code: indented as code is, and not an item of a nested list."""
    return line.startswith((CODE_INDENT, "\t")) and not LIST_ITEM.match(line)


def looks_like_code(lines: Sequence[str]) -> bool:
    """Whether a block of plain text is indented as a whole by a tab or four spaces, or mostly lines of programs.

    Paragraphs and letterheads are indented, too: words alone, which begin with a capital, are none.
    """
    program_lines = sum(bool(_PROGRAM_LINE.search(line)) for line in lines)
    if all(indent(line) >= len(CODE_INDENT) for line in lines):
        return program_lines > 0 or not (_fills_margin(lines) or _reads_as_prose(lines))
    return program_lines * 2 > len(lines) and (
        len(lines) > 1 or indent(lines[0]) > 0 or lines[0].startswith((">>>", "$ "))
    )


def is_code_sentence(sentence: str) -> bool:
    """Whether a sentence of reading text is, or begins as, a line of a program."""
    return sentence.startswith(CODE_INDENT) or _PROGRAM_START.match(sentence) is not None


def may_be_code(text: str) -> bool:
    """Whether anything in a piece of text is a sign of code, or letters are too few for prose."""
    visible = [character for character in text if not character.isspace()]
    letters = sum(1 for character in visible if _LETTER.match(character))
    return letters < _LEAST_LETTER_SHARE * len(visible) or _SIGN_OF_CODE.search(text) is not None


def indent(line: str) -> int:
    """By how many columns a line is indented."""
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())


def _reads_as_prose(lines: Sequence[str]) -> bool:
    """Whether indented lines are sentences, or a few words each, as of a letterhead or a poem, and nothing else."""
    if any(map(_NO_PROSE.search, lines)):
        return False
    openings = [_OPENING.sub("", line)[:1] for line in lines]
    begun = sum(opening.isalnum() and not opening.islower() for opening in openings)
    return begun * 2 >= len(lines) and _OPENING.sub("", lines[0])[:1].isalpha()


def _fills_margin(lines: Sequence[str]) -> bool:
    """Whether every line but the last is nearly as long as the longest: prose in a wide margin, not code."""
    longest = max(len(line) for line in lines)
    return longest > _LONG_LINE and all(len(line) > longest * _FILLED_SHARE for line in lines[:-1])
