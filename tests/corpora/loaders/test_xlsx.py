"""Workbooks: values as shown, merged cells, comments, what is hidden, formulas without a value, texts of drawings."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import datetime, time

import openpyxl
import xlsxwriter
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet
from xlsxwriter.workbook import Workbook

from corpora.documents import Document
from corpora.loaders.sandboxed_loader import load_bytes


def made(fill: Callable[[Worksheet], None]) -> Document:
    """A workbook of one sheet, made by openpyxl."""
    book = openpyxl.Workbook()
    fill(book.active)
    data = io.BytesIO()
    book.save(data)
    return load_bytes(data.getvalue(), "a.xlsx")


def written(fill: Callable[[Workbook], None]) -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        fill(book)
    return data.getvalue()


def changed(data: bytes, part: str, change: Callable[[str], str]) -> bytes:
    """The package with one part rewritten."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, change(content.decode()) if name == part else content)
    return out.getvalue()


def rows(document: Document) -> list[str]:
    return [document.text[mark.start : mark.end] for mark in document.marks if mark.kind == "row"]


def test_values_are_read_as_the_sheet_shows_them() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["Product", "Margin", "Price", "Sold on", "Opening", "Code", "Paid", "Error", "Size"])
        sheet.append(["Lamp", 0.15, 1234.5, datetime(2023, 3, 4), time(9, 30), 42, True, "#N/A", 0.5])
        sheet.append(["Chair", 0.085, -89.9, datetime(2022, 12, 31, 14, 5), time(10, 5, 7), 7, False, "#DIV/0!", 1.25])
        for row in (2, 3):
            formats = ("0.0%", '#,##0.00 "EUR";[Red](#,##0.00) "EUR"', "dd/mm/yyyy", None, "00000", None, None, "# ?/?")
            for column, code in enumerate(formats, 2):
                if code:
                    sheet.cell(row, column).number_format = code

    assert rows(made(fill))[1:] == [
        "Product: Lamp | Margin: 15.0% | Price: 1,234.50 EUR | Sold on: 04/03/2023 | Opening: 09:30 | Code: 00042"
        " | Paid: yes | Error: #N/A | Size: 1/2",
        "Product: Chair | Margin: 8.5% | Price: (89.90) EUR | Sold on: 31/12/2022 | Opening: 10:05:07 | Code: 00007"
        " | Paid: no | Error: #DIV/0! | Size: 1 1/4",
    ]


def test_control_characters_that_xml_cannot_hold() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["Item", "Note"])
        sheet.append(["Pump", "first line_x000D_\nsecond line"])
        sheet.append(["Valve", "a_x005F_x000D_b"])

    assert rows(made(fill))[1:] == ["Item: Pump | Note: first line second line", "Item: Valve | Note: a_x000D_b"]


def test_each_row_has_the_label_of_a_cell_that_is_merged_downwards() -> None:
    def fill(sheet: Worksheet) -> None:
        for row in (
            ["Staff plan", None, None, None], ["Area", "Week", "Hours", None], [None, None, "plan", "real"],
            ["North deck", 1, 32, 30], [None, 2, 28, 31], ["South deck", 1, 12, None], [None, 2, 14, 15],
        ):  # fmt: skip
            sheet.append(row)
        for area in ("A1:D1", "A2:A3", "B2:B3", "C2:D2", "A4:A5", "A6:A7", "C6:D6"):
            sheet.merge_cells(area)

    document = made(fill)
    assert document.text.startswith("Staff plan\n\nArea | Week | Hours\n")
    assert rows(document)[3:] == [
        "Area: North deck | Week: 1 | Hours, plan: 32 | Hours, real: 30",
        "Area: North deck | Week: 2 | Hours, plan: 28 | Hours, real: 31",
        "Area: South deck | Week: 1 | Hours, plan: 12",
        "Area: South deck | Week: 2 | Hours, plan: 14 | Hours, real: 15",
    ]


