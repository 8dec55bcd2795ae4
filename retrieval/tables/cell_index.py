"""Which cells of a table have a word: an inverted index of the stems of all different cells, made once a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from retrieval.tables.cells import is_empty, numbers_of
from retrieval.tables.table import Table
from retrieval.tables.words import PLAIN, Word, stems_of

_LONGEST_NUMBER: Final = 24


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One of the different texts of a column: the ``value``-th."""

    column: int
    value: int


@dataclass(frozen=True, slots=True)
class Match:
    """Cells that have all words of a phrase; ``is_whole``: they have nothing else."""

    cells: frozenset[Cell]
    is_whole: bool

    @property
    def whole_cells(self) -> frozenset[Cell]:
        """The cells, if they have nothing else."""
        return self.cells if self.is_whole else frozenset()


class CellIndex:
    """The different cells of a table by their stems. Rows are counted from 0, in ``table.data``."""

    def __init__(self, table: Table) -> None:
        self._texts: list[list[str]] = []
        self._rows: list[list[list[int]]] = []
        self._by_stem: dict[str, set[Cell]] = {}
        self._by_number: dict[Decimal, set[Cell]] = {}
        for column in range(len(table.names)):
            self._add(column, table.texts(column))
        sections = [row.section for row in table.data]
        if any(sections):
            self._add(len(table.names), sections)

    @property
    def columns(self) -> int:
        """How many columns there are; lines that stand over parts of the table are one more."""
        return len(self._texts)

    def text(self, cell: Cell) -> str:
        """What a cell says."""
        return self._texts[cell.column][cell.value]

    def rows(self, cells: Iterable[Cell]) -> set[int]:
        """The rows that have one of these cells."""
        return {row for cell in cells for row in self._rows[cell.column][cell.value]}

    def different(self, column: int) -> int:
        """How many different texts a column has, empty cells left out."""
        return len(self._texts[column])

    def cells(self, word: Word) -> set[Cell]:
        """The cells that have a word, or a number by its value."""
        found = set(self._by_stem.get(word.stem, ()))
        if word.is_number:
            for number in numbers_of(word.text):
                found |= self._by_number.get(number, set())
        return found

    def match(self, phrase: Sequence[Word], cells: Iterable[Cell]) -> Match:
        """Of cells that have all words of a phrase those that say nothing else, or all of them if none is such."""
        wanted = {word.stem for word in phrase} - PLAIN
        held = [cell for cell in cells if self._is_in_order(phrase, cell)]
        whole = [cell for cell in held if set(stems_of(self.text(cell))) - PLAIN <= wanted]
        numeric = [cell for cell in held if len(phrase) == 1 and phrase[0].is_number and self._is_number(cell)]
        whole += [cell for cell in numeric if cell not in whole]
        return Match(frozenset(whole or held), bool(whole))

    def has_word(self, word: Word) -> bool:
        """Whether any cell has it."""
        return bool(self.cells(word))

    def _is_in_order(self, phrase: Sequence[Word], cell: Cell) -> bool:
        """Whether words that are glued to each other, as in ``R-04``, follow each other in the cell, too."""
        if not any(word.is_glued for word in phrase[1:]):
            return True
        stems = stems_of(self.text(cell))
        runs: list[list[str]] = []
        for index, word in enumerate(phrase):
            if index and word.is_glued:
                runs[-1].append(word.stem)
            else:
                runs.append([word.stem])
        return all(
            any(list(stems[at : at + len(run)]) == run for at in range(len(stems) - len(run) + 1)) for run in runs
        )

    def _is_number(self, cell: Cell) -> bool:
        return bool(numbers_of(self.text(cell)))

    def _add(self, column: int, texts: Sequence[str]) -> None:
        places: dict[str, int] = {}
        rows: list[list[int]] = []
        for row, text in enumerate(texts):
            if not is_empty(text):
                place = places.setdefault(text, len(places))
                if place == len(rows):
                    rows.append([])
                rows[place].append(row)
        self._texts.append(list(places))
        self._rows.append(rows)
        for text, place in places.items():
            cell = Cell(column, place)
            for one in stems_of(text):
                self._by_stem.setdefault(one, set()).add(cell)
            if len(text) <= _LONGEST_NUMBER and text[-1:].isdigit():
                for number in numbers_of(text):
                    self._by_number.setdefault(number, set()).add(cell)
