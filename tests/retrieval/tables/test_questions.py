"""What is asked of a table is answered from all of its rows, exactly; what is not there, or not certain, is not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.documents import Document
from corpora.text.chunking import passages
from retrieval.interfaces import Hit, Query
from retrieval.tables.answers import TableAnswer, TableAnswers
from tests.support.retrieval_fakes import StrictEncoder
from tests.support.table_files import TABLE_SUFFIXES, table_document

ORDERS = [
    ["Order", "Customer", "Item", "Qty", "Price", "Status", "Due on"],
    ["1001", "North Mill", "Oak board", "12", "€ 143.50", "open", "2026-03-04"],
    ["1002", "South Yard", "Pine board", "3", "€ 1,220.00", "shipped", "2026-03-09"],
    ["1003", "North Mill", "Brass hinge", "200", "€ 80.00", "open", "2026-04-01"],
    ["1004", "Lake House", "Oak board", "7", "€ 99.10", "cancelled", "2026-04-12"],
    ["1005", "South Yard", "Varnish", "4", "", "open", "2026-05-02"],
]
QUARTERS = [["Region", "Q1", "Q2"], ["North", "10", "20"], ["South", "40", "60"], ["Total", "50", "80"]]
BOATS = [
    ["Boat", "Captain", "Length (m)", "Built", "Weight", "Home port"],
    ["Alma", "Ida Berg", "9.5", "1987", "3 t", "Lindby"],
    ["Bo", "Nils Holm", "12", "2003", "5 t", "Hamn"],
    ["Cora", "Ida Berg", "9.5", "1979", "on request", "Lindby"],
]


def asked(question: str, rows: list[list[str]], suffix: str = "csv", stem: str = "orders") -> TableAnswer:
    document = table_document(suffix, rows, title=stem.title(), stem=stem)
    return of(question, document)


def of(question: str, *documents: Document) -> TableAnswer:
    encoder = StrictEncoder()
    by_id = {document.id: document for document in documents}
    cut = {document.id: passages(document) for document in documents}
    answers = TableAnswers(encoder, by_id.get, lambda one, start, end: cut[one])
    hits = [Hit(passage, 1.0) for document in documents for passage in cut[document.id]]
    return answers.answer(Query(question, encoder), hits)


def keys(answer: TableAnswer) -> list[str]:
    """The first cells of the rows that are quoted."""
    best = answer.evidence
    assert best is not None, answer.remark
    quoted = [*([] if best.is_computed else [best]), *best.along]
    return [one.text.replace("\n", " | ").partition(" | ")[0].partition(": ")[2] for one in quoted]


@pytest.mark.parametrize(
    ("question", "first_cells"),
    [
        ("What is the price of order 1003?", ["1003"]),
        ("status of order 1004", ["1004"]),
        ("who ordered varnish", ["1005"]),
        ("When is South Yard's pine board due?", ["1002"]),
        ("how much does the brass hinge cost", ["1003"]),
        ("Which order is the most expensive?", ["1002"]),
        ("the cheapest order of North Mill", ["1003"]),
        ("What is the largest Qty?", ["1003"]),
        ("which open order is due the latest", ["1005"]),
        ("list all orders of South Yard", ["1002", "1005"]),
        ("Which orders cost more than 100?", ["1001", "1002"]),
        ("which orders cost less than 100 euros", ["1003", "1004"]),
        ("which orders are due before April 2026", ["1001", "1002"]),
        ("list all orders due in April", ["1003", "1004"]),
        ("Which orders are due between March 2026 and April 2026?", ["1001", "1002", "1003", "1004"]),
        ("which orders are open or cancelled", ["1001", "1003", "1004", "1005"]),
        ("which orders are not open", ["1002", "1004"]),
        ("the two cheapest orders", ["1003", "1004"]),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "html"])
def test_rows_answer(suffix: str, question: str, first_cells: list[str]) -> None:
    assert keys(asked(question, ORDERS, suffix)) == first_cells


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("How many orders are open?", "3 rows of orders.csv have Status open."),
        ("how many orders are there", "orders.csv has 5 rows."),
        ("How many orders does South Yard have?", "2 rows of orders.csv have Customer South Yard."),
        ("number of open orders from North Mill", "2 rows of orders.csv have Status open and Customer North Mill."),
        ("How many orders cost over 90?", "3 rows of orders.csv have Price over 90."),
        (
            "What is the total price of all orders?",
            "The sum of Price over 4 rows of orders.csv is € 1,542.60; 1 row has no Price.",
        ),
        (
            "total price of the open orders",
            "The sum of Price over 2 rows of orders.csv with Status open is € 223.50; 1 row has no Price.",
        ),
        ("average Qty of oak board", "The average of Qty over 2 rows of orders.csv with Item Oak board is 9.5."),
        (
            "how many different customers are there",
            "Customer has 3 different values in 5 rows of orders.csv: North Mill; South Yard; Lake House.",
        ),
    ],
)
def test_statements_are_exact(question: str, statement: str) -> None:
    best = asked(question, ORDERS).evidence
    assert best is not None
    assert best.text == statement and best.is_computed


@pytest.mark.parametrize(
    "question",
    [
        "What is the price of order 1009?",
        "How many orders are lost?",
        "how many orders did West Mill place",
        "What is the highest discount?",
        "total weight of all orders",
        "average delivery time of the orders",
        "which customer orders most often",
        "How many orders are open per customer?",
        "what is the second highest price",
        "how many customers complained",
        "Which orders were due last week?",
        "who painted the oak board in the hall",
        "How many people live in Lindby?",
        "Why are there so many orders?",
        "What happens if an order is late?",
        "how many items may I order",
        "How many items are we allowed to order?",
    ],
)
def test_what_a_table_does_not_say_it_does_not_answer(question: str) -> None:
    assert asked(question, ORDERS).evidence is None


def test_every_key_must_match_the_row() -> None:
    answer = asked("What did North sell in Q1?", QUARTERS, stem="sales")
    assert keys(answer) == ["North"]
    document = table_document("csv", QUARTERS, stem="sales")
    south = document.text.index("Region: South")
    assert any(start <= south < end for _, (start, end) in answer.closed)
    assert asked("what did West sell in Q1", QUARTERS, stem="sales").evidence is None


def test_totals_are_not_added_up_nor_the_largest() -> None:
    best = asked("total Q1", QUARTERS, stem="sales").evidence
    assert best is not None and best.text == "The sum of Q1 over 2 rows of sales.csv is 50."
    assert keys(asked("which region has the highest Q2", QUARTERS, stem="sales")) == ["South"]


def test_ties_are_all_there() -> None:
    assert keys(asked("which boat is the shortest", BOATS, stem="boats")) == ["Alma", "Cora"]
    assert keys(asked("oldest boat", BOATS, stem="boats")) == ["Cora"]


def test_a_cell_that_is_no_number_makes_a_refusal_with_its_reason() -> None:
    answer = asked("what is the heaviest boat", BOATS, stem="boats")
    assert answer.evidence is None
    assert answer.remark == 'the column Weight has "on request" in row 4, which is no number'
    assert keys(asked("the heaviest boat in Hamn", BOATS, stem="boats")) == ["Bo"]


def test_units_that_differ_make_a_refusal() -> None:
    rows = [["Parcel", "Weight"], ["A", "3 kg"], ["B", "500 g"], ["C", "2 kg"]]
    answer = asked("total weight of the parcels", rows, stem="parcels")
    assert answer.evidence is None and answer.remark == "the cells of the column Weight have different units"


def test_many_rows_are_a_sentence_that_lists_them() -> None:
    rows = [["Part", "Colour"], *([f"P-{n:03}", "red" if n % 2 else "blue"] for n in range(60))]
    best = asked("list all red parts", rows, stem="parts").evidence
    assert best is not None and best.is_computed and not best.along
    assert best.text.startswith("30 rows of parts.csv have Colour red. Part: P-001; P-003;")
    assert len(best.rows) == 30


def test_numbers_and_names_are_matched_by_value_width_and_case() -> None:
    rows = [["Code", "Name", "Price"], ["R-04", "Pumpkin roll", "0.85"], ["R-05", "Lye pretzel", "1,200"]]
    assert keys(asked("price of r-04", rows, stem="bakery")) == ["R-04"]
    assert keys(asked("what costs 1200", rows, stem="bakery")) == ["R-05"]
    assert keys(asked("ＰＲＩＣＥ of ＬＹＥ pretzels", rows, stem="bakery")) == ["R-05"]
    assert asked("price of R-09", rows, stem="bakery").evidence is None


def test_a_question_is_answered_from_the_table_that_accounts_for_it() -> None:
    orders = table_document("csv", ORDERS)
    boats = table_document("csv", BOATS, stem="boats")
    assert keys(of("Who is the captain of the Alma?", orders, boats)) == ["Alma"]
    best = of("How many orders are open?", boats, orders).evidence
    assert best is not None and best.text == "3 rows of orders.csv have Status open."


def test_the_rows_that_were_used_are_cited_to_the_character() -> None:
    document = table_document("csv", ORDERS)
    best = of("How many orders are open?", document).evidence
    assert best is not None
    lines = [document.text[start:end] for start, end in best.rows]
    assert len(lines) == 3 and all("Status: open" in line and "\n" not in line for line in lines)
    assert [document.text[one.start : one.end] for one in best.along] == [one.text for one in best.along] == lines


_MONEY = st.decimals(min_value=-999, max_value=99999, places=2)


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
@settings(max_examples=6, deadline=None)
@given(
    prices=st.lists(_MONEY, min_size=2, max_size=25),
    states=st.lists(st.sampled_from(["open", "shipped"]), min_size=25, max_size=25),
)
def test_computed_is_what_decimals_come_to_in_every_format(
    suffix: str, prices: list[Decimal], states: list[str]
) -> None:
    states = [*states[: len(prices) - 1], "open"]
    rows = [["Parcel", "Price", "Status"]]
    rows += [[f"P-{n}", str(price), state] for n, (price, state) in enumerate(zip(prices, states, strict=True))]
    document = table_document(suffix, rows, title="Parcels", stem="parcels")
    held = [price for price, state in zip(prices, states, strict=True) if state == "open"]
    total = of("What is the total price of the open parcels?", document).evidence
    assert total is not None
    if len(held) > 1:
        assert total.text.endswith(f" is {sum(held)}.") and f"over {len(held)} rows" in total.text
    count = of("how many parcels are open", document).evidence
    assert count is not None and count.text.split()[0] == str(len(held))
    most = of("which parcel has the highest price", document).evidence
    assert most is not None
    best = {f"P-{n}" for n, price in enumerate(prices) if price == max(prices)}
    if len(best) <= 8:
        assert {one.text.split("Parcel: ")[1].split()[0] for one in (most, *most.along)} == best
