"""Tables of a PDF's page as rows of cells: those that rules divide, and those whose cells only stand below each other.

A cell that spans several rows says its text in each of them, so that a row can be read alone; the columns after the
first of those that it spans hold None. Lines of a cell are separated by newlines. Knows nothing of pdfium.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from corpora.loaders.formats.pdf.pdf_rules import Rule, Rules
from corpora.loaders.formats.pdf.pdf_words import Piece, Word
from corpora.loaders.formats.tables.rows import Cell

# Rules and edges this near to each other are at one place (points).
_NEAR = 3.5
_MOST_CELLS = 20_000
# A grid with a smaller share of filled cells is that of a drawing.
_FEWEST_FILLED = 0.2
# A grid of few cells with this many lines in one of them is a frame around text.
_FRAME_CELLS, _FRAME_LINES = 4, 10
# A longer text is said in the first only of the rows that its cell spans.
_LONGEST_LABEL = 200
# Baselines this near (in ems) to each other are those of one line.
_SAME_LINE = 0.35
# Lines further apart than this (in ems) are not of one cell; a wider gap between rows is at least this much wider.
_WITHIN_CELL, _WIDER = 1.7, 1.2
# Lines of one cell are at most this many times as far apart as the nearest ones.
_MORE_THAN_A_LINE = 1.1
# Lines of a cell are at least so far (in ems) apart.
_LOWEST_LINE = 0.85
# If so many rules, and this share of the gaps, divide lines, each row is between two of them.
_FEWEST_RULES = 3
# If this share of the gaps is wide, each of them separates two rows.
_WIDE_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells from the top, and where they are; ``heads`` of them name the columns, None if that is unknown."""

    rows: tuple[tuple[Cell, ...], ...]
    lefts: tuple[float, ...]
    """Where each column begins."""
    bottom: float
    right: float
    top: float
    heads: int | None = None

    @property
    def left(self) -> float:
        return self.lefts[0]

    @property
    def has_labels(self) -> bool:
        """Whether it is a form of two columns, ``Name: | Ada``."""
        labels = [row[0] for row in self.rows if row[0]]
        return len(self.rows[0]) == 2 and sum(label.endswith(":") for label in labels) > len(labels) / 2


def ruled_tables(pieces: Sequence[Piece], rules: Rules) -> tuple[list[Table], list[Piece]]:
    """The tables that rules divide into cells, and the pieces that stand in none of them."""
    tables: list[Table] = []
    rest = list(pieces)
    for grid in _grids(rules):
        inside, outside = _divided(rest, grid)
        if (table := grid.table(inside)) is not None:
            tables.append(table)
            rest = outside
    return tables, rest


