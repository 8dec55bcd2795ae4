"""Tables that stand beside each other in a sheet, parted by an empty column: each is read for itself.

A row of one says nothing of the same row of the other. What is only spaced out is one table: a part of it has no labels
of its own in its first column, or no names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise

from corpora.loaders.formats.tables.cell_kinds import kind_of
from corpora.loaders.formats.tables.header_rows import LOOKED_AT, Cell, Profile, Row, filled, found_header, text_at

_LOOKED_THROUGH = 1000
_MOST_COLUMNS = 200
_LABELS = frozenset(("text", "code", "date"))


def each_alone(rows: Iterable[Row]) -> Iterator[Iterable[Row]]:
    """The rows of each of several tables beside each other, from left to right; all rows if there is one."""
    rest = iter(rows)
    head = list(islice(rest, _LOOKED_THROUGH))
    starts = _starts(head)
    if len(starts) == 1:
        yield chain(head, rest)
        return
    held = [*head, *rest]
    for start, end in pairwise([*starts, None]):
        yield [_part(row, start or 0, end) for row in held]


def _starts(rows: Sequence[Row]) -> list[int]:
    """The first columns of the tables; the first is 0."""
    width = max((len(row.cells) for row in rows), default=0)
    if width > _MOST_COLUMNS:
        return [0]
    used = [any(c < len(row.cells) and _is_used(row.cells[c]) for row in rows) for c in range(width)]
    begun = [c for c in range(1, width) if used[c] and not used[c - 1] and any(used[:c])]
    starts = [0]
    for n, start in enumerate(begun):
        end = begun[n + 1] if n + 1 < len(begun) else None
        left = [_part(row, starts[-1], start) for row in rows]
        right = [_part(row, start, end) for row in rows]
        if _are_tables(left, right):
            starts.append(start)
    return starts


def _are_tables(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Whether both parts have rows of several cells, names above them, and labels or the same first name."""
    sides = [[row for row in side if filled(row) > 1][:LOOKED_AT] for side in (left, right)]
    if any(len(side) < 2 or found_header(side) is None for side in sides):
        return False
    first_names = [next(filter(None, (text_at(side[0], c) for c in range(len(side[0].cells)))), "") for side in sides]
    if first_names[0] == first_names[1]:
        return True
    return kind_of(text_at(sides[1][0], 0)) == "text" and Profile.of(sides[1][1:]).kinds[0] in _LABELS


def _part(row: Row, start: int, end: int | None) -> Row:
    return Row(row.number, row.cells[start:end], is_header=row.is_header, is_bold=row.is_bold)


def _is_used(cell: Cell) -> bool:
    return cell is None or bool(cell.strip())
