"""What a question asks of a table: which rows, which column, and whether something is to be computed.

Every word must be accounted for: by a name of a column, by cells, by the titles of the table, by an operation or a
comparison, by words that name nothing. What is left over is ``unknown``, and a question with unknown words is answered
with no computation. Decides by stems and values, without a model; whether an unknown word may stand for a column the
caller says (``means``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Final, Literal, TypeAlias

from retrieval.tables.cell_index import Cell, CellIndex
from retrieval.tables.cells import Days, Value, days_of, minutes_of, month_of, numbers_of, unit_of
from retrieval.tables.names import ColumnNames, Mention
from retrieval.tables.table import Table
from retrieval.tables.words import (
    AVERAGES,
    COMPARED,
    COMPARISONS,
    FAMILY_WORDS,
    FILLERS,
    MEASURES,
    MOST,
    NUMBERS,
    PLAIN,
    RELATIVE,
    SPANS_OF_TIME,
    SUMS,
    SUPERLATIVES,
    TURNED,
    UNSUPPORTED,
    Family,
    Order,
    Word,
    phrase_at,
    stems_of,
    words_of,
)

OperationKind: TypeAlias = Literal["maximum", "minimum", "count", "sum", "average", "list"]
Means: TypeAlias = Callable[[str, Sequence[str]], int | None]
"""Which of some names a word stands for, by meaning; None for none of them."""

_MONTH: Final = r"(?:[^\W\d_]{3,10}\.?)"
_DATE: Final = re.compile(
    rf"\b(?:\d{{4}}-\d{{1,2}}(?:-\d{{1,2}})?|\d{{1,2}}\.\s?\d{{1,2}}\.\s?\d{{4}}|"
    rf"\d{{1,2}}(?:\.|st|nd|rd|th)? (?:of )?{_MONTH}(?:,? \d{{4}})?|"
    rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|"
    rf"{_MONTH} \d{{4}}|{_MONTH})",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(r"\b\d{1,2}(?::\d\d(?: ?[ap]\.?m\.?)?| ?[ap]\.?m\b\.?)", re.IGNORECASE)
_YEAR: Final = re.compile(r"(?:1[5-9]|20|21)\d\d")
_QUARTER: Final = re.compile(r"\b(first|second|third|fourth|last) quarter\b", re.IGNORECASE)
_QUARTERS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 4}
_ORS: Final = frozenset(("or", "and", "oder", "und", "ou", "et", "o", "y"))
_NOTS: Final = frozenset(("not", "nicht", "isn't", "aren't", "weren't", "wasn't"))
_ROWS: Final = frozenset("row entry record line item thing one people person".split())
_LISTS: Final = frozenset("list show name all every everything everyone alle".split())
_ID_NAMES: Final = frozenset("no nr number id code # nummer".split())
_DIFFERENT: Final = frozenset(("different", "distinct", "unique", "verschiedene"))
_ALLOWS: Final = frozenset("may can could should must".split())
_WHO: Final = frozenset("i we you one he she they".split())
_ALLOWED: Final = frozenset(("allowed", "permitted"))
_MOST_DISTANT_NOUN: Final = 4


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows that fit a part of the question. ``text`` says which, as ``Status open``.

    ``is_whole``: a cell says nothing but what was asked for. ``is_strong``: a number, a name, an identifier, which the
    answer must have. ``is_ambiguous``: rows fit by one of several columns that could be meant.
    ``share``: how much of a cell the words are at most, 0 to 1.
    """

    rows: frozenset[int]
    text: str
    words: tuple[int, ...]
    columns: frozenset[int]
    is_whole: bool
    is_strong: bool
    is_ambiguous: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be computed, of which column: any of ``columns``, if several could be meant. ``limit``: how many."""

    kind: OperationKind
    columns: tuple[int, ...] = ()
    limit: int = 1
    has_subject: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it is about a table; ``rows`` are those that fit all conditions.

    ``asked`` are columns that it asks for. ``unknown`` words are in no part of the table. ``explained`` counts the
    words that are, ``problem`` says why no operation can be computed.
    """

    table: Table
    index: CellIndex
    rows: frozenset[int]
    conditions: tuple[Condition, ...] = ()
    operation: Operation | None = None
    asked: tuple[int, ...] = ()
    unknown: tuple[Word, ...] = ()
    explained: int = 0
    problem: str | None = None
    is_asked_whole: bool = False


