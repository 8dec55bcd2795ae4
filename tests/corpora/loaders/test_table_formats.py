"""Spreadsheets, separated values and records: every row can be read alone and found again by its number."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.documents import Document, describe_location
from corpora.errors import BinaryText, DamagedFile, EmptyFile
from corpora.loaders.formats.tables.csv import _records
from corpora.loaders.formats.tables.csv import load as load_csv
from corpora.loaders.formats.tables.jsonl import load as load_jsonl
from corpora.loaders.formats.tables.rows import Merged, Row, spread, write_rows, write_table
from corpora.loaders.sandboxed_loader import load_bytes
from corpora.text.chunking import passages
from corpora.text.reading_text import ReadingText


def marked(document: Document, kind: str) -> list[tuple[str, str]]:
    return [(mark.label, document.text[mark.start : mark.end]) for mark in document.marks if mark.kind == kind]


def workbook() -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        prices = book.add_worksheet("Prices")
        prices.write_row("A1", ["Price list 2020"])
        prices.write_row("A3", ["Name", "Price", "Since", "In stock"])
        prices.write_row("A4", ["Pier", 3.0])
        prices.write_datetime("C4", datetime(2020, 1, 31), day)
        prices.write_boolean("D4", True)
        prices.write_row("A6", ["Boat", 0.1 + 0.2])
        prices.write_formula("C6", "=B6*2", None, "twice")
        book.add_worksheet("Nothing")
        far = book.add_worksheet("Far")
        far.write("A1", "corner")
        far.write(1_048_575, 16_383, "other corner")
    return data.getvalue()


def test_a_workbook() -> None:
    document = load_bytes(workbook(), "prices.xlsx")
    assert document.text == (
        "Prices\n\nPrice list 2020\n\nName | Price | Since | In stock\n"
        "Name: Pier | Price: 3 | Since: 2020-01-31 | In stock: yes\n"
        "Name: Boat | Price: 0.3 | Since: twice\n\n"
        "Nothing\n\nFar\n\ncorner\nother corner"
    )
    rows = dict(marked(document, "row"))
    assert rows["4"].startswith("Name: Pier") and rows["6"].startswith("Name: Boat")
    assert rows["1048576"] == "other corner"
    assert [label for label, _ in marked(document, "sheet")] == ["Prices", "Nothing", "Far"]
    at = document.text.index("Boat")
    assert describe_location(document.marks, at, at + 4) == "sheet Prices, row 6"


@pytest.mark.parametrize("target", [80, 700])
def test_passages_of_a_workbook_name_one_sheet_and_its_rows(target: int) -> None:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        for title, first in (("Prices", 3), ("Stock", 20), ("Staff", 1)):
            sheet = book.add_worksheet(title)
            sheet.write_row(first - 1, 0, ["Name", "Number"])
            for n in range(first, first + 4):
                sheet.write_row(n, 0, [f"{title} of ship {n}", n])
    document = load_bytes(data.getvalue(), "ships.xlsx")
    found = passages(document, target_chars=target)
    places = [describe_location(one.marks, one.start, one.end) for one in found]
    if target == 700:
        assert places == ["sheet Prices, rows 3-7", "sheet Stock, rows 20-24", "sheet Staff, rows 1-5"]
    assert len(found) >= 3 and all(re.fullmatch(r"sheet \w+, rows? \d+(-\d+)?", one) for one in places)
    at = document.text.index("Stock of ship 22")
    assert describe_location(document.marks, at, at + 5) == "sheet Stock, row 23"
    assert describe_location(document.marks, 0, at) == "sheets Prices and Stock"
    assert describe_location(document.marks, 0, len(document.text)) == "sheets Prices, Stock and Staff"


def test_a_workbook_of_formulas_that_were_never_computed_is_named() -> None:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        book.add_worksheet().write_formula("A1", "=1+1", None, "")
    with pytest.raises(EmptyFile, match="hold no values") as caught:
        load_bytes(data.getvalue(), "a.xlsx")
    assert "formulas" in caught.value.hint


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_encodings(suffix: str, delimiter: str) -> None:
    if (suffix == "tsv") != (delimiter == "\t"):
        delimiter = "\t" if suffix == "tsv" else delimiter
    source = io.StringIO()
    csv.writer(source, delimiter=delimiter).writerows(
        [["Name", "Price", "Note"], ["Müller", "3,5", 'said "no",\nthen yes'], ["", "4", ""], [], ["Özil", "5", "a;b"]]
    )
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        document = load_bytes(source.getvalue().encode(encoding), f"a.{suffix}")
        assert marked(document, "row") == [
            ("1", "Name | Price | Note"),
            ("2", 'Name: Müller | Price: 3,5 | Note: said "no", then yes'),
            ("3", "Price: 4"),
            ("5", "Name: Özil | Price: 5 | Note: a;b"),
        ]


def cells(source: str, name: str = "a.csv") -> list[str]:
    """The lines of the rows of a table without names."""
    return [line for _, line in marked(load_bytes(source.encode(), name), "row")]


@pytest.mark.parametrize(("name", "delimiter"), [("a.tsv", "\t"), ("a.csv", ","), ("a.csv", ";")])
def test_a_quotation_mark_swallows_no_rows(name: str, delimiter: str) -> None:
    source = '"A" board,good\n"B side only,fair\n"C" board,poor\n5" pipe,good\n"D board",bad\n6",2\n'
    found = marked(load_bytes(source.replace(",", delimiter).encode(), name), "row")
    assert found == [
        ("1", '"A" board | good'), ("2", '"B side only | fair'), ("3", '"C" board | poor'), ("4", '5" pipe | good'),
        ("5", "D board | bad"), ("6", '6" | 2'),
    ]  # fmt: skip


def test_an_inch_ends_no_quotation_of_several_rows() -> None:
    source = '"B side only\tfair\nC board 5"\tgood\nplain\tpoor\n'
    assert cells(source, "a.tsv") == ['"B side only | fair', 'C board 5" | good', "plain | poor"]


def test_quoted_fields() -> None:
    source = 'a1,"one, two\nthree ""four""",7\n"", "spaced" ,"5"\n"He said \\"hi\\"",2,3\n'
    assert cells(source) == ['a1 | one, two three "four" | 7', "spaced | 5", 'He said "hi" | 2 | 3']
    assert cells('line,"one\ttwo\nthree"\nx,y\n'.replace(",", "\t"), "a.tsv")[0] == "line | one two three"


