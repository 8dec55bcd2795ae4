"""Tells what leads to other text from what says something: questions, labels, headings by their form, file names.

Rules of thumb about one line or sentence each, without a tagger, in any language that ends questions with a question
mark. Knows strings only; which text leads to which is decided in ``units``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_MARKUP_AROUND: Final = " \t*_#>`\"'“”„‘’«»()[]"
_ASKS = re.compile(r"[?\uff1f\u061f\u055e\u2047-\u2049\u203d][\"'”’»)\]*_\s]*$")
_ASKED = re.compile(
    r"^[\s*_>-]*(?:(?:q|question|frage|pregunta|domanda|vraag|вопрос)(?:\s?\d{1,3})?\s?[:.)]|q\s[-–—]|[问問]\s?[:：])[\s*_]*",
    re.IGNORECASE,
)
_ANSWERED = re.compile(
    r"^[\s*_>-]*(?:(?:a|answer|antwort|respuesta|réponse|reponse|risposta|antwoord|ответ)(?:\s?\d{1,3})?\s?[:.)]"
    r"|a\s[-–—]|答\s?[:：])[\s*_]*",
    re.IGNORECASE,
)
_QUARTER = re.compile(r"\s*[Qq]\s?\d")
_INSIDE = re.compile(r"[^\"“”„«»‘]*?[?\uff1f][)*_]*(?P<gap>\s+)(?=\S)")
_ENUMERATOR = re.compile(
    r"\s*(?:(?:[-*+\u2022]|\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z])[.)])\s+|\d{1,3}(?:\.\d{1,3})+\s+)"
)
_FIRST_ITEM = re.compile(r"\s*\(?(?:1|[aA]|[iI])[.)]\s")
_SPEAKER = re.compile(
    r"^\s*[\[(]?(?:\d{1,2}[:.]\d\d(?:[:.]\d\d)?[\])]?\s*[-–—]?\s*)?[^\W\d_][\w.’'-]*(?: [^\W\d_][\w.’'-]*)?\s?[:：]\s+"
)
_LABEL = re.compile(
    r"\s*(?:[-*+\u2022]\s+)?(?P<label>[^\s:：.!?;|][^:：.!?;|\n]{0,58}?)\s?(?::\s+|：\s*|\s+[–—]\s+)(?=\S)"
)
_MOST_WORDS_OF_A_LABEL = 6
_LETTER = re.compile(r"[^\W\d_]")
_TIME = re.compile(r"[\s\[(<]*(?:\d{4}-\d\d-\d\d|\d{1,2}:\d\d(?::\d\d)?\b|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d)")
_WORDS_OF_A_REST = 3
_MOST_WORDS_OF_A_NAME = 4
_CHAPTER = re.compile(
    r"\s*(?:chapter|section|part|article|appendix|annex|step|kapitel|abschnitt|teil|anhang|artikel|chapitre|partie"
    r"|annexe|capítulo|sección|parte|artículo|§)\s*[\dIVXLA-Z]",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_DIGIT = re.compile(r"\d")


def folded(text: str) -> str:
    """The text with ligatures and full-width letters as plain ones; for comparing, never for offsets."""
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def in_one_line(text: str) -> str:
    """Runs of white space as single blanks."""
    return " ".join(text.split())


def is_question(sentence: str) -> bool:
    """Whether a sentence asks something: it ends with a question mark, or is marked as a question (``Q:``)."""
    if _ASKS.search(sentence):
        return True
    return _ASKED.match(sentence) is not None and _QUARTER.match(sentence) is None and not is_bare(sentence, _ASKED)


def is_bare(sentence: str, prefix: re.Pattern[str] = _ANSWERED) -> bool:
    """Whether a sentence is nothing but its prefix."""
    match = prefix.match(sentence)
    return match is not None and not sentence[match.end() :].strip(_MARKUP_AROUND)


def question_of(sentence: str) -> str:
    """What a question asks, without ``Q:``, its number, or who asks it in a transcript."""
    rest = _ENUMERATOR.sub("", in_one_line(sentence), count=1)
    rest = _ASKED.sub("", rest, count=1)
    return _SPEAKER.sub("", rest, count=1).strip() or in_one_line(sentence)


def end_of_question(sentence: str) -> int:
    """Where, inside a sentence, an answer in small letters begins behind a question; 0 if there is none."""
    match = _INSIDE.match(sentence)
    return match.end("gap") if match else 0


def answer_start(sentence: str) -> int:
    """Where an answer begins behind ``A:``; 0 where nothing marks it."""
    match = _ANSWERED.match(sentence)
    return match.end() if match and match.end() < len(sentence) else 0


def label_of(line: str) -> str:
    """The label of a line such as ``Opening hours: 9 to 17``; empty if it has none."""
    match = _LABEL.match(line)
    label = in_one_line(match["label"]) if match else ""
    if label.count('"') % 2 or label.count("(") != label.count(")"):
        return ""
    return label if len(label.split()) <= _MOST_WORDS_OF_A_LABEL and _LETTER.search(label) else ""


def has_own_facts(line: str) -> bool:
    """Whether a short line says something by itself: it has a number that is no year and does not count chapters."""
    if _CHAPTER.match(line):
        return False
    return _DIGIT.search(_YEAR.sub("", _ENUMERATOR.sub("", line, count=1))) is not None


def is_first_item(line: str) -> bool:
    """Whether an item is counted as the first of its list."""
    return _FIRST_ITEM.match(line) is not None


def has_time(line: str) -> bool:
    """Whether a line begins with a time or a day in numbers, as those of logs do."""
    return _TIME.match(line) is not None


def goes_on_from_before(line: str) -> bool:
    """Whether a line begins in small letters and is no name of a piece of a program: ``are equivalent to the loop``."""
    words = line.split()
    return line.lstrip()[:1].islower() and len(words) >= _WORDS_OF_A_REST and "(" not in line


def is_like_a_name(line: str) -> bool:
    """Whether a line is a few words with capitals, as a name or the line of an address: ``Ann Berg``."""
    words = line.split()
    return 1 < len(words) <= _MOST_WORDS_OF_A_NAME and all(word[:1].isupper() for word in words) and not line.isupper()


def names_a_part(line: str) -> bool:
    """Whether a line begins as the heading of a numbered part does: ``Chapter 3: Sick leave``."""
    return _CHAPTER.match(line) is not None
