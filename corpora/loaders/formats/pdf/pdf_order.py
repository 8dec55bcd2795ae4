"""The order in which the pieces of a PDF's page are read: columns, tables, lines, by their places and not as drawn.

Where pieces stand side by side, the tallest white gap between them is looked for. What it divides is two columns if
both are prose, and else rows of a table; what is above and below is read before and after. Knows nothing of pdfium.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import mean, median
from typing import Literal, TypeAlias

from corpora.loaders.formats.pdf.pdf_layout import Line
from corpora.loaders.formats.pdf.pdf_rules import Rule, Rules
from corpora.loaders.formats.pdf.pdf_scripts import with_fractions, with_scripts
from corpora.loaders.formats.pdf.pdf_tables import Table, centred_rows, heads_apart, rows_of, ruled_tables, split_at
from corpora.loaders.formats.pdf.pdf_words import Piece, Word

# All in ems. Baselines of one line; a gap without a space; the narrowest gap between columns, at its narrowest place;
# one that is wide.
_SAME_LINE, _NO_SPACE, _NARROWEST, _NARROWED, _WIDE = 0.35, 0.13, 0.8, 0.5, 2.0
# How many spaces of a column are tried.
_MOST_SPACES = 80
# A gap of that width is one between columns if so many lines, and this share of them, have it, cells being aligned
# beside it; otherwise twice as many.
_FEWEST_TIGHT, _TIGHT_SHARE, _MOST_ALIGNED = 3, 0.4, 0.6
# A space that is part of a gap between columns, and the usual size of letters (points).
_NARROW_SPACE, _USUAL_EM = 0.15, 10.0
# How far below the shorter of two columns the longer one goes on, line by line.
_NEXT_LINE = 1.45
# The share of lines that the sparser of two columns has at least of the other's.
_DENSE = 0.3
# Among how many items above one those that stand beside it are looked for.
_LOOK_BACK = 60
# Among how many items before and after one those on its line are looked for.
_NEIGHBOURS = 8
# Pages of more pieces are drawings or tables too long to look at.
_MOST_ITEMS = 1_500
# A column is prose if its lines have this many words and this share of them fills it.
_PROSE_WORDS, _FULL, _PROSE_SHARE = 4, 0.7, 0.5
# Running text has so many lines, evenly spaced, of which this share is full to this degree.
_RUNNING_LINES, _RUNNING_SHARE, _RUNNING_FULL = 5, 0.75, 0.85
# What stands in short lines: at most so many words.
_CELL_WORDS = 3
# If so many lines go through a gap, with a space there, it is none between columns.
_MOST_CROSSING = 0.2
# Beside prose cells stand in a table if they are so many for its lines.
_CELL_SHARE = 0.5
# A gap through less of a table's height does not divide its columns; this share of cells has others beside it.
_COLUMN_SHARE, _ALIGNED, _ALIKE_ROWS = 0.5, 0.6, 0.8
# Lines are rows if so many of them, and this share, have rules between them.
_FEWEST_RULED, _RULED_SHARE = 2, 0.8
# Vertical writing is read as it was drawn: most pieces are single characters.
_FEWEST_UPRIGHT, _UPRIGHT_SHARE = 20, 0.8
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_LEFT_TO_RIGHT = re.compile("[A-Za-z\u00c0-\u058f]")
_LEADER = re.compile(r"(?:\. ?){5}|\u2026{2}|(?:_ ?){5}\s*\d")
_DASHES = re.compile(r"[-=_\u2013\u2014\u2500 ]{5,}")
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_INDEX_ENTRY = re.compile(r".*[^\W\d].*,? \d[\d ,\u2013-]*$|.*\bsee (?:also )?\w")
_NUMBER_CELL = re.compile(r"[^\w]*\d[\d.,:/ %\u2013-]*\S{0,3}")

Item: TypeAlias = Piece | Table


def reading_order(pieces: Sequence[Piece], rules: Rules) -> list[Line | Table]:
    """The lines and tables of a page; pieces are given as they were drawn."""
    if (
        len(pieces) > _FEWEST_UPRIGHT
        and mean(len(p.words) == 1 and len(p.words[0].text) == 1 for p in pieces) > _UPRIGHT_SHARE
    ):
        return [Line.of(piece) for piece in pieces]
    joined = _with_leaders(_joined(with_scripts(with_fractions(pieces, rules.level))))
    dashes = [piece for piece in joined if _DASHES.fullmatch(piece.text) and not piece.is_fixed_pitch]
    level = [*rules.level, *(Rule(piece.middle, piece.left, piece.right) for piece in dashes)]
    if dashes:
        joined = [piece for piece in joined if piece not in dashes]
    tables, rest = ruled_tables(joined, rules) if rules.upright else ([], joined)
    if not tables and _is_in_order(rest):
        return [Line.of(piece) for piece in rest]
    if len(rest) > _MOST_ITEMS:
        return [*map(_line, rows_of_pieces(rest)), *tables]
    return list(_ordered([*rest, *tables], level))


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces with those made one that were drawn one after the other, on one line, without a gap."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and abs(joined[-1].baseline - piece.baseline) < 0.1 * piece.em:
            gap = piece.left - joined[-1].right
            if -0.3 * piece.em < gap <= _NARROWEST * piece.em:
                joined[-1] = as_one([joined[-1], piece])
                continue
        joined.append(piece)
    return joined


def _with_leaders(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces with those made one that rows of dots lead from one to the other, as in a table of contents."""
    leaders = [piece for piece in pieces if _LEADER.search(piece.text)]
    if not leaders:
        return list(pieces)
    margin = min(piece.left for piece in pieces)  # from which on such a line is no part of a table
    found: list[Piece] = list(pieces)
    for leader in leaders:
        row = [piece for piece in found if abs(piece.baseline - leader.baseline) <= _SAME_LINE * leader.em]
        ids = {id(piece) for piece in row}
        place = next((n for n, piece in enumerate(found) if id(piece) in ids), None)
        if place is not None:
            found = [piece for piece in found if id(piece) not in ids]
            found.insert(place, replace(as_one(sorted(row, key=lambda piece: piece.left)), left=margin))
    return found