@given(st.lists(st.lists(st.text(st.sampled_from('ab1,;"\n |'), max_size=6), min_size=2, max_size=4), max_size=6))
def test_what_is_quoted_by_the_rules_is_read_as_the_rules_say(rows: list[list[str]]) -> None:
    source = io.StringIO()
    csv.writer(source, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert [found for found, _ in _records(source.getvalue(), ",", None)] == rows


def test_a_line_that_names_the_delimiter_is_no_row() -> None:
    assert marked(load_bytes(b"sep=;\nName;Price\nLamp;1,5\n", "a.csv"), "row") == [
        ("1", "Name | Price"), ("2", "Name: Lamp | Price: 1,5")
    ]  # fmt: skip


def test_the_delimiter_is_told_by_the_whole_table() -> None:
    assert cells("1,5;2,5\n3,25;4,5\n") == ["1,5 | 2,5", "3,25 | 4,5"]
    assert cells("Report\nof,all\na1;b1;c1\na2;b2;c2\na3;b3,5;c3\n")[-1] == "a3 | b3,5 | c3"
    assert cells("a1\tb, c\na2\td\n") == ["a1 | b, c", "a2 | d"]
    assert cells("# made by hand, 2023, for us\nName,Price\nLamp,3\n") == [
        "# made by hand, 2023, for us", "Name | Price", "Name: Lamp | Price: 3"
    ]  # fmt: skip


def test_what_could_not_be_read_of_a_table_is_said() -> None:
    document = load_bytes("Name,Ort\nZoë,Köln\nBo,Malm\0ö\n".encode() + b"Cia,Gr\xffaz\n", "a.csv")
    assert document.notes == "1 NUL character was left out; 1 character could not be read"
    assert document.text.endswith("Name: Bo | Ort: Malmö\nName: Cia | Ort: Gr\N{REPLACEMENT CHARACTER}az")


def test_rows_without_names() -> None:
    assert load_bytes(b"1,2\n3,4\n", "a.csv").text == "1 | 2\n3 | 4"
    assert load_bytes(b"London,1\nParis,2\n\nLondon,3\n", "a.csv").text == "London | 1\nParis | 2\nLondon | 3"
    assert load_bytes(b"London,Ada\nParis,Ada\nLondon,Alan\n", "a.csv").text.startswith("London | Ada\nParis")
    assert load_bytes(b"only one column\nof words\n", "a.csv").text == "only one column\nof words"
    assert load_bytes(b"Name,Age\n", "a.csv").text == "Name | Age"


def test_a_field_may_be_long_and_a_row_wide() -> None:
    long = "word " * 60_000
    assert len(load_bytes(f"Name,Text\nAda,{long}\n".encode(), "a.csv").text) > len(long)
    assert csv.field_size_limit() == 131_072  # what other readers of this process count on
    wide = load_bytes(b",".join(b"c%d" % n for n in range(16_384)) + b"\n" + b"," * 16_000 + b"x", "a.csv")
    assert wide.text.endswith("\nc16000: x")


def test_binary_is_no_table() -> None:
    with pytest.raises(BinaryText):
        load_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.csv")


@settings(deadline=None)  # the first loads the language model
@given(st.lists(st.lists(st.text(st.sampled_from('ab1,;"\n é漢'), max_size=6), min_size=3, max_size=3), max_size=8))
def test_any_table_comes_back_cell_by_cell(rows: list[list[str]]) -> None:
    source = io.StringIO()
    csv.writer(source, delimiter="\t").writerows(rows)
    document = load_csv(source.getvalue().encode(), "a.tsv")
    filled = [[" ".join(cell.split()) for cell in row] for row in rows]
    shown = [mark.label for mark in document.marks if mark.kind == "row"]
    assert shown == [str(number) for number, row in enumerate(filled, 1) if any(row)]
    for label, line in marked(document, "row"):
        assert [cell for cell in filled[int(label) - 1] if cell and cell not in line] == []


def test_many_rows_are_marked_one_by_one() -> None:
    reading = ReadingText()
    write_rows(reading, (Row(n, [f"name {n}", str(n)]) for n in range(1, 20_001)))
    marks = reading.marks
    assert len(marks) == 20_000
    text = reading.text
    assert all(text[mark.start : mark.end] == f"name {mark.label} | {mark.label}" for mark in marks)


def test_merged_cells_are_in_each_row_and_column_that_they_cover() -> None:
    rows = [
        [Merged("Area", rows=2), Merged("Price", columns=2)],
        [Merged("2023"), Merged("2024")],
        [Merged("North", rows=3), Merged("3"), Merged("4")],
        [Merged("5", columns=2)],
        [Merged("6"), Merged("7")],
        [Merged("South"), Merged("8"), Merged("9")],
    ]
    grid = spread(rows)
    assert grid[:4] == [["Area", "Price", None], ["Area", "2023", "2024"], ["North", "3", "4"], ["North", "5", None]]
    reading = ReadingText()
    write_table(reading, grid, header_rows=2)
    assert reading.text.split("\n")[2:] == [
        "Area: North | Price, 2023: 3 | Price, 2024: 4",
        "Area: North | Price, 2023: 5",
        "Area: North | Price, 2023: 6 | Price, 2024: 7",
        "Area: South | Price, 2023: 8 | Price, 2024: 9",
    ]


def test_a_merged_cell_that_is_no_label_is_not_repeated() -> None:
    long = "words of it " * 30
    assert spread([[Merged(long, rows=2), Merged("a")], [Merged("b")]]) == [[long, "a"], ["", "b"]]


def test_a_row_begins_on_the_page_that_begins_in_it() -> None:
    reading = ReadingText(paged=True)
    write_table(reading, spread([[Merged("a\fb", rows=2), Merged("1")], [Merged("2")]]), header_rows=0)
    assert reading.text == "a b | 1\na b | 2"
    assert [mark.label for mark in reading.marks if mark.kind == "page"] == ["2"]


def test_records_of_json_lines() -> None:
    lines = [
        {"id": 1, "title": "Harbour", "tags": ["old", "deep"], "text": "Built\nin 1842.\n\nIt froze.", "none": None},
        {"id": 2.50, "author": {"name": "Ada"}, "ok": True, "items": [{"a": 1}, {"a": "x"}]},
        "a plain string",
    ]
    source = "\n".join(json.dumps(line) for line in lines)
    for name in ("a.jsonl", "a.ndjson"):
        document = load_bytes(f"\ufeff{source}\n\n".encode(), name)
        assert marked(document, "record") == [
            ("1", "id: 1\ntitle: Harbour\ntags: old, deep\n\nBuilt in 1842.\n\nIt froze."),
            ("2", "id: 2.5\nauthor.name: Ada\nok: yes\nitems 1.a: 1\nitems 2.a: x"),
            ("3", "a plain string"),
        ]
    array = load_bytes(json.dumps(lines, indent=1).encode("utf-16"), "a.json")
    assert array.text == document.text and array.marks == document.marks


def test_one_object_is_one_record() -> None:
    long = "Words of it. " * 30
    document = load_bytes(json.dumps({"a": 1, "summary": long}, indent=2).encode(), "a.json")
    assert document.text == f"a: 1\n\nsummary:\n\n{long.strip()}"
    assert load_bytes(b'{\n "a": 1\n}', "a.jsonl").text == "a: 1"


@pytest.mark.parametrize(
    ("data", "name", "where"),
    [
        (b'{"a": \n', "a.jsonl", "line 2, column"),
        (b'{"a": 1,\n "b": oops}', "a.json", "line 2, column"),
        (b"no json at all", "a.jsonl", "line 1, column 1"),
        (b"[" * 100_000, "a.json", "nested too deeply"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "a.jsonl", "nested too deeply"),
    ],
)
def test_broken_json_is_named(data: bytes, name: str, where: str) -> None:
    with pytest.raises(DamagedFile, match=where):
        load_bytes(data, name)


def records(source: str, name: str) -> list[tuple[str, str]]:
    return marked(load_bytes(source.encode(), name), "record")


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson"])
def test_json_lines_and_values_one_behind_another_under_any_name(name: str) -> None:
    assert records('{"q":"Where?","a":"In room 5."}\n\n{"q":"Who?","a":"Mrs Holm."}\n', name) == [
        ("1", "q: Where?\na: In room 5."), ("2", "q: Who?\na: Mrs Holm.")
    ]  # fmt: skip
    assert records('{"t":"one"}{"t":"two"}', name) == [("1", "t: one"), ("2", "t: two")]
    assert records('{\n "t": "one"\n}\n{\n "t": "two"\n}', name) == [("1", "t: one"), ("2", "t: two")]


def test_a_line_that_is_no_json_is_said_and_the_others_are_read() -> None:
    source = '{"t":"first"}\n{"t":"second"\n{"t":"third"}\n'
    for name in ("a.jsonl", "a.json"):
        document = load_bytes(source.encode(), name)
        assert marked(document, "record") == [("1", "t: first"), ("3", "t: third")]
        assert document.notes == "line 2 is no JSON and was not read"
    bad = load_bytes(("oops\n" * 6 + '{"t": 1}\n' * 7).encode(), "a.jsonl")
    assert bad.notes is not None and bad.notes.endswith("3 more lines are no JSON and were not read")


def test_numbers_keep_their_digits_and_names_both_of_their_values() -> None:
    source = '{"a": 1.10, "b": 1e400, "c": 12345678901234567890123, "d": -0.0, "a": "again", "n": NaN}'
    assert records(source, "a.json") == [
        ("1", "a: 1.10\nb: 1e400\nc: 12345678901234567890123\nd: -0.0\na: again\nn: NaN")
    ]  # fmt: skip


def test_characters_of_json_that_nobody_sees() -> None:
    document = load_bytes(rb'{"t": "Hello \u0000 world \ud83d\ude00, half \ud83d."}', "a.jsonl")
    assert document.text == "t: Hello world \N{GRINNING FACE}, half \N{REPLACEMENT CHARACTER}."
    assert document.notes == "1 character could not be read"


def test_comments_and_commas_of_settings() -> None:
    source = '{\n // where\n "url": "a//b", /* and\n when */ "days": ["Mon", "Tue",], // last\n}\n'
    assert records(source, "a.json") == [("1", "url: a//b\ndays: Mon, Tue")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=5))