def test_comments_stand_behind_their_cell() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["Person", "Hours"])
        sheet.append(["Berg", 32])
        sheet["A2"].comment = Comment("On leave\nfrom May", "Nils")
        sheet["C2"].comment = Comment("see below", "Nils")

    assert rows(made(fill))[1] == "Person: Berg (comment: On leave from May) | Hours: 32 | (comment: see below)"


def test_a_formula_without_a_stored_value_is_said() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["Name", "Hours"])
        sheet.append(["Berg", 32])
        sheet.append(["Total", "=SUM(B2:B2)"])

    document = made(fill)
    assert document.notes == "1 formula has no stored value and was not read"
    assert rows(document)[2] == "Total"

    def two(sheet: Worksheet) -> None:
        fill(sheet)
        sheet.append(["Mean", "=AVERAGE(B2:B2)"])

    assert made(two).notes == "2 formulas have no stored value and were not read"


def test_a_formula_whose_value_is_an_empty_text_has_one() -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Name", "Hours"])
        sheet.write_row(1, 0, ["Berg", 32])
        sheet.write_formula("B3", '=IF(1,"","x")', None, "")

    data = changed(written(fill), "xl/worksheets/sheet1.xml", lambda xml: xml.replace('r="B3"', 'r="B3" t="str"'))
    assert load_bytes(data, "a.xlsx").notes is None


def test_what_is_hidden_is_read_and_said() -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet("Plan")
        for number, row in enumerate((["Name", "Hours", "Pay"], ["Berg", 32, 11], ["Dahl", 28, 12])):
            sheet.write_row(number, 0, row)
        sheet.set_row(1, None, None, {"hidden": True})
        sheet.set_column("B:C", None, None, {"hidden": True})
        secret = book.add_worksheet("Secret")
        secret.write_row(0, 0, ["the key is 5513"])
        secret.hide()

    document = load_bytes(written(fill), "a.xlsx")
    assert "Name: Berg | Hours: 32 | Pay: 11" in document.text and "the key is 5513" in document.text
    assert document.notes == "1 hidden row, 2 hidden columns and 1 hidden sheet were read, too"


def test_tables_and_looks_say_which_row_names_the_columns() -> None:
    def table(sheet: Worksheet) -> None:
        for row in (["Anna", "kitchen"], ["Bo", "garden"], ["Cia", "garage"]):
            sheet.append(row)
        sheet.add_table(Table(displayName="T", ref="A1:B3"))

    def bold(sheet: Worksheet) -> None:
        for row in (["Anna", "kitchen"], ["Bo", "garden"], ["Cia", "garage"]):
            sheet.append(row)
        sheet["A1"].font = sheet["B1"].font = Font(bold=True)

    def frozen(sheet: Worksheet) -> None:
        for row in (["Anna", "kitchen"], ["Bo", "garden"], ["Cia", "garage"]):
            sheet.append(row)
        sheet.freeze_panes = "A2"

    for fill in (table, bold, frozen):
        assert rows(made(fill))[2] == "Anna: Cia | kitchen: garage"


def test_texts_of_shapes_and_charts_stand_below_the_rows_of_their_sheet() -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet("Sales")
        sheet.write_row(0, 0, ["Year", "Sold"])
        sheet.write_row(1, 0, [2023, 5])
        sheet.insert_textbox("D2", "Call Mrs Holm first")
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Sales!$B$2:$B$2", "name": "Rowing boats"})
        chart.set_title({"name": "Boats sold"})
        chart.set_y_axis({"name": "pieces"})
        sheet.insert_chart("D9", chart)

    text = load_bytes(written(fill), "a.xlsx").text
    table, *drawn = text.split("\n\n")
    assert table == "Year | Sold\nYear: 2023 | Sold: 5"
    assert sorted(drawn) == ["Boats sold", "Call Mrs Holm first", "Series: Rowing boats", "pieces"]


