"""Which rows of a table name its columns: none, one or several, perhaps below a title and remarks.

Each candidate is weighed against the rows below it, column by column: a word above numbers speaks for a header, a
number above numbers against it, years above sums for it; so do words that columns are named with, and bold type. A
wrong name makes every row false and a missing one only leaves it plain, so what may as well be data is no header.
Knows cells as text, not how they are written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from corpora.loaders.formats.tables.cell_kinds import Kind, kind_of
from corpora.loaders.formats.tables.column_words import is_column_name, names_a_column
from corpora.text.reading_text import in_one_line

Cell: TypeAlias = "str | None"
"""The text of a cell; None where the cell to its left goes on, merged across several columns."""

LOOKED_AT = 50
_MOST_ABOVE, _MOST_HEADERS, _MOST_COLUMNS = 8, 4, 100
LONGEST_NAME = 80
_LOOKED_INTO = 400  # characters of a cell, which say what it is
_ENOUGH, _LATER_BY = 1.0, 1.0
_MOSTLY = 0.8
_NUMBERS: frozenset[Kind] = frozenset(("number", "year", "quantity"))
_ORDERED: frozenset[Kind] = frozenset(("year", "date", "time", "weekday", "month", "quarter"))
_NUMBERED = re.compile(r"([^\W\d]+\.?[ -]?)(\d{1,5})")
_UNIT = re.compile(
    r"[(\[].{1,12}[)\]]|%|‰|°[CF]?|[kMGT]?(?:Wh?|VA?|Hz|B|bit|Pa|J|N)|[mckµn]?(?:m|g|s|l|L|A|mol|Ω)[²³23]?|h|min|hrs?|"
    r"km/h|m/s|kWh?|mph|ft|in|lbs?|oz|mm|cm|km|kg|t|ha|hp|PS|kn|nm|pcs\.?|pc|St(?:ck|k|ück)?\.?|days?|years?|yrs?|"
    r"EUR|USD|GBP|SEK|NOK|DKK|CHF|PLN|[€$£]|k€|T€|mio\.?|Mio\.?|thousands?|millions?|(?:EUR|€|\$|USD)/\w{1,8}|"
    r"[a-zµ]{1,4}[²³]?/[a-z]{1,4}[²³]?"
)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row from the first column on, and the row's number in its sheet or file.

    ``is_header`` is known where the file says what names its columns; ``is_bold`` is what its looks say.
    """

    number: int
    cells: Sequence[Cell]
    is_header: bool = False
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """Rows ``[first, end)`` of a block name its columns; those before them are titles and remarks."""

    first: int
    end: int


def found_header(block: Sequence[Row]) -> Header | None:
    """The header in a block of rows without a blank one between them; None if nothing speaks clearly for one."""
    if said := [n for n, row in enumerate(block) if row.is_header]:
        first, end = said[0], said[0]
        while end < len(block) and block[end].is_header:
            end += 1
        return Header(first, end)
    block = [_trimmed(row) for row in block[: _MOST_ABOVE + LOOKED_AT]]
    if _is_form([row for row in block if filled(row) > 1]) and not any(row.is_bold for row in block):
        return None
    best, best_weight = None, _ENOUGH
    for n, row in enumerate(block[:_MOST_ABOVE]):
        if n + 1 == len(block) or filled(row) < 1 + bool(text_at(row, 0)):
            continue
        below = block[n + 1 : n + 1 + LOOKED_AT]
        if not _are_remarks(block[best or 0 : n], row, below):
            break
        weight = weight_of(row, below)
        if weight >= best_weight:
            best, best_weight = n, weight + _LATER_BY
    if best is None:
        return None
    return _with_neighbours(block, best)


def _trimmed(row: Row) -> Row:
    """The row with its first columns alone, which say enough."""
    cells = [cell if cell is None else in_one_line(cell[:_LOOKED_INTO]) for cell in row.cells[:_MOST_COLUMNS]]
    return Row(row.number, cells, is_bold=row.is_bold)


def filled(row: Row) -> int:
    """How many cells hold something."""
    return sum(bool(cell and cell.strip()) for cell in row.cells)


