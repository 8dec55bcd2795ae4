"""Encodings: byte order marks, UTF-8, what a file declares, then what reads best; and what is no text at all."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.errors import BinaryText
from corpora.loaders.formats.decoding import decoded
from tests.support.texts_of_languages import TEXTS, UNICODE, encoded_texts


def told(data: bytes, declared: str | None = None) -> tuple[str, list[str]]:
    """The text, and what was said of it."""
    notes: list[str] = []
    return decoded(data, "a.txt", declared=declared, note=notes.append), notes


GERMAN = "Die Straße führt über den Fluß – „sagt man“."
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 8


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_usual_encodings(encoding: str) -> None:
    assert decoded(GERMAN.encode(encoding), "a.txt") == GERMAN


def test_letters_that_are_nearly_all_high_are_not_taken_for_cp1252() -> None:
    assert decoded(RUSSIAN.encode("cp1251"), "a.txt") == RUSSIAN


def test_a_declared_encoding_comes_before_cp1252_but_after_utf_8() -> None:
    assert decoded("naïve".encode("mac-roman"), "a.html", declared="mac-roman") == "naïve"
    assert decoded("naïve".encode(), "a.html", declared="mac-roman") == "naïve"
    assert decoded("naïve".encode("cp1252"), "a.html", declared="no-such-encoding") == "naïve"


CHINESE = "中华人民共和国位于亚洲东部，太平洋西岸，是世界上历史最悠久的国家之一。"
TRADITIONAL = "國立故宮博物院位於臺北市士林區，是臺灣最具規模的博物館，收藏許多珍貴的文物。"
JAPANESE = "日本国憲法は、日本の現在の国家形態及び統治の組織・作用を規定している憲法である。"
KOREAN = "대한민국은 민주공화국이다. 대한민국의 주권은 국민에게 있고, 모든 권력은 국민으로부터 나온다."


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"),
        ("港口由该镇于1842年自行建造。", "gb2312"),
        (TRADITIONAL, "big5"),
        ("港口由該鎮於1842年自行建造。", "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        ("港は1842年に町によって建設されました。", "shift_jis"),
        ("港は1842年に町によって建設されました。", "euc_jp"),
        (KOREAN, "euc_kr"),
        ("항구는 1842년에 마을이 만들었다.", "cp949"),
        ("Съешь ещё этих мягких французских булок, да выпей чаю.", "cp1251"),
        ("Съешь ещё этих мягких французских булок, да выпей чаю.", "koi8_r"),
        ("Съешь ещё этих мягких французских булок, да выпей чаю.", "cp866"),
        ("Το λιμάνι χτίστηκε από την ίδια την πόλη το 1842.", "cp1253"),
        ("ท่าเรือสร้างขึ้นโดยเมืองเองในปี พ.ศ. 2385", "cp874"),
        ("تم بناء الميناء من قبل المدينة نفسها عام 1842.", "cp1256"),
        ("הנמל נבנה על ידי העיר עצמה בשנת 1842.", "cp1255"),
        ("Zażółć gęślą jaźń, port został zbudowany przez miasto.", "cp1250"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250"),
        ("Liman 1842 yılında şehrin kendisi tarafından inşa edildi, çok güzel.", "cp1254"),
        ("The chapter on Beijing (北京) and Shanghai (上海) is in the usual plan of a guide.\n", "gb18030"),
        ("The chapter on Taipei (臺北) and Tainan (臺南) is in the usual plan of a guide.\n", "big5"),
    ],
)
def test_encodings_that_nobody_names(text: str, encoding: str, times: int) -> None:
    assert decoded((text * times).encode(encoding), "a.txt") == text * times


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Größe",
            "É",
            "à",
            "naïve café",
            "10¹² units",
            "±5 °C at 20 m²",
            "Price ¥500 only",
            "£5",
            "½ cup, ¼ cup",
            "¿Qué?",
        ),
        "Il était une fois à l’été, où ça coûtait 5 €.",
        "El niño comió piñas en España; la señora, no.",
        "Ação é não, coração.",
        "Þetta er íslenskur texti um höfnina í bænum.",
        "Æblet og øen på fjorden ligger stille hen.",
        "Hyvää päivää, mitä kuuluu sinulle tänään?",
        "“Quoted” – it’s fine…",
        "Name;Preis\nMüller;3,5\nÖzil;4",
    ],
)
def test_western_text_stays_western(text: str) -> None:
    assert decoded(text.encode("cp1252"), "a.txt") == text


def test_a_declared_encoding_may_mean_its_successor() -> None:
    assert decoded("“naïve”".encode("cp1252"), "a.html", declared="ISO-8859-1") == "“naïve”"
    assert decoded("朱镕基".encode("gbk"), "a.html", declared="gb2312") == "朱镕基"


def test_texts_in_many_languages_and_encodings_are_told(rounds: Callable[[int], int]) -> None:
    """At least 96 of 100 in encodings of bytes, all in those of Unicode; every eighth, and all with ``--n 800``."""
    step = max(800 // rounds(100), 1)
    tried, wrong, of_bytes = 0, [], 0
    for n, (language, encoding, text) in enumerate(encoded_texts()):
        if n % step or (encoding.startswith("utf-16-") and language in ("ja", "zh", "zh-tw", "ko", "th")):
            continue  # UTF-16 of Chinese without a mark cannot be told from others in short texts
        tried += 1
        of_bytes += encoding not in UNICODE
        if decoded(text.encode(encoding), "a.txt") != text:
            wrong.append(f"{language} in {encoding}: {text[:40]}")
    assert not [one for one in wrong if any(f"in {encoding}:" in one for encoding in UNICODE)]
    assert len(wrong) <= 0.04 * of_bytes, wrong
    assert tried > 100


@pytest.mark.parametrize("language", ["de", "ja", "ru"])
def test_each_short_text_of_dos_of_japan_and_of_russia_is_told(language: str) -> None:
    encodings, texts = TEXTS[language]
    for encoding in encodings:
        if encoding not in ("mac_roman", "iso8859_5"):
            assert [decoded(text.encode(encoding), "a.txt") for text in texts] == texts


def test_one_bad_byte_costs_one_character() -> None:
    text = "Åke lives in Malmö. The café is open. " * 3
    data = text.encode()
    for at in (0, 30, len(data)):
        while data[at : at + 1] and data[at] & 0xC0 == 0x80:
            at += 1  # between two characters
        for bad in (b"\xff", b"\xc3", b"\xe2\x82", b"\x80"):
            broken, notes = told(data[:at] + bad + data[at:])
            assert broken == f"{data[:at].decode()}\N{REPLACEMENT CHARACTER}{data[at:].decode()}"
            assert notes == ["1 character could not be read"]
    assert told(text.encode()[:-1] + b"\xc3\xa9\xff\xff")[1] == ["2 characters could not be read"]


def test_a_paragraph_from_elsewhere_is_read_as_what_it_is() -> None:
    text = "Der Schlüssel hängt neben der Tür.\n"
    assert told(text.encode() * 3 + "Zoë wohnt in der Küche über dem Café – „schön“.\n".encode("cp1252")) == (
        text * 3 + "Zoë wohnt in der Küche über dem Café – „schön“.\n", []
    )  # fmt: skip
    one, notes = told("Zoë wrote this.\n".encode() + "Zoë wrote that.\n".encode("cp1252"))
    assert one == "Zoë wrote this.\nZo\N{REPLACEMENT CHARACTER} wrote that.\n"
    assert notes == ["1 character could not be read"]


def test_a_bad_byte_in_a_declared_encoding_costs_one_character() -> None:
    text = "港は1842年に町によって建設されました。" * 4
    found, notes = told(text.encode("cp932") + b"\x80\xff", declared="Shift_JIS")
    assert found.startswith(text) and notes
    assert told("Zażółć gęślą jaźń".encode("iso8859_2"), "ISO-8859-2") == ("Zażółć gęślą jaźń", [])
    for declared in ("utf-8", "UTF_8", "utf8"):  # by a template, not true
        western = "Die Größe steht im Heft. " * 20
        assert told(western.encode("cp1252"), declared) == (western, [])


def test_nuls_and_colours_of_a_terminal_are_left_out_and_said() -> None:
    assert told(b"Opened in 1911.\0 It carries two lanes.") == (
        "Opened in 1911. It carries two lanes.", ["1 NUL character was left out"]
    )  # fmt: skip
    assert told("Größe\0\0".encode()) == ("Größe", ["2 NUL characters were left out"])
    assert told(b"\x1b[32mOK\x1b[0m pump 3\n\x1b[1;31mFAIL\x1b[m valve\x1b]0;title\x07 12\n") == (
        "OK pump 3\nFAIL valve 12\n", ["colours of a terminal were left out"]
    )  # fmt: skip
    assert told(b"N\bNA\bAM\bME\bE _\bx and more words")[0] == "NAME x and more words"
    assert told(b"one \x01 more word, and so on") == (
        "one  more word, and so on", ["1 control character was left out"]
    )  # fmt: skip


def test_utf_16_without_a_mark() -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        for text in (
            "text in UTF-16 without a mark",
            "Ключ висит\nна стене рядом с дверью.",
            "会议\n将于明天上午十点开始。\n",
        ):
            assert decoded(text.encode(encoding), "a.txt") == text


def test_a_large_file_is_guessed_by_its_beginning_and_read_whole() -> None:
    text = CHINESE * 20_000
    assert decoded(text.encode("gb18030"), "a.txt") == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00" * 20,
        b"\x7fELF\x02\x01\x01\x00" + b"\x00" * 64,
        bytes(range(1, 32)) * 40,
    ],
)
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(BinaryText, match=r"a\.txt is not text"):
        decoded(data, "a.txt")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_utf_8_without_controls_is_itself(text: str) -> None:
    assert decoded(text.encode("utf-8-sig"), "a.txt") == text


@settings(deadline=None)  # the first loads the language model
@given(st.binary())
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text = decoded(data, "a.txt")
    except BinaryText:
        return
    assert "\0" not in text
    assert "\r" not in text


def test_a_mark_decides_though_some_bytes_are_bad() -> None:
    text, notes = told(b"\xef\xbb\xbfLe caf\xc3\xa9 ferme.\nCela fait \xe2\x82 7 et \xff rien.\n")
    assert text == "Le café ferme.\nCela fait \ufffd 7 et \ufffd rien.\n"
    assert notes == ["2 characters could not be read"]


def test_runs_of_nuls_are_left_out_of_text() -> None:
    text, notes = told(b"Log of May\0\0\0\0\n" + b"\0" * 5000 + b"The door is shut.\0\n")
    assert text == "Log of May\nThe door is shut.\n"
    assert notes == ["5005 NUL characters were left out"]


@pytest.mark.parametrize(
    "text", ["船は九時に出る。\n", "中文文本，船在九点开。\n", "Дверь\nоткрыта.", "배는 열 시에 떠난다.\n"]
)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_lines_in_unmarked_unicode_lose_no_nul(text: str, encoding: str) -> None:
    assert told(text.encode(encoding)) == (text, [])


@pytest.mark.parametrize(
    "data",
    [
        b"SQLite format 3\0" + b"A row of words. " * 40 + b"\0" * 900,
        b"a.txt".ljust(257, b"\0") + b"ustar".ljust(255, b"\0") + b"Words of a file.",
        b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0\x3e\0\x01\0\0\0",
        b"ID3\x03\0\0\0\0\x0f\x76TIT2\0\0\0\x0b\0\0\0Song",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06",
    ],
)
def test_binary_files_with_words_and_nuls_are_no_text(data: bytes) -> None:
    with pytest.raises(BinaryText):
        decoded(data, "a.txt")


def test_one_line_in_russian_is_told_in_its_usual_encodings_and_the_guess_is_said() -> None:
    lines = ("Ключ висит в коридоре.", "Касса закрыта.", "Дом продан, звоните Анне.", "Хлеб стоит 40 рублей.",
             "Двери открыты\nВход за углом у сарая.", "Список: мука, соль, сыр")  # fmt: skip
    tried = [(line, encoding) for line in lines for encoding in ("cp1251", "koi8_r", "cp866")]
    wrong = [(line, encoding) for line, encoding in tried if told(line.encode(encoding))[0] != line]
    assert len(wrong) <= 3, wrong
    assert told(lines[0].encode("cp1251"))[1] == ["its encoding was guessed: windows-1251"]


@given(st.text("ab\n\b", max_size=30))
def test_a_backspace_takes_back_what_stands_before_it_in_its_line(text: str) -> None:
    struck = text
    while (shorter := re.sub("[^\n\b]\b", "", struck)) != struck:
        struck = shorter
    around = "." * 3_000
    expected = "\n".join((around, struck.replace("\b", ""), around))
    assert decoded("\n".join((around, text, around)).encode(), "a.txt") == expected
