"""Tells statements and facts from what answers no question: code, pointers, notes of versions, navigation, contents.

Rules of thumb about characters and words, without a tagger. Knows single sentences and lines, and what leads to them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from corpora.text.code_detection import is_code_sentence
from corpora.text.sentences import sentence_end

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Evidence may also end with a semicolon or an ellipsis, and with markup of Markdown behind its stop.
_SENTENCE_END = sentence_end(also=";।…", closers="\"'”’)]»*`")
_MIN_WORDS = 4
_MIN_WORDS_UNENDED = 8  # without an end mark, anything shorter counts as a heading
_MOST_WORDS_OF_A_YES = 2
_MIN_UNSPACED_LETTERS = 6
_MIN_LETTER_SHARE = 0.6
_COLONS = (":", "\uff1a")
_PARTS = (
    r"(?:chapter|section|page|table|figure|fig\.|appendix|annex|above|below|overleaf|also|part|article|clause|note"
    r"|documentation|reference|manual|guide|tutorial|module|method|function|class|topic|pep|rfc|https?:|www\.)"
)
_POINTER = re.compile(
    rf"\W*(?:(?:for|on) [^.:]{{1,80}},? )?(?:please )?(?:see|refer to|consult|compare|cf\.?)\b[^.]{{0,60}}\b{_PARTS}"
    r"|\W*see (?:the )?[\"“`]|\W*for [^.,:]{1,60},? see\b"
    r"|\W*(?:see also|more about (?:this|that|it)|read more|learn more|click here|continue reading|find out more"
    r"|for (?:more|further|additional) (?:information|details|examples?)"
    r"|more (?:information|details) (?:on|about|is|are|can))\b"
    r"|\W*(?:(?:this|that|it|they|these|those|\w+ \w+|\w+) (?:is|are) (?:described|explained|discussed|covered|listed|"
    r"documented) (?:in|below|above|elsewhere|later)\b[^.]{0,40}\.?$)"
    r"|\W*(?:siehe(?: auch)?|vgl\.|voir(?: aussi)?|véase|ver también) ",
    re.IGNORECASE,
)
_MOST_WORDS_OF_A_POINTER = 24
_MOST_WORDS_OF_AN_ECHO = 16
_DIGIT = re.compile(r"\d")
_MOST_WORDS_OF_A_GREETING = 8
_VERSION_NOTE = re.compile(
    r"\W*(?:changed|added|new|deprecated|removed)(?:,? (?:will be )?removed)?,? (?:in|since)(?: python)?"
    r" (?:version|v\.?)?\s?\d",
    re.IGNORECASE,
)
_CONTENTS = re.compile(r"(?:\.\s?){4,}\s*\d{1,4}$|…{2,}\s*\d{1,4}$")
_NAVIGATION = re.compile(
    r"\W*(?:(?:home|next|previous|prev|back(?: to top)?|top|up|menu|search|index|contents|table of contents|print|share"
    r"|skip to (?:main )?content|log ?in|log ?out|sign (?:in|up)|page \d+(?: of \d+)?)(?:\W+|$))+$",
    re.IGNORECASE,
)
_FILLERS = frozenset(
    """a an and are about all as at be below briefly by chapter contains covers deals describes description document
    explains following for from gives have here how in information is it lists more next note of on or our page section
    shows some tells text that the their these this to topic we what when where which who why will with you your
    """.split()
)


def is_prose(sentence: str) -> bool:
    """Whether ``sentence`` is a statement rather than a heading, a code line or a fragment.

    Reading text marks code by its indent; other white space around the sentence does not count. What ends in a
    colon is no statement without what follows it.
    """
    if not is_plain(sentence):
        return False
    sentence = sentence.strip()
    if sentence.endswith(_COLONS):
        return False
    letters = sum(character.isalnum() for character in sentence)
    if len(_UNSPACED.findall(sentence)) > letters / 2:
        return letters >= _MIN_UNSPACED_LETTERS
    words = len(_WORD.findall(sentence))
    return words >= (_MIN_WORDS if _SENTENCE_END.search(sentence) else _MIN_WORDS_UNENDED)


def is_plain(text: str) -> bool:
    """Whether a text is no code and mostly letters and digits, however short it is."""
    if is_code_sentence(text):
        return False
    visible = "".join(text.split())
    return bool(visible) and sum(map(str.isalnum, visible)) >= _MIN_LETTER_SHARE * len(visible)


def ends_as_sentence(text: str) -> bool:
    """Whether a text ends as sentences do."""
    return _SENTENCE_END.search(text.rstrip()) is not None


def is_navigation(line: str) -> bool:
    """Whether a line has nothing but the names of links, such as ``Home | Next``."""
    return _NAVIGATION.match(line.strip()) is not None


def is_curt(sentence: str) -> bool:
    """Whether an answer is so short that it belongs to the sentence after it: ``Yes.``"""
    return len(sentence.split()) <= _MOST_WORDS_OF_A_YES and ends_as_sentence(sentence)


def is_scrap(text: str, leads: Sequence[str] = ()) -> bool:
    """Whether a sentence or a line answers nothing: it points elsewhere, or only repeats what leads to it."""
    text = text.strip()
    if not is_plain(text) or _VERSION_NOTE.match(text) or _CONTENTS.search(text) or is_navigation(text):
        return True
    words = _WORD.findall(text)
    if len(words) <= _MOST_WORDS_OF_A_POINTER and _POINTER.match(text):
        return True
    if text.endswith(",") and len(words) <= _MOST_WORDS_OF_A_GREETING:
        return True
    return _repeats(text, words, leads)


def _repeats(text: str, words: Sequence[str], leads: Sequence[str]) -> bool:
    """Whether every telling word of the text stands in what leads to it, and it has no number of its own."""
    if not leads or not words or len(words) > _MOST_WORDS_OF_AN_ECHO or _DIGIT.search(text):
        return False
    known = {word.casefold() for lead in leads for word in _WORD.findall(lead)}
    return bool(known) and all(word in known or word in _FILLERS for word in map(str.casefold, words))
