"""Guesses the language of a question by its script or its function words, to warn that the encoder does not know it.

None means English or not sure: there is no guess for short texts, code and names, because a wrong warning annoys more
than a missing one helps. No dependency, no model; tells large languages apart, not close relatives.
`corpora.text.language` identifies the language of whole documents, among 140, with a model.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache
from itertools import chain

DEFAULT_ENCODER_LANGUAGES = frozenset({"English"})

_LANGUAGE_OF_SCRIPT = {
    "CJK": "Chinese",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CYRILLIC": "Russian or another Cyrillic language",
    "GREEK": "Greek",
    "ARABIC": "Arabic or Persian",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Hindi",
    "BENGALI": "Bengali",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "THAI": "Thai",
    "GEORGIAN": "Georgian",
    "ARMENIAN": "Armenian",
}

# Function words and the words that questions start with. No single letters: programs are full of them.
_SMALL_WORDS = {
    "English": "the of and to in is that it for was on are with as be this have from or by not but what "
    "how do does why who when where which an if at",
    "German": "der die das und ist nicht ein eine zu den von mit für auf im in dem sich wie was wird "
    "sind auch wenn wer warum wann wo funktioniert kann ich das kostet gibt",
    "French": "le la les des et est une un du dans que qui pour pas sur au avec ce il elle quel quelle "
    "comment sont pourquoi où en se fonctionne combien quand pendant quels",
    "Spanish": "el la los las de es una un en que por con para se del lo qué cómo cuál no son está al "
    "quién dónde cuándo funciona cuánto cuánta cuántos cuesta puede pueden hay",
    "Italian": "il la gli le di è una un che per con non del della sono nel come cosa qual si dei alla "
    "questo perché chi dove quando in funziona",
    "Portuguese": "os as de é uma um em que por com para não se do da dos das como qual são está ao quem "
    "onde quando no na funciona",
    "Dutch": "de het een en van is dat niet op te zijn voor met aan wat hoe wordt ook er maar bij deze "
    "door in waarom wie werkt",
    "Polish": "na nie się jest do to że jak co czy dla przez od po są ale który która jaki dlaczego kto gdzie",
    "Swedish": "och att det som en är på för av med den till inte om ett vad hur har från kan ska varför vem",
    "Turkish": "ve bir bu için ile ne nasıl değil mi mı olan olarak da çok gibi daha var kadar hangi nedir",
    "Indonesian": "yang dan di itu dengan untuk tidak ini dari dalam apa adalah pada bagaimana akan oleh ke atau",
    "Vietnamese": "là và của có không được cho một các trong người này với như thế nào đã những để",
}
_NAMES = {
    "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "pl": "Polish", "sv": "Swedish", "tr": "Turkish", "id": "Indonesian", "vi": "Vietnamese", "zh": "Chinese",
    "ja": "Japanese", "ko": "Korean", "ru": "Russian", "uk": "Ukrainian", "ar": "Arabic", "el": "Greek", "hi": "Hindi",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_MIN_UNSPACED_LETTERS = 4  # four Chinese characters can be a whole question
_MIN_LETTERS = 8
_MIN_WORDS = 3
_MIN_SMALL_WORDS = 2  # different ones
# Texts are in a language if so many of its own small words are in that share of them; names hold some, too.
_TELLING, _FOREIGN_SHARE = 4, 0.01


@lru_cache(maxsize=8)  # Search, evidence and remarks ask it of the same question.
def guess_language(text: str) -> str | None:
    """The language a text seems to be in, or None where it is English or too little is known."""
    letters = [letter for letter in text if letter.isalpha()]
    foreign = Counter(name for letter in letters if (name := _language_of_letter(letter)))
    if foreign and 2 * foreign.total() > len(letters):
        if "Japanese" in foreign and "Chinese" in foreign:
            return "Japanese"  # kana beside Chinese characters
        language, count = foreign.most_common(1)[0]
        enough = _MIN_UNSPACED_LETTERS if language in ("Chinese", "Japanese", "Korean") else _MIN_LETTERS
        return language if count >= enough else None
    return _guess_by_small_words(text)


def has_english_word(text: str) -> bool:
    """Whether a function word is in it that English shares with none of the other languages here."""
    own = _own_words()["English"]
    return any(word.casefold() in own for word in _WORD.findall(text))


def is_foreign(text: str) -> bool:
    """Whether a text, however short, seems not to be English: it has small words of another, and no English one."""
    if guess_language(text) is not None:
        return True
    words = {word.casefold() for word in _WORD.findall(text)}
    if words & small_words("English"):
        return False
    return any(len(words & small_words(name)) >= _MIN_SMALL_WORDS and words & own for name, own in _own_words().items())


def likeliest_language(text: str) -> str:
    """The language that ``guess_language`` names, else the one with the most small words in a text."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return guess_language(text) or max(_SMALL_WORDS, key=lambda name: sum(map(small_words(name).__contains__, words)))