def text_at(row: Row, column: int) -> str:
    """The beginning of a cell's text on one line; empty if the row has no such cell."""
    return _one_line((_cell(row, column) or "")[:_LOOKED_INTO])


@lru_cache(maxsize=8192)
def _one_line(text: str) -> str:
    """A cell is looked at once for each row that may name it."""
    return in_one_line(text)


def names_of(header: Sequence[Row]) -> list[str]:
    """The names of the columns, of several rows joined: ``Price, 2023``, ``Length (m)``."""
    width = max((len(row.cells) for row in header), default=0)
    parts: list[list[str]] = [[] for _ in range(width)]
    for n, row in enumerate(header):
        for column, text in enumerate(_reaching(row, header[n + 1 :], width)):
            if text and text not in parts[column]:
                parts[column].append(text)
    return [_joined(part) for part in parts]


def is_name(cell: Cell) -> bool:
    """Whether a cell may name a column: words, not too many."""
    text = in_one_line(cell or "")
    return bool(text) and len(text) <= LONGEST_NAME and kind_of(text) in ("text", "code", "month", "weekday", "quarter")


def _joined(parts: list[str]) -> str:
    if len(parts) > 1 and _UNIT.fullmatch(parts[-1]):
        return f"{', '.join(parts[:-1])} ({parts[-1].strip('()[]')})"
    return ", ".join(parts)


def _reaching(row: Row, below: Sequence[Row], width: int) -> list[str]:
    """The text of each column in a header row: a group's heading reaches as far as rows below name parts of it."""
    texts: list[str] = []
    text, reaches = "", False
    for column in range(width):
        cell = row.cells[column] if column < len(row.cells) else ""
        if cell is None:
            texts.append(text)
            continue
        own = in_one_line(cell).rstrip(":").strip()
        if own:
            text = own
            reaches = not any(own == in_one_line(_cell(other, column) or "") for other in below)
            texts.append(text)
        else:
            is_part = reaches and any(in_one_line(_cell(other, column) or "") for other in below)
            texts.append(text if is_part and column else "")
            reaches = is_part
    return texts


def _cell(row: Row, column: int) -> Cell:
    return row.cells[column] if column < len(row.cells) else ""


def _with_neighbours(block: Sequence[Row], found: int) -> Header:
    """The header around the row that was found: with headings of groups above it, parts and units below."""
    first, end = found, found + 1
    while first > 0 and end - first < _MOST_HEADERS and _groups(block[first - 1], block[first]):
        first -= 1
    while end + 1 < len(block) and end - first < _MOST_HEADERS and _continues(block, end):
        end += 1
    return Header(first, end)


def _continues(block: Sequence[Row], at: int) -> bool:
    """Whether this row belongs to the header above it: units, or the parts of its groups."""
    above, row, below = block[at - 1], block[at], block[at + 1 : at + 1 + LOOKED_AT]
    if _are_units(row, below):
        return True
    return _groups(above, row) and weight_of(row, below) >= _ENOUGH


def _are_units(row: Row, below: Sequence[Row]) -> bool:
    given = [(column, text) for column, cell in enumerate(row.cells) if (text := in_one_line(cell or ""))]
    units = [(column, text) for column, text in given if _UNIT.fullmatch(text)]
    if not units or len(units) * 5 < len(given) * 4:
        return False
    return all(_dominant(column, below) in _NUMBERS for column, _ in units)


def _groups(above: Row, row: Row) -> bool:
    """Whether the upper row has headings over several columns that the lower one names."""
    if above.number + 1 != row.number or filled(above) > len(row.cells):
        return False
    texts = [in_one_line(cell or "") for cell in above.cells]
    given = [text for text in texts if text]
    if not given or any(len(text) > LONGEST_NAME or kind_of(text) in ("number", "quantity") for text in given):
        return False
    lower = [in_one_line(cell or "") for cell in row.cells]
    if len(given) == 1 and texts[0]:
        return False  # a title
    merged = any(cell is None for cell in above.cells) or len(set(given)) < len(given)
    shared = any(text and c < len(lower) and lower[c] in ("", text) for c, text in enumerate(texts))
    gaps = any(c and not texts[c] and text for c, text in zip(range(len(texts)), lower, strict=False))
    return merged or shared or (gaps and (not texts[0] or len(set(lower)) < len(lower)))