def read_question(question: str, table: Table, index: CellIndex, *, means: Means = lambda word, names: None) -> Reading:
    """What a question asks of a table; ``means`` judges words that nothing else accounts for."""
    return _Reader(question, table, index, means).read()


@dataclass(slots=True)
class _Reader:
    question: str
    table: Table
    index: CellIndex
    means: Means
    words: list[Word] = field(init=False)
    free: set[int] = field(init=False)
    names: ColumnNames = field(init=False)
    conditions: list[Condition] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    labels: set[int] = field(default_factory=set)
    explained: int = 0

    def __post_init__(self) -> None:
        self.question = _QUARTER.sub(lambda match: f"Q{_QUARTERS[match[1].casefold()]}", self.question)
        self.words = words_of(self.question)
        self.free = set(range(len(self.words)))
        self.names = ColumnNames(self.table)

    def read(self) -> Reading:
        titles = self._title_words()
        self._take_mentions()
        comparisons = self._comparisons()
        operation = self._operation_words()
        problem = self._unsupported()
        keys = self._keys(titles)
        self.conditions += [*comparisons, *keys]
        families = self._families()
        self._take(titles & self.free)
        unknown = [self.words[index] for index in sorted(self.free) if self._says_something(index)]
        rows = self._matching()
        asked = self._asked(families)
        unknown = [word for word in unknown if not self.mentions or word.folded not in FAMILY_WORDS]
        if self.conditions and not operation:
            unknown = self._explained_by_meaning(unknown)
        reading = Reading(
            self.table,
            self.index,
            frozenset(rows),
            tuple(self.conditions),
            asked=asked,
            unknown=tuple(unknown),
            explained=self.explained,
            problem=problem,
        )
        return self._with_operation(reading, operation, families)

    def _says_something(self, index: int) -> bool:
        """Whether a word that nothing accounts for matters; a price or a weight that is asked for always does."""
        folded = self.words[index].folded
        return folded not in FILLERS or not MEASURES.isdisjoint(FAMILY_WORDS.get(folded, ()))

    def _take(self, indexes: Iterable[int]) -> None:
        taken = self.free.intersection(indexes)
        self.explained += sum(self.words[index].folded not in FILLERS for index in taken)
        self.free -= taken

    # Columns.

    def _take_mentions(self) -> None:
        """Columns that are named; a word that is akin to a name, and all that a cell says, is left for the cells."""
        for mention in self.names.mentions(self.words, free=self.free):
            if not mention.is_exact and any(self._is_whole_cell(index) for index in mention.words):
                continue
            self.mentions.append(mention)
        for mention in self.mentions:
            self._take(mention.words)

    def _is_whole_cell(self, index: int) -> bool:
        word = self.words[index]
        return self.index.match([word], self.index.cells(word)).is_whole

    def _title_words(self) -> set[int]:
        """Words of the titles, at least two in a row of which are taken before they can be names of columns."""
        stems = {one for title in (self.table.document, *self.table.titles) for one in stems_of(_without_suffix(title))}
        found = {
            index
            for index, word in enumerate(self.words)
            if word.stem in stems or any(_begins_alike(word.stem, one) for one in stems)
        }
        found = {index for index in found if self.words[index].folded not in PLAIN}
        for title in (_without_suffix(self.table.document), *self.table.titles):
            run = stems_of(title)
            for at in range(len(self.words) - len(run) + 1):
                span = range(at, at + len(run))
                words = [self.words[index] for index in span]
                is_said = len(run) > 1 and tuple(word.stem for word in words) == run
                if is_said and not self.index.match(words, self._cells_of_all(words)).cells:
                    self._take(span)
        return found

    def _cells_of_all(self, words: Sequence[Word]) -> set[Cell]:
        found = self.index.cells(words[0])
        for word in words[1:]:
            found = found & self.index.cells(word)
        return found

    # Operations.

    def _operation_words(self) -> list[tuple[int, str]]:
        """(place, word) of what asks for an operation."""
        found: list[tuple[int, str]] = []
        folded = [word.folded for word in self.words]
        for at, word in enumerate(folded):
            if at not in self.free:
                continue
            following = folded[at + 1] if at + 1 < len(folded) else ""
            if word in ("how", "wie") and following in ("many", "viele"):
                if self._asks_what_is_allowed():
                    continue
                found.append((at, "count"))
                self._take((at, at + 1, at + 2) if self._folded(at + 2) in _DIFFERENT else (at, at + 1))
            elif word in ("combien", "cuántos", "cuántas"):
                found.append((at, "count"))
                self._take((at,))
            elif word in ("number", "count") and following == "of":
                found.append((at, "count"))
                self._take((at, at + 1))
            elif word in SUPERLATIVES:
                taken = [at]
                if word in ("most", "least") and following in MOST:
                    taken.append(at + 1)
                found.append((at, word))
                self._take(taken + self._limit(at)[1])
            elif word in SUMS or (word == "in" and following in ("all", "total")):
                found.append((at, "sum"))
                self._take((at, at + 1) if word == "in" else (at,))
            elif word in AVERAGES:
                found.append((at, "average"))
                self._take((at,))
        return found

    def _unsupported(self) -> str | None:
        """Why nothing can be computed, where the question asks for something else than the operations."""
        for index in sorted(self.free):
            word = self.words[index]
            is_relative = word.folded in RELATIVE and self._folded(index + 1) in SPANS_OF_TIME
            if is_relative or (word.folded in UNSUPPORTED and not self.index.has_word(word)):
                return f'"{word.text}" is more than this can compute'
        return None

    def _folded(self, at: int) -> str:
        return self.words[at].folded if 0 <= at < len(self.words) else ""

    # Comparisons and days.

    def _comparisons(self) -> list[Condition]:
        found: list[Condition] = []
        dates = self._dates()
        phrases = list(COMPARISONS)
        for at in range(len(self.words)):
            if at not in self.free:
                continue
            phrase = phrase_at(self.words, at, phrases)
            if phrase is None:
                continue
            start = at + len(phrase)
            while start < len(self.words) and self.words[start].folded in ("the", "a", "€", "$", "£", "eur"):
                start += 1
            condition = self._compared(at, start, COMPARISONS[phrase], phrase[0], dates)
            if condition is not None:
                found.append(condition)
        found += self._ranges(dates)
        return [*found, *self._on_days(dates)]

    def _dates(self) -> dict[int, tuple[int, Days]]:
        """By first word: how many words a date has, and its days."""
        found: dict[int, tuple[int, Days]] = {}
        if not any(self.table.read(column).kind == "day" for column in range(len(self.table.names))):
            return found
        for match in _DATE.finditer(self.question):
            text = match[0]
            days = days_of(text.replace("of ", ""))
            if days is None and (first := text.split()[0]) and month_of(first) is not None:
                text, days = first, days_of(first)
            if days is None:
                continue
            if text.casefold() == "may" and not self._is_month(match.start()):
                continue
            inside = [
                index
                for index, word in enumerate(self.words)
                if match.start() <= word.start and word.end <= match.start() + len(text)
            ]
            if inside:
                found[inside[0]] = (len(inside), days)
        for index, word in enumerate(self.words):
            covered = any(first <= index < first + count for first, (count, _) in found.items())
            if not covered and _YEAR.fullmatch(word.text) and not word.is_glued:
                days = days_of(f"{word.text}-01")
                assert days is not None  # each year has a January
                found[index] = (1, Days(days.first, days.first.replace(month=12, day=31)))
        return found

    def _is_month(self, start: int) -> bool:
        before = self.question[:start].split()
        return bool(before) and before[-1].casefold() in ("in", "before", "after", "since", "until", "of", "from", "by")

    def _compared(
        self, at: int, start: int, order: Order, first: str, dates: dict[int, tuple[int, Days]]
    ) -> Condition | None:
        if start in dates:
            count, days = dates[start]
            columns = self._day_columns(at)
            return self._condition(range(at, start + count), columns, partial(self._is_day_so, order=order, days=days))
        if clock := self._clock_at(start):
            count, minutes = clock
            columns = self._columns_of_kind("time", at)
            return self._condition(
                range(at, start + count),
                columns,
                lambda value, column: isinstance(value, int) and _holds(Decimal(value), order, Decimal(minutes)),
            )
        number = self._number_at(start)
        if number is None:
            return None
        end, value, unit = number
        columns = self._measured(at, end, unit, first)
        return self._condition(
            range(at, end),
            columns,
            lambda held, column: isinstance(held, Decimal) and _holds(held, order, value),
        )

    def _ranges(self, dates: dict[int, tuple[int, Days]]) -> list[Condition]:
        """``between 3 and 5``, ``from March to May``."""
        found: list[Condition] = []
        for at, word in enumerate(self.words):
            if at not in self.free or word.folded not in ("between", "from", "zwischen"):
                continue
            first = at + 1
            if first in dates:
                middle = first + dates[first][0]
                if middle + 1 in dates and self.words[middle].folded in ("and", "to", "until", "und"):
                    low, high = dates[first][1], dates[middle + 1][1]
                    span = Days(low.first, high.last)
                    last = middle + 1 + dates[middle + 1][0]
                    condition = self._condition(
                        range(at, last),
                        self._day_columns(at),
                        partial(self._is_day_so, order=None, days=span),
                    )
                    found += [condition] if condition is not None else []
                continue
            lower = self._number_at(first)
            if lower is None or lower[0] >= len(self.words) or self.words[lower[0]].folded not in ("and", "to", "und"):
                continue
            upper = self._number_at(lower[0] + 1)
            if upper is None:
                continue
            columns = self._measured(at, upper[0], upper[2] or lower[2], word.folded)
            condition = self._condition(
                range(at, upper[0]),
                columns,
                partial(_is_between, low=lower[1], high=upper[1]),
            )
            found += [condition] if condition is not None else []
        return found

    def _on_days(self, dates: dict[int, tuple[int, Days]]) -> list[Condition]:
        """``in March 2026``, ``on 4 March``: unless cells have those very words."""
        found: list[Condition] = []
        for first, (count, days) in dates.items():
            span = range(first, first + count)
            if not self.free.issuperset(span):
                continue
            words = [self.words[index] for index in span]
            if self.index.match(words, self._cells_of_all(words)).cells and count > 1:
                continue  # found as it is written
            columns = self._day_columns(first)
            condition = self._condition(span, columns, partial(self._is_day_so, order=None, days=days))
            found += [condition] if condition is not None else []
        return found

    def _condition(self, span: range, columns: Sequence[int], holds: Callable[[Value, int], bool]) -> Condition | None:
        """The rows for which it holds in one of the columns; None if no column could be meant, or not one alone."""
        if not columns:
            return None
        fitting = [
            frozenset(
                row
                for row, value in enumerate(self.table.read(column).values)
                if value is not None and holds(value, column)
            )
            for column in columns
        ]
        if any(self.table.read(column).unread for column in columns):
            return None
        text = self.question[self.words[span.start].start : self.words[span.stop - 1].end]
        self._take(span)
        is_ambiguous = len(set(fitting)) > 1
        columns = columns if is_ambiguous else columns[:1]
        self.labels.update(columns)
        names = " or ".join(self.table.names[column] for column in columns)
        rows = frozenset().union(*fitting)
        return Condition(rows, f"{names} {text}", tuple(span), frozenset(columns), not is_ambiguous, True, is_ambiguous)

    def _is_day_so(self, value: Value, column: int, *, order: Order | None, days: Days) -> bool:
        if not isinstance(value, Days):
            return False
        if value.has_year and not days.has_year:
            if order is not None and len(self.table.read(column).years) > 1:
                return False
            days = days.in_year(value.first.year)
        elif days.has_year and not value.has_year:
            return False
        if order is None:
            return days.first <= value.first and value.last <= days.last
        if order in (">", ">="):
            return value.first > days.last if order == ">" else value.first >= days.first
        return value.last < days.first if order == "<" else value.last <= days.last

    def _number_at(self, at: int) -> tuple[int, Decimal, str] | None:
        """The number there: where it ends with its unit, its value, and the unit."""
        if at >= len(self.words):
            return None
        word = self.words[at]
        if word.is_number:
            values = numbers_of(word.text)
            # Where a comma may part thousands or decimals, a question means it as English does.
            value = Decimal(word.text.replace(",", "")) if len(values) > 1 else next(iter(values), None)
        else:
            value = Decimal(NUMBERS[word.folded]) if word.folded in NUMBERS else None
        if value is None:
            return None
        unit = unit_of(self.words[at + 1].text) if at + 1 < len(self.words) else None
        if unit is None and at and self.words[at - 1].text in "€$£¥":
            unit = self.words[at - 1].text
            return at + 1, value, unit
        return (at + 2, value, unit) if unit is not None else (at + 1, value, "")

    def _clock_at(self, at: int) -> tuple[int, int] | None:
        if at >= len(self.words):
            return None
        match = _CLOCK.match(self.question, self.words[at].start)
        minutes = None if match is None else minutes_of(match[0])
        if match is None or minutes is None:
            return None
        return sum(match.start() <= word.start and word.end <= match.end() for word in self.words), minutes

    def _measured(self, at: int, end: int, unit: str, first: str) -> list[int]:
        """The columns that a comparison of numbers may be about: the nearest that is named, by unit, by its word."""
        numeric = self._measures()
        named = [
            (min(abs(index - at) for index in mention.words), column)
            for mention in self.mentions
            for column in mention.columns
            if column in numeric and len(mention.columns) == 1
        ]
        behind = [column for distance, column in named if distance <= end - at + 1]
        if unit:
            with_unit = [column for column in numeric if self.names.unit(column) == unit]
            near = [column for column in behind if column in with_unit]
            return near[:1] or with_unit
        if named:
            return [min(named)[1]]
        families = COMPARED.get(first, ()) or tuple(
            family for word in self.words for family in FAMILY_WORDS.get(word.folded, ())
        )
        if families:
            return [column for column in self.names.of_family(families, ("number",)) if column in numeric]
        return []

    def _measures(self) -> list[int]:
        return [c for c in range(len(self.table.names)) if self.table.read(c).kind == "number" and not self._is_id(c)]

    def _is_id(self, column: int) -> bool:
        """Whether the numbers of a column name its rows: all are different, and it comes first or is called so."""
        readings = self.table.read(column)
        if readings.kind != "number" or readings.decimals or self.names.unit(column):
            return False
        is_named = bool(_ID_NAMES.intersection(stems_of(self.table.names[column]))) or self.table.names[column] == "#"
        return self.index.different(column) == len(self.table.data) and (is_named or column == 0)

    def _day_columns(self, at: int) -> list[int]:
        return self._columns_of_kind("day", at)

    def _columns_of_kind(self, kind: str, at: int) -> list[int]:
        """The column of a kind that the question names, nearest to a place; else all of that kind."""
        every = [column for column in range(len(self.table.names)) if self.table.read(column).kind == kind]
        named = [
            (min(abs(index - at) for index in mention.words), column)
            for mention in self.mentions
            for column in mention.columns
            if column in every
        ]
        return [min(named)[1]] if named else every

    # Cells.

    def _keys(self, titles: set[int]) -> list[Condition]:
        found: list[Condition] = []
        at = 0
        while at < len(self.words):
            phrase = self._phrase(at)
            if not phrase:
                at += 1
                continue
            condition = self._key(phrase, titles)
            if condition is not None:
                joined = self._joined(found, condition)
                found = [*found[:-1], joined] if joined is not None else [*found, condition]
                self._take(phrase)
            at = phrase[-1] + 1
        return found

    def _phrase(self, at: int) -> list[int]:
        """The places of the longest run of words from there on that stand in one cell; words between them skipped."""
        if not self._may_be_key(at):
            return []
        cells = self.index.cells(self.words[at])
        phrase = [at] if cells else []
        place = at + 1
        while cells and place < len(self.words):
            word = self.words[place]
            if word.folded in PLAIN and place in self.free and not self.words[place].is_glued:
                place += 1
                continue
            if place not in self.free:
                break
            both = cells & self.index.cells(word)
            if not both or not self.index.match([self.words[i] for i in (*phrase, place)], both).cells:
                break
            cells = both
            phrase.append(place)
            place += 1
        # What is glued to a word belongs to it: R-09 is not found where only R is.
        after = phrase[-1] + 1 if phrase else at
        if phrase and after < len(self.words) and self.words[after].is_glued and after in self.free:
            return []
        return phrase

    def _may_be_key(self, at: int) -> bool:
        word = self.words[at]
        if at not in self.free or word.folded in PLAIN:
            return False
        if word.folded not in FILLERS:
            return True
        return self._is_whole_cell(at) and self._is_labelled(at)

    def _is_labelled(self, at: int) -> bool:
        """Whether the name of a column stands right before or behind a word."""
        return any(at - 1 in mention.words or at + 1 in mention.words for mention in self.mentions)

    def _key(self, phrase: Sequence[int], titles: set[int]) -> Condition | None:
        words = [self.words[index] for index in phrase]
        cells = self._cells_of_all(words)
        label = self._label(phrase)
        if label is not None:
            labelled = {cell for cell in cells if cell.column in label}
            if labelled:
                cells = labelled
                self.labels.update({cell.column for cell in labelled})
            elif all(word.is_number for word in words) and all(map(self._is_id, label)):
                return None
            elif words[0].text[0].isupper() and self._is_right_behind_name(phrase[0]):
                cells = set(self.index.match(words, cells).whole_cells)
        match = self.index.match(words, cells)
        if not match.cells:
            return None
        is_strong = any(word.is_number for word in words) or (
            any(word.text[0].isupper() for word in words if word.start > 0)
        )
        if not match.is_whole and set(phrase) <= titles:
            return None
        rows = self.index.rows(match.cells)
        if phrase[0] and self.words[phrase[0] - 1].folded in _NOTS:
            columns = {cell.column for cell in match.cells}
            if len(columns) != 1 or not match.is_whole:
                return None
            self._take((phrase[0] - 1,))
            column = next(iter(columns))
            held = {row for row, text in enumerate(self._cell_texts(column)) if text}
            return self._described(held - rows, phrase, frozenset(columns), "not ", match.is_whole, is_strong)
        described = self._described(
            rows, phrase, frozenset(cell.column for cell in match.cells), "", match.is_whole, is_strong
        )
        return replace(described, share=max(len(phrase) / len(stems_of(self.index.text(cell))) for cell in match.cells))

    def _is_right_behind_name(self, at: int) -> bool:
        return any(at - 1 in mention.words and mention.is_exact for mention in self.mentions)

    def _cell_texts(self, column: int) -> list[str]:
        if column < len(self.table.names):
            return self.table.texts(column)
        return [row.section for row in self.table.data]

    def _described(
        self, rows: set[int], phrase: Sequence[int], columns: frozenset[int], prefix: str, whole: bool, strong: bool
    ) -> Condition:
        text = self.question[self.words[phrase[0]].start : self.words[phrase[-1]].end]
        column = min(columns) if len(columns) == 1 else len(self.table.names)
        name = f"{self.table.names[column]} " if column < len(self.table.names) and self.table.names[column] else ""
        if whole and len(columns) == 1 and rows and not prefix:
            held = self._cell_texts(column)
            texts = {held[row] for row in rows}
            text = texts.pop() if len(texts) == 1 else text
        return Condition(frozenset(rows), f"{name}{prefix}{text}", tuple(phrase), columns, whole, strong)

    def _label(self, phrase: Sequence[int]) -> tuple[int, ...] | None:
        """The column whose name stands right before or behind a key."""
        before = phrase[0] - 1
        while before >= 0 and before in self.free and self.words[before].folded in (*PLAIN, "number", "nummer"):
            before -= 1
        for mention in self.mentions:
            if before in mention.words:
                return mention.columns
        for mention in self.mentions:
            if phrase[-1] + 1 in mention.words and mention.words[0] == phrase[-1] + 1:
                return mention.columns
        return None

    def _joined(self, found: Sequence[Condition], new: Condition) -> Condition | None:
        """Two keys of one column with ``or`` or ``and`` between them: rows that have either."""
        if not found or found[-1].columns != new.columns or len(new.columns) != 1:
            return None
        last = found[-1]
        between = range(last.words[-1] + 1, new.words[0])
        if not between or any(self.words[index].folded not in _ORS for index in between):
            return None
        return replace(
            last,
            rows=last.rows | new.rows,
            text=f"{last.text} or {new.text.removeprefix(self.table.names[min(new.columns)]).strip()}"
            if min(new.columns) < len(self.table.names)
            else last.text,
            words=(*last.words, *new.words),
        )

    # What is asked.

    def _families(self) -> tuple[Family, ...]:
        found: list[Family] = []
        for index in range(len(self.words)):
            word = self.words[index].folded
            families = FAMILY_WORDS.get(word, ())
            if not families:
                continue
            if any(self.names.of_family((family,)) for family in families):
                found += [family for family in families if self.names.of_family((family,))]
                self._take((index,))
        if "how much" in self.question.casefold():
            found.append("money")
        return tuple(dict.fromkeys(found))

    def _explained_by_meaning(self, unknown: Sequence[Word]) -> list[Word]:
        left: list[Word] = []
        for word in unknown:
            is_name = word.is_number or (word.text[0].isupper() and word.start > 0) or word.folded in FAMILY_WORDS
            column = None if is_name or len(word.folded) < 3 else self.means(word.text, self.table.names)
            if column is None:
                left.append(word)
            else:
                self.mentions.append(Mention((column,), (self.words.index(word),), is_exact=False))
                self.explained += 1
        return left

    def _matching(self) -> set[int]:
        """The rows that fit all conditions."""
        rows = set(range(len(self.table.data)))
        for condition in self.conditions:
            rows &= condition.rows
        return rows

    def _asked(self, families: Sequence[Family]) -> tuple[int, ...]:
        """The columns asked for: those named that no key belongs to, else those of the families that were named."""
        used = {column for condition in self.conditions for column in condition.columns} | self.labels
        named = [column for mention in self.mentions for column in mention.columns if column not in used]
        if named:
            return tuple(dict.fromkeys(named))
        return tuple(column for column in self.names.of_family(families) if column not in used)

    def _asks_what_is_allowed(self) -> bool:
        """Whether a rule is asked for, as in ``how many books may I borrow``: a table lists what there is."""
        pairs = itertools.pairwise(word.folded for word in self.words)
        return any((verb in _ALLOWS and who in _WHO) or who in _ALLOWED for verb, who in pairs)

    def _with_operation(
        self, reading: Reading, found: Sequence[tuple[int, str]], families: Sequence[Family]
    ) -> Reading:
        kinds = [word for _, word in found]
        extremes = [(at, word) for at, word in found if word in SUPERLATIVES]
        if len(extremes) > 1 or (extremes and ({"average"} & set(kinds))):
            return replace(reading, operation=Operation("maximum"), problem="it asks for several things at once")
        if extremes:
            at, word = extremes[0]
            return replace(reading, operation=self._extreme(at, word, families))
        if "average" in kinds:
            at = next(at for at, word in found if word == "average")
            return replace(reading, operation=Operation("average", tuple(self._operands(at, families))))
        if "count" in kinds:
            at = next(at for at, word in found if word == "count")
            return replace(reading, operation=self._counted(at, reading, is_sum="sum" in kinds))
        if "sum" in kinds:
            at = next(at for at, word in found if word == "sum")
            return replace(reading, operation=Operation("sum", tuple(self._operands(at, families))))
        first = self.words[0].folded if self.words else ""
        is_list = first in _LISTS or any(word.folded in ("all", "every", "everything") for word in self.words)
        is_plural = first in ("which", "what") and self.explained > 1 and any(len(c.rows) > 1 for c in self.conditions)
        if is_list or is_plural:
            return replace(reading, operation=Operation("list"), is_asked_whole=is_list)
        return reading

    def _operands(self, at: int, families: Sequence[Family]) -> list[int]:
        """The columns of numbers that an operation at a place may be about."""
        numeric = self._measures()
        named = sorted(
            (min(abs(index - at) + 10 * (index < at) for index in mention.words), mention.columns)
            for mention in self.mentions
            if not self.labels.issuperset(mention.columns)
        )
        for _, columns in named:
            if any(column in numeric for column in columns):
                return [column for column in columns if column in numeric]
        if any(distance <= _MOST_DISTANT_NOUN and columns for distance, columns in named[:1]):
            return list(named[0][1])  # It names a column that has no numbers.
        by_family = [column for column in self.names.of_family(families, ("number",)) if column in numeric]
        return by_family or (numeric if len(numeric) == 1 else [])

    def _extreme(self, at: int, word: str, families: Sequence[Family]) -> Operation:
        kind, of_word = SUPERLATIVES[word]
        following = self.words[at + 1].folded if at + 1 < len(self.words) else ""
        limit, _ = self._limit(at)
        if word in ("most", "least") and following in MOST:
            of_word = MOST[following]
        named = self._named_behind(at)
        if named:
            return Operation(kind, tuple(named), limit)
        turned = TURNED.get(word)
        if of_word:
            columns = [c for c in self.names.of_family(of_word, ("number", "day", "time")) if not self._is_id(c)]
            if not columns and turned is not None:
                kind = turned[0]
                columns = [c for c in self.names.of_family((turned[1],), ("number", "day")) if not self._is_id(c)]
            mentioned = [c for mention in self.mentions for c in mention.columns if c in columns]
            return Operation(kind, tuple(mentioned[:1] or columns), limit)
        return Operation(kind, tuple(self._operands(at, families)), limit)

    def _named_behind(self, at: int) -> list[int]:
        """The columns of values that are named within three words behind a place."""
        for mention in sorted(self.mentions, key=lambda one: one.words):
            if 0 < mention.words[0] - at <= 3:
                valued = [c for c in mention.columns if self.table.read(c).kind != "text" and not self._is_id(c)]
                if valued:
                    return valued
                break
        return []

    def _limit(self, at: int) -> tuple[int, list[int]]:
        """``the three cheapest``, ``top 5``: how many, and the place of the word that says so."""
        for place in (at - 1, at + 1):
            if 0 <= place < len(self.words):
                word = self.words[place]
                if word.folded in NUMBERS and word.folded != "one":
                    return NUMBERS[word.folded], [place]
                if place == at + 1 and self.words[at].folded == "top" and word.text.isdecimal():
                    return int(word.text), [place]
        return 1, []

    def _counted(self, at: int, reading: Reading, *, is_sum: bool) -> Operation:
        """What ``how many`` counts: rows, different values of a column, or the sum of a column of numbers."""
        nouns = [
            index
            for index in range(at + 1, min(len(self.words), at + 6))
            if self.words[index].folded not in (FILLERS | _ORS | _DIFFERENT)
        ]
        is_distinct = any(word.folded in _DIFFERENT for word in self.words)
        for index in nouns:
            for mention in self.mentions:
                if index in mention.words:
                    return self._counted_column(mention.columns, is_sum=is_sum, is_distinct=is_distinct)
            if any(index in condition.words for condition in self.conditions):
                return Operation("count", has_subject=True)
            if self.words[index] in reading.unknown and self.words[index].stem not in _ROWS:
                return Operation("count")
            return Operation("count", has_subject=True)
        return Operation("count", has_subject=bool(self.conditions))

    def _counted_column(self, columns: tuple[int, ...], *, is_sum: bool, is_distinct: bool) -> Operation:
        column = columns[0]
        if set(columns) <= set(self._measures()):
            return Operation("sum", columns)
        if self._is_id(column) or self.index.different(column) == len(self.table.data):
            return Operation("count", has_subject=True)
        if is_distinct or len(columns) == 1:
            return Operation("count", columns, has_subject=True)
        return Operation("count")


def _is_between(value: Value, column: int, *, low: Decimal, high: Decimal) -> bool:
    return isinstance(value, Decimal) and low <= value <= high


def _begins_alike(left: str, right: str) -> bool:
    """Whether a word is the other one shortened: ``coop`` and ``cooperative``."""
    short, long = sorted((left, right), key=len)
    return len(short) > 3 and long.startswith(short)


def _holds(value: Decimal, order: Order, border: Decimal) -> bool:
    if order == ">":
        return value > border
    if order == ">=":
        return value >= border
    return value < border if order == "<" else value <= border


def _without_suffix(name: str) -> str:
    return re.sub(r"\.[a-z]{2,5}$", "", name)
