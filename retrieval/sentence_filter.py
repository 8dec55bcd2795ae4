"""Tells statements from headings, code lines and fragments, which make poor evidence.

Rules of thumb about characters and words, without a tagger; knows nothing of passages or scores.
"""

from __future__ import annotations

import re

from corpora.text.code_detection import is_code_sentence
from corpora.text.sentences import sentence_end

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Evidence may also end with a semicolon or an ellipsis, and with markup of Markdown behind its stop.
_SENTENCE_END = sentence_end(also=";।…", closers="\"'”’)]»*`")
_MIN_WORDS = 4
_MIN_WORDS_UNENDED = 8  # without an end mark, anything shorter counts as a heading
_MIN_UNSPACED_LETTERS = 6
_MIN_LETTER_SHARE = 0.6


def is_prose(sentence: str) -> bool:
    """Whether ``sentence`` is a statement rather than a heading, a code line or a fragment.

    Reading text marks code by its indent; other white space around the sentence does not count. What ends in a
    colon is no statement without what follows it.
    """
    if is_code_sentence(sentence):
        return False
    sentence = sentence.strip()
    if sentence.endswith((":", "\uff1a")):
        return False
    visible = [character for character in sentence if not character.isspace()]
    letters = sum(character.isalnum() for character in visible)
    if not visible or letters < _MIN_LETTER_SHARE * len(visible):
        return False
    if len(_UNSPACED.findall(sentence)) > letters / 2:
        return letters >= _MIN_UNSPACED_LETTERS
    words = len(_WORD.findall(sentence))
    return words >= (_MIN_WORDS if _SENTENCE_END.search(sentence) else _MIN_WORDS_UNENDED)
