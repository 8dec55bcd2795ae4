"""What a reading text marks lies where the text says; any calls in any order leave exact marks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from corpora.documents import Document, Mark, Passage, describe_location
from corpora.loaders.sandboxed_loader import load_bytes
from corpora.text.chunking import passages
from corpora.text.reading_text import PAGE_BREAK, ReadingText

WORDS = st.text(st.sampled_from("ab漢é \n\t" + PAGE_BREAK), max_size=12)
CALLS = st.lists(
    st.tuples(st.sampled_from(["heading", "paragraph", "items", "table", "code", "page_break", "slide"]), WORDS)
)


def marked(document: Document, kind: str) -> list[tuple[str, str]]:
    return [(mark.label, document.text[mark.start : mark.end]) for mark in document.marks if mark.kind == kind]


def written(calls: list[tuple[str, str]], *, paged: bool) -> ReadingText:
    reading = ReadingText(paged=paged)
    for level, (call, words) in enumerate(calls):
        if call == "heading":
            reading.heading(words, level=level % 3 + 1)
        elif call == "slide":
            reading.section("slide", words)
        elif call == "page_break":
            reading.page_break()
        elif call == "items":
            reading.items(words.replace("\n", " ") for _ in range(2))
        elif call == "table":
            reading.table([[words, words], ["x", words]])
        else:
            getattr(reading, call)(words)
    return reading


@given(CALLS)
def test_marks_of_any_text_are_exact(calls: list[tuple[str, str]]) -> None:
    reading = written(calls, paged=True)
    text, marks = reading.text, reading.marks
    assert PAGE_BREAK not in text
    for mark in marks:
        assert 0 <= mark.start < mark.end <= len(text)
        inside = text[mark.start : mark.end]
        assert inside.strip() == inside.strip("\n") or mark.kind != "row"
        assert not inside.startswith("\n") and not inside.endswith("\n")
        if mark.kind == "heading":
            assert inside.split("\n")[0] == mark.label
        if mark.kind == "row":
            assert "\n" not in inside
    pages = sorted(mark for mark in marks if mark.kind == "page")
    for before, after in pairwise(pages):
        assert before.end <= after.start
        assert int(before.label) < int(after.label)
    on_pages = sum(len(text[page.start : page.end].replace("\n", "").replace(" ", "")) for page in pages)
    assert on_pages == len(text.replace("\n", "").replace(" ", ""))  # every letter lies on exactly one page


@given(CALLS)
def test_page_breaks_do_not_change_the_words(calls: list[tuple[str, str]]) -> None:
    with_pages = written(calls, paged=True).text.split()
    assert with_pages == written(calls, paged=False).text.split()


def test_headings_reach_to_the_next_of_their_level_or_above() -> None:
    document = load_bytes(b"# One\n\na\n\n## Two\n\nb\n\n### Three\n\nc\n\n## Four\n\nd\n\n# Five\n\ne\n", "a.md")
    assert marked(document, "heading") == [
        ("One", "One\n\na\n\nTwo\n\nb\n\nThree\n\nc\n\nFour\n\nd"),
        ("Two", "Two\n\nb\n\nThree\n\nc"),
        ("Three", "Three\n\nc"),
        ("Four", "Four\n\nd"),
        ("Five", "Five\n\ne"),
    ]
    at = document.text.index("\n\nc") + 2
    assert describe_location(document.marks, at, at + 1) == "Three"


def test_headings_of_a_page_and_of_underlined_text() -> None:
    page = load_bytes(b"<h1>A</h1><p>x</p><h3>B</h3><p>y</p><h2>C</h2><p>z</p>", "a.html")
    assert marked(page, "heading") == [("A", page.text), ("B", "B\n\ny"), ("C", "C\n\nz")]
    plain = load_bytes(b"Top\n===\n\nx\n\nInner\n-----\n\ny\n\nNext\n====\n\nz\n", "a.rst")
    assert marked(plain, "heading") == [
        ("Top", "Top\n\nx\n\nInner\n\ny"),
        ("Inner", "Inner\n\ny"),
        ("Next", "Next\n\nz"),
    ]


def test_rows_of_a_table_are_marked() -> None:
    document = load_bytes(b"| Name | Age |\n|--|--|\n| Ada | 36 |\n| Alan | 41 |\n", "a.md")
    assert marked(document, "row") == [("1", "Name | Age"), ("2", "Name: Ada | Age: 36"), ("3", "Name: Alan | Age: 41")]


def test_rows_of_two_tables_are_not_counted_together() -> None:
    source = b"| a | b |\n|--|--|\n| 1 | 2 |\n\nThen:\n\n| c | d |\n|--|--|\n| 3 | 4 |\n| 5 | 6 |\n"
    document = load_bytes(source, "a.md")
    assert describe_location(document.marks, 0, len(document.text)) == ""
    assert describe_location(document.marks, document.text.index("c"), len(document.text)) == "rows 1-3"


def test_form_feeds_end_the_pages_of_a_plain_text() -> None:
    document = load_bytes(b"Page one.\n\x0c\nPage two.\n\nMore.\n\x0cPage three.\n\x0c", "a.txt")
    assert marked(document, "page") == [("1", "Page one."), ("2", "Page two.\n\nMore."), ("3", "Page three.")]
    assert not load_bytes(b"No pages.\n\x0c", "a.txt").marks


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 800)), max_size=40), st.integers(0, 2))
def test_passages_have_the_marks_that_they_touch(spans: list[tuple[int, int]], overlap: int) -> None:
    text = "\n\n".join(["The harbour was built by the town. It froze. " * 6] * 12)
    marks = [Mark(start, min(start + length, len(text)), "row", str(n)) for n, (start, length) in enumerate(spans)]
    document = Document.of("a", text, marks=[mark for mark in marks if mark.start < mark.end])
    for passage in passages(document, target_chars=300, overlap_sentences=overlap):
        assert passage == Passage.of(document, passage.start, passage.end)


def test_what_a_loader_did_not_read_is_a_note_of_the_document() -> None:
    reading = ReadingText()
    reading.paragraph("The cover page.")
    assert reading.document("a.pdf").notes is None
    reading.note("3 attached files were not read")
    reading.note("3 attached files were not read")
    reading.note("a chart was not read")
    assert reading.document("a.pdf").notes == "3 attached files were not read; a chart was not read"
