"""The language of a document is recorded, agrees with what warns about questions, and needs nothing but its package."""

from __future__ import annotations

import pytest

from corpora.loaders.sandboxed_loader import load_bytes
from corpora.text.language import language_of, likeliest
from retrieval.language import guess_language

SENTENCES = {
    "en": "The harbour was built in 1842 by the town itself, and it froze only twice.",
    "de": "Der Hafen wurde 1842 von der Stadt gebaut und ist nur zweimal zugefroren.",
    "fr": "Le port a été construit en 1842 par la ville elle-même et n'a gelé que deux fois.",
    "es": "El puerto fue construido por la ciudad en 1842 y solo se heló dos veces.",
    "it": "Il porto fu costruito dalla città nel 1842 e non è gelato che due volte.",
    "pt": "O porto foi construído pela própria cidade em 1842 e não gelou mais do que duas vezes.",
    "nl": "De haven werd in 1842 door de stad gebouwd en is maar twee keer dichtgevroren.",
    "pl": "Port został zbudowany przez miasto w 1842 roku i zamarzł tylko dwa razy.",
    "sv": "Hamnen byggdes av staden själv år 1842 och den frös bara två gånger.",
    "tr": "Liman 1842 yılında şehrin kendisi tarafından inşa edildi ve iki kez dondu.",
    "vi": "Bến cảng được chính thành phố xây dựng vào năm 1842.",
    "ru": "Гавань была построена самим городом в 1842 году и замерзала дважды.",
    "uk": "Гавань була побудована самим містом у 1842 році й замерзала двічі.",
    "el": "Το λιμάνι χτίστηκε από την ίδια την πόλη το 1842.",
    "ar": "تم بناء الميناء من قبل المدينة نفسها عام 1842.",
    "he": "הנמל נבנה על ידי העיר עצמה בשנת 1842.",
    "hi": "बंदरगाह का निर्माण 1842 में शहर ने स्वयं किया था।",
    "zh": "港口由该镇于1842年自行建造，只结过两次冰。",
    "ja": "港は1842年に町自身によって建設された。",
    "ko": "항구는 1842년에 마을 자체에서 건설했습니다.",
    "th": "ท่าเรือสร้างขึ้นโดยเมืองเองในปี พ.ศ. 2385",
}
NAMES = {"de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
         "pl": "Polish", "sv": "Swedish", "tr": "Turkish", "vi": "Vietnamese", "el": "Greek", "he": "Hebrew",
         "hi": "Hindi", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "th": "Thai"}  # fmt: skip


@pytest.mark.parametrize("code", SENTENCES)
def test_one_sentence_is_enough(code: str) -> None:
    assert language_of(SENTENCES[code]) == code
    assert language_of(f"{SENTENCES[code]} " * 400) == code
    warned_of = guess_language(SENTENCES[code])
    assert warned_of is None or warned_of.startswith(NAMES.get(code, warned_of))


@pytest.mark.parametrize(
    "text", ["", "hello", "1842 2 3", "def f(x): return x + 1", "Id: 1 | Name: Ada | Price: 3", "天气", "Zürich 2020"]
)
def test_too_little_to_tell(text: str) -> None:
    assert language_of(text) is None


def test_traditional_characters_are_chinese() -> None:
    assert language_of("港口由該鎮於1842年自行建造，冬天曾經結冰兩次。") == "zh"
    assert likeliest("國立故宮博物院")[0] == "zh"


def test_most_of_a_long_text_decides() -> None:
    assert language_of(SENTENCES["en"] * 50 + SENTENCES["de"] * 800) == "de"


def test_it_is_recorded_by_the_confined_process() -> None:
    assert load_bytes(SENTENCES["de"].encode(), "a.txt").metadata["language"] == "de"
    assert load_bytes(f"<p>{SENTENCES['zh']}".encode("gb18030"), "a.html").metadata["language"] == "zh"
    assert "language" not in load_bytes(b"short", "a.txt").metadata