@dataclass(frozen=True, slots=True)
class _Grid:
    """The places of a table's rules from left to right and from bottom to top, and the rules at each."""

    xs: Sequence[float]
    ys: Sequence[float]
    upright: Sequence[Sequence[Rule]]
    level: Sequence[Sequence[Rule]]

    def table(self, pieces: Iterable[Piece]) -> Table | None:
        """The pieces in their cells; None if this is no table."""
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        if columns * rows > _MOST_CELLS:
            return None
        cells = self._cells()
        inside: dict[int, list[Piece]] = defaultdict(list)
        for piece in pieces:
            row = bisect_right(self.ys, piece.middle) - 1
            for part in split_at(piece, self.xs):
                column = bisect_right(self.xs, (part.left + part.right) / 2) - 1
                inside[cells[row * columns + min(max(column, 0), columns - 1)]].append(part)
        if len(_lines(part for parts in inside.values() for part in parts)) < 2:  # fields of a form side by side
            return None
        if len(inside) <= _FRAME_CELLS and any(len(_lines(parts)) > _FRAME_LINES for parts in inside.values()):
            return None
        said, spanning = self._said(cells, inside)
        down = sorted({place // columns for place in said}, reverse=True)
        across = sorted({place % columns for place, text in said.items() if text is not None})
        if len(across) < 2 or len(said) < _FEWEST_FILLED * len(down) * len(across):
            return None
        held = [[inside.get(cells[row * columns + column], []) for column in across] for row in down]
        grid = [tuple(said.get(row * columns + column, "") for column in across) for row in down]
        heads = None
        if down[0] in spanning:
            heads = min(next((n for n, row in enumerate(down, 1) if row not in spanning), 1), len(grid) - 1)
        elif len(grid) <= 2:  # at most the head is divided from the rows
            grid = [row for parts_across in held for row in rows_of(parts_across)]
        elif heads_apart([[piece for parts in row for piece in parts] for row in held]):
            heads = 1
        if len(grid) < 2:
            return None
        lefts = tuple(self.xs[column] for column in across)
        return Table(tuple(grid), lefts, self.ys[0], self.xs[-1], self.ys[-1], heads)

    def _said(
        self, cells: Sequence[int], inside: Mapping[int, Sequence[Piece]]
    ) -> tuple[dict[int, str | None], set[int]]:
        """What is said at each place of a filled cell, and the rows that cells of several columns begin in."""
        columns = len(self.xs) - 1
        places: dict[int, list[int]] = defaultdict(list)
        for place, cell in enumerate(cells):
            places[cell].append(place)
        said: dict[int, str | None] = {}
        spanning: set[int] = set()
        for cell, parts in inside.items():
            across = {place % columns for place in places[cell]}
            highest = max(place // columns for place in places[cell])
            text = _text(parts)
            for place in places[cell]:
                is_said = place // columns == highest or len(text) <= _LONGEST_LABEL
                said[place] = (text if is_said else "") if place % columns == min(across) else None
            if 1 < len(across) < columns:
                spanning.add(highest)
        return said, spanning

    def _cells(self) -> list[int]:
        """For each place of the grid, row by row from the lowest, the first place of the cell that it belongs to."""
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        first = list(range(columns * rows))

        def found(place: int) -> int:
            while first[place] != place:
                first[place] = first[first[place]]
                place = first[place]
            return place

        for row in range(rows):
            height = (self.ys[row] + self.ys[row + 1]) / 2
            for column in range(columns):
                place, across = row * columns + column, (self.xs[column] + self.xs[column + 1]) / 2
                if column and not any(rule.start <= height <= rule.end for rule in self.upright[column]):
                    first[found(place)] = found(place - 1)
                if row and not any(rule.start <= across <= rule.end for rule in self.level[row]):
                    first[found(place)] = found(place - columns)
        return [found(place) for place in range(columns * rows)]


def _grids(rules: Rules) -> Iterator[_Grid]:
    """Rules that cross or touch each other, as grids."""
    group = list(range(len(rules.level) + len(rules.upright)))

    def found(n: int) -> int:
        while group[n] != n:
            group[n] = group[group[n]]
            n = group[n]
        return n

    for n, level in enumerate(rules.level):
        for m, upright in enumerate(rules.upright, len(rules.level)):
            if (
                upright.start - _NEAR <= level.at <= upright.end + _NEAR
                and level.start - _NEAR <= upright.at <= level.end + _NEAR
            ):
                group[found(m)] = found(n)
    together: dict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for n, rule in enumerate([*rules.level, *rules.upright]):
        together[found(n)][n >= len(rules.level)].append(rule)
    for levels, uprights in together.values():
        if levels and uprights:
            ends = [end for rule in levels for end in (rule.start, rule.end)]
            xs = _places([*(rule.at for rule in uprights), min(ends), max(ends)])
            ends = [end for rule in uprights for end in (rule.start, rule.end)]
            ys = _places([*(rule.at for rule in levels), min(ends), max(ends)])
            if len(xs) > 2 and len(ys) > 1:
                yield _Grid(xs, ys, _at(uprights, xs), _at(levels, ys))


def _places(values: Iterable[float]) -> list[float]:
    """Values in order, those that are near to each other made one."""
    places: list[float] = []
    for value in sorted(values):
        if not places or value - places[-1] > _NEAR:
            places.append(value)
    return places


def _at(rules: Sequence[Rule], places: Sequence[float]) -> list[list[Rule]]:
    return [[rule for rule in rules if abs(rule.at - place) <= _NEAR] for place in places]


def _divided(pieces: Iterable[Piece], grid: _Grid) -> tuple[list[Piece], list[Piece]]:
    """The pieces within a grid, and those that are not."""
    inside: list[Piece] = []
    outside: list[Piece] = []
    left, right = grid.xs[0], grid.xs[-1]
    for piece in pieces:
        if not grid.ys[0] <= piece.middle < grid.ys[-1] or piece.right <= left or piece.left >= right:
            outside.append(piece)
        else:
            for part in split_at(piece, (left, right)):
                (inside if left < (part.left + part.right) / 2 < right else outside).append(part)
    return inside, outside


def split_at(piece: Piece, xs: Sequence[float]) -> list[Piece]:
    """A piece as parts, each of the words whose middles lie between the same two of these places."""
    first = bisect_right(xs, piece.left)
    if first == bisect_right(xs, piece.right):
        return [piece]
    groups: dict[int, list[Word]] = {}
    for word in piece.words:
        groups.setdefault(bisect_right(xs, (word.left + word.right) / 2), []).append(word)
    if len(groups) == 1:
        return [piece]
    return [
        replace(
            piece,
            words=tuple(words),
            left=min(word.left for word in words),
            right=max(word.right for word in words),
        )
        for words in groups.values()
    ]


def _lines(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces by their baselines, from the top, each line from the left."""
    lines: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: -piece.baseline):
        if lines and lines[-1][0].baseline - piece.baseline <= _SAME_LINE * max(piece.em, lines[-1][0].em):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    for line in lines:
        line.sort(key=lambda piece: piece.left)
    return lines


def heads_apart(rows: Sequence[Sequence[Piece]]) -> bool:
    """Whether the first row is bold and the others are not."""
    others = [piece for row in rows[1:] for piece in row]
    return all(piece.is_bold for piece in rows[0]) and sum(piece.is_bold for piece in others) < len(others) / 2


def _text(pieces: Iterable[Piece]) -> str:
    return "\n".join(" ".join(piece.text for piece in line) for line in _lines(pieces))


def centred_rows(columns: Sequence[Sequence[Piece]]) -> list[tuple[Cell, ...]] | None:
    """The rows of a table whose short cells stand at the middle of the long ones; None if it is no such table."""
    em = columns[0][0].em
    by_column = [_lines(column) for column in columns]
    pitch = min((a[0].baseline - b[0].baseline for lines in by_column for a, b in pairwise(lines)), default=em)
    if pitch < _LOWEST_LINE * em:  # columns stand side by side in one of these
        return None
    cells = sorted(
        ((n, cell) for n, lines in enumerate(by_column) for cell in _runs(lines, _MORE_THAN_A_LINE * pitch)),
        key=lambda cell: -_middle(cell[1]),
    )
    rows: list[dict[int, list[list[Piece]]]] = []
    middle = float("inf")
    for column, cell in cells:
        if middle - _middle(cell) > _SAME_LINE * em:
            rows.append({})
            middle = _middle(cell)
        if column in rows[-1]:
            return None
        rows[-1][column] = cell
    heights = [
        (min(cell[-1][0].baseline for cell in row.values()), max(cell[0][0].baseline for cell in row.values()))
        for row in rows
    ]
    is_apart = all(below[1] < above[0] - _SAME_LINE * em for above, below in pairwise(heights))
    is_centred = any(len({len(cell) for cell in row.values()}) > 1 for row in rows)
    if not is_apart or not is_centred or any(len(row) < 2 for row in rows) or len(rows) < 2:
        return None
    return [
        tuple(_text(piece for line in row.get(n, ()) for piece in line) for n in range(len(columns))) for row in rows
    ]


def _runs(lines: Sequence[list[Piece]], widest: float) -> Iterator[list[list[Piece]]]:
    """Lines in groups within which no gap is wider than this."""
    run: list[list[Piece]] = []
    for line in lines:
        if run and run[-1][0].baseline - line[0].baseline > widest:
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _middle(cell: Sequence[Sequence[Piece]]) -> float:
    return (cell[0][0].baseline + cell[-1][0].baseline) / 2


def rows_of(columns: Sequence[Sequence[Piece]], level: Sequence[Rule] = ()) -> list[tuple[Cell, ...]]:
    """The rows of columns that no rules divide into cells, but perhaps ``level`` ones into rows."""
    column_of = {id(piece): n for n, column in enumerate(columns) for piece in column}
    lines = _lines(piece for column in columns for piece in column)
    rows: list[list[list[Piece]]] = []
    present = [{column_of[id(piece)] for piece in line} for line in lines]
    continues = _continuations(lines, present, columns, level)
    for line, is_continued in zip(lines, continues, strict=True):
        if not is_continued:
            rows.append([[] for _ in columns])
        for piece in line:
            rows[-1][column_of[id(piece)]].append(piece)
    return [tuple(_text(cell) for cell in row) for row in rows]


def _continuations(
    lines: Sequence[Sequence[Piece]],
    present: Sequence[set[int]],
    columns: Sequence[Sequence[Piece]],
    level: Sequence[Rule],
) -> list[bool]:
    """For each line, whether it goes on with the cells of the line above it.

    Where gaps are of two kinds, the wide ones separate rows. Where they are all alike, a line that says nothing in the
    first column, and only goes on with text that filled its column, continues the row; so does one that leaves a cell
    of its row out and begins small in all others.
    """
    gaps = [above[0].baseline - below[0].baseline for above, below in pairwise(lines)]
    sizes = [gap / line[0].em for gap, line in zip(gaps, lines, strict=False)]
    wide = _wide_gap(sizes)
    after_head = sum(size >= wide for size in sizes[1:])
    is_ruled = [any(below[0].middle < rule.at < above[0].middle for rule in level) for above, below in pairwise(lines)]
    rows_are_ruled = sum(is_ruled) >= max(_FEWEST_RULES, _WIDE_SHARE * len(is_ruled))
    right_edges = [max((piece.right for piece in column), default=0.0) for column in columns]
    begins_small = [_begins_small(line) for line in lines]
    tight = [n for n, size in enumerate(sizes, 1) if size < wide]
    is_regular = after_head >= max(2, _WIDE_SHARE * len(gaps)) or (
        after_head > 0 and all(len(present[n]) < len(columns) and begins_small[n] for n in tight)
    )
    found = [False] * len(lines)
    row_columns: set[int] = set(present[0]) if present else set()
    is_small = bool(begins_small) and begins_small[0]
    for n in range(1, len(lines)):
        above, below = lines[n - 1], lines[n]
        if rows_are_ruled:
            continues = not is_ruled[n - 1]
        elif is_ruled[n - 1] or sizes[n - 1] > _WITHIN_CELL or sizes[n - 1] >= wide:
            continues = False
        elif is_regular or (begins_small[n] and not is_small and present[n] < row_columns):
            continues = True
        elif 0 in present[n]:
            continues = present[n] == {0} and _goes_on(above, below, 0, present[n - 1], right_edges, columns)
        else:
            continues = len(present[n]) <= len(row_columns) / 2 and (
                wide < float("inf")
                or any(_goes_on(above, below, column, present[n - 1], right_edges, columns) for column in present[n])
            )
        found[n] = continues
        row_columns = row_columns | present[n] if continues else set(present[n])
        is_small = is_small if continues else lines[n][0].text[0].islower()
    return found


def _begins_small(line: Iterable[Piece]) -> bool:
    """Whether all cells of a line begin with a small letter, as the rest of a sentence does."""
    return all(piece.text[0].islower() for piece in line)


def _goes_on(
    above: Sequence[Piece],
    below: Sequence[Piece],
    column: int,
    present: set[int],
    right_edges: Sequence[float],
    columns: Sequence[Sequence[Piece]],
) -> bool:
    """Whether the first word of a cell's line would not have fitted into the line above it."""
    if column not in present:
        return False
    ids = {id(piece) for piece in columns[column]}
    upper = [piece for piece in above if id(piece) in ids]
    lower = [piece for piece in below if id(piece) in ids]
    if not upper or not lower:
        return False
    word = lower[0].words[0]
    return lower[0].text[0].islower() or upper[-1].right + (word.right - word.left) > right_edges[column]


def _wide_gap(gaps: Sequence[float]) -> float:
    """From which gap on (in ems) lines are of different rows; infinite if gaps are all of one kind."""
    in_order = sorted(gaps)
    jumps = [(b / max(a, 0.01), b) for a, b in pairwise(in_order) if a <= _WITHIN_CELL]
    ratio, wide = max(jumps, default=(1.0, float("inf")))
    return wide if ratio >= _WIDER else float("inf")