def _is_in_order(pieces: Sequence[Piece]) -> bool:
    """Whether each piece is below the one before it, so that there is nothing to find out."""
    return all(b.baseline < a.baseline - _SAME_LINE * min(a.em, b.em) for a, b in pairwise(pieces))


def _core(item: Item) -> tuple[float, float]:
    """From where to where an item is high, less than to the next line of narrow ones."""
    if isinstance(item, Table):
        return item.bottom, item.top
    return item.baseline - 0.1 * item.em, item.baseline + 0.5 * item.em


@dataclass(frozen=True, slots=True)
class _Gap:
    """White between two columns, from ``left`` to ``right``, beside items ``first`` to ``last`` from the top."""

    left: float
    right: float
    first: int
    last: int
    fewest: int
    """How many items stand on the side that has fewer."""

    @property
    def size(self) -> tuple[int, int]:
        return self.fewest, self.last - self.first


def _ordered(items: Sequence[Item], level: Sequence[Rule]) -> Iterator[Line | Table]:
    """Items in their order; ``level`` rules separate rows of tables."""
    in_order = sorted(items, key=lambda item: -_core(item)[1])
    gap = max(_gaps(in_order), key=lambda gap: gap.size, default=None) if len(items) > 1 else None
    if gap is None:
        yield from _in_lines(items)
        return
    above, inside, below = _bands(in_order, gap)
    pieces = [item for item in inside if isinstance(item, Piece)]
    middles, columns, spanning = _columns(pieces) if len(pieces) == len(inside) else ([], [], [])
    reading = _reading(columns) if len(columns) > 1 and all(columns) else "columns"
    if reading == "columns" and _are_ruled(pieces, gap, level):
        reading = "table" if len(columns) > 1 and all(columns) else reading
    if pieces and _crossing_share(pieces, gap) > _MOST_CROSSING:
        reading = "lines"
    if reading == "columns":
        above, inside = _with_top_of_right(above, inside, gap)
    if above:
        yield from _ordered(above, level)
    if reading == "table":
        yield _table(columns, spanning, level)
    elif reading == "lines":
        yield from map(_line, rows_of_pieces(pieces))
    else:
        middle = _border(middles, columns) or (gap.left + gap.right) / 2
        left = [item for item in inside if item.left + item.right < 2 * middle]
        right = [item for item in inside if item.left + item.right >= 2 * middle]
        if left and right:
            yield from _ordered(left, level)
            yield from _ordered(right, level)
        else:
            yield from _in_lines(inside)
    if below:
        yield from _ordered(below, level)