def _are_remarks(above: Sequence[Row], row: Row, below: Sequence[Row]) -> bool:
    """Whether rows above a candidate are no data: they do not have the values that stand below it."""
    valued = [c for c in range(min(len(row.cells), _MOST_COLUMNS)) if _dominant(c, below) not in ("text", "empty")]
    for other in above:
        if filled(other) < 2:
            continue
        alike = sum(_family(kind_of(text_at(other, c))) == _dominant(c, below) for c in valued)
        if alike and alike * 2 >= len(valued):
            return False
    return bool(valued) or sum(filled(other) > 1 for other in above) < 3


def weight_of(row: Row, below: Sequence[Row]) -> float:
    """How much speaks for a row being the header of those below it; negative if more speaks against it."""
    texts = [_one_line(cell or "") for cell in row.cells]
    below = [other for other in below if list(other.cells) != list(row.cells)]  # but the names once more
    below = [other for other in below if filled(other) > 1] or below
    if not below:
        return 0.0
    given = [text for text in texts if text]
    if not given or any(len(text) > LONGEST_NAME for text in given):
        return -9.0
    labels = _ordered_labels(texts, below)
    weight = sum(_weight_of_column(text, column, below, labels) for column, text in enumerate(texts) if text)
    weight += _weight_of_words(texts, below) + _weight_of_small_letters(texts, below)
    weight -= 1.5 * sum(": " in text for text in given)
    weight += 2.0 * (
        _is_series(texts) and not any(_is_series([text_at(other, c) for c in range(len(texts))]) for other in below)
    )
    weight -= 1.5 * _unmerged_repetitions(row)
    weight += 2.5 * (row.is_bold and not any(other.is_bold for other in below[:LOOKED_AT]))
    unnamed = sum(
        column >= len(texts) or (not texts[column] and row.cells[column] is not None)
        for column in range(1, max(len(other.cells) for other in below))
        if 2 * sum(bool(text_at(other, column)) for other in below) > len(below)
    )
    weight -= 1.0 * unnamed
    if not texts[0] and len(given) > 1 and _dominant(0, below) in ("text", "code", "year", "date"):
        weight += 0.7  # a table of two ways has nothing in its corner
    return weight


def _weight_of_column(text: str, column: int, below: Sequence[Row], labels: set[int]) -> float:
    values = [value for other in below if (value := text_at(other, column)) and kind_of(value) != "empty"]
    if not values:
        return 0.0
    if text in values:
        return -4.0
    kind, dominant = _family(kind_of(text)), _dominant(column, below)
    if kind == "truth" and text.isalpha() and len(text) == 1 and dominant != kind:
        kind = "text"  # x and y
    certainty = 1.0 if len(values) > 1 else 0.7
    if column in labels:
        return 1.5 * certainty
    if dominant in ("text", "empty"):
        return _weight_over_words(text, values) if kind in ("text", "code", "month", "empty") else -1.0
    if kind == dominant:
        return -3.0
    if kind in ("text", "code", "quarter", "month"):
        return 2.0 * certainty
    return -0.5


def _weight_over_words(text: str, values: Sequence[str]) -> float:
    """What the looks of a text say above a column of other texts."""
    weight = 0.0
    digits = sum(any(ch.isdigit() for ch in value) for value in values) / len(values)
    if digits >= _MOSTLY and not any(ch.isdigit() for ch in text):
        weight += 1.0
    elif digits < 0.2 and any(ch.isdigit() for ch in text):
        weight -= 0.5
    if len(values) > 1:
        if sum(map(len, values)) / len(values) >= max(25, 3 * len(text)):
            weight += 1.0
        different = len(set(values))
        if len(values) >= 4 and different * 2 <= len(values) and min(Counter(values).values()) > 1:
            weight += 1.2
        capitals = sum(value[0].isupper() for value in values) / len(values)
        if text[0].islower() and capitals >= _MOSTLY:
            weight += 1.0
        elif (text.isupper() and len(text) > 3 and not any(value.isupper() for value in values)) or (
            text[0].isupper() and text[0].islower() != text[0].isupper() and capitals <= 0.2 and values[0][0].islower()
        ):
            weight += 0.8
        if "_" in text and not any("_" in value for value in values):
            weight += 1.0
    return weight


