"""Tables in PDFs, ruled and not, become rows that can be read alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from statistics import mean

import pytest

from corpora.documents import Document
from corpora.loaders.formats.pdf.pdf import load
from tests.support.pdf_bytes import Drawn, Rule, Words, pdf, width
from tests.support.pdf_tables import draw, share_in_row, styles


@pytest.mark.parametrize("count", [60, pytest.param(720, marks=pytest.mark.slow)])
def test_cells_are_in_the_rows_that_they_are_in(count: int) -> None:
    shares: dict[str, list[float]] = defaultdict(list)
    for seed, style in enumerate(islice(styles(), count)):
        table = draw(seed, style)
        shares[style.rules].append(share_in_row(table, load(table.data, "table.pdf").text))
    assert mean(share for some in shares.values() for share in some) >= 0.97
    assert {rules: mean(some) for rules, some in shares.items() if mean(some) < 0.95} == {}
    assert mean(shares["grid"]) == 1.0


def table(
    x: float, y: float, *rows: str, widths: tuple[float, ...] = (90.0, 90.0, 90.0), pitch: float = 16
) -> list[Words]:
    """Cells are divided by bars; the first row is in bold."""
    edges = [x + sum(widths[:n]) for n in range(len(widths) + 1)]
    return [
        Words(edges[column] + 4, y - pitch * n, cell.strip(), font="F3" if n == 0 else "F1")
        for n, row in enumerate(rows)
        for column, cell in enumerate(row.split("|"))
        if cell.strip()
    ]


def grid(xs: list[float], ys: list[float], *, without: Collection[tuple[str, int, int]] = ()) -> list[Rule]:
    """The rules left of and above all cells, but those ``without``: ``("upright" or "level", column, row)``."""
    upright = [
        Rule(x, ys[row], x, ys[row + 1])
        for column, x in enumerate(xs)
        for row in range(len(ys) - 1)
        if ("upright", column, row) not in without
    ]
    level = [
        Rule(xs[column], y, xs[column + 1], y)
        for row, y in enumerate(ys)
        for column in range(len(xs) - 1)
        if ("level", column, row) not in without
    ]
    return upright + level


def read(*pages: Sequence[Drawn]) -> Document:
    return load(pdf(pages), "a.pdf")


def test_merged_cells_are_in_each_row_that_they_cover() -> None:
    words = table(100, 700, "Week | Person | Hours", "12 | Dahl | 30", "| Berg | 25", "13 | Dahl | 41")
    rules = grid([100, 190, 280, 370], [712, 696, 680, 664, 648], without={("level", 0, 2)})
    assert read([*words, *rules]).text.split("\n") == [
        "Week | Person | Hours",
        "Week: 12 | Person: Dahl | Hours: 30",
        "Week: 12 | Person: Berg | Hours: 25",
        "Week: 13 | Person: Dahl | Hours: 41",
    ]


def test_names_over_several_columns_are_part_of_each() -> None:
    words = [
        *table(100, 700, "Place | Summer | ", "| First | Last", "Torsby | 05:10 | 23:40", "Lindby | 06:00 | 22:15"),
    ]
    words[0] = Words(104, 692, "Place", font="F3")  # between two rows, as it is merged downwards
    without = {("upright", 2, 0), ("level", 0, 1)}
    rules = grid([100, 190, 280, 370], [712, 696, 680, 664, 648], without=without)
    lines = read([*words, *rules]).text.split("\n")
    assert lines[-2:] == [
        "Place: Torsby | Summer, First: 05:10 | Summer, Last: 23:40",
        "Place: Lindby | Summer, First: 06:00 | Summer, Last: 22:15",
    ]


def test_a_row_has_a_mark_on_its_page() -> None:
    first = table(100, 100, "Line | From | To", "12 | Torsby | Lindby", "14 | Lindby | Norre")
    second = table(100, 740, "Line | From | To", "27 | Norre | Sandvik", "31 | Sandvik | Torsby")
    document = read(first, second)
    rows = [document.text[mark.start : mark.end] for mark in document.marks if mark.kind == "row"]
    assert rows == [
        "Line | From | To",
        "Line: 12 | From: Torsby | To: Lindby",
        "Line: 14 | From: Lindby | To: Norre",
        "Line: 27 | From: Norre | To: Sandvik",
        "Line: 31 | From: Sandvik | To: Torsby",
    ]
    pages = {mark.label: document.text[mark.start : mark.end] for mark in document.marks if mark.kind == "page"}
    assert pages["2"] == "\n".join(rows[3:])


def test_the_head_of_a_table_on_all_pages_is_no_running_title() -> None:
    pages: list[list[Drawn]] = [
        list(table(100, 740, "Line | From | To", *(f"{n}{k} | Torsby{k} | Lindby{n}" for k in range(9))))
        for n in range(1, 6)
    ]
    text = read(*pages).text
    assert "Line: 30 | From: Torsby0 | To: Lindby3" in text
    assert "Line: 58 | From: Torsby8 | To: Lindby5" in text


@pytest.mark.parametrize("is_ruled", [True, False])
def test_cells_of_a_name_and_a_number_are_whole(is_ruled: bool) -> None:
    words = [
        Words(x, 700 - 16 * n, cell)
        for n, row in enumerate([("Name", "Town", "Fee"), *((f"Boat {k}", f"Town {k}", f"{10 + k}") for k in range(5))])
        for x, cell in zip((64, 184, 304), row, strict=True)
    ]
    rules = [Rule(60, 712 - 16 * n, 420, 712 - 16 * n) for n in range(7)] if is_ruled else []
    assert read([*words, *rules]).text.split("\n") == [
        "Name | Town | Fee", *(f"Name: Boat {k} | Town: Town {k} | Fee: {10 + k}" for k in range(5)),
    ]  # fmt: skip


def test_what_rules_divide_into_rows_is_no_index() -> None:
    words = [Words(x, 700 - 16 * n, f"{word} {n}") for n in range(5) for x, word in ((64, "Boat"), (184, "Town"))]
    rules = [Rule(60, 696 - 16 * n, 320, 696 - 16 * n) for n in range(4)]
    assert read([*words, *rules]).text.split("\n")[1:] == [f"Boat {n} | Town {n}" for n in range(1, 5)]


def at(*rows: tuple[float, str]) -> list[Words]:
    """Lines of cells that bars divide, each at its height."""
    return [
        Words(x, y, cell.strip())
        for y, row in rows
        for x, cell in zip((60, 220, 320), row.split("|"), strict=True)
        if cell.strip()
    ]


@pytest.mark.parametrize("is_framed", [True, False])
@pytest.mark.parametrize("row_gap", [18, 15, 12])
def test_cells_of_several_lines_are_in_one_row(row_gap: float, is_framed: bool) -> None:
    y = 684 - 12 - row_gap
    words = at(
        (700, "Task | Who | Remark"),
        (684, "Oil the pump and | Dahl | only when it is"),
        (672, "clean it | | cold outside"),
        (y, "Sail to the | Moe | dry"),
        (y - 12, "| | on all days"),
        (y - 12 - row_gap, "Wash | Berg | -"),
    )
    rules = [Rule(60, at, 400, at) for at in (712, 696, y - 17 - row_gap)] if is_framed else []
    assert read([*words, *rules]).text.split("\n") == [
        "Task | Who | Remark",
        "Task: Oil the pump and clean it | Who: Dahl | Remark: only when it is cold outside",
        "Task: Sail to the | Who: Moe | Remark: dry on all days",
        "Task: Wash | Who: Berg | Remark: -",
    ]


def test_one_row_of_several_lines_before_another() -> None:
    words = at(
        (700, "Task | Who | Remark"),
        (684, "Oil the pump and | Dahl | only when it is"),
        (672, "clean it with | | cold outside"),
        (660, "a brush | | or late"),
        (642, "Sail | Moe | dry"),
    )
    assert read(words).text.split("\n")[1:] == [
        "Task: Oil the pump and clean it with a brush | Who: Dahl | Remark: only when it is cold outside or late",
        "Task: Sail | Who: Moe | Remark: dry",
    ]


@pytest.mark.parametrize("gap", [3, 20])
def test_short_cells_at_the_middle_of_long_ones_are_in_their_rows(gap: float) -> None:
    """As a browser prints them, with columns as near as ``gap`` points to each other."""
    who = 60 + width("Oil the pump and") + gap
    hours = who + width("Dahl") + gap + 6
    words = [
        Words(60, 720, "Intro text here."),
        *(Words(x, 690, cell, font="F3") for x, cell in ((60, "Task"), (who, "Who"), (hours, "Kind"))),
        *(Words(x, y, cell) for x, y, cell in ((60, 675, "Oil the pump and"), (60, 663, "clean it"))),
        *(Words(x, 669, cell) for x, cell in ((who, "Dahl"), (hours, "slow"))),
        *(Words(x, 648, cell) for x, cell in ((60, "Sail"), (who, "Moe"), (hours, "fast"))),
        *(Words(60, y, cell) for y, cell in ((633, "Paint the side"), (621, "of the boat in"), (609, "red"))),
        *(Words(x, 621, cell) for x, cell in ((who, "Berg"), (hours, "slow"))),
    ]
    assert read(words).text.split("\n") == [
        "Intro text here.",
        "",
        "Task | Who | Kind",
        "Task: Oil the pump and clean it | Who: Dahl | Kind: slow",
        "Task: Sail | Who: Moe | Kind: fast",
        "Task: Paint the side of the boat in red | Who: Berg | Kind: slow",
    ]


def test_rows_in_small_letters_and_groups_of_rows_stay_apart() -> None:
    small = at(
        (700, "wood | colour | use"), (688, "oak | brown | masts"), (676, "ash | | oars"), (664, "elm | red | keels")
    )
    assert read(small).text.count("\n") == 3
    groups = [(700 - 12 * n - 8 * (n > 3), f"Boat {n} | Ida{n} | {n}{n}") for n in range(8)]
    assert read(at(*groups)).text.count("\n") == 7


def test_text_beside_and_below_a_table_stays_whole() -> None:
    below = [
        Words(100, 600 - 12 * n, line)
        for n, line in enumerate(
            ("Buses run daily except on the first of January, on which there is none at all, and", "in a storm.")
        )
    ]
    text = read([*table(100, 700, "Line | From | To", "12 | Torsby | Lindby", "14 | Lindby | Norre"), *below]).text
    assert text.endswith(
        "To: Norre\n\nBuses run daily except on the first of January, on which there is none at all, and in a storm."
    )


def test_what_is_no_table_is_none() -> None:
    """Two columns of prose, addresses side by side, an index, a table of contents."""
    left = ("The left column is read from its top down to", "its very end, before the right one is begun by", "any.")
    right = (
        "The right column comes second, as anybody who",
        "reads would expect it to, and it is as long as the",
        "left.",
    )
    prose = [
        Words(x, 700 - 12 * n, line)
        for n in range(3)
        for x, column in ((72, left), (330, right))
        for line in [column[n]]
    ]
    assert read(prose).text.startswith("The left column is read from its top down to its very end, before")
    blocks = (("Ada Berg", "12 Mill Lane", "4711 Torsby"), ("Nils Dahl", "3 Shore Road", "4712 Lindby"))
    addresses = [
        Words(72 + 200 * n, 700 - 12 * k, line) for n, block in enumerate(blocks) for k, line in enumerate(block)
    ]
    assert read(addresses).text.replace("\n\n", "\n").split("\n") == [*blocks[0], *blocks[1]]
    entries = [[f"{word}{k}, {n}{k}" for k in range(8)] for n, word in enumerate(("apple", "boat"), 1)]
    index = [Words(72 + 200 * n, 700 - 12 * k, entry) for k in range(8) for n in range(2) for entry in [entries[n][k]]]
    assert "|" not in read(index).text
    contents = [Words(72, 700 - 14 * n, f"{n}. Chapter {'. ' * 30} {n * 7}") for n in range(1, 6)]
    assert "|" not in read(contents).text
    assert read(contents).text.count("\n") == 4


STYLES = (
    "td, th { border: 1px solid #999; padding: 4px 8px }",
    "table { border-collapse: collapse; width: 100% } td, th { border-bottom: 1px solid #ddd; padding: 6px }",
    "table { border-collapse: collapse; width: 80% } tr:nth-child(even) { background: #eee } td, th { padding: 5px }",
    "table { width: 420px } td, th { vertical-align: top; padding: 3px }",
)


@pytest.mark.browser
def test_tables_that_a_browser_prints(chromium: Path) -> None:
    from playwright.sync_api import sync_playwright

    rows = [
        ("From", "To", "First", "Remark"),
        ("Torsby", "Lindby", "05:10", "closed on holidays from May on, and on those of the town itself, too"),
        ("Lindby", "Norre", "06:00", ""),
        ("Norre", "Sandvik", "", "only with a ticket"),
        ("Holm", "Berga", "07:30", "see the notice"),
    ]
    head, *body = (
        "".join(f"<{tag}>{cell}</{tag}>" for cell in row) for row, tag in zip(rows, ("th", *["td"] * 4), strict=True)
    )
    table = f"<table><thead><tr>{head}</tr></thead>{''.join(f'<tr>{row}</tr>' for row in body)}</table>"
    expected = [
        " | ".join(f"{name}: {cell}" for name, cell in zip(rows[0], row, strict=True) if cell) for row in rows[1:]
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        for style in STYLES:
            page.set_content(f"<style>{style}</style><p>Buses of the harbour.</p>{table}<p>They run daily.</p>")
            text = load(page.pdf(), "page.pdf").text
            assert text.split("\n\n")[1].split("\n")[1:] == expected, style
            assert text.endswith("They run daily.")
        browser.close()
