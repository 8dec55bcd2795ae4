"""Sentences: where they end, and that spans cover any text exactly."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corpora.text.chunking import sentences
from corpora.text.sentences import sentence_end, units

LIKE_TEXT = st.text(st.sampled_from("aA1 .!?\n\t-*\"')(…。！「」é\u0301\u200d漢:\r\x0b\u2028"), max_size=120)


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith paid $3.50 to J. R. Doe.", "He left."],
        ['"Really?" he asked.', '"Yes."', "She nodded."],
        ["It stopped...", "Then it went on... and on."],
        ["See e.g. Fig. 3 and Sec. 2.", "It is clear."],
        ["In the U.S. Army it rains.", "He came from the U.S.", "It was late."],
        ["At 5 p.m. we met.", "Mr. and Mrs. Jones came, etc. etc.", "All left!"],
        ["Use version 3.11.2 of it.", "Then stop (or not.)", "End."],
        ["She said “Stop.”", "He did."],
        ["Is it?!", "No."],
        ["No. 5 lives.", "The answer is no.", "Why?"],
        ["1. First of all.", "Next."],
        ["Was it Plan B?", "It was.", "I know what I.", "Said."],
        ["Er wurde am 12. März 1956 gegründet.", "Im 19. Jahrhundert gab es 12.", "Das war viel."],
        ["Wir waren 30.", "Mehr kamen nicht am 1. Mai."],
        ["यह एक वाक्य है।", "यह दूसरा है।"],
        [
            "The mill is in Torsby.[1]",
            "It was built by Ek.[2][3]",
            "It has sails.[note 4]",
            "In 1743 it burned.[5, 7–9]",
        ],
        ["The mill is in Torsby.1", "It was built by Ek.2,3", "“It has sails.”", "Who knows?4", "Nobody.5", "Next."],
        ["The mill is in Torsby.¹", "It was built by Ek.²,³", "It has sails.†", "It burned.*", "It stands!(6)", "End."],
        [
            "See Fig.2 The mill is on p.12 There, in Python 3.11 Released.",
            "By J.2 Ek.",
            "Chapter A.1 The mill, POSIX.1 Rules, Mk.38 Guns.",
        ],
        ["„Er ging.“", "Dann kam sie.", "Il dit : « Je pars. »", "Puis il partit.", "« Je reste. » dit-il.", "Fin."],
        ["The mill (see the map.)[4]", "It burned.[5] and was rebuilt.", "End."],
        [
            "It burned.[1]–[3]",
            "It stands.[4],[5]",
            "Go.[A1]",
            "Come.[*]",
            "So.⁽¹⁾",
            "Up.[ii]",
            "Down.[Fn. 3]",
            "Zed.^3",
        ],
        ["It burned.<1>", "It stands.{2}", "Go.**", "Come.¹⁻³", "It fell.(Ek 2012)", "Up.[^note]", "End."],
        ["He left . . . then he came.", "He left....", "Then he came."],
        [
            "Tel. 0046 70, Fax. 55, Tel. +46 70, Mob. 5, Ext. 4.",
            "Max. 40 kg, Min. 3 m, Incl. 5 %.",
            "He met Max.",
            "So.",
        ],
        [
            "Nach Abs. 2 gilt es.",
            "Er wohnt in der Hauptstr. 5 bei Ek.",
            "Reg. No. 5 is lost.",
            "Open Sat. 9-12.",
            "He sat.",
        ],
        ["It is 3 m.", "Tel. 5 is hers.", "We meet Monday 6. May 2024 there.", "There were 12.", "May I come?"],
    ],
)
def test_where_sentences_end(expected: list[str]) -> None:
    assert split(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "item",
    ["Article I. Scope", "XIV. Of the sea", "iv. one boat", "1.2. Rope", "\u00a7 5. Fees", "Chapter 3. The mill"],
)
def test_a_number_stays_with_its_item(item: str) -> None:
    assert split(f"{item}\nIt goes on. So.") == [item, "It goes on.", "So."]


@pytest.mark.parametrize(
    "row",
    ["Bread with oil ........ 12.50", "Beer . . . . 4.00 euros", "Part One........ 7", "Sails .......... Ek", "A …… 5"],
)
def test_dots_that_lead_to_a_number_end_no_sentence(row: str) -> None:
    assert split(f"{row}\n{row}") == [row, row]


def test_a_tab_and_a_mark_behind_a_stop_of_another_script_hide_no_end() -> None:
    assert split("The mill stands.\tIt burned.[2]\tIt is gone.") == ["The mill stands.", "It burned.[2]", "It is gone."]
    assert split("塔在林比。[1]它建于1411年。[2][3]塔高31米。") == [
        "塔在林比。[1]",
        "它建于1411年。[2][3]",
        "塔高31米。",
    ]


def test_a_sentence_with_a_reference_is_no_heading() -> None:
    for text in ("It burned.[2]", "It burned.2", "It burned.”¹"):
        assert [unit.is_heading for unit in units(f"The mill\n\n{text}\n\nIt stands.")] == [True, False, False]


@pytest.mark.parametrize("text", ["It burned.[2]", "It burned.2", "It burned.”¹", "It burned.", "“It burned!”[3][4]"])
def test_a_reference_belongs_to_the_end_of_a_sentence(text: str) -> None:
    assert sentence_end().search(text)
    assert not sentence_end().search(f"{text[:9]}[2]")
    assert not sentence_end().search("It has 3.2")


def test_scripts_without_spaces() -> None:
    assert split("今天天气很好。我们去公园吧！「好的。」他说。") == [
        "今天天气很好。",
        "我们去公园吧！",
        "「好的。」",
        "他说。",
    ]


@pytest.mark.parametrize(
    "expected",
    [
        ["“我们走吧。”", "他说。", "然后呢？！", "（他走了。）", "价格为3．5元；", "数量不知道"],
        ["『何？』", "彼は「行く。」と言った。", "値は3．5である．", "次へ．"],
        ["ភាសាខ្មែរ។", "ជាភាសា។"],
        ["မြန်မာဘာသာ။", "စကား။"],
    ],
)
def test_stops_that_need_no_space(expected: list[str]) -> None:
    assert split("".join(expected)) == expected


def test_blocks() -> None:
    text = "A heading\n\nText before. Code:\n\n    a = 1\n\n    b = 2\n\n"
    text += "- item one\n- item two. More.\n    - nested\n\nx | y"
    assert split(text) == [
        "A heading",
        "Text before.",
        "Code:",
        "    a = 1\n\n    b = 2",
        "- item one",
        "- item two.",
        "More.",
        "- nested",
        "x | y",
    ]


@given(LIKE_TEXT | st.text())
@example("\n\n \u2028 .")
def test_spans_are_in_order_apart_and_cover_everything(text: str) -> None:
    end = 0
    for start, stop in sentences(text):
        assert end <= start < stop <= len(text)
        assert not text[end:start].strip()
        assert text[start:stop].strip()
        end = stop
    assert not text[end:].strip()


@pytest.mark.parametrize("text", ["." * 200_000, "a. " * 60_000, "J. R. " * 30_000, "?) " * 60_000, "x\n" * 60_000])
def test_no_text_takes_quadratic_time(text: str) -> None:
    assert sum(stop - start for start, stop in sentences(text)) > 0
