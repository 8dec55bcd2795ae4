"""Tables of chance, as documents have them, with questions on single cells; some of what is not there.

Texts only. Must not know vectors or features.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MONTHS = ("January", "March", "April", "June", "July", "September", "October", "December")
_PLACES = ("Oslo", "Turin", "Leeds", "Gent", "Porto", "Lyon", "Ulm", "Cork", "Bergen", "Graz", "Bath", "Lund")
_FIRST = ("Ann", "Tom", "Mira", "Paul", "Ines", "Karl", "Ruth", "Omar", "Lena", "Hugo", "Nora", "Ivan", "Clara", "Sven")
_LAST = ("Berg", "Okoye", "Smith", "Weiss", "Costa", "Moreau", "Lind", "Novak", "Price", "Hart", "Silva", "Young")
_THINGS = (
    "oak table", "red lamp", "wool coat", "steel pot", "garden chair", "desk fan", "rain jacket", "tea kettle",
    "apple cake", "rye bread", "city bike", "school bag", "paper box", "night light", "bird house", "green soap",
)  # fmt: skip
_REGIONS = ("North", "South", "East", "West", "Central")


def _name(rng: random.Random) -> str:
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


_KEYS: dict[str, Callable[[random.Random], str]] = {
    "Name": _name,
    "Employee": _name,
    "Product": lambda rng: rng.choice(_THINGS).capitalize(),
    "Order": lambda rng: str(rng.randint(1000, 99999)),
    "Invoice": lambda rng: f"INV-{rng.randint(100, 9999)}",
    "City": lambda rng: rng.choice(_PLACES),
    "Room": lambda rng: f"{rng.choice('ABC')}{rng.randint(1, 40)}",
    "Quarter": lambda rng: f"{rng.choice(_REGIONS)} Q{rng.randint(1, 4)}",
}
_VALUES: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "Price": (lambda rng: f"{rng.randint(2, 900)}.{rng.randint(0, 99):02}",
              ("How much does {} cost?", "What is the price of {}?", "{} price")),
    "Status": (lambda rng: rng.choice(("open", "paid", "late", "closed", "waiting")),
               ("What is the status of {}?", "Has {} been paid?", "status {}")),
    "Date": (lambda rng: f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} 2025",
             ("When was {}?", "What date does {} have?", "{} date")),
    "Town": (lambda rng: rng.choice(_PLACES), ("Where is {}?", "Which town is given for {}?", "{} town")),
    "Stock": (lambda rng: str(rng.randint(0, 400)), ("How many of {} are in stock?", "What stock is left of {}?")),
    "Contact": (_name, ("Who is responsible for {}?", "Who should I ask about {}?", "contact {}")),
    "Phone": (lambda rng: f"555 {rng.randint(100, 999)}", ("What is the phone number of {}?", "phone {}")),
    "Revenue": (lambda rng: f"{rng.randint(10, 990)},{rng.randint(0, 999):03}",
                ("What revenue did {} have?", "How much did {} earn?")),
    "Seats": (lambda rng: str(rng.randint(2, 90)), ("How many seats does {} have?", "seats {}")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """A question on a table: `rows` as reading text has them, and the number of the row that answers or None."""

    text: str
    title: str
    rows: tuple[str, ...]
    right: int | None


def table_questions(rng: random.Random, *, each: int = 4) -> list[TableQuestion]:
    """Questions on one table: of keys that are there, and of keys or columns that are not."""
    key = rng.choice(sorted(_KEYS))
    columns = rng.sample(sorted(_VALUES), rng.randint(2, 5))
    keys = list(dict.fromkeys(_KEYS[key](rng) for _ in range(rng.randint(8, 16))))
    missing, keys = keys[:2], keys[2:]
    title = f"{rng.choice(('List of', 'Table of', 'Our', 'All'))} {key.lower()}s"
    rows = tuple(_row(key, one, columns, rng) for one in keys)
    asked = [_asked(one, columns, key, rng) for one in rng.sample(keys, min(len(keys), each - 1))]
    questions = [TableQuestion(text, title, rows, keys.index(one)) for one, text in asked]
    for one in missing[: 1 if rng.random() < 0.5 else 2]:
        questions.append(TableQuestion(_asked(one, columns, key, rng)[1], title, rows, None))
    others = [name for name in sorted(_VALUES) if name not in columns]
    absent = _asked(rng.choice(keys), [rng.choice(others)], key, rng)[1]
    return [*questions, TableQuestion(absent, title, rows, None)]


def _row(key: str, name: str, columns: Sequence[str], rng: random.Random) -> str:
    return " | ".join([f"{key}: {name}", *(f"{column}: {_VALUES[column][0](rng)}" for column in columns)])


def _asked(name: str, columns: Sequence[str], key: str, rng: random.Random) -> tuple[str, str]:
    column = rng.choice(list(columns))
    shown = f"{key.lower()} {name}" if name[-1:].isdigit() and rng.random() < 0.8 else name
    text = rng.choice(_VALUES[column][1]).format(shown)
    return name, text.lower().rstrip("?") if rng.random() < 0.3 else text