def test_any_records_are_read(values: list[object]) -> None:
    document = load_jsonl("\n".join(json.dumps(value) for value in values).encode(), "a.jsonl")
    for label, text in marked(document, "record"):
        assert 1 <= int(label) <= len(values)
        assert text.strip()


def test_a_remark_above_a_table_is_not_split_at_its_delimiter() -> None:
    assert load_csv(b"Sales of May\nMade by: Bo; page 2\n\nName;Price;Unit\nLamp;3;kg\n", "a.csv").text == (
        "Sales of May\nMade by: Bo; page 2\n\nName | Price | Unit\nName: Lamp | Price: 3 | Unit: kg"
    )
    assert load_csv(b"Name; Price\nLamp; 3\nChair; 4\n", "a.csv").text.endswith("Name: Chair | Price: 4")


def test_colours_of_a_terminal_are_no_part_of_a_json_text() -> None:
    assert load_jsonl(rb'{"state": "all \u001b[1;31mred\u001b[0m now"}', "a.jsonl").text == "state: all red now"


def test_records_without_values_keep_the_numbers_of_the_others() -> None:
    document = load_jsonl(b'[{}, [], {"name": "Alma"}, null, {"name": "Sif"}]', "a.json")
    assert marked(document, "record") == [("3", "name: Alma"), ("5", "name: Sif")]
