"""Pages of PDFs however they were drawn: turned, in another order, in columns, with margins, watermarks and forms."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from corpora import errors
from corpora.documents import Document
from corpora.loaders.formats.pdf.pdf import load
from tests.support.pdf_bytes import Drawn, Path, Rule, Words, pdf, width

MEETING = (
    "The harbour board met on the ninth of March in the old customs house. It decided to",
    "raise the berth fee to 410 crowns a year and to repair the eastern pier before the",
    "winter storms begin. The repair will cost about 92,000 crowns, and the town pays.",
)
LADDER = (
    "The swimming club asked for a new ladder. The board refused the ladder, since the",
    "rocks below it are slippery, but offered a bench instead. The bench will be made by",
    "the pupils of the school in Torsby and will be ready in June.",
)
WHOLE = f"{' '.join(MEETING)}\n\n{' '.join(LADDER)}"


def lines(x: float, y: float, *texts: str, size: float = 10, font: str = "F1", gap: float = 12) -> list[Words]:
    return [Words(x, y - n * gap, text, size, font) for n, text in enumerate(texts)]


def read(*pages: Sequence[Drawn]) -> Document:
    return load(pdf(pages), "a.pdf")


def two_paragraphs() -> list[Words]:
    return [*lines(72, 700, *MEETING), *lines(72, 640, *LADDER)]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_text_and_turned_pages(rotate: int, turn: int) -> None:
    def place(x: float, y: float) -> tuple[float, float]:
        return {0: (x, y), 90: (792 - y, x), 180: (600 - x, 792 - y), 270: (y - 100, 600 - x)}[turn]

    words = [Words(*place(word.x, word.y), word.text, turn=turn) for word in two_paragraphs()]
    assert load(pdf([words], rotate=rotate), "a.pdf").text == WHOLE


def test_a_sideways_table_and_words_along_the_margin() -> None:
    rows = ["Line | From | To", "12 | Torsby | Lindby", "14 | Lindby | Norre", "27 | Norre | Sandvik"]
    table = [
        Words(300 + 16 * n, 100 + 90 * k, cell.strip(), turn=90)
        for n, row in enumerate(rows)
        for k, cell in enumerate(row.split("|"))
    ]
    text = read([*lines(72, 700, *MEETING), *table]).text
    assert text.startswith(f"{' '.join(MEETING)}\n\n")
    assert text.endswith("Line: 27 | From: Norre | To: Sandvik")


@pytest.mark.parametrize("order", ["reversed", "shuffled", "by line"])
def test_a_page_is_read_as_it_is_seen_and_not_as_it_was_drawn(order: str) -> None:
    words = two_paragraphs()
    if order == "reversed":
        words.reverse()
    elif order == "shuffled":
        words = [words[n] for n in (4, 1, 5, 0, 3, 2)]
    assert read(words).text == WHOLE


@pytest.mark.parametrize("offset", [0.0, 5.0])
@pytest.mark.parametrize("by_row", [True, False])
def test_columns_are_read_one_after_the_other(by_row: bool, offset: float) -> None:
    left = (
        "The harbour board met on the ninth of March", "in the old customs house. It decided to raise",
        "the fee to 410 crowns a year and to repair", "the eastern pier before winter storms.",
    )  # fmt: skip
    right = (
        "The swimming club asked for a new ladder", "and the board refused it, because the rocks",
        "below it are slippery and wet, but offered", "a bench instead, which is made in Torsby.",
    )  # fmt: skip
    columns = [lines(60, 640, *left), lines(320, 640 + offset, *right)]
    drawn = [word for pair in zip(*columns, strict=True) for word in pair] if by_row else [*columns[0], *columns[1]]
    title = [Words(60, 700, "Minutes of the meeting of the board of the harbour and of the swimming club, in full")]
    text = read([*title, *drawn, *lines(60, 560, *MEETING)]).text
    assert text.split("\n\n") == [
        title[0].text, " ".join(left), " ".join(right), " ".join(MEETING),
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "offset"), [(2, 0.0), (3, 0.0), (3, 12.0), (3, -7.0)])
def test_short_columns_with_a_narrow_gap_are_read_one_after_the_other(count: int, offset: float) -> None:
    left = ("The left column tells of the pump house that", "was built in 1912 and is in use today, which few")
    right = ("and the right one tells of the crane that was", "bought in 1950 and sold in 1960, which nobody")
    left, right = ((*column, "know of. It stands at the end of the pier, it")[:count] for column in (left, right))
    end = 60 + max(map(width, left))
    words = [*lines(60, 640, *left), *lines(end + 14, 640 + offset, *right)]
    columns = f"{' '.join(left)} {' '.join(right)}"
    assert read(words).text == columns
    items = lines(72, 690, "1. Tar", "2. Oil", gap=16)
    assert (
        read([*items, *words, *lines(60, 580, *MEETING)]).text
        == f"1. Tar\n\n2. Oil\n\n{columns}\n\n{' '.join(MEETING)}"
    )


def box(x: float, y: float, *, wide: float = 10, high: float = 10) -> Path:
    return Path([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], is_closed=True)


def test_fields_side_by_side_on_one_line_are_no_table() -> None:
    words = [Words(72, 700, "Name Nora"), Words(200, 700, "Crane Large")]
    frames = [box(100, 697, wide=60, high=13), box(160, 697, wide=30, high=13), box(225, 697, wide=40, high=13)]
    assert read([*words, *frames]).text == "Name Nora Crane Large"


def test_boxes_that_are_drawn_are_ticked_or_empty() -> None:
    words = [Words(90, 700, "Crane"), Words(160, 700, "Crew"), Words(230, 700, "Tug"), Words(72, 680, "Code")]
    boxes = [box(76, 698), box(146, 698), box(216, 698), *(box(120 + 10 * n, 678) for n in range(4))]
    tick = [Path([(78, 703), (80, 700), (85, 707)])]
    cross = [Path([(217, 699), (225, 707)]), Path([(217, 707), (225, 699)])]
    drawing = [Rule(400, 698, 410, 708, grey=0.5), Words(414, 700, "oil")]
    assert read([*words, *boxes, *tick, *cross, *drawing]).text == "\u2611 Crane \u2610 Crew \u2611 Tug oil Code"


def test_a_box_drawn_around_a_field_is_said_once() -> None:
    field = "/Subtype /Widget /FT /Btn /T (crew) /V /Yes /AS /Yes /Rect [76 698 86 708]"
    document = load(pdf([[Words(90, 700, "Crew"), box(76, 698)]], annotations=[(0, field)]), "a.pdf")
    assert document.text == "\u2611 Crew"


def test_struck_words_are_left_out_and_underlined_ones_are_not() -> None:
    at = 72 + width("The fee was ")
    end, later = at + width("nine"), 72 + width("The fee was nine seven crowns a ")
    text = Words(72, 700, "The fee was nine seven crowns a day.")
    whole = Words(72, 660, "nobody pays")
    struck = [Rule(at - 1, 702.6, end + 1, 702.6), Rule(72, 662.2, 72 + width("nobody pays"), 663, grey=0)]
    document = read([text, *lines(72, 680, "It is paid at once."), whole, *struck])
    assert document.text == "The fee was seven crowns a day. It is paid at once."
    assert document.metadata["notes"] == "struck-out text was left out"
    lines_beside = [Rule(at, 698.5, end, 698.5), Rule(at, 708, end, 708), Rule(later, 702.6, later + 200, 702.6)]
    document = read([text, *lines_beside])
    assert document.text == text.text
    assert "notes" not in document.metadata


def test_values_drawn_after_their_labels_stand_beside_them() -> None:
    labels = lines(72, 700, "Patient:", "Doctor:", "Blood group:", "Allergy:", gap=24)
    values = lines(180, 700, "Nora Vik", "Dr. Palm", "AB negative", "penicillin", gap=24)
    assert read([*labels, *values]).text.split("\n") == [
        "Patient: Nora Vik", "Doctor: Dr. Palm", "Blood group: AB negative", "Allergy: penicillin",
    ]  # fmt: skip


@pytest.mark.parametrize("step", [1, 5])
@pytest.mark.parametrize("x", [50.0, 560.0])
def test_numbers_of_lines_are_no_part_of_them(step: int, x: float) -> None:
    texts = [f"{line[:60]} and so on until the very end." for line in (*MEETING, *LADDER) * 5]
    body = lines(90, 720, *texts, gap=20)
    numbers = [Words(x, word.y, str(n), 8) for n, word in enumerate(body, 1) if n % step == 0 or step == 1]
    text = read(
        [word for pair in zip(body, numbers, strict=False) for word in pair]
        + numbers[len(body) :]
        + body[len(numbers) :]
    ).text
    assert text.split() == " ".join(texts).split()


def test_numbers_of_a_table_are_no_numbers_of_lines() -> None:
    rows = [
        cell for n in range(1, 16) for cell in (Words(72, 700 - 14 * n, str(n)), Words(100, 700 - 14 * n, f"Ada{n}"))
    ]
    text = read(rows).text
    assert [line.split()[0] for line in text.split("\n") if line] == [str(n) for n in range(1, 16)]


@pytest.mark.parametrize(
    "mark",
    [Words(150, 560, "DRAFT", 90, "F3", 45), Words(60, 655, "DRAFT COPY", 60), Words(300, 700, "DRAFT", 60, turn=60)],
)
@pytest.mark.parametrize("comes_first", [True, False])
def test_a_watermark_does_not_split_the_text(mark: Words, comes_first: bool) -> None:
    words = two_paragraphs()
    document = read([mark, *words] if comes_first else [*words[:2], mark, *words[2:]])
    assert document.text == WHOLE
    assert document.metadata["notes"] == f'the watermark "{mark.text}" was left out'


def test_small_words_askew_are_a_watermark_only_on_every_page() -> None:
    def page(n: int, askew: str) -> list[Words]:
        return [
            Words(200, 300, askew, 10, turn=45),
            *lines(72, 700, f"Page {'abc'[n]} says something of its own here."),
        ]

    assert "Copy" not in read(*(page(n, "Copy of Ada Berg") for n in range(3))).text
    assert "millimetres" in read(*(page(n, ("metres", "millimetres", "feet")[n]) for n in range(3))).text


def test_a_large_title_is_no_watermark() -> None:
    document = read([Words(72, 740, "HARBOUR", 60, "F3"), *two_paragraphs()])
    assert document.text.startswith("HARBOUR\n\n")
    assert "notes" not in document.metadata


def test_raised_numbers_keep_their_value() -> None:
    def raised(x: float, y: float, text: str) -> Words:
        return Words(x, y + 4, text, 6)

    def line(y: float, before: str, script: str, after: str) -> list[Words]:
        x = 72 + width(before)
        return [Words(72, y, before), raised(x, y, script), Words(x + width(script, 6) + 2.8, y, after)]

    power = line(700, "It weighs 10", "6", "kg, as they say.")
    note = line(688, "They came in 1987", "2", "and left again.")
    assert read([*power, *note]).text == "It weighs 10^6 kg, as they say. They came in 1987[2] and left again."


@pytest.mark.parametrize(("size", "up", "down"), [(7, 3.4, 3.7), (10, 4.0, 7.0)])
def test_a_fraction_is_on_its_line(size: float, up: float, down: float) -> None:
    at = 72 + width("The share is ")
    end = at + width("1", size)
    words = [
        Words(72, 700, "The share is"),
        Words(at, 700 + up, "1", size),
        Words(at, 700 - down, "2", size),
        Words(end + 3, 700, "and no more."),
        Words(72, 676, "It is paid at once."),
    ]
    text = read([*words, Rule(at - 1, 702.5, end + 1, 702.5)]).text
    assert text.startswith("The share is 1/2 and no more.")
    assert "[" not in text and text.count("2") == 1


def test_a_short_line_that_ends_with_a_hyphen_goes_on() -> None:
    text = read(
        lines(72, 700, "The treasurer said that the costs of the last year and twenty-", "five new chairs were paid.")
        + lines(72, 676, "It was Berlin-", "based, as the board and everybody else who was there had known for long.")
    ).text
    assert "twenty-five new chairs" in text
    assert "Berlin-based" in text


def test_pages_that_only_show_something_are_named() -> None:
    drawing = [Rule(72, 100 + 10 * n, 400, 103 + 11 * n) for n in range(40)]
    document = read(two_paragraphs(), drawing, drawing, [], two_paragraphs(), drawing)
    assert document.metadata["notes"] == "pages 2-3 and 6 hold no text: they may be pictures"
    with pytest.raises(errors.EmptyFile, match=r"the page of a\.pdf holds no text"):
        read(drawing)


# Form fields, notes, attached files


def field(kind: str, box: str, entries: str) -> tuple[int, str]:
    return 0, f"/Subtype /Widget /F 4 /FT /{kind} /Rect [{box}] {entries}"


def test_values_of_a_form_are_read_beside_their_labels() -> None:
    labels = lines(72, 700, "Name of the boat:", "Kind:", "Insured:", "Shore power:", gap=30)
    fields = [
        field("Tx", "180 695 400 713", "/T (boat) /V (Sea Thrift)"),
        field("Ch", "180 665 400 683", "/T (kind) /Ff 131072 /Opt [[(s) (sailing boat)] [(m) (motor boat)]] /V (s)"),
        field("Btn", "180 635 200 653", "/T (insured) /V /Yes /AS /Yes /AP << /N << /Yes null /Off null >> >>"),
        field("Btn", "180 605 200 623", "/T (power) /V /Off /AS /Off /AP << /N << /Yes null /Off null >> >>"),
        field("Tx", "180 575 400 593", "/T (secret) /F 2 /V (hidden words)"),
        field("Tx", "180 545 400 563", "/T (empty)"),
    ]
    text = load(pdf([labels], annotations=fields), "a.pdf").text
    assert text.split("\n") == [
        "Name of the boat: Sea Thrift", "Kind: sailing boat", "Insured: \u2611", "Shore power: \u2610",
    ]  # fmt: skip


def test_values_of_fields_that_the_form_does_not_list() -> None:
    words = lines(72, 700, "Name of the boat:", "Insured:", gap=30)
    fields = [field("Tx", "180 695 400 713", "/V (Sea Thrift)"), field("Btn", "180 665 200 683", "/V /Yes /AS /Yes")]
    assert load(pdf([words], annotations=fields), "a.pdf").text.split("\n") == [
        "Name of the boat: Sea Thrift", "Insured: \u2611",
    ]  # fmt: skip


def test_a_value_within_a_sentence_and_one_of_several_lines() -> None:
    words = [Words(72, 700, "I,"), Words(200, 700, "of Torsby, ask for a berth."), Words(72, 660, "Remarks:")]
    fields = [
        field("Tx", "84 696 196 712", "/T (name) /V (Ingrid Maro)"),
        field("Tx", "130 600 400 672", "/T (more) /Ff 4096 /V (The mast is high.\\nIt may be laid down.)"),
    ]
    text = load(pdf([words], annotations=fields), "a.pdf").text
    assert text.startswith("I, Ingrid Maro of Torsby, ask for a berth.")
    assert "Remarks: The mast is high." in text
    assert "It may be laid down." in text


def test_a_field_without_a_label_on_the_page_has_its_own() -> None:
    fields = [field("Tx", "180 300 400 318", "/T (f1) /TU (Name of the boat) /V (Sea Thrift)")]
    text = load(pdf([two_paragraphs()], annotations=fields), "a.pdf").text
    assert text.endswith("Name of the boat: Sea Thrift")


def test_notes_set_as_text_are_read_and_comments_counted() -> None:
    notes = [
        (0, "/Subtype /FreeText /Rect [72 500 300 540] /DA (0 g) /Contents (Approved by R. Lind on 3 May)"),
        (0, "/Subtype /FreeText /Rect [130 738 300 752] /DA (0 g) /Contents (Nora Vik)"),
        (0, "/Subtype /Text /Rect [72 450 92 470] /Contents (check the insurance)"),
        (0, "/Subtype /Highlight /Rect [72 450 92 470] /Contents (why?)"),
        (0, "/Subtype /Highlight /Rect [72 450 92 470]"),
        (0, "/Subtype /Stamp /Rect [72 350 92 370] /Name /Approved"),
    ]
    document = load(pdf([[Words(72, 740, "Patient:"), *two_paragraphs()]], annotations=notes), "a.pdf")
    assert document.text == f"Patient: Nora Vik\n\n{WHOLE}\n\nApproved by R. Lind on 3 May"
    assert document.metadata["notes"] == "2 comments were not read; 1 stamp was not read"


def test_a_note_beside_a_field_that_is_filled_in_stands_apart() -> None:
    boxes = [
        (0, "/Subtype /Widget /FT /Tx /T (name) /V (Ida) /Rect [160 736 250 752]"),
        (0, "/Subtype /FreeText /Rect [300 736 420 752] /DA (0 g) /Contents (Note: call before 9)"),
    ]
    document = load(pdf([[Words(72, 740, "Name of the boat:"), Words(72, 720, "Town:")]], annotations=boxes), "a.pdf")
    assert document.text == "Name of the boat: Ida\nTown:\n\nNote: call before 9"


def attached(*names: str) -> tuple[str, list[bytes]]:
    """The entries of a catalog, and objects from number 6 on, for files in a PDF."""
    objects = []
    for n, name in enumerate(names):
        objects.append(b"<< /Type /EmbeddedFile /Length 5 >>\nstream\nwords\nendstream")
        objects.append(b"<< /Type /Filespec /F (%s) /EF << /F %d 0 R >> >>" % (name.encode(), 6 + 2 * n))
    listed = " ".join(f"({name}) {7 + 2 * n} 0 R" for n, name in enumerate(names))
    return f"/Names << /EmbeddedFiles << /Names [{listed}] >> >>", objects


def test_attached_files_are_said_not_to_be_read() -> None:
    catalog, objects = attached("a.txt", "b.txt", "c.txt")
    document = load(pdf([two_paragraphs()], catalog=f"{catalog} /Collection << >>", extra=objects), "a.pdf")
    assert document.metadata["notes"] == "3 attached files were not read"


WAIT = (
    "Please wait...",
    "If this message is not eventually replaced by the proper contents of the document, your PDF",
    "viewer may not be able to display this type of document.",
)


@pytest.mark.parametrize("needs_rendering", ["", "/NeedsRendering true"])
def test_the_placeholder_of_a_dynamic_form_is_not_its_text(needs_rendering: str) -> None:
    packet = b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'><template/></xdp:xdp>"
    stream = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(packet), packet)
    xfa = "/XFA 6 0 R"
    with pytest.raises(errors.EmptyFile, match="dynamic form") as caught:
        load(pdf([lines(72, 700, *WAIT)], form=xfa, catalog=needs_rendering, extra=[stream]), "form.pdf")
    assert "print it to PDF" in caught.value.hint
    fields = [field("Tx", "180 735 400 753", "/T (boat) /V (Sea Thrift)")]
    page = [Words(72, 740, "Name of the boat:"), *two_paragraphs()]
    static = load(pdf([page], form=xfa, catalog=needs_rendering, extra=[stream], annotations=fields), "form.pdf")
    assert static.text == f"Name of the boat: Sea Thrift\n\n{WHOLE}"


def test_the_same_words_in_a_document_that_is_no_form_are_text() -> None:
    assert read(lines(72, 700, *WAIT)).text.startswith("Please wait")
