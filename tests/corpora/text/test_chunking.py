"""Passages: exact, complete, never too long, never tearing a sentence or a heading from its text."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from corpora.documents import Document, Mark, MarkKind, describe_location
from corpora.text.chunking import Chunking, passages, sentences

LIKE_TEXT = st.text(st.sampled_from("aAb1   ..!?\n\n\t-*\"')(…。！é\u0301\u200d漢:"), max_size=400)
SENTENCE = "The harbour was built in 1842 by the town itself and froze only twice since then. "


def texts(text: str, **how: int) -> list[str]:
    return [passage.text for passage in passages(Document.of("a", text), **how)]


@given(LIKE_TEXT | st.text(), st.integers(1, 80), st.integers(0, 3))
def test_passages_are_exact_complete_and_short(text: str, target: int, overlap: int) -> None:
    document = Document.of("any", text)
    covered = 0
    for passage in passages(document, target_chars=target, overlap_sentences=overlap):
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.document_id == document.id
        assert passage.text.strip()
        assert len(passage.text) <= max(1, int(target * 1.3))
        assert not text[covered : passage.start].strip()
        assert passage.end > covered
        covered = passage.end
    assert not text[covered:].strip()


@given(LIKE_TEXT, st.integers(1, 80))
def test_without_overlap_passages_are_apart_and_hold_whole_sentences(text: str, target: int) -> None:
    document = Document.of("any", text)
    found = passages(document, target_chars=target, overlap_sentences=0)
    for before, after in pairwise(found):
        assert before.end <= after.start
    for start, end in sentences(text):
        if 2 * (end - start) <= target:  # Chinese, which says as much in half the characters, has half the target.
            assert any(passage.start <= start and end <= passage.end for passage in found)


def test_a_short_text_is_one_passage() -> None:
    assert texts("Title\n\nOne. Two.") == ["Title\n\nOne. Two."]
    assert texts(" \n ") == []


def test_default_length() -> None:
    found = texts("\n\n".join([(SENTENCE * 5).strip()] * 20))
    assert all(400 <= len(text) <= 910 for text in found)


def test_paragraphs_are_kept_whole_where_they_fit() -> None:
    paragraph = (SENTENCE * 5).strip()
    assert texts("\n\n".join([paragraph] * 4)) == [f"{paragraph}\n\n{paragraph}"] * 2


def test_a_heading_goes_with_what_follows() -> None:
    body = (SENTENCE * 7).strip()
    assert texts(f"First part\n\n{body}\n\nSecond part\n\n{body}") == [
        f"First part\n\n{body}",
        f"Second part\n\n{body}",
    ]


def test_words_that_introduce_code_go_with_it() -> None:
    body, code = (SENTENCE * 8).strip(), "\n".join(f"    line_{n} = {n}" for n in range(30))
    assert texts(f"{body}\n\nThis is how:\n\n{code}") == [body, f"This is how:\n\n{code}"]


def test_long_code_is_cut_at_its_lines() -> None:
    code = "\n".join(f"    line_number_{n} = {n}" for n in range(200))
    found = texts(f"Listing\n\nAll of it:\n\n{code}")
    assert found[0].startswith("Listing\n\nAll of it:\n\n    line_number_0 = 0\n")
    for text in found[1:]:
        assert text.startswith("    line_number_")
        assert text.rsplit("\n", 1)[1].startswith("    line_number_")


def test_a_long_paragraph_overlaps_by_its_last_sentence() -> None:
    numbered = " ".join(f"{SENTENCE[:-2]}, says line {n}." for n in range(30))
    document = Document.of("a", numbered)
    found = passages(document)
    assert len(found) > 2
    for before, after in pairwise(found):
        shared = numbered[after.start : before.end]
        assert shared.count(", says line ") == 1
        assert before.text.endswith(shared)


def test_a_crumb_at_the_end_is_not_left_alone() -> None:
    paragraph = (SENTENCE * 5).strip()
    found = texts(f"{paragraph}\n\n{paragraph}\n\nEnd.")
    assert found == [f"{paragraph}\n\n{paragraph}\n\nEnd."] or len(found[-1]) > 300


UNSPACED = {
    "thai": "ภาษาไทยเป็นภาษาที่มีผู้พูดมากที่สุดในประเทศไทยโดยไม่มีการเว้นวรรคระหว่างคำ",
    "lao": "ປະເທດລາວເປັນປະເທດທີ່ບໍ່ມີທາງອອກສູ່ທະເລ",
    "khmer": "កម្ពុជាជាប្រទេសមួយនៅអាស៊ីអាគ្នេយ៍",
    "burmese": "မြန်မာနိုင်ငံသည်အရှေ့တောင်အာရှတွင်တည်ရှိသည်",
    "hindi": "क्षत्रियज्ञानविद्यार्थी",
    "chinese": "今天天气很好我们去公园然后回家吃饭",
    "emoji": "👩‍👩‍👧‍👦🇩🇪👍🏽é",
}


@pytest.mark.parametrize("text", UNSPACED.values(), ids=UNSPACED)
@pytest.mark.parametrize("target", [30, 77, 700])
def test_text_without_spaces_is_cut_between_letters(text: str, target: int) -> None:
    text *= 60
    clusters = {match.end() for match in regex.finditer(r"\X", text)}
    found = passages(Document.of("a", text), target_chars=target)
    assert "".join(passage.text for passage in found) == text
    for passage in found[:-1]:
        assert passage.end in clusters
        assert not re.match("[\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec6-\u0ece]", text[passage.end])
        assert not re.match("[\u0e40-\u0e44\u0ec0-\u0ec4\u1039\u17d2]", text[passage.end - 1])


@example("1111111111111\uff0c\u0e351", 12)
@example("111111111111111\u3002\u0e35", 13)
@given(st.text(st.sampled_from("กเา้ที่ກເາ້កន្ျမ်漢。，「」ab1 "), max_size=200), st.integers(8, 60))
def test_no_cluster_is_torn(text: str, target: int) -> None:
    ends = {match.end() for match in regex.finditer(r"\X", text)}
    longest = max((match.end() - match.start() for match in regex.finditer(r"\X", text)), default=0)
    for passage in passages(Document.of("a", text), target_chars=target, overlap_sentences=0):
        if longest < target // 4:
            assert passage.end in ends


def test_clauses_and_cells_are_not_torn_either() -> None:
    clause = "港口由城镇在1842年自行建造而且冬天常常结冰，"
    assert all(text.endswith("，") for text in texts(clause * 60))
    row = " | ".join(f"Column {n}: some words of it" for n in range(120))
    assert all(text.startswith("Column ") and text.endswith("some words of it |") for text in texts(row)[:-1])


def test_dense_scripts_make_shorter_passages() -> None:
    chinese = texts("港口由城镇在1842年自行建造。" * 200)
    assert all(350 <= len(text) <= 540 for text in chinese[:-1])
    assert all(text.endswith("。") for text in chinese)


APART = ("sheet", "slide", "chapter")


@given(LIKE_TEXT, st.integers(1, 80), st.integers(0, 2), st.data())
def test_no_passage_lies_on_two_sheets_slides_or_chapters(
    text: str, target: int, overlap: int, data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=4))
    kind: MarkKind = data.draw(st.sampled_from(APART))
    marks = [Mark(a, b, kind, str(a)) for a, b in pairwise(sorted({0, *cuts, len(text)})) if a < b]
    covered = 0
    for passage in passages(Document.of("a", text, marks=marks), target_chars=target, overlap_sentences=overlap):
        assert len(passage.marks) == 1
        assert not text[covered : passage.start].strip()
        covered = passage.end
    assert not text[covered:].strip()


def test_code_of_two_chapters_is_two_passages_and_a_sentence_may_cross_a_page() -> None:
    text = "    one = 1\n\n    two = 2"
    chapters = [Mark(0, 11, "chapter", "One"), Mark(13, len(text), "chapter", "Two")]
    assert [one.text for one in passages(Document.of("a", text, marks=chapters))] == ["    one = 1", "    two = 2"]
    pages = [Mark(0, 10, "page", "1"), Mark(11, len(SENTENCE.strip()), "page", "2")]
    assert len(passages(Document.of("a", SENTENCE.strip(), marks=pages))) == 1


def test_a_marked_heading_begins_a_passage_unless_the_one_before_is_too_short() -> None:
    body, remark = (SENTENCE * 4).strip(), "Only a remark."
    blocks = ["Guide", remark, "Part one", body, "Part two", body, "Deeper", "Deepest", remark, "Part three", remark]
    text = "\n\n".join(blocks)
    at = {block: text.index(f"{block}\n") for block in blocks if block not in (body, remark)}
    ends = {"Guide": len(text), "Part one": at["Part two"] - 2, "Part two": at["Part three"] - 2}
    ends |= {"Deeper": at["Part three"] - 2, "Deepest": at["Part three"] - 2, "Part three": len(text)}
    marks = [Mark(at[name], end, "heading", name) for name, end in ends.items()]
    found = passages(Document.of("a", text, marks=marks))
    assert [one.text.split("\n\n") for one in found] == [blocks[:4], blocks[4:9], blocks[9:]]
    assert [describe_location(one.marks, one.start, one.end) for one in found] == ["Guide", "Part two", "Part three"]


def test_impossible_chunking_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Chunking(target_chars=0)


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_question_is_not_torn_from_its_answer(gap: str) -> None:
    pairs = [f"How long is stage number {n} of the walk?{gap}It takes {n} hours." for n in range(2, 60)]
    document = Document.of("walk.txt", "\n\n".join(pairs))
    for target_chars in range(80, 200, 7):
        cut = passages(document, target_chars=target_chars)
        assert len(cut) > 10 and not any(passage.text.rstrip().endswith("?") for passage in cut)
