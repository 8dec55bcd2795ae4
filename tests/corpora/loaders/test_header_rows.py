"""Which rows name the columns: tables made at random whose true lines are known, and single cases of each kind."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from corpora.loaders.formats.tables.cell_kinds import kind_of
from corpora.loaders.formats.tables.rows import Row, table_lines, write_rows
from corpora.text.reading_text import ReadingText
from tests.support.made_tables import made


def lines(*rows: str) -> list[str]:
    """The lines of a table that is written with commas; an empty string is a blank row."""
    return [line for _, line in table_lines(Row(n, row.split(",")) for n, row in enumerate(rows, 1))]


def test_at_least_97_of_100_tables_read_true(rounds: Callable[[int], int], seed: int) -> None:
    tried, right, false = Counter[str](), Counter[str](), 0
    for n in range(rounds(500)):
        sheet = made(random.Random(f"{seed} {n}"))
        found = [line for _, line in table_lines(Row(n, cells) for n, cells in enumerate(sheet.rows, 1))]
        tried[sheet.kind] += 1
        right[sheet.kind] += found == sheet.lines
        false += any(": " in line and line != true for line, true in zip(found, sheet.lines, strict=True))
    assert right.total() >= 0.97 * tried.total(), f"{right} of {tried}"
    assert false <= 0.01 * tried.total()  # names that are not true are worse than none


def test_data_in_the_first_row_is_no_header() -> None:
    for rows in (
        ("Anna,kitchen,Monday", "Bo,garden,Tuesday", "Cia,garage,Friday"),
        ("2023-01-01,Berg,open", "2023-01-02,Dahl,open", "2023-01-05,Ek,closed"),
        ("Alma,90 hp", "Sif,120 hp", "Freja,60 hp"),
        ("AX-100,Lamp,yes", "BX-200,Chair,no"),
        ("a@b.example,Anna", "c@d.example,Bo"),
        ("1,2,3", "4,5,6"),
        ("Founded,1987", "Opened,1990", "Sold,2003"),
    ):
        assert lines(*rows) == [row.replace(",", " | ") for row in rows]


def test_a_form_is_read_field_by_field() -> None:
    form = ("Company,Lindby Boats", "Founded,1987", "Owner,Sara Holm", "Berths,140")
    assert lines(*form) == [row.replace(",", " | ") for row in form]


@pytest.mark.parametrize(
    "rows",
    [
        ("Firm,Nordic Boats", "Founded,1991", "Opened,1992"),
        ("Name,Ida", "Length,8.2"),
        ("Skipper,Ida Holm", "Born,1987", "Town,Cork"),
        ("Owner,Per Ek", "Phone,0047 55 12", "Contract until,2026-05-01", "Paid,yes"),
        ("Vertrag,Müller", "Beginn,1.2.2023"),
    ],
)
def test_labels_and_what_they_say_have_no_names(rows: tuple[str, ...]) -> None:
    assert lines(*rows) == [row.replace(",", " | ") for row in rows]


def test_two_columns_with_names_have_them() -> None:
    assert lines("Boat,Berths", "Alma,4", "Sif,6")[1] == "Boat: Alma | Berths: 4"
    assert lines("Name,Price", "Lamp,3")[1] == "Name: Lamp | Price: 3"
    assert lines("Dept.,North", "Boat,Crew", "Alma,3", "Sif,5")[2] == "Boat: Alma | Crew: 3"


def test_a_title_and_a_remark_stand_above_the_header() -> None:
    rows = ("Report of sales,,", "Created: 2023-01-01,by,Nils", "name,price,unit", "Lamp,12,EUR", "Chair,40,EUR")
    true = [
        "Report of sales", "Created: 2023-01-01 | by | Nils", "name | price | unit",
        "name: Lamp | price: 12 | unit: EUR", "name: Chair | price: 40 | unit: EUR",
    ]  # fmt: skip
    assert lines(*rows) == true
    assert lines(*rows[:2], "", *rows[2:]) == true
    assert lines(rows[0], "", *rows[1:]) == true


def test_two_header_rows_are_joined() -> None:
    rows = ("Boat,Visitors,,Fee,", ",2023,2024,2023,2024", "Alma,12,14,3.50,4.00", "Sif,3,5,3.50,4.00")
    assert lines(*rows)[2] == "Boat: Alma | Visitors, 2023: 12 | Visitors, 2024: 14 | Fee, 2023: 3.50 | Fee, 2024: 4.00"
    merged = [["Boat", "Visitors", None], ["Boat", "adults", "children"], ["Alma", "12", "14"], ["Sif", "3", "5"]]
    found = [line for _, line in table_lines(Row(n, cells) for n, cells in enumerate(merged, 1))]
    assert found[2:] == [
        "Boat: Alma | Visitors, adults: 12 | Visitors, children: 14",
        "Boat: Sif | Visitors, adults: 3 | Visitors, children: 5",
    ]


def test_units_below_the_names_belong_to_them() -> None:
    assert lines("Boat,Length,Weight", ",m,(kg)", "Alma,12,900", "Sif,7,450")[2] == (
        "Boat: Alma | Length (m): 12 | Weight (kg): 900"
    )


def test_years_and_other_ordered_labels_are_names() -> None:
    assert lines("Region,2021,2022", "North,12,14", "South,9,8")[1] == "Region: North | 2021: 12 | 2022: 14"
    assert lines(",Monday,Tuesday", "08:00,Anna,Bo", "09:00,Bo,Cia")[1] == "08:00 | Monday: Anna | Tuesday: Bo"
    assert lines("Boat,Jan,Feb,Mar", "Alma,1,2,3", "Sif,4,5,6")[2] == "Boat: Sif | Jan: 4 | Feb: 5 | Mar: 6"
    assert lines("Pupil,1,2,3", "Anna,7,9,8", "Bo,4,9,10")[1] == "Pupil: Anna | 1: 7 | 2: 9 | 3: 8"
    assert lines("Anna,1987", "Bo,1990")[0] == "Anna | 1987"


def test_each_table_of_a_sheet_has_its_own_names() -> None:
    rows = ("Name,Price", "Lamp,3", "Chair,4", "Total,7", "", "Boats", "Boat,Engine", "Alma,90 hp", "Sif,120 hp")
    assert lines(*rows)[-3:] == ["Boat | Engine", "Boat: Alma | Engine: 90 hp", "Boat: Sif | Engine: 120 hp"]
    without_title = (*rows[:5], *rows[6:])
    assert lines(*without_title)[-2:] == ["Boat: Alma | Engine: 90 hp", "Boat: Sif | Engine: 120 hp"]
    no_names = (*rows[:5], "Alma,90 hp,north", "Sif,120 hp,south")
    assert lines(*no_names)[-2:] == ["Alma | 90 hp | north", "Sif | 120 hp | south"]


def test_a_table_goes_on_below_a_blank_row() -> None:
    assert lines("Name,Price", "Lamp,3", "", "Chair,4")[-1] == "Name: Chair | Price: 4"
    assert lines("Name,Price", "", "Lamp,3", "Chair,4")[1:] == ["Name: Lamp | Price: 3", "Name: Chair | Price: 4"]


def test_the_header_on_the_next_page_of_a_table_is_said_plain() -> None:
    assert lines("Name,Price", "Lamp,3", "Name,Price", "Chair,4") == [
        "Name | Price", "Name: Lamp | Price: 3", "Name | Price", "Name: Chair | Price: 4"
    ]  # fmt: skip


def test_titles_and_tables_are_blocks() -> None:
    reading = ReadingText()
    rows = ["Prices", "Name,Price", "Lamp,3", "", "Boats", "Boat,Engine", "Alma,90 hp"]
    write_rows(reading, (Row(n, row.split(",")) for n, row in enumerate(rows, 1)))
    assert reading.text == (
        "Prices\n\nName | Price\nName: Lamp | Price: 3\n\nBoats\n\nBoat | Engine\nBoat: Alma | Engine: 90 hp"
    )


def blocks(*rows: str) -> list[str]:
    reading = ReadingText()
    write_rows(reading, (Row(n, row.split(",")) for n, row in enumerate(rows, 1)))
    return reading.text.split("\n\n")


def test_tables_beside_each_other_are_read_one_after_the_other() -> None:
    assert blocks("Ship,Fee,,Skipper,Age", "Alma,10,,Bo,30", "Sif,12,,Cia,41", ",,,Dag,29") == [
        "Ship | Fee\nShip: Alma | Fee: 10\nShip: Sif | Fee: 12",
        "Skipper | Age\nSkipper: Bo | Age: 30\nSkipper: Cia | Age: 41\nSkipper: Dag | Age: 29",
    ]
    assert len(blocks("Week,Hours,,Week,Hours", "1,20,,1,25", "2,30,,2,35")) == 2


def test_a_table_that_is_only_spaced_out_is_one() -> None:
    assert blocks("Item,2022,,2023,2024", "Rope,1,,2,3", "Sail,4,,5,6")[0].split("\n")[1] == (
        "Item: Rope | 2022: 1 | 2023: 2 | 2024: 3"
    )
    assert len(blocks("Name,Price,,Remark", "Lamp,3,,new", "Chair,4,,worn")) == 1
    assert len(blocks(",Monday,,Tuesday,Friday", "08:00,Anna,,Bo,Cia", "09:00,Bo,,Cia,Anna")) == 1


def test_a_remark_below_a_table_in_column_b_has_no_name() -> None:
    assert lines(",Fish,Jan,Feb", ",Cod,5,6", ",Eel,7,8", ",All in kg")[-1] == "All in kg"
    assert lines(",Monday,Tuesday", "08:00,Anna,Bo", "09:00,Bo,Cia", ",Dag")[-1] == "Monday: Dag"


def test_what_the_file_says_of_its_header_holds() -> None:
    rows = [Row(1, ["a", "b"]), Row(2, ["c", "d"])]
    assert [line for _, line in table_lines(rows, header_rows=1)] == ["a | b", "a: c | b: d"]
    assert [line for _, line in table_lines(rows, header_rows=0)] == ["a | b", "c | d"]
    said = [Row(1, ["x", "y"]), Row(2, ["a", "b"], is_header=True), Row(3, ["c", "d"])]
    assert [line for _, line in table_lines(said)] == ["x | y", "a | b", "a: c | b: d"]
    bold = [Row(1, ["Anna", "kitchen"], is_bold=True), Row(2, ["Bo", "garden"]), Row(3, ["Cia", "garage"])]
    assert [line for _, line in table_lines(bold)][1] == "Anna: Bo | kitchen: garden"


@pytest.mark.parametrize(
    ("kind", "texts"),
    {
        "number": "1; 12.5; 1,234.50 EUR; 15 %; (1,200); $5; -3; 1 234,5; 1e5; 10 000 kr; 1/2; ½; 1 1/2; 042; 8021.79",
        "year": "1987; 2024",
        "quantity": "90 hp; 5 °C; 12 km/h; 5 m²; 3 x 4",
        "date": "2023-01-01; 1.2.2023; 4 March 2023; March 4, 2023; Mar 2023; 2023-01-01 10:30; 3/4/23; 2024-05",
        "time": "09:30; 9 am; 09:30-10:00; 14:05:59",
        "weekday": "Monday; Mo; lundi",
        "month": "January; März",
        "quarter": "Q1; Q1 2023",
        "truth": "yes; no; x; ja",
        "empty": "n/a; -; #N/A; .",
        "address": "a@b.example; www.x.example; +46 70 123 45",
        "code": "A12; AB-12-3; 5x",
        "text": "Highway 12 north; Week 1; North deck; may; Created: 2023-01-01",
    }.items(),
)
def test_kinds_of_cells(kind: str, texts: str) -> None:
    assert {text: kind_of(text) for text in texts.split("; ")} == dict.fromkeys(texts.split("; "), kind)
