"""Tables are read back from every format as they were written, and those of one document told apart."""

from __future__ import annotations

import pytest

from corpora.documents import Document
from corpora.loaders.registry import import_loader, loader_name
from retrieval.tables.table import Table, grouped_spans, tables_of
from tests.support.table_files import TABLE_SUFFIXES, table_document

ROWS = [
    ["Order", "Customer", "Item", "Price", "Status"],
    ["1001", "North Mill", "Oak board", "€ 143.50", "open"],
    ["1002", "South Yard", "Hinge: brass, left", "€ 1,220.00", "shipped"],
    ["1003", "North Mill", "Varnish", "", "open"],
    ["1004", "Lake House", "Oak board", "€ 99.10", "cancelled"],
]


def loaded(name: str, text: str) -> Document:
    return import_loader(loader_name(name))(text.encode(), name)


def cells(table: Table) -> list[tuple[str, ...]]:
    return [row.cells for row in table.rows]


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_rows_are_what_was_written(suffix: str) -> None:
    document = table_document(suffix, ROWS)
    (table,) = tables_of(document)
    assert list(table.names) == ROWS[0]
    assert cells(table) == [tuple(row) for row in ROWS[1:]]
    for row in table.rows:
        line = document.text[row.start : row.end]
        assert all(cell in line for cell in row.cells) and "1001" not in line.removeprefix("Order: 1001")


def test_bars_in_a_cell_stay_in_it() -> None:
    (table,) = tables_of(loaded("boats.csv", "Boat,Remark,Length\nAlma,blue | red. Sold: no,4 m\nBo,,6 m\n"))
    assert cells(table) == [("Alma", "blue | red. Sold: no", "4 m"), ("Bo", "", "6 m")]


def test_tables_of_a_document_are_told_apart_and_titled() -> None:
    text = (
        "# Harbour\n\n## Fees\n\n| Fee | Amount |\n|---|---|\n| Late | 3 EUR |\n| Lost card | 5 EUR |\n\n"
        "## Boats\n\n| Boat | Berths |\n|---|---|\n| Alma | 12 |\n| Bo | 4 |\n"
    )
    fees, boats = tables_of(loaded("harbour.md", text))
    assert (fees.names, boats.names) == (("Fee", "Amount"), ("Boat", "Berths"))
    assert fees.titles[-1] == "Fees" and boats.titles[-1] == "Boats"


def test_sheets_are_tables_of_their_own() -> None:
    first, second = (table_document("xlsx", ROWS, title=title) for title in ("May", "June"))
    assert tables_of(first)[0].titles[-1] == "May"
    assert tables_of(second)[0].titles[-1] == "June"


def test_rows_that_sum_up_others_are_no_data() -> None:
    (table,) = tables_of(loaded("q.csv", "Region,Q1,Q2\nNorth,10,20\nSouth,40,60\nTotal,50,80\n"))
    assert [row.cells[0] for row in table.data] == ["North", "South"]


def test_prose_and_rows_without_names_are_no_tables() -> None:
    assert tables_of(loaded("a.md", "# Title\n\nName: Ada. Price: 3 | no table.\n")) == ()
    assert tables_of(loaded("n.csv", "Ada,3,Lindby\nBob,4,Hamn\nCid,7,Lindby\n")) == ()


def test_rows_behind_each_other_are_one_span() -> None:
    (table,) = tables_of(table_document("csv", ROWS))
    first, second, _, last = table.rows
    assert grouped_spans([first, second, last]) == ((first.start, second.end), (last.start, last.end))
