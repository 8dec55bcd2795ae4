"""The encoding in which bytes read best: the letters of one language, in the places where letters stand.

Every encoding is tried. In each, the characters beyond ASCII are weighed for each language that is written in it: a
letter of its alphabet in a fitting case is good, a symbol in the middle of a word is not, and a Chinese character or a
Korean syllable is as good as it is common. How likely the language is by all letters of the text (see
``corpora.text.language``) decides among those that fit. Knows nothing of formats.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import regex

from corpora.text.language import likelihoods

SAMPLE_BYTES = 2**16
_LINES_BYTES = 6_000
_LOST = "\N{REPLACEMENT CHARACTER}"
_WORTH = 0.5  # the least that the best encoding must score to be one
_LIKELY, _FREQUENT = 0.5, 0.3  # what the language, and the frequency of characters, add to a score
_LOST_SHARE = 0.01
_OFTEN_SHARE = 0.6  # of letters that are among the dozen commonest of a language
_LOSS = 5.0  # what the share of lost characters costs

_LATIN: Mapping[str, str] = {
    "de": "äöüßé", "en": "éèêëàâçñïöüœæ", "fr": "àâæçéèêëîïôœùûüÿ", "es": "áéíñóúü", "pt": "áâãàçéêíóôõúü",
    "it": "àèéìíîòóùú", "ca": "àçèéíïòóúü·", "nl": "éëïèöüáóê", "sv": "åäöéàü", "da": "æøåéü", "no": "æøåéòôóè",
    "fi": "äöåšž", "is": "áðéíóúýþæö", "et": "äöüõšž", "ga": "áéíóú", "sq": "ëç", "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíĺľňóôŕšťúýž", "pl": "ąćęłńóśźż", "hu": "áéíóöőúüű", "sl": "čšžćđ", "hr": "čćđšž", "ro": "ăâîșțşţ",
    "tr": "çğıöşüâîûi̇", "az": "əçğıöşü", "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "gl": "áéíñóúü", "eu": "ñç",
}  # fmt: skip
_OTHER: Mapping[str, str] = {
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "bg": "абвгдежзийклмнопрстуфхцчшщъьюя", "sr": "абвгдђежзијклљмнњопрстћуфхцчџш",
    "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџш", "be": "абвгдеёжзійклмнопрстуўфхцчшыьэюя",
    "el": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", "he": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "ar": "ابتثجحخدذرزسشصضطظعغفقكلمنهويىءآأؤإئة،؛؟ـًٌٍَُِّْ", "fa": "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیيكءآأؤئة،؛؟ـ",
    "ur": "ابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہھءیےآئ،؛؟۔", "th": "".join(map(chr, range(0x0E01, 0x0E4F))),
}  # fmt: skip
_ALPHABETS: Mapping[str, frozenset[str]] = {
    language: frozenset(letters) | frozenset(letters.upper()) for language, letters in {**_LATIN, **_OTHER}.items()
}
_COMMON_HAN = frozenset(
    "的一是不了在人有我他这個们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如"
    "都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间"
    "由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真"
    "论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空"
    "決展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶"
    "個們來為國說時會對過發後裡種經麼學現當動還進樣開從實無與長機將兩間問應戰頭體見產話給門員論處義幾認條氣題爾變電數報結務場計德統區隊社"
    "港口該鎮於建造位省灣館物收藏博臺北城村店元请您"
)
_COMMON_HANGUL = frozenset(
    "이다는의에을가고를은지하한로도기서사어있나자들리인그시대라니것수아정으일스부해보전게과제우여만원장주상동면적구"
    "조신공국소성었선연세진미무안유오화내개문생경요때데할관거마없야른말중당발분치와드비력음법모든실학입단민까며산"
    "각용더등반계교물회식방차체불금결간위였간출행저명권달새물많르님네운건업외집던습합니까월년"
)
_PUNCTUATION = frozenset("“”„‟‘’‚«»‹›–—…•·¿¡°€£¥§©®™½¼¾²³¹±×÷µªº№‰†‡¢¶\u00a0\u00ad´`¨¦¬−≤≥≈√∞")
_INSIDE_WORDS = frozenset("’‘·\u00ad´`‐–")
_BEFORE_WORDS, _BEHIND_WORDS = frozenset("“„‘‚«‹›»”¿¡\u00a0–—’…§©€£"), frozenset("”“’‘»›«‹…\u00a0–—®™°²³¹ºª´%")
_BESIDE_SIGNS = frozenset("“”„‘’‚«»‹›–—…\u00a0²³")
_NO_THAI = regex.compile(
    "(?<![\u0e01-\u0e2e\u0e31-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]|[\u0e40-\u0e44](?![\u0e01-\u0e2e])"
)
_NO_WORD = {
    "el": regex.compile(
        r"ς(?=\p{L})|(?<=\p{L})σ(?!\p{L})|[άέήίόύώΐΰ](?=\p{L}*[άέήίόύώΐΰ])|(?<=\p{Ll})[ΆΈΉΊΌΎΏ]"
        r"|(?<!\p{L})(?!\p{L}*[άέήίόύώΐΰΆΈΉΊΌΎΏ])\p{L}?\p{Ll}*[αεηιουω][β-δζθκ-ξπ-τφ-ψ]+[αεηιουω]"
    ),
    "he": regex.compile(r"(?<=\p{L}{2})[כמנצ](?!\p{L})|[ךםןףץ](?=\p{L})"),
    "th": regex.compile("(?<![\u0e01-\u0e4e])[\u0e30-\u0e33\u0e45]|[\u0e50-\u0e59\u0e2f\u0e4f](?=[\u0e01-\u0e4e])"),
}  # what no word of a language has: letters for ends inside, two accents or none, a vowel that begins it
_OFTEN = {
    "ru": "оеаинтсрвлкм", "uk": "оаинівтреслк", "bg": "аоиетнрсвлкд", "sr": "аоиентрсувмк", "mk": "аоеитнрсвлкд",
    "be": "анікоетсрылу", "el": "αοιετσςνηυρπκό", "he": "יוהלארתשבמםנ", "th": "านรอกเงมย่ล้วดตี",
}  # fmt: skip
_LAST_LETTERS = frozenset("ةىςםןףץך")
_ASCII_WORDS = regex.compile(rb"[A-Za-z0-9 ,.]{3,}")
_FOREIGN_WORD = regex.compile(r"[^\s\x00-\x7f]+")
_DRAWN = regex.compile("[\u2500-\u259f]")
_HAN = regex.compile(r"\p{Han}")
_KANA = regex.compile("[\u3041-\u30ff]")
_HANGUL = regex.compile("[\uac00-\ud7a3]")
_WIDE_SIGN = regex.compile("[\u3000-\u303f\uff01-\uff5e\u30fb\u30fc\u2010-\u2026\u00b7]")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An encoding and the languages written in it; ``bonus`` is how common it is, in parts of a score."""

    encoding: str
    languages: Sequence[str]
    bonus: float = 0.0