def _weight_of_words(texts: Sequence[str], below: Sequence[Row]) -> float:
    """What it says that cells are words that columns are named with, unless those below are, too."""
    given = [(column, text) for column, text in enumerate(texts) if text and kind_of(text) in ("text", "code")]
    known = [column for column, text in given if names_a_column(text)]
    weight = 0.0
    for column in known:
        values = [value for other in below if (value := text_at(other, column))]
        alike = sum(names_a_column(value) for value in values) / max(len(values), 1)
        weight += 1.2 if alike < 0.25 else (0.6 if alike < 0.5 else 0.0)
    return weight if 3 * len(known) > len(given) else 0.4 * weight


def _weight_of_small_letters(texts: Sequence[str], below: Sequence[Row]) -> float:
    """What it says that all cells begin with small letters, above columns whose words do not."""
    words = [(column, text) for column, text in enumerate(texts) if text and text[0].isalpha()]
    if not all(text[0].islower() for _, text in words):
        return 0.0
    values = ([value for other in below if (value := text_at(other, column))] for column, _ in words)
    return float(sum(sum(v[0].isupper() for v in held) >= _MOSTLY * len(held) > 0 for held in values))


def _ordered_labels(texts: Sequence[str], below: Sequence[Row]) -> set[int]:
    """The columns that years, months, weekdays, dates or a run of numbers name, since values of other kinds follow."""
    found: set[int] = set()
    for kind in _ORDERED:
        columns = [c for c, text in enumerate(texts) if kind_of(text) == kind]
        same = [c for c in columns if kind in _kinds(c, below)]
        if not _is_pattern([texts[c] for c in columns]) or len(same) * 2 > len(columns):
            continue
        is_one = len(columns) == 1 and is_name(texts[0]) and _dominant(columns[0], below) == "number"
        if (is_one and kind == "year") or (len(columns) > 1 and (kind != "year" or _are_monotonic(texts, columns))):
            found.update(columns)
    numbers = [c for c, text in enumerate(texts) if text.isdecimal() and len(text) < 4 and kind_of(text) == "number"]
    if len(numbers) > 2 and _is_run([int(texts[c]) for c in numbers]):
        rows = [[text_at(other, c) for c in numbers] for other in below]
        runs = sum(all(t.isdecimal() and len(t) < 9 for t in row) and _is_run([int(t) for t in row]) for row in rows)
        if not runs and (not texts[0] or is_name(texts[0])):
            found.update(numbers)
    return found


def _are_monotonic(texts: Sequence[str], columns: Sequence[int]) -> bool:
    """Whether years rise or fall, from the first on or in each of several groups."""
    period = len({texts[column] for column in columns})
    numbers = [int(texts[column]) for column in columns[:period]]
    return all(a < b for a, b in pairwise(numbers)) or all(a > b for a, b in pairwise(numbers))


def _is_series(texts: Sequence[str]) -> bool:
    """Whether at least three cells are a word with numbers that count up: ``Week 1``, ``Week 2``."""
    found = [match for text in texts if (match := _NUMBERED.fullmatch(text))]
    if len(found) < 3 or len({match[1] for match in found}) > 1:
        return False
    return _is_run([int(match[2]) for match in found])


def _is_pattern(texts: Sequence[str]) -> bool:
    """Whether texts are all different, or the same several ones again and again, as the parts of groups are."""
    period = len(set(texts))
    return len(texts) == period or (period > 1 and all(text == texts[n % period] for n, text in enumerate(texts)))


def _is_run(numbers: Sequence[int]) -> bool:
    return all(b - a == 1 for a, b in pairwise(numbers))