def _are_ruled(pieces: Sequence[Piece], gap: _Gap, level: Sequence[Rule]) -> bool:
    """Whether a rule through the gap divides most lines beside it from the next, as it does in a table."""
    heights = sorted(row[0].middle for row in rows_of_pieces(pieces))
    at = [rule.at for rule in level if rule.start < gap.left and rule.end > gap.right]
    ruled = sum(any(below < height < above for height in at) for below, above in pairwise(heights))
    return ruled >= max(_FEWEST_RULED, _RULED_SHARE * (len(heights) - 1))


def _in_lines(items: Sequence[Item]) -> Iterator[Line | Table]:
    for row in _rows(items):
        yield row[0] if isinstance(row[0], Table) else _line([piece for piece in row if isinstance(piece, Piece)])


def _with_top_of_right(above: Sequence[Item], inside: Sequence[Item], gap: _Gap) -> tuple[list[Item], list[Item]]:
    """What is above two columns and in them, if the right one begins higher and goes on line by line."""
    lowest_first = sorted(above, key=lambda item: _core(item)[1])
    top = max(_core(item)[0] for item in inside if item.left >= gap.right)
    taken: list[Item] = []
    for item in lowest_first:
        if item.left < gap.right or _core(item)[0] - top > _NEXT_LINE * _em(item):
            break
        taken.append(item)
        top = _core(item)[0]
    ids = {id(item) for item in taken}
    return [item for item in above if id(item) not in ids], [*inside, *taken]


def _crossing_share(pieces: Sequence[Piece], gap: _Gap) -> float:
    """The share of lines that go through a gap, with a space there by chance."""
    rows = rows_of_pieces(pieces)
    return mean(len(row) == 1 and row[0].left < gap.left and row[0].right > gap.right for row in rows)


def _gaps(items: Sequence[Item]) -> list[_Gap]:
    """White gaps beside which at least two items stand on either side; ``items`` come from the top."""
    cores = [_core(item) for item in items]
    em = median(_em(item) for item in items)
    narrowest, narrowed = _NARROWEST * em, _NARROWED * em
    found: list[_Gap] = []
    for n, item in enumerate(items):
        right, at = float("inf"), -1
        for m in _beside(cores, n):
            if item.right <= items[m].left < right:
                right, at = items[m].left, m
        if right - item.right < narrowest or at < 0:
            continue
        if any(gap.first <= n <= gap.last and item.right < gap.right and right > gap.left for gap in found):
            continue
        gap = _extended(items, item.right, right, n, narrowed)
        is_wide = gap.right - gap.left >= _WIDE * em
        if gap.fewest >= 3 or (gap.fewest == 2 and (is_wide or _are_apart(items, gap))):
            found.append(gap)
    return found