_WESTERN = "de en fr es pt it ca nl sv da no fi is ga sq gl eu".split()
_CENTRAL = "pl cs sk hu sl hr ro de".split()
_CYRILLIC = "ru uk bg sr mk be".split()
# Of two that score the same the first wins.
_CANDIDATES = (
    _Candidate("cp1252", _WESTERN, 0.1),
    _Candidate("cp1250", _CENTRAL, 0.05),
    _Candidate("iso8859_2", _CENTRAL, 0.04),
    _Candidate("cp1254", ("tr", "az"), 0.05),
    _Candidate("cp1257", ("lt", "lv", "et"), 0.04),
    _Candidate("cp850", _WESTERN, 0.02),
    _Candidate("cp437", _WESTERN, 0.01),
    _Candidate("mac_roman", _WESTERN, 0.01),
    _Candidate("cp852", _CENTRAL),
    _Candidate("cp857", ("tr",)),
    _Candidate("cp1251", _CYRILLIC, 0.12),
    _Candidate("koi8_r", ("ru",), 0.12),
    _Candidate("koi8_u", ("uk",), 0.06),
    _Candidate("cp866", ("ru", "bg", "be", "uk"), 0.12),
    _Candidate("iso8859_5", _CYRILLIC, 0.04),
    _Candidate("mac_cyrillic", _CYRILLIC, 0.09),
    _Candidate("cp855", _CYRILLIC),
    _Candidate("cp1253", ("el",), 0.04),
    _Candidate("iso8859_7", ("el",), 0.03),
    _Candidate("cp737", ("el",)),
    _Candidate("cp1255", ("he",), 0.04),
    _Candidate("cp862", ("he",)),
    _Candidate("cp1256", ("ar", "fa", "ur"), 0.04),
    _Candidate("iso8859_6", ("ar",)),
    _Candidate("cp874", ("th",), 0.04),
    _Candidate("cp932", ("ja",), 0.06),
    _Candidate("euc_jp", ("ja",), 0.05),
    _Candidate("gb18030", ("zh",), 0.05),
    _Candidate("big5hkscs", ("zh",), 0.04),
    _Candidate("cp949", ("ko",), 0.05),
    _Candidate("utf_16_le", ("ja",)),
    _Candidate("utf_16_le", ("zh",)),
    _Candidate("utf_16_le", ("ko",)),
    _Candidate("utf_16_be", ("ja",)),
    _Candidate("utf_16_be", ("zh",)),
    _Candidate("utf_16_be", ("ko",)),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A text in the encoding that was found, and how many of its characters could not be read."""

    text: str
    encoding: str
    lost: int


def best_encoding(data: bytes) -> Found | None:
    """The text in the encoding in which it reads best; None if it reads well in none."""
    sample = _telling(data[:SAMPLE_BYTES])
    best, best_score = None, _WORTH
    for candidate in _CANDIDATES:
        score = _score(sample, candidate, best_score)
        if score > best_score:
            best, best_score = candidate.encoding, score
    if best is None:
        return _by_statistics(data)
    text = data.decode(best, "replace")
    return Found(text, best, text.count(_LOST))


def _by_statistics(data: bytes) -> Found | None:
    """The last resort: encodings that are not listed here."""
    from charset_normalizer import from_bytes  # slow to import and seldom needed

    best = from_bytes(data[:SAMPLE_BYTES]).best()
    if best is None:
        return None
    text = strictly(data, best.encoding)
    return None if text is None else Found(text, best.encoding, 0)


def strictly(data: bytes, encoding: str) -> str | None:
    """The text; None if the bytes are not valid in that encoding, or there is no such encoding."""
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def unmarked_unicode(data: bytes) -> str | None:
    """The text if it is UTF-16 or UTF-32 without a mark: whichever of them yields letters that are in use."""
    best, best_share = None, _SENSIBLE
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        text = strictly(data[: len(data) // width * width], encoding)
        if text is not None and (share := _sensible(text)) > best_share:
            best, best_share = text, share
    return best


def _sensible(text: str) -> float:
    """The share of characters that a text has: of ASCII, of its main script, and signs; Chinese ones only if usual."""
    sample = text[: SAMPLE_BYTES // 4].strip("\0\ufeff")
    letters = _LETTER.findall(sample)
    if not letters or len(letters) < 0.4 * len(sample):
        return 0.0
    scripts = Counter("Dense" if _DENSE.match(letter) else _script(letter) for letter in letters if letter > "\u024f")
    main = scripts.most_common(1)[0][0] if scripts else ""
    fine = sum(
        ch in "\t\n\r\f"
        or " " <= ch < "\x7f"
        or _SIGN.match(ch) is not None
        or (_LETTER.match(ch) is not None and (ch <= "\u024f" or _is_of(ch, main)))
        or (main != "Dense" and _MARK.match(ch) is not None)
        for ch in sample
    )
    return fine / len(sample)


def _is_of(letter: str, script: str) -> bool:
    if script != "Dense":
        return not _DENSE.match(letter) and _script(letter) == script
    return bool(_KANA.match(letter) or _HANGUL.match(letter)) or letter in _usual("zh") or letter in _usual("ja")


@cache
def _script(letter: str) -> str:
    """The writing that a letter belongs to, as its name says: GREEK, CYRILLIC, HEBREW."""
    return unicodedata.name(letter, "").partition(" ")[0]


_SENSIBLE = 0.85  # the least share of a text in UTF-16 that its own letters and signs are
_DENSE = regex.compile(r"[\p{Han}\u3041-\u30ff\uac00-\ud7a3]")
_SIGN = regex.compile("[\u00a0-\u00bf\u2010-\u2026\u20ac\u3000-\u303f\uff01-\uff5e]")
_MARK = regex.compile(r"\p{M}")
_LETTER = regex.compile(r"\p{L}")


def _telling(data: bytes) -> bytes:
    """The lines with bytes beyond ASCII, since the others say nothing of the encoding; not too many."""
    kept, size = [], 0
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            kept.append(line)
            size += len(line)
            if size > _LINES_BYTES:
                break
    return b"".join(kept)[: 2 * _LINES_BYTES] or data[: 2 * _LINES_BYTES]


def _score(sample: bytes, candidate: _Candidate, to_beat: float) -> float:
    """How well the sample reads; 0 if that is not better than ``to_beat``."""
    if candidate.encoding.startswith("utf_16") and 2 * len(_ASCII_WORDS.sub(b"", sample)) < len(sample):
        return 0.0
    text = codecs.getincrementaldecoder(candidate.encoding)("replace").decode(sample)
    foreign = [n for n, ch in enumerate(text) if ch > "\x7f"]
    lost = text.count(_LOST)
    if not foreign or lost > max(1, _LOST_SHARE * len(foreign)):
        return 0.0
    bonus = candidate.bonus - min(_LOSS * lost / len(foreign), _WORTH)
    is_dense = candidate.languages[0] in ("zh", "ja", "ko")
    good = {
        language: _goodness_of_characters(text, foreign, language) if is_dense else _share_good(text, foreign, language)
        for language in candidate.languages
    }
    if max(good.values()) + _LIKELY + bonus <= to_beat:
        return 0.0
    is_latin = candidate.languages[0] in _LATIN
    likely = likelihoods(text if is_latin else " ".join(_FOREIGN_WORD.findall(text)))
    return max(share + _LIKELY * likely.get(language, 0.0) for language, share in good.items()) + bonus


def _share_good(text: str, foreign: Sequence[int], language: str) -> float:
    """The share of characters beyond ASCII that stand well, in the alphabet of a language."""
    alphabet, is_latin = _ALPHABETS[language], language in _LATIN
    good = sum(_goodness(text, at, alphabet, is_latin=is_latin) for at in foreign) / len(foreign)
    if is_latin:
        return good
    different = len({text[at] for at in foreign})
    if language == "th" and not sum("\u0e30" <= text[at] <= "\u0e4e" for at in foreign) * 10 >= len(foreign):
        good *= 0.6
    if language in ("ar", "fa", "ur") and different > 5:
        good *= 1.0 if sum(text[at] in "ال" for at in foreign) * 10 >= len(foreign) else 0.7
    if language in _OFTEN:
        often = sum(text[at].lower() in _OFTEN[language] for at in foreign) / len(foreign)
        good *= 0.6 + 0.4 * min(often / _OFTEN_SHARE, 1.0)
    impossible = len(_NO_THAI.findall(text)) + (len(_NO_WORD[language].findall(text)) if language in _NO_WORD else 0)
    return (good - 3 * impossible / len(foreign)) * different / (different + 1.5)


def _goodness(text: str, at: int, alphabet: frozenset[str], *, is_latin: bool) -> float:
    """How well a character stands where it stands: 1 for a letter of the language, 0 for what is out of place."""
    ch, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if ch in alphabet:
        return _goodness_of_letter(ch, before, after, is_latin=is_latin)
    if ch not in _PUNCTUATION:
        return 0.9 if _DRAWN.match(ch) and (_DRAWN.match(before) or _DRAWN.match(after)) else 0.0
    if not before and not after:
        return 0.4
    if before.isalpha() and after.isalpha():
        return 0.9 if ch in _INSIDE_WORDS else 0.0
    if (before.isalpha() and ch not in _BEHIND_WORDS) or (after.isalpha() and ch not in _BEFORE_WORDS):
        return 0.2
    beside = [other for other in (before, after) if other in _PUNCTUATION]
    return 0.2 if beside and ch not in _BESIDE_SIGNS and not _BESIDE_SIGNS.issuperset(beside) else 0.9


def _goodness_of_letter(ch: str, before: str, after: str, *, is_latin: bool) -> float:
    if (ch.isupper() and before.islower()) or (ch.islower() and before.isupper() and after.isupper()):
        return 0.0
    if before == ch and after == ch:
        return 0.0
    is_alone = not before.isalpha() and not after.isalpha()
    if not is_latin:
        if ch.islower() and after.isupper():
            return 0.0
        glued = (before.isascii() and before.isalnum()) or (after.isascii() and after.isalnum())
        return 0.0 if glued or (ch in _LAST_LETTERS and after.isalpha()) else (0.5 if is_alone else 1.0)
    return 0.5 if is_alone and (ch.isupper() or before.isdigit() or after.isdigit()) else 1.0


def _goodness_of_characters(text: str, foreign: Sequence[int], language: str) -> float:
    """How good a text is as Chinese, Japanese or Korean: characters that are in use, common ones among them."""
    good = common = kana = letters = 0.0
    for at in foreign:
        ch, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
        glued = before.isascii() and before.isalpha() and after.isascii() and after.islower()
        if glued:
            continue
        if _WIDE_SIGN.match(ch):
            good += 1
            continue
        letters += 1
        if language == "ko" and _HANGUL.match(ch):
            good += 1
            common += ch in _COMMON_HANGUL
        elif _KANA.match(ch) and language == "ja":
            good += 1
            kana += 1
        elif _HAN.match(ch) and language != "ko":
            good += 1.0 if ch in _usual(language) else 0.2
            common += ch in _COMMON_HAN
        elif _HAN.match(ch):
            good += 0.5 if ch in _usual(language) else 0.0
    if not letters:
        return 0.3 * good / len(foreign)
    share = good / len(foreign)
    often = min(common / letters / 0.3, 1.0) if language != "ja" else min(kana / letters / 0.3, 1.0)
    return ((1 - _FREQUENT) * share + _FREQUENT * often) * letters / (letters + 1)


@cache
def _usual(language: str) -> frozenset[str]:
    """The characters that the national standards list first, since they are in use."""
    rows: dict[str, tuple[tuple[str, Sequence[int], Sequence[int]], ...]] = {
        "zh": (
            ("gb2312", range(0xB0, 0xD8), range(0xA1, 0xFF)),
            ("big5", range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF))),
        ),
        "ja": (("euc_jp", range(0xB0, 0xD0), range(0xA1, 0xFF)),),
        "ko": (("euc_kr", range(0xCA, 0xFE), range(0xA1, 0xFF)),),
    }
    pairs = (
        bytes((lead, trail)).decode(encoding, "ignore")
        for encoding, leads, trails in rows[language]
        for lead in leads
        for trail in trails
    )
    return frozenset(filter(None, pairs))
