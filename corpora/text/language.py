"""Tells which language a text is written in, as an ISO 639-1 code; None where that is uncertain.

Stored with every document. The model (py3langid, 140 languages) is part of its package: nothing is downloaded. It is
loaded once a process and shared with the workers that are forked from it. Knows nothing of documents or formats.
"""

from __future__ import annotations

import io
import lzma
import re
from array import array
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_WORDS = regex.compile(r"\p{L}[\p{L}\p{M}]*")
# Scripts that write a word in one to three characters: Chinese, Japanese, Korean, Thai and the like.
_DENSE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
_FEWEST_LETTERS, _FEWEST_DENSE, _FEWEST_WORDS = 24, 6, 5
_KANA = re.compile("[\u3040-\u30ff]")
_SURE = 0.6
_CODE_OF_SIZE = {2: "H", 4: "I", 8: "L"}  # of unsigned numbers in an array
# A long text is judged by samples from all over it.
_SAMPLES, _SAMPLE_CHARS = 10, 300
# The language of a variety that the model tells apart; what has no code of two letters is not named.
_OF_LANGUAGE = {"wuu": "zh", "yue": "zh", "arz": "ar", "ary": "ar", "uzs": "uz", "gug": "gn", "kik": "ki"}


def language_of(text: str) -> str | None:
    """The code of the language that most of the text is written in; None for short texts, tables, programs."""
    sample = " ".join(_WORDS.findall(_sample(text)))
    dense = len(_DENSE.findall(sample))
    if len(sample) - sample.count(" ") < (_FEWEST_DENSE if dense else _FEWEST_LETTERS):
        return None
    if not dense and sample.count(" ") + 1 < _FEWEST_WORDS:
        return None
    code, confidence = likeliest(sample)
    return code if confidence >= _SURE and len(code) == 2 else None


def likeliest(text: str) -> tuple[str, float]:
    """The code of the likeliest language of a text, however short, and how sure that is (0 to 1)."""
    sure = likelihoods(text)
    code = max(sure, key=lambda code: sure[code])
    if code == "ja" and not _KANA.search(text):
        return "zh", sure[code]  # Chinese characters without one kana are no Japanese
    return code, sure[code]


def likelihoods(text: str) -> Mapping[str, float]:
    """How likely each language is, by its code; together they are 1."""
    sure: Counter[str] = Counter()
    for variety, confidence in _identifier().rank(" ".join(_WORDS.findall(text))):
        sure[_OF_LANGUAGE.get(variety, variety)] += confidence
    return sure


def prepare() -> None:
    """Load the model now (half a second), so that processes forked from this one share it."""
    _identifier()


def _sample(text: str) -> str:
    """The whole text if it is short, else samples from all over it."""
    if len(text) <= _SAMPLES * _SAMPLE_CHARS:
        return text
    step = (len(text) - _SAMPLE_CHARS) // (_SAMPLES - 1)
    return "\n".join(text[n * step : n * step + _SAMPLE_CHARS] for n in range(_SAMPLES))


@cache
def _identifier() -> LanguageIdentifier:
    """Load the model from the package's data: its own loader writes a temporary file, which a sandbox forbids."""
    import numpy as np
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    with lzma.open(MODEL_DIR / MODEL_FILE) as packed:
        model = np.load(io.BytesIO(packed.read()), allow_pickle=False)
    return LanguageIdentifier(
        model["ptc"],
        model["pc"],
        model["classes"].tolist(),
        array(_CODE_OF_SIZE[model["nextmove"].dtype.itemsize], model["nextmove"].tobytes()),
        model["out_feat"].tolist(),
        norm_probs=True,
        tk_row=array(_CODE_OF_SIZE[model["nextmove_row"].dtype.itemsize], model["nextmove_row"].tobytes()),
    )