def _are_apart(items: Sequence[Item], gap: _Gap) -> bool:
    """Whether what stands beside a gap was drawn side by side on no line: at other heights, or one side at first."""
    pieces = [item for item in items[gap.first : gap.last + 1] if isinstance(item, Piece)]
    left = [piece for piece in pieces if piece.right <= gap.left]
    right = [piece for piece in pieces if piece.left >= gap.right]
    if not (left and right):
        return False
    heights = [[piece.baseline for piece in side] for side in (left, right)]
    top, bottom = min(map(max, heights)), max(map(min, heights))
    left, right = (
        [piece for piece in side if bottom - piece.em <= piece.baseline <= top + piece.em] for side in (left, right)
    )
    return _is_drawn_by_columns([left, right]) or not any(
        abs(a.baseline - b.baseline) <= _SAME_LINE * a.em for a in left for b in right
    )


def _beside(cores: Sequence[tuple[float, float]], n: int) -> Iterator[int]:
    """The items that stand at the height of item ``n``."""
    bottom, top = cores[n]
    for m in range(n + 1, len(cores)):
        if cores[m][1] <= bottom:
            break
        yield m
    for m in range(n - 1, max(n - _LOOK_BACK, 0) - 1, -1):
        if cores[m][0] < top:
            yield m


def _extended(items: Sequence[Item], left: float, right: float, n: int, narrowest: float) -> _Gap:
    """The gap at item ``n`` made as high as it can be, narrower if need be.

    A line with a space there does not end it if the lines above and below have the gap: its cells are the widest.
    """
    ends = []
    for step, stop in ((1, len(items)), (-1, -1)):
        end, before = n, (left, right, narrowest)
        is_open = False
        for m in range(n + step, stop, step):
            item = items[m]
            if item.right > left and item.left < right:  # it stands in the gap
                enough = narrowest if _has_neighbour(items, m) else _NARROW_SPACE * _em(item)
                if item.left <= left and right - item.right >= enough:
                    left = item.right
                elif item.right >= right and item.left - left >= enough:
                    right = item.left
                elif (space := _space(item, left, right)) is not None and not is_open:
                    before, is_open = (left, right, narrowest), True
                    (left, right), narrowest = space, _NARROW_SPACE * _em(item)
                    continue
                else:
                    break
            is_open, end = False, m
        if is_open:
            left, right, narrowest = before
        ends.append(end)
    last, first = ends
    beside = items[first : last + 1]
    fewest = _fewest([item for item in beside if item.right <= left], [item for item in beside if item.left >= right])
    return _Gap(left, right, first, last, fewest)


def _has_neighbour(items: Sequence[Item], n: int) -> bool:
    """Whether another item stands on the line of this one: alone, it says nothing of how wide a gap is."""
    item = items[n]
    near = items[max(n - _NEIGHBOURS, 0) : n + _NEIGHBOURS + 1]
    return isinstance(item, Table) or any(
        other is not item and isinstance(other, Piece) and abs(other.baseline - item.baseline) <= _SAME_LINE * item.em
        for other in near
    )


def _space(item: Item, left: float, right: float) -> tuple[float, float] | None:
    """The widest space between words of an item that is between these two places."""
    if isinstance(item, Table) or item.left > left or item.right < right:
        return None
    spaces = [(max(a.right, left), min(b.left, right)) for a, b in pairwise(item.words)]
    widest = max(spaces, key=lambda space: space[1] - space[0], default=(0.0, 0.0))
    return widest if widest[1] - widest[0] >= _NARROW_SPACE * item.em else None


def _em(item: Item) -> float:
    return item.em if isinstance(item, Piece) else _USUAL_EM


def _fewest(*sides: Sequence[Item]) -> int:
    """How many lines the side with fewer has; 0 if they are few beside those of the other, which then has no column."""
    tops = [[_core(item)[1] for item in side] for side in sides]
    if not all(tops):
        return 0
    top, bottom = min(max(side) for side in tops), max(min(side) for side in tops)
    counts = sorted(len({round(at / 3) for at in side if bottom - 3 <= at <= top + 3}) for side in tops)
    return counts[0] if counts[0] >= _DENSE * counts[1] else 0


