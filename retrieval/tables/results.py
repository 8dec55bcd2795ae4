"""Computes what was asked of a table, exactly, from all rows that fit; or says why it cannot be computed.

A maximum, a minimum and a list are rows; a count, a sum and an average are a sentence of our own about rows. A cell
that cannot be read, units that differ, columns that could each be meant and come to different ends make a ``Problem``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from retrieval.tables.cells import Days, Readings, Value, is_empty
from retrieval.tables.reading import Reading

_MOST_LISTED: Final = 40
_LONGEST_LIST: Final = 600
_MORE_DIGITS: Final = 2


@dataclass(frozen=True, slots=True)
class Result:
    """Rows, counted from 0 in ``table.data``, and what was computed from them: None where they answer themselves."""

    rows: tuple[int, ...]
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing can be computed, as a line."""

    reason: str


def compute(reading: Reading) -> Result | Problem:
    """The result of the operation of a reading. Ties are all in it; empty cells are left out, and said."""
    operation = reading.operation
    assert operation is not None  # the caller looked
    if operation.kind == "count":
        return _count(reading)
    if operation.kind == "list":
        return Result(tuple(sorted(reading.rows)))
    if not operation.columns:
        return Problem("no column of the table says what is to be computed")
    outcomes = [_of_column(reading, column) for column in operation.columns]
    first = outcomes[0]
    if isinstance(first, Problem):
        return first
    for other in outcomes[1:]:
        if isinstance(other, Problem) or set(other.rows) != set(first.rows) or first.statement is not None:
            names = " and ".join(reading.table.names[column] for column in operation.columns[:2])
            return Problem(f"{names} could both be meant")
    return first


def listed(reading: Reading, rows: Sequence[int]) -> str:
    """A sentence that lists more rows than are quoted, by the column that tells them apart best."""
    table = reading.table
    column = _telling_column(reading)
    texts = [table.data[row].cells[column] for row in rows]
    shown: list[str] = []
    for text in texts[:_MOST_LISTED]:
        if sum(map(len, shown)) + len(text) > _LONGEST_LIST:
            break
        shown.append(text or "(none)")
    tail = "." if len(shown) == len(texts) else f", and {len(texts) - len(shown):,} more."
    return f"{_rows_that(reading, len(rows))}. {table.names[column]}: {'; '.join(shown)}{tail}"


def _of_column(reading: Reading, column: int) -> Result | Problem:
    operation, table = reading.operation, reading.table
    assert operation is not None  # the caller looked
    name, readings = table.names[column], table.read(column)
    rows = sorted(reading.rows)
    held = [row for row in rows if not is_empty(table.data[row].cells[column])]
    if not rows:
        return Problem("no row fits the question")
    if not held:
        return Problem(f"the column {name} is empty in the rows that fit")
    unread = sorted(set(readings.unread).intersection(held))
    if readings.kind == "text":
        return Problem(f"the column {name} has no numbers")
    if unread:
        row = table.data[unread[0]]
        what = {"number": "number", "day": "date", "time": "time of day"}[readings.kind]
        return Problem(f'the column {name} has "{row.cells[column]}" in row {row.label}, which is no {what}')
    if readings.unit is None:
        return Problem(f"the cells of the column {name} have different units")
    values = [(row, value) for row in held if (value := readings.values[row]) is not None]
    if operation.kind in ("maximum", "minimum"):
        return _extreme(values, is_maximum=operation.kind == "maximum", limit=operation.limit)
    if readings.kind != "number":
        return Problem(f"the column {name} has no numbers to add up")
    numbers = [value for _, value in values if isinstance(value, Decimal)]
    missing = len(rows) - len(held)
    return Result(tuple(held), _summed(reading, name, readings, numbers, missing))


def _extreme(values: Sequence[tuple[int, Value]], *, is_maximum: bool, limit: int) -> Result | Problem:
    if any(isinstance(value, Days) for _, value in values):
        with_year = {value.has_year for _, value in values if isinstance(value, Days)}
        if len(with_year) > 1:
            return Problem("some of the dates have no year")
    keys = {row: _key(value) for row, value in values}
    order = sorted(keys, key=lambda row: keys[row], reverse=is_maximum)
    border = keys[order[min(limit, len(order)) - 1]]
    within = [row for row in order if (keys[row] >= border if is_maximum else keys[row] <= border)]
    return Result(tuple(within))


def _key(value: Value) -> Decimal:
    if isinstance(value, Days):
        return Decimal(value.first.toordinal())
    return Decimal(value)


def _summed(reading: Reading, name: str, readings: Readings, numbers: Sequence[Decimal], missing: int) -> str:
    operation = reading.operation
    assert operation is not None  # the caller looked
    total = sum(numbers, Decimal(0))
    if operation.kind == "sum":
        what, value = "sum", readings.shown(total)
    else:
        mean = total / len(numbers)
        digits = Decimal(1).scaleb(-(readings.decimals + _MORE_DIGITS))
        rounded = mean.quantize(digits, rounding=ROUND_HALF_EVEN)
        is_exact = rounded * len(numbers) == total
        what, value = "average", ("" if is_exact else "about ") + readings.shown(rounded)
    rows = f"{len(numbers):,} {'row' if len(numbers) == 1 else 'rows'}"
    without = f"; {missing:,} {'row has' if missing == 1 else 'rows have'} no {name}" if missing else ""
    unit = _unit_of_name(reading, name, readings)
    return f"The {what} of {name} over {rows}{_of(reading)}{_with(reading)} is {value}{unit}{without}."


def _unit_of_name(reading: Reading, name: str, readings: Readings) -> str:
    """Nothing: the name of the column, which the sentence has, says the unit where its cells do not."""
    return ""


def _count(reading: Reading) -> Result | Problem:
    operation, table = reading.operation, reading.table
    assert operation is not None  # the caller looked
    if not operation.has_subject:
        return Problem("no column and no title of the table says what is to be counted")
    rows = tuple(sorted(reading.rows))
    if not operation.columns:
        return Result(rows, f"{_rows_that(reading, len(rows))}.")
    column = operation.columns[0]
    values = list(dict.fromkeys(text for row in rows if not is_empty(text := table.data[row].cells[column])))
    number = f"{len(values):,} different {'value' if len(values) == 1 else 'values'}"
    rest = f": {'; '.join(values)}" if len("; ".join(values)) <= _LONGEST_LIST else ""
    counted = f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}"
    return Result(rows, f"{table.names[column]} has {number} in {counted}{_of(reading)}{_with(reading)}{rest}.")


def _rows_that(reading: Reading, number: int) -> str:
    """``3 rows of orders.csv have Status open``."""
    rows = f"{number:,} {'row' if number == 1 else 'rows'}" if number else "No row"
    if not reading.conditions:
        return f"{reading.table.document} has {rows}"
    verb = "has" if number <= 1 else "have"
    return f"{rows}{_of(reading)} {verb} {_conditions(reading)}"


def _of(reading: Reading) -> str:
    return f" of {reading.table.document}"


def _with(reading: Reading) -> str:
    return f" with {_conditions(reading)}" if reading.conditions else ""


def _conditions(reading: Reading) -> str:
    return " and ".join(condition.text for condition in reading.conditions)


def _telling_column(reading: Reading) -> int:
    """The first column of words that has the most different ones, among those asked for if there are any."""
    table, index = reading.table, reading.index
    used = {column for condition in reading.conditions for column in condition.columns}
    asked = [column for column in reading.asked if column not in used]
    columns = asked or [c for c in range(len(table.names)) if c not in used] or [0]
    return max(columns, key=lambda column: (min(index.different(column), len(table.data) // 2), -column))
