"""Presentations as readers see them: order, numbers, merged cells, charts, equations; what is not read is said."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation
from pptx.chart.data import BubbleChartData, CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.util import Inches

from corpora.documents import Document, describe_location
from corpora.loaders.formats.office.pptx import load
from corpora.loaders.sandboxed_loader import load_bytes

A = "http://schemas.openxmlformats.org/drawingml/2006/main"
MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
BLANK, TITLE_ONLY, TITLE_AND_CONTENT, TWO_CONTENT = 6, 5, 1, 3


class Deck:
    """A presentation in the making."""

    def __init__(self) -> None:
        self.show = Presentation()

    def slide(self, layout: int = BLANK) -> Any:
        return self.show.slides.add_slide(self.show.slide_layouts[layout])

    def data(self) -> bytes:
        whole = io.BytesIO()
        self.show.save(whole)
        return whole.getvalue()

    def read(self) -> Document:
        return load(self.data(), "deck.pptx")


def box(slide: Any, text: str, left: float = 1, top: float = 1, *, wide: float = 3, high: float = 0.5) -> Any:
    shape = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(wide), Inches(high))
    shape.text_frame.text = text
    return shape


def with_paragraphs(shape: Any, xml: str) -> None:
    """Give a shape these paragraphs, as XML."""
    body = shape.text_frame._txBody
    for paragraph in body.findall(f"{{{A}}}p"):
        body.remove(paragraph)
    for paragraph in etree.fromstring(f'<x xmlns:a="{A}" xmlns:m="{MATH}">{xml}</x>'):
        body.append(paragraph)


def test_what_lies_above_or_to_the_left_is_read_first() -> None:
    deck = Deck()
    slide = deck.slide(TITLE_ONLY)
    for text, left, top in (("third", 1, 5), ("second", 1, 3.5), ("first", 1, 2), ("beside third", 5, 5)):
        box(slide, text, left, top)
    slide.shapes.title.text = "Steps"
    assert deck.read().text.split("\n\n") == ["Steps", "first", "second", "third", "beside third"]


def test_cards_side_by_side_are_not_torn_apart() -> None:
    deck = Deck()
    slide = deck.slide()
    for column, name in enumerate(("Day", "Night")):
        for row, text in enumerate(("name", "price", "hours")):
            box(slide, f"{name} {text}", 1 + 4 * column, 1 + row)
    expected = [f"{name} {text}" for name in ("Day", "Night") for text in ("name", "price", "hours")]
    assert deck.read().text.split("\n\n") == expected


def test_placeholders_lie_where_their_layout_says_and_groups_where_they_are_moved_to() -> None:
    deck = Deck()
    slide = deck.slide(TWO_CONTENT)
    slide.placeholders[2].text_frame.text = "right"
    slide.placeholders[1].text_frame.text = "left"
    tree = slide.shapes._spTree
    tree.remove(slide.placeholders[1]._element)
    left = etree.fromstring(
        f'<p:sp xmlns:p="{P}" xmlns:a="{A}"><p:nvSpPr><p:cNvPr id="9" name=""/><p:cNvSpPr/><p:nvPr><p:ph idx="1"/>'
        "</p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>left</a:t></a:r></a:p></p:txBody></p:sp>"
    )
    tree.append(left)
    group = slide.shapes.add_group_shape()
    box(group, "grouped", 0, 9)
    group.top, group.left = Inches(0), Inches(1)
    assert deck.read().text.split("\n\n") == ["grouped", "left", "right"]


@pytest.mark.parametrize("n", range(20))
def test_boxes_in_a_grid_are_read_in_rows_or_columns_whatever_their_order_in_the_file(n: int) -> None:
    """Each box comes after the one above it and the one to its left."""
    chance = random.Random(n)
    deck = Deck()
    slide = deck.slide()
    places = [(column, row) for column in range(chance.randint(1, 3)) for row in range(chance.randint(2, 4))]
    for column, row in chance.sample(places, len(places)):
        box(slide, f"{column} {row}", 0.5 + 3.1 * column, 0.5 + row, high=0.8)
    read = deck.read().text.split("\n\n")
    at = {text: i for i, text in enumerate(read)}
    assert len(at) == len(places)
    for column, row in places:
        assert row == 0 or at[f"{column} {row}"] > at[f"{column} {row - 1}"]
        assert (column - 1, row) not in places or at[f"{column} {row}"] > at[f"{column - 1} {row}"]


def test_struck_raised_and_symbol_runs_fields_and_equations() -> None:
    deck = Deck()
    shape = box(deck.slide(), "")
    fraction = "<m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>24</m:t></m:r></m:den></m:f>"
    drawing = "http://schemas.microsoft.com/office/drawing/2010/main"
    with_paragraphs(
        shape,
        '<a:p><a:r><a:t>now </a:t></a:r><a:r><a:rPr strike="sngStrike"/><a:t>400</a:t></a:r>'
        "<a:r><a:t> 350, 10</a:t></a:r>"
        '<a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r><a:r><a:rPr strike="noStrike"/><a:t> litres of H</a:t></a:r>'
        '<a:r><a:rPr baseline="-25000"/><a:t>2</a:t></a:r><a:r><a:t>O</a:t></a:r></a:p>'
        '<a:p><a:r><a:t>a </a:t></a:r><a:r><a:rPr><a:sym typeface="Wingdings"/></a:rPr><a:t>à b</a:t></a:r>'
        '<a:r><a:rPr><a:latin typeface="Symbol"/></a:rPr><a:t> \uf0a3 p</a:t></a:r></a:p>'
        f'<a:p><a14:m xmlns:a14="{drawing}"><m:oMathPara><m:oMath><m:r><m:t>x=</m:t></m:r>{fraction}</m:oMath>'
        '</m:oMathPara></a14:m></a:p><a:p><a:fld type="slidenum"><a:t>7</a:t></a:fld></a:p>'
        '<a:p><a:fld type="datetime1"><a:t>1 May</a:t></a:fld></a:p>',
    )
    document = deck.read()
    assert document.text.split("\n\n") == ["now 350, 10^6 litres of H2O", "a → b ≤ π", "x=1/24", "1 May"]
    assert document.notes == "struck-out text was left out"


def test_numbers_and_bullets_as_shown() -> None:
    deck = Deck()
    numbered = '<a:p><a:pPr lvl="{}"><a:buAutoNum type="{}"{}/></a:pPr><a:r><a:t>x</a:t></a:r></a:p>'.format
    plain = "<a:p><a:pPr>{}</a:pPr><a:r><a:t>{}</a:t></a:r></a:p>".format
    shape = box(deck.slide(), "")
    with_paragraphs(
        shape,
        numbered(0, "arabicPeriod", "") * 2
        + "<a:p/>"
        + numbered(1, "alphaLcParenR", "") * 2
        + numbered(0, "arabicPeriod", "")
        + numbered(1, "alphaLcParenR", "")
        + plain("<a:buNone/>", "between")
        + numbered(0, "arabicPeriod", "")
        + numbered(0, "romanUcParenBoth", ' startAt="4"') * 2
        + plain('<a:buFont typeface="Wingdings"/><a:buChar char="ü"/>', "done")
        + plain('<a:buChar char="•"/>', "dot"),
    )
    assert deck.read().text == (
        "1. x\n2. x\n  a) x\n  b) x\n3. x\n  a) x\n\nbetween\n\n1. x\n(IV) x\n(V) x\n- ✓ done\n- dot"
    )


def test_lists_in_placeholders() -> None:
    deck = Deck()
    slide = deck.slide(TITLE_AND_CONTENT)
    with_paragraphs(
        slide.placeholders[1],
        '<a:p><a:r><a:t>one</a:t></a:r></a:p><a:p><a:pPr><a:buAutoNum type="arabicPeriod"/></a:pPr><a:r><a:t>two</a:t>'
        "</a:r></a:p><a:p><a:pPr><a:buNone/></a:pPr><a:r><a:t>plain</a:t></a:r></a:p>",
    )
    assert deck.read().text == "- one\n1. two\n\nplain"


def test_merged_cells_of_tables_label_each_row() -> None:
    deck = Deck()
    table = deck.slide().shapes.add_table(4, 3, Inches(1), Inches(1), Inches(6), Inches(2)).table
    for cell, text in zip(table.iter_cells(), "Zone Fare Price A Adult 12 . Child 6 B free .".split(), strict=True):
        cell.text = text.replace(".", "")
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(3, 1).merge(table.cell(3, 2))
    assert deck.read().text.split("\n") == [
        "Zone | Fare | Price",
        "Zone: A | Fare: Adult | Price: 12",
        "Zone: A | Fare: Child | Price: 6",
        "Zone: B | Fare: free",
    ]
    table.first_row = False
    assert deck.read().text.split("\n")[1:3] == ["A | Adult | 12", "A | Child | 6"]


@pytest.mark.parametrize("n", range(12))
def test_random_merged_cells_are_in_each_row_that_they_cover(n: int) -> None:
    chance = random.Random(n)
    deck = Deck()
    rows, columns = chance.randint(2, 6), chance.randint(2, 5)
    table = deck.slide().shapes.add_table(rows, columns, Inches(1), Inches(1), Inches(6), Inches(2)).table
    table.first_row = False
    taken: set[tuple[int, int]] = set()
    covered: dict[int, list[str]] = {}
    for row in range(rows):
        for column in range(columns):
            if (row, column) in taken:
                continue
            bottom, right = min(rows - 1, row + chance.randrange(3)), min(columns - 1, column + chance.randrange(2))
            area = {(r, c) for r in range(row, bottom + 1) for c in range(column, right + 1)}
            if area & taken:
                area, bottom, right = {(row, column)}, row, column
            table.cell(row, column).text = f"t{row}{column}"
            if len(area) > 1:
                table.cell(row, column).merge(table.cell(bottom, right))
            taken |= area
            for r in range(row, bottom + 1):
                covered.setdefault(r, []).append((column, f"t{row}{column}"))  # type: ignore[arg-type]
    expected = [" | ".join(text for _, text in sorted(covered[row])) for row in range(rows)]
    assert deck.read().text.split("\n") == expected


def chart_text(kind: Any, data: Any, change: Callable[[Any], None] = lambda chart: None) -> list[str]:
    deck = Deck()
    frame = deck.slide().shapes.add_chart(kind, Inches(1), Inches(1), Inches(6), Inches(4), data)
    change(frame.chart)
    document = deck.read()
    assert document.notes is None
    return document.text.split("\n")


def test_charts_are_tables_of_what_they_show() -> None:
    data = CategoryChartData(number_format="0.0%")
    data.categories = ["2021", "2022", "2023"]
    data.add_series("Museum", (0.125, 0.5, None))
    data.add_series("Tower", (0.25, 0.75, 1))

    def titled(chart: Any) -> None:
        chart.has_title = True
        chart.chart_title.text_frame.text = "Share of visitors"
        chart.value_axis.has_title = True
        chart.value_axis.axis_title.text_frame.text = "of all"

    assert chart_text(XL_CHART_TYPE.COLUMN_CLUSTERED, data, titled) == [
        "Chart: Share of visitors (of all)",
        "",
        "Category | Museum | Tower",
        "Category: 2021 | Museum: 12.5% | Tower: 25.0%",
        "Category: 2022 | Museum: 50.0% | Tower: 75.0%",
        "Category: 2023 | Tower: 100.0%",
    ]


def test_charts_of_dates_points_bubbles_and_categories_in_two_levels() -> None:
    from datetime import date

    days = CategoryChartData()
    days.categories = [date(2024, 5, 1), date(2024, 6, 2)]
    days.add_series("Boats", (3, 4.25))
    assert chart_text(XL_CHART_TYPE.LINE, days)[2:] == [
        "Category | Boats", "Category: 2024-05-01 | Boats: 3", "Category: 2024-06-02 | Boats: 4.25"
    ]  # fmt: skip
    points = XyChartData()
    series = points.add_series("Run 1")
    series.add_data_point(0.7, 2.7)
    points.add_series("Run 2").add_data_point(1.5, 8)
    assert chart_text(XL_CHART_TYPE.XY_SCATTER, points)[2:] == [
        "Series | x | y",
        "Series: Run 1 | x: 0.7 | y: 2.7",
        "Series: Run 2 | x: 1.5 | y: 8",
    ]
    bubbles = BubbleChartData()
    bubbles.add_series("Towns").add_data_point(1, 2, 30)
    assert "Series: Towns | x: 1 | y: 2 | Size: 30" in chart_text(XL_CHART_TYPE.BUBBLE, bubbles)
    nested = CategoryChartData()
    for region, towns in (("North", ("Lind", "Dahl")), ("South", ("Porto",))):
        category = nested.add_category(region)
        for town in towns:
            category.add_sub_category(town)
    nested.add_series("Ships", (1, 2, 3))
    assert chart_text(XL_CHART_TYPE.BAR_CLUSTERED, nested)[3:] == [
        "Category: North, Lind | Ships: 1", "Category: North, Dahl | Ships: 2", "Category: South, Porto | Ships: 3"
    ]  # fmt: skip


def test_hidden_slides_say_so_and_hidden_shapes_are_left_out() -> None:
    deck = Deck()
    shown, hidden = deck.slide(TITLE_ONLY), deck.slide(TITLE_ONLY)
    shown.shapes.title.text, hidden.shapes.title.text = "Prices", "Old prices"
    box(shown, "secret")._element.nvSpPr.cNvPr.set("hidden", "1")
    hidden._element.set("show", "0")
    document = deck.read()
    assert document.text == "Prices\n\nOld prices"
    assert describe_location(document.marks, 0, 6) == "slide 1, Prices"
    assert describe_location(document.marks, 8, 18) == "slide 2 (hidden), Old prices"
    assert document.notes == "hidden text was left out; 1 hidden slide was read, too"


def test_footers_are_read_once_without_numbers_and_todays_date() -> None:
    deck = Deck()
    made = (
        '<p:sp xmlns:p="{}" xmlns:a="{}"><p:nvSpPr><p:cNvPr id="9" name=""/><p:cNvSpPr/><p:nvPr>'
        '<p:ph type="{}" idx="1{}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p>{}</a:p></p:txBody></p:sp>'
    ).format
    words = "<a:r><a:t>{}</a:t></a:r>".format
    for n in range(2):
        slide = deck.slide()
        box(slide, f"slide {n}")
        margins = (
            ("ftr", words("Harbour board")),
            ("dt", words("May 2024") if n else '<a:fld type="datetime1"><a:t>today</a:t></a:fld>'),
            ("sldNum", words("7")),
        )
        for i, (kind, text) in enumerate(margins):
            slide.shapes._spTree.insert(2, etree.fromstring(made(P, A, kind, i, text)))
    assert deck.read().text.split("\n\n") == [
        "slide 0", "Footer: Harbour board", "slide 1", "Footer: May 2024"
    ]  # fmt: skip


def test_comments_follow_their_slide() -> None:
    deck = Deck()
    slide = deck.slide(TITLE_ONLY)
    slide.shapes.title.text = "Prices"
    old = f'<p:cmLst xmlns:p="{P}"><p:cm><p:text>still true?</p:text></p:cm></p:cmLst>'
    words = "<a:p><a:r><a:t>{}</a:t></a:r></a:p>".format
    new = (
        f'<n:cmLst xmlns:n="n" xmlns:a="{A}"><n:cm><n:replyLst><n:reply><n:txBody>{words("yes")}</n:txBody></n:reply>'
        f"</n:replyLst><n:txBody>{words('and')}{words('now?')}</n:txBody></n:cm></n:cmLst>"
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments"
    for n, xml in enumerate((old, new)):
        part = Part(PackURI(f"/ppt/comments/comment{n}.xml"), "application/xml", slide.part.package, xml.encode())
        slide.part.relate_to(part, kind)
    expected = ["Prices", "Comment: still true?", "Comment: yes", "Comment: and\nnow?"]
    assert deck.read().text.split("\n\n") == expected


def test_what_is_not_read_is_said() -> None:
    deck = Deck()
    slide = deck.slide(TITLE_ONLY)
    slide.shapes.title.text = "Works"
    for _ in range(2):
        slide.shapes.add_ole_object(io.BytesIO(b"words"), "Package", Inches(1), Inches(1), Inches(1), Inches(1))
    slide.shapes.add_movie(io.BytesIO(b"film"), Inches(1), Inches(1), Inches(1), Inches(1))
    document = load_bytes(deck.data(), "deck.pptx")
    assert document.text == "Works"
    assert document.notes == "2 embedded objects were not read; 1 video was not read"