def _bands(items: Sequence[Item], gap: _Gap) -> tuple[list[Item], list[Item], list[Item]]:
    """What is above, beside and below a gap, which is made as high as what stands on both of its sides."""
    beside = items[gap.first : gap.last + 1]
    sides = [item for item in beside if item.right <= gap.left], [item for item in beside if item.left >= gap.right]
    top = min(max(_core(item)[1] for item in side) for side in sides)
    bottom = max(min(_core(item)[0] for item in side) for side in sides)
    inside = {id(item) for item in beside if _core(item)[0] < top and _core(item)[1] > bottom}
    for side in sides:  # the longer column may go on, line by line
        kept = [item for item in side if id(item) in inside]
        lowest = min(kept, key=lambda item: _core(item)[0])
        for item in side:
            if _core(item)[1] <= bottom:
                if _core(lowest)[0] - _core(item)[0] > _NEXT_LINE * _em(item):
                    break
                inside.add(id(item))
                lowest = item
    left_out = [item for item in beside if id(item) not in inside]
    above = [*items[: gap.first], *(item for item in left_out if _core(item)[0] >= top)]
    below = [*(item for item in left_out if _core(item)[0] < top), *items[gap.last + 1 :]]
    return above, [item for item in beside if id(item) in inside], below


def _table(
    columns: Sequence[Sequence[Piece]], spanning: Sequence[tuple[Piece, list[int]]], level: Sequence[Rule]
) -> Table:
    pieces = [piece for column in columns for piece in column]
    left, right = min(piece.left for piece in pieces), max(piece.right for piece in pieces)
    crossing = [rule for rule in level if rule.start < right and rule.end > left]
    rows = [list(row) for row in centred_rows(columns) or rows_of(columns, crossing)]
    heads = 0
    for n, row in enumerate(rows):
        for piece, across in spanning:
            if row[across[0]] == piece.text and not any(row[column] for column in across[1:]):
                row[across[0] + 1 : across[-1] + 1] = [None] * (len(across) - 1)
                heads = n + 1 if n == heads or n + 1 == heads else heads
    bottom, top = min(piece.bottom for piece in pieces), max(piece.top for piece in pieces)
    return Table(
        tuple(map(tuple, rows)),
        tuple(min(piece.left for piece in column) for column in columns),
        bottom,
        right,
        top,
        heads + 1 if 0 < heads < len(rows) - 1 else _heads(columns, crossing),
    )


def _heads(columns: Sequence[Sequence[Piece]], level: Sequence[Rule]) -> int | None:
    """Whether the first row looks unlike the others; None if it may only read unlike them."""
    if any(_look(column).is_numbers for column in columns):
        return None
    lines = rows_of_pieces([piece for column in columns for piece in column])
    if heads_apart(lines):
        return 1
    below = [rule for rule in level if lines[-1][0].baseline < rule.at < lines[0][0].baseline]
    return 1 if len(below) == 1 and below[0].at > lines[1][0].baseline else None


def _border(middles: Sequence[float], columns: Sequence[Sequence[Piece]]) -> float | None:
    """Where running text stands beside something else."""
    if not all(columns):
        return None
    running = [_look(column).is_running for column in columns]
    return next((middle for middle, a, b in zip(middles, running, running[1:], strict=False) if a != b), None)