@cache
def small_words(language: str) -> frozenset[str]:
    """The small words of a language; none of one that is not listed here."""
    return frozenset(_SMALL_WORDS.get(language, "").split())


def languages_of_words(share: Callable[[str], float]) -> list[str]:
    """The languages besides English that some of a collection's texts are in, by the share of texts with a word."""
    found = []
    for language, own in _own_words().items():
        shares = sorted((share(word) for word in own), reverse=True)
        if language != "English" and shares[_TELLING - 1] >= _FOREIGN_SHARE:
            found.append(language)
    return found


def unknown_to_encoder(language: str | None, *, known: Collection[str] = DEFAULT_ENCODER_LANGUAGES) -> str | None:
    """A line that says which language a question seems to be in and what to set; None where there is nothing to say.

    ``language`` is what ``guess_language`` says of the question.
    """
    if language is None or language in known:
        return None
    return (
        f"this looks like {language}; the encoder knows {' and '.join(sorted(known))}, so it may miss: "
        "name an encoder for it with --encoder"
    )


@cache
def _own_words() -> Mapping[str, frozenset[str]]:
    """The function words that a language shares with none of the others here."""
    listed = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}
    times = Counter(chain.from_iterable(listed.values()))
    return {language: frozenset(word for word in words if times[word] == 1) for language, words in listed.items()}


def mostly_unknown(documents: Mapping[str, int]) -> str | None:
    """A line if most documents are in a language that the default encoder does not know; None otherwise.

    ``documents`` counts them by the ISO 639-1 codes of their languages.
    """
    foreign = {code: count for code, count in documents.items() if code != "en"}
    if 2 * sum(foreign.values()) <= sum(documents.values()):
        return None
    code = max(foreign, key=lambda code: (foreign[code], code))
    return (
        f"most of these documents are not in English (many are in {_NAMES.get(code, code)}), and the encoder knows "
        "English alone, so they are found by their words: name a multilingual encoder with --encoder"
    )


def _language_of_letter(letter: str) -> str | None:
    if letter < "\u0250":
        return None
    return _LANGUAGE_OF_SCRIPT.get(unicodedata.name(letter, "").split(" ")[0])


def _guess_by_small_words(text: str) -> str | None:
    """The language whose small words clearly outnumber English ones and every other's.

    A word that English shares with the language speaks for neither.
    """
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) < _MIN_WORDS:
        return None
    small = {language: small_words(language) for language in _SMALL_WORDS}
    counts = Counter({language: sum(word in listed for word in words) for language, listed in small.items()})
    (best, most), (_, second) = counts.most_common(2)
    own = [word for word in words if word in small[best] - small["English"]]
    english = sum(word in small["English"] - small[best] for word in words)
    clear = len(set(own)) >= _MIN_SMALL_WORDS and len(own) > 2 * english and most > second
    return best if clear and 5 * most >= len(words) else None
