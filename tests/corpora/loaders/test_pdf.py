"""PDFs written by hand come back as paragraphs, lists and code, with the place of every page."""

from __future__ import annotations

from collections.abc import Callable

import pypdfium2 as pdfium
import pytest

from corpora import errors
from corpora.documents import Mark, describe_location
from corpora.loaders.sandboxed_loader import load_bytes
from tests.support.pdf_bytes import Words, pdf


def lines(x: float, y: float, *texts: str, size: float = 10, font: str = "F1", gap: float = 12) -> list[Words]:
    return [Words(x, y - n * gap, text, size, font) for n, text in enumerate(texts)]


def test_paragraphs_headings_and_code() -> None:
    page = [
        *lines(72, 720, "The harbour", size=18),
        *lines(
            72,
            690,
            "The harbour was built in 1842 by the town itself, and it was the exam-",
            "ple for many others. It froze twice, once for eleven weeks, and boats",
            "lay in the ice.",
        ),
        *lines(72, 640, "A new paragraph begins here after a wider gap, and its lines are", "joined as well."),
        *lines(72, 600, "def f(x):", "    return x", font="F2"),
    ]
    document = load_bytes(pdf([page], title="Harbours"), "harbour.pdf")
    assert document.text == (
        "The harbour\n\n"
        "The harbour was built in 1842 by the town itself, and it was the example for many others. It froze twice, "
        "once for eleven weeks, and boats lay in the ice.\n\n"
        "A new paragraph begins here after a wider gap, and its lines are joined as well.\n\n"
        "    def f(x):\n        return x"
    )
    assert document.metadata == {"title": "Harbours", "language": "en"}
    assert document.marks == (Mark(0, len(document.text), "page", "1"),)


def test_pages_are_found_again_and_a_paragraph_runs_over_the_border() -> None:
    first = lines(72, 90, "The paragraph on the first page is not at its end when the page is, so it", "goes on")
    second = lines(72, 720, "over the border of the two pages. Then it ends.", "", "Next one.")
    document = load_bytes(pdf([first, [], second]), "a.pdf")
    assert "so it goes on over the border" in document.text
    page_1, page_3 = document.marks  # the second has no text
    assert document.text[page_1.start : page_1.end].endswith("so it goes on")
    assert document.text[page_3.start : page_3.end].startswith("over the border")
    assert (page_1.label, page_3.label, page_3.end) == ("1", "3", len(document.text))
    assert describe_location(document.marks, page_1.end - 5, page_3.start + 5) == "pages 1-3"


def test_running_titles_and_page_numbers_are_left_out() -> None:
    pages = [
        [
            *lines(72, 760, "Annual report 2020"),
            *lines(72, 700, f"This is what the {word} page has to say and nothing else."),
            *lines(300, 30, f"Page {n} of 5"),
        ]
        for n, word in enumerate(("first", "second", "third", "fourth", "last"), 1)
    ]
    text = load_bytes(pdf(pages), "a.pdf").text
    assert "Annual report" not in text
    assert "of 5" not in text
    assert text.count("has to say") == 5


def read(pages: list[list[tuple[float, str]]]) -> str:
    return load_bytes(pdf([[Words(72, y, text) for y, text in page] for page in pages]), "a.pdf").text


@pytest.mark.parametrize(
    "data",
    [
        lambda n: f"On day {n} the team measured {n * 7 % 30 + 2} samples",
        lambda n: f"On day {n} the team measured {n + 4} samples",
        lambda n: f"On day {n} the team measured 20 samples",
        lambda n: f"Station {n} measured {n * 5 % 17} millimetres of rain.",
        lambda n: f"The number of boats that came in was {n}.",
        lambda n: f"Rain on 2020-01-{n:02}",
        lambda n: f"Total: {n * 37 % 100}",
    ],
)
def test_lines_of_data_are_no_running_titles(data: Callable[[int], str]) -> None:
    pages = [[(760.0, "Annual report"), (700.0, data(n)), (30.0, f"{n}")] for n in range(1, 13)]
    pages[4].insert(2, (680.0, "It had rained all night, and nobody slept."))
    text = read(pages)
    assert [n for n in range(1, 13) if data(n) not in text] == []
    assert "Annual report" not in text
    alone = read([[(700.0, data(n))] for n in range(1, 13)])
    assert [n for n in range(1, 13) if data(n) not in alone] == []