def _columns(
    pieces: Sequence[Piece],
) -> tuple[list[float], list[list[Piece]], list[tuple[Piece, list[int]]]]:
    """The borders of columns, the pieces in them, and which span several: such a piece is in the first of those."""
    in_order = sorted(pieces, key=lambda item: -_core(item)[1])
    gutters: list[_Gap] = []
    for gap in sorted(_gaps(in_order), key=lambda gap: gap.first - gap.last):
        is_high = gap.last - gap.first + 1 >= _COLUMN_SHARE * len(in_order)
        if is_high and all(gap.right <= other.left or gap.left >= other.right for other in gutters):
            gutters.append(gap)
    for tight in _tight_gutters(in_order, gutters):
        if all(tight.right <= other.left or tight.left >= other.right for other in gutters):
            gutters.append(tight)
    middles = sorted((gap.left + gap.right) / 2 for gap in gutters)
    columns: list[list[Piece]] = [[] for _ in range(len(middles) + 1)]
    spanning: list[tuple[Piece, list[int]]] = []
    for piece in pieces:
        for part in split_at(piece, middles) if _has_space_at(piece, gutters) else [piece]:
            across = [n for n in range(len(columns)) if _overlaps(part, n, middles)]
            if len(across) > 1:
                spanning.append((part, across))
            columns[across[0]].append(part)
    return middles, columns, spanning


def _tight_gutters(pieces: Sequence[Piece], gutters: Sequence[_Gap]) -> list[_Gap]:
    """Gaps no wider than a space between words, which all lines of a column have at one place."""
    edges = [float("-inf"), *sorted((gap.left + gap.right) / 2 for gap in gutters), float("inf")]
    found: list[_Gap] = []
    for left, right in pairwise(edges):
        column = [piece for piece in pieces if left < (piece.left + piece.right) / 2 < right]
        spaces = [(a.right, b.left) for piece in column for a, b in pairwise(piece.words)]
        for before, behind in spaces[:_MOST_SPACES]:
            if any(gap.left < behind and gap.right > before for gap in found):
                continue
            if (gap := _tight_gutter(column, before, behind)) is not None:
                found.append(gap)
    return found


def _tight_gutter(column: Sequence[Piece], left: float, right: float) -> _Gap | None:
    """A space of one line as a gap between columns, if all other lines have it or end on one of its sides."""
    crossing = []
    for piece in column:
        if piece.left <= left and piece.right >= right:
            space = _space(piece, left, right)
            if space is None:
                return None
            left, right = space
            crossing.append(piece)
        elif piece.left < right and piece.right > left:
            left, right = (max(left, piece.right), right) if piece.left < left else (left, min(right, piece.left))
            if right - left < _NARROW_SPACE * piece.em:
                return None
    fewest = _FEWEST_TIGHT if _are_aligned(crossing, left, right) else 2 * _FEWEST_TIGHT
    rows = rows_of_pieces(piece for piece in column if piece not in crossing)
    apart = sum(row[0].right <= left and row[-1].left >= right for row in rows)
    if len(crossing) + apart < max(fewest, _TIGHT_SHARE * len(column)) or not _vary(crossing, left, right):
        return None
    return _Gap(left, right, 0, 0, len(crossing))


def _are_aligned(pieces: Sequence[Piece], left: float, right: float) -> bool:
    """Whether the words before a space end, or those behind it begin, at one place on most lines."""
    if not pieces:
        return False
    middle = (left + right) / 2
    ends = [max(word.right for word in piece.words if word.right <= middle) for piece in pieces]
    starts = [min(word.left for word in piece.words if word.left >= middle) for piece in pieces]
    near = 0.1 * pieces[0].em
    return any(
        sum(abs(at - median(places)) <= near for at in places) >= _MOST_ALIGNED * len(places)
        for places in (ends, starts)
    )


def _vary(pieces: Sequence[Piece], left: float, right: float) -> bool:
    """Whether each side of a space is a column's: not all ``12 per cent``, nor ``Town 1``, ``Town 2``."""
    middle = (left + right) / 2
    behind = {next((word.text for word in piece.words if word.left >= middle), "") for piece in pieces}
    before = {" ".join(word.text for word in piece.words if word.right <= middle) for piece in pieces}
    return min(len(behind), len(before)) >= min(_FEWEST_TIGHT, len(pieces))