def _is_form(rows: Sequence[Row]) -> bool:
    """Whether two columns are labels and what they say, and not a table of two columns: each label is there once.

    ``Company | Lindby Boats`` above ``Founded | 1987`` looks as ``Boat | Berths`` above ``Alma | 12`` does; labels are
    told by words that columns are named with in the rows below the first, and that none stands right in the first.
    """
    used = {c for row in rows for c in range(len(row.cells)) if text_at(row, c)}
    if len(used) != 2 or len(rows) < 2:
        return False
    left, right = sorted(used)
    labels = [text_at(row, left) for row in rows]
    if len(set(labels)) < len(labels) or any(kind_of(label.rstrip(":")) != "text" for label in labels):
        return False
    if len(rows) > 2 and sum(label.endswith(":") for label in labels) * 2 > len(labels):
        return True
    second = text_at(rows[0], right)
    kinds = Counter(_family(kind_of(text)) for row in rows[1:] if (text := text_at(row, right)))
    is_mixed = len(kinds) > 1 and max(kinds.values()) < _MOSTLY * sum(kinds.values())
    is_known = [names_a_column(label) for label in labels]
    known = sum(is_known[1:])
    if is_column_name(second):
        return is_mixed and len(rows) > 2 and (known + is_known[0]) * 3 > len(labels)
    for n, row in enumerate(rows[1:_MOST_ABOVE], 1):
        may_name = is_column_name(text_at(row, left)) and is_column_name(text_at(row, right))
        if may_name and sum(is_known[n + 1 :]) * 3 < len(rows) - n - 1:
            return False  # They name a table below remarks.
    if known * 3 >= len(rows) - 1 or is_mixed:
        return True
    of_words = all(kind in ("text", "empty") for kind in kinds)
    return not of_words and (len(rows) == 2 or known > 0 or not is_known[0])


def _unmerged_repetitions(row: Row) -> int:
    """How many names are there twice; the parts of groups are not counted."""
    given = [in_one_line(cell) for cell in row.cells if cell and cell.strip()]
    again = [text for text in given if given.count(text) > 1]
    return 0 if _is_pattern(again) else len(given) - len(set(given))


@dataclass(frozen=True, slots=True)
class Profile:
    """What the columns of a table hold: the kind of each whose values are of one, ``text`` for the others."""

    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Profile:
        """The profile of the rows that are given."""
        rows = [_trimmed(row) for row in rows[:LOOKED_AT]]
        width = max((len(row.cells) for row in rows), default=0)
        return cls(tuple(_dominant(column, rows) for column in range(width)))

    @property
    def valued(self) -> list[int]:
        """The columns that hold numbers, dates and the like."""
        return [column for column, kind in enumerate(self.kinds) if kind not in ("text", "empty")]

    def fits(self, row: Row) -> bool:
        """Whether a row may be one more of the table."""
        valued = self.valued
        held = [column for column in valued if kind_of(text_at(row, column)) != "empty"]
        alike = sum(_family(kind_of(text_at(row, column))) == self.kinds[column] for column in held)
        if any(text_at(row, column) for column in range(len(self.kinds), len(row.cells))):
            return False
        if valued:
            return bool(held) and alike * 2 >= len(held)
        return filled(row) * 2 > sum(kind != "empty" for kind in self.kinds)

    def is_broken_by(self, row: Row) -> bool:
        """Whether a row has words where all values are numbers, dates and the like."""
        held = [cell for column in self.valued if (cell := text_at(row, column))]
        return len(held) >= min(2, len(self.valued)) > 0 and all(
            is_name(cell) or kind_of(cell) in _ORDERED for cell in held
        )


def _family(kind: Kind) -> Kind:
    return "number" if kind in _NUMBERS else kind


def _kinds(column: int, rows: Sequence[Row]) -> set[Kind]:
    return {kind_of(text_at(row, column)) for row in rows} - {"empty"}


def _dominant(column: int, rows: Sequence[Row]) -> Kind:
    """The kind of most values of a column; ``text`` if there is none, ``empty`` if there are no values."""
    counts = Counter(_family(kind) for row in rows if (kind := kind_of(text_at(row, column))) != "empty")
    if not counts:
        return "empty"
    kind, count = counts.most_common(1)[0]
    return kind if count >= _MOSTLY * sum(counts.values()) else "text"