def test_cells_without_references_and_inline_texts() -> None:
    def fill(book: Workbook) -> None:
        book.add_worksheet().write_row(0, 0, ["Name", "Hours"])

    sheet = (
        '<row><c t="inlineStr"><is><t>Name</t></is></c><c t="inlineStr"><is><r><t>Hou</t></r><r><t>rs</t></r></is></c>'
        '</row><row><c t="inlineStr"><is><t>Berg</t><rPh><t>no</t></rPh></is></c><c><v>32</v></c>'
        '<c t="d"><v>2023-03-04T00:00:00</v></c></row>'
    )
    data = changed(
        written(fill),
        "xl/worksheets/sheet1.xml",
        lambda xml: re.sub("<sheetData>.*</sheetData>", f"<sheetData>{sheet}</sheetData>", xml),
    )
    assert rows(load_bytes(data, "a.xlsx")) == ["Name | Hours", "Name: Berg | Hours: 32 | 2023-03-04"]


def test_raised_letters_in_cells_are_told_apart() -> None:
    def fill(book: Workbook) -> None:
        sheet, raised = book.add_worksheet(), book.add_format({"font_script": 1})
        sheet.write_row(0, 0, ["Item", "Value"])
        for row, (item, *runs) in enumerate(
            (
                ("Germs", "10", raised, "6", " per litre"),
                ("Yard", "30 m", raised, "2"),
                ("Roof", "since 1987", raised, "3"),
            ),
            1,
        ):
            sheet.write(row, 0, item)
            sheet.write_rich_string(row, 1, *runs, *[" "] * (len(runs) == 3))

    assert rows(load_bytes(written(fill), "a.xlsx"))[1:] == [
        "Item: Germs | Value: 10^6 per litre", "Item: Yard | Value: 30 m²", "Item: Roof | Value: since 1987[3]"
    ]  # fmt: skip


def test_struck_out_text_is_left_out_and_said() -> None:
    def fill(book: Workbook) -> None:
        sheet, struck, plain = book.add_worksheet(), book.add_format({"font_strikeout": True}), book.add_format()
        sheet.write_row(0, 0, ["Item", "Fee", "Place"])
        sheet.write_row(1, 0, ["Slip", 40, "north"])
        sheet.write_rich_string(1, 1, struck, "400", plain, " 350")
        sheet.write_row(2, 0, ["Crane", 90])
        sheet.write(2, 2, "south", struck)
        sheet.write(3, 0, "Hall")
        sheet.write(3, 1, 75, struck)
        sheet.write_rich_string(3, 2, "old ", plain, "new", struck)

    found = load_bytes(written(fill), "a.xlsx")
    assert rows(found)[1:] == [
        "Item: Slip | Fee: 350 | Place: north",
        "Item: Crane | Fee: 90",
        "Item: Hall | Place: new",
    ]
    assert found.notes == "struck-out text was left out"
    assert not made(lambda sheet: sheet.append(["Name", "Fee"])).notes


def test_objects_and_controls_on_a_sheet_are_said() -> None:
    def fill(book: Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Item", "Fee"])
        sheet.write_row(1, 0, ["Slip", 40])
        sheet.write_comment(1, 1, "per week")

    def with_objects(relations: str) -> str:
        kinds = ("oleObject", "package", "ctrlProp", "printerSettings")
        added = (f'<Relationship Id="o{n}" Type="http://x/{kind}" Target="../o{n}"/>' for n, kind in enumerate(kinds))
        return relations.replace("</Relationships>", f"{''.join(added)}</Relationships>")

    found = load_bytes(changed(written(fill), "xl/worksheets/_rels/sheet1.xml.rels", with_objects), "a.xlsx")
    assert found.notes == "2 embedded objects were not read; 1 form control was not read"
    assert rows(found)[1:] == ["Item: Slip | Fee: 40 (comment: per week)"]