def _overlaps(piece: Piece, column: int, middles: Sequence[float]) -> bool:
    left = middles[column - 1] if column else float("-inf")
    right = middles[column] if column < len(middles) else float("inf")
    return piece.left < right and piece.right > left


def _has_space_at(piece: Piece, gutters: Iterable[_Gap]) -> bool:
    """Whether words of a piece leave a space where it crosses a gutter."""
    return any(
        min(b.left, gap.right) - max(a.right, gap.left) >= _NARROW_SPACE * piece.em
        for gap in gutters
        if piece.left < gap.left and piece.right > gap.right
        for a, b in pairwise(piece.words)
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What a column looks like: how many lines it has, and whether they are running text or short cells."""

    lines: int
    words: float
    full: float
    is_running: bool
    is_labels: bool
    is_index: bool
    is_numbers: bool

    @property
    def is_prose(self) -> bool:
        return self.lines > 1 and self.words >= _PROSE_WORDS and self.full >= _PROSE_SHARE


def _look(column: Sequence[Piece]) -> _Look:
    rows = rows_of_pieces(column)
    lines = [(row[0].left, row[-1].right, " ".join(piece.text for piece in row)) for row in rows]
    gaps = [a[0].baseline - b[0].baseline for a, b in pairwise(rows)]
    left, right = min(line[0] for line in lines), max(line[1] for line in lines)
    texts = [text for _, _, text in lines]
    return _Look(
        len(lines),
        mean(len(text.split()) for text in texts),
        mean(end - left >= _FULL * (right - left) for _, end, _ in lines),
        len(rows) >= _RUNNING_LINES
        and max(gaps) <= 1.1 * min(gaps)
        and mean(end - left >= _RUNNING_FULL * (right - left) for _, end, _ in lines) >= _RUNNING_SHARE,
        mean(text.endswith(":") for text in texts) > 0.5,
        mean(_INDEX_ENTRY.fullmatch(text) is not None for text in texts) > 0.5,
        mean(_NUMBER_CELL.fullmatch(text) is not None for text in texts[1:] or texts) > 0.5,
    )


def _reading(columns: Sequence[Sequence[Piece]]) -> Literal["table", "columns", "lines"]:
    """Whether what stands side by side is read row by row, column by column, or only as lines."""
    looks = [_look(column) for column in columns]
    if looks[0].is_labels or centred_rows(columns) is not None:
        return "table"
    cells = [piece.text for column in columns[:-1] for piece in column]
    if sum(cell.endswith(",") for cell in cells) > len(cells) / 2:
        return "lines"  # of a sentence that lists something
    if all(look.is_prose for look in looks):
        return "table" if _has_rows_of_prose(columns) else "columns"
    beside = _share_beside(columns)
    if any(look.is_prose and look.is_running for look in looks):
        return "columns"
    if any(look.is_prose for look in looks):
        others = [look for look in looks if not look.is_prose]
        if beside < _ALIGNED or not all(look.is_numbers or look.words <= _CELL_WORDS for look in others):
            return "columns"
        most = max(look.lines for look in looks)
        return "table" if any(look.lines >= _CELL_SHARE * most for look in others) else "lines"
    has_numbers = any(look.is_numbers for look in looks)
    if sum(look.is_index for look in looks) > len(looks) / 2 and not has_numbers:
        return "columns"
    if has_numbers:
        return "table" if beside >= _ALIGNED / 2 else "columns"
    if (_is_drawn_by_columns(columns) and len(columns) > 2) or beside < _ALIGNED or _are_blocks(columns):
        return "columns"
    return "table"


def _share_beside(columns: Sequence[Sequence[Piece]]) -> float:
    """The share of pieces of all columns but the longest that have one of it beside them."""
    longest = max(columns, key=len)
    others = [piece for column in columns if column is not longest for piece in column]
    return mean(
        any(abs(piece.baseline - other.baseline) <= _SAME_LINE * piece.em for other in longest) for piece in others
    )


def _has_rows_of_prose(columns: Sequence[Sequence[Piece]]) -> bool:
    """Whether wide gaps in columns of prose stand side by side, as those between the rows of a table do."""
    breaks = []
    for column in columns:
        rows = [row[0].baseline for row in rows_of_pieces(column)]
        gaps = [a - b for a, b in pairwise(rows)]
        usual = median(gaps)
        breaks.append([b for (_, b), gap in zip(pairwise(rows), gaps, strict=True) if gap > 1.3 * usual])
    near = columns[0][0].em * _SAME_LINE
    return len(breaks[0]) >= 2 and all(
        len(other) == len(breaks[0]) and all(abs(a - b) <= near for a, b in zip(breaks[0], other, strict=True))
        for other in breaks[1:]
    )


def _is_drawn_by_columns(columns: Sequence[Sequence[Piece]]) -> bool:
    ends = [(min(piece.order for piece in column), max(piece.order for piece in column)) for column in columns]
    return all(a[1] < b[0] for a, b in pairwise(sorted(ends)))


def _are_blocks(columns: Sequence[Sequence[Piece]]) -> bool:
    """Whether cells are alike across but not down, as addresses side by side are: name, street, town."""
    rows = rows_of_pieces([piece for column in columns for piece in column])
    if heads_apart(rows):
        return False
    kinds = [
        [(bool(_LETTER.search(piece.text)), bool(_DIGIT.search(piece.text)), piece.text[0].isdigit()) for piece in row]
        for row in rows
        if len(row) == len(columns)
    ]
    if len(kinds) < 3 or len(kinds) < _ALIGNED * len(rows):
        return False
    alike_across = sum(len(set(row)) == 1 for row in kinds) >= _ALIKE_ROWS * len(kinds)
    return alike_across and len({row[0] for row in kinds}) > 1


def rows_of_pieces(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces by their lines, from the top, each line from the left."""
    return [[item for item in row if isinstance(item, Piece)] for row in _rows(pieces)]


def _rows(items: Iterable[Item]) -> list[list[Item]]:
    """Items by their lines, from the top, each line from its left; a table is a line of its own."""
    rows: list[list[Item]] = []
    for item in sorted(items, key=lambda item: -item.top if isinstance(item, Table) else -item.baseline):
        first = rows[-1][0] if rows else None
        if (
            isinstance(item, Piece)
            and isinstance(first, Piece)
            and first.baseline - item.baseline <= _SAME_LINE * min(first.em, item.em)
        ):
            rows[-1].append(item)
        else:
            rows.append([item])
    for row in rows:
        row.sort(key=lambda item: item.left)
    return rows


def _line(pieces: Sequence[Piece]) -> Line:
    """Pieces of one line, from the left, in the order in which their script is read."""
    return Line.of(pieces[0] if len(pieces) == 1 else as_one(pieces))


def as_one(pieces: Sequence[Piece]) -> Piece:
    """Pieces of one line, from the left, as one."""
    text = "".join(piece.text for piece in pieces)
    if _RIGHT_TO_LEFT.search(text) and not _LEFT_TO_RIGHT.search(text):
        pieces = pieces[::-1]
    words: list[Word] = []
    for piece in pieces:
        following = piece.words
        if words and max(following[0].left - words[-1].right, words[-1].left - following[0].right) < (
            _NO_SPACE * piece.em
        ):
            last, word = words[-1], following[0]
            words[-1] = Word(last.text + word.text, min(last.left, word.left), max(last.right, word.right))
            following = following[1:]
        words += following
    longest = max(pieces, key=lambda piece: piece.right - piece.left)
    return replace(
        longest,
        words=tuple(words),
        left=min(piece.left for piece in pieces),
        right=max(piece.right for piece in pieces),
        is_fixed_pitch=all(piece.is_fixed_pitch for piece in pieces),
        order=min(piece.order for piece in pieces),
    )