@pytest.mark.parametrize(
    "title",
    [
        lambda n: f"{n + 3}",
        lambda n: f"- {n} -",
        lambda n: f"-{n}-",
        lambda n: f"Page {n} of 12",
        lambda n: f"{n}/12",
        lambda n: f"Annual report 2020 | {n}",
        lambda n: f"Annual report | Page {n} | Confidential",
        lambda n: ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"][n],
        lambda n: f"{n} The harbour" if n % 2 else f"Built in 1842 {n}",
        lambda n: "The harbour" if n % 2 else "Built in 1842",
        lambda n: str(n if n < 5 else n - 4),  # begins anew
        lambda _: "This report is confidential and must not be shared with anybody else.",
    ],
)
@pytest.mark.parametrize("height", [760.0, 30.0])
def test_titles_that_follow_the_page_are_left_out(title: Callable[[int], str], height: float) -> None:
    words = ("alpha", "beta", "gamma", "delta")
    body = [f"The {words[n % 4]} of {words[n // 4]} has a word to say." for n in range(12)]
    pages = [[(700.0, line), (height, title(n))] for n, line in enumerate(body, 1)]
    assert read(pages).split("\n\n") == body


def test_a_page_of_titles_alone_keeps_them_but_its_number() -> None:
    pages = [[(760.0, "Annual report"), (400.0, f"Words of {word}."), (30.0, f"{n}")] for n, word in enumerate("abcde")]
    pages[3].pop(1)
    assert read(pages) == "Words of a.\n\nWords of b.\n\nWords of c.\n\nAnnual report\n\nWords of e."


def test_bookmarks_are_headings_where_the_page_says_so() -> None:
    def page(*texts: str) -> list[Words]:
        return [
            word for n, text in enumerate(texts) for word in lines(72, 700 - 40 * n, text, size=18 if n == 0 else 10)
        ]

    pages = [
        page("1. Bau", "Der Hafen wurde im Jahr 1842 gebaut, wie alle wissen."),
        page("1.1 Kosten", "Neubau", "Er war teuer, und niemand wollte ihn bezahlen, auch die Stadt nicht."),
        page("2. Eis", "Zweimal fror er zu, und die Schiffe lagen im Eis."),
    ]
    outline = [(0, "Bau", 0), (1, "1.1 Kosten", 1), (1, "Nirgends", 1), (1, "Bau", 1), (0, "Eis", 2), (0, "Bau", 2)]
    document = load_bytes(pdf(pages, outline=outline), "a.pdf")
    found = {mark.label: document.text[mark.start : mark.end] for mark in document.marks if mark.kind == "heading"}
    assert list(found) == ["Bau", "1.1 Kosten", "Eis"]
    assert found["Bau"].startswith("1. Bau\n\nDer Hafen") and found["Bau"].endswith("auch die Stadt nicht.")
    assert found["1.1 Kosten"].startswith("1.1 Kosten\n\nNeubau")
    assert found["Eis"] == document.text[document.text.index("2. Eis") :]
    at = document.text.index("teuer")
    assert describe_location(document.marks, at, at + 5) == "page 2, 1.1 Kosten"


def test_two_columns_and_lists() -> None:
    left = lines(
        72, 700, "The left column is read from its top to", "its very end before the right column is", "begun."
    )
    right = lines(330, 700, "The right column comes second, as anybody", "who reads would expect it to.")
    text = load_bytes(pdf([[*left, *right]]), "a.pdf").text
    assert text.index("begun.") < text.index("The right column")
    bullets = lines(
        72, 700, "Things to do today:", "- buy bread and butter for the whole week, and also", "milk", "- sleep"
    )
    assert load_bytes(pdf([bullets]), "a.pdf").text == (
        "Things to do today:\n- buy bread and butter for the whole week, and also milk\n- sleep"
    )


def test_encrypted_is_named() -> None:
    data = pdf([lines(72, 700, "Secret words.")], password="open sesame")
    with pdfium.PdfDocument(data, password="open sesame") as opened:  # the fixture is a real one
        assert opened[0].get_textpage().get_text_range() == "Secret words."
    with pytest.raises(errors.EncryptedFile, match="password"):
        load_bytes(data, "secret.pdf")


def test_a_pdf_without_text_is_named() -> None:
    with pytest.raises(errors.EmptyFile, match="none of the 2 pages") as caught:
        load_bytes(pdf([[], []]), "scan.pdf")
    assert "OCR" in caught.value.hint


@pytest.mark.parametrize("cut", [5, 40, 200])
def test_a_broken_pdf_has_an_outcome(cut: int) -> None:
    data = pdf([lines(72, 700, "Some words.")])
    with pytest.raises(errors.LoaderError):
        load_bytes(data[:cut], "a.pdf")
    with pytest.raises(errors.DamagedFile):
        load_bytes(b"This is plain text.", "a.pdf")
    with pytest.raises(errors.DamagedFile):
        load_bytes(data.replace(b"/Kids [6 0 R]", b"/Kids [3 0 R]"), "a.pdf")  # it opens; its only page is a font
