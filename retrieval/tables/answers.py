"""Answers questions from the tables among the documents that were found: with rows, or with what is computed of them.

The only module of this folder that others call. ``TableAnswers`` keeps the tables of the documents that were asked of
lately, up to a number of rows. N names, D dimensions.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from corpora.counts import count
from corpora.documents import Document, Passage, describe_location
from retrieval.interfaces import Encoder, Evidence, Hit, Query
from retrieval.tables.cell_index import CellIndex
from retrieval.tables.reading import Reading, read_question
from retrieval.tables.results import Problem, compute, listed
from retrieval.tables.table import Row, Table, grouped_spans, tables_of

DEPTH: Final = 20
"""How many hits are looked at: a table that is asked of as a whole need not have one of the best passages."""

_SURE: Final = 8.0
_AHEAD: Final = 4.0
_MOST_ROWS_KEPT: Final = 60_000
_LONGEST_DOCUMENT: Final = 16_000_000
_MOST_QUOTED: Final = 8
_LONGEST_QUOTED: Final = 900
_MOST_BESIDE_A_SUM: Final = 6
_MOST_NAMED: Final = 8
_LEAST_SHARE: Final = 0.3
_LEAST_COSINE: Final = 0.5

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TableAnswer:
    """What tables say to a question.

    ``evidence`` is one, or None; its ``hit``, and those of what goes along, count in ``hits``: passages with its rows.
    ``closed`` are, by document, the characters of rows that do not answer, since they lack a key of the question or
    something else was asked of all of them. ``remark`` says why what was asked for could not be computed.
    """

    evidence: Evidence | None = None
    hits: tuple[Hit, ...] = ()
    closed: tuple[tuple[str, Span], ...] = ()
    remark: str | None = None

    def merged(self, hits: Sequence[Hit], judged: Sequence[Evidence]) -> tuple[tuple[Hit, ...], tuple[Evidence, ...]]:
        """Hits and evidence with this answer ahead of them and without what it closes, as many hits as before.

        There are more hits only if its own are more. ``judged`` counts in ``hits``; what is quoted with the answer is
        not there twice.
        """
        own = {hit.passage.id for hit in self.hits}
        others = [hit for hit in hits if hit.passage.id not in own]
        shown = (*self.hits, *others[: max(0, len(hits) - len(own))])
        places = {hit.passage.id: place for place, hit in enumerate(shown)}
        best = self.evidence
        taken = [] if best is None else [(self._document(one), one) for one in (best, *best.along)]
        left: list[Evidence] = []
        for one in judged:
            passage = hits[one.hit].passage
            is_quoted = any(
                document == passage.document_id and one.start < other.end and other.start < one.end
                for document, other in taken
            )
            if passage.id in places and not is_quoted and not self._closes(passage.document_id, one):
                left.append(replace(one, hit=places[passage.id]))
        if best is not None:
            ahead = max([best.relevance, *(one.relevance + _AHEAD for one in left[:1])])
            left.insert(0, replace(best, relevance=ahead))
        return shown, tuple(left)

    def _document(self, one: Evidence) -> str:
        return self.hits[one.hit].passage.document_id

    def _closes(self, document: str, one: Evidence) -> bool:
        return any(document == other and one.start < end and start < one.end for other, (start, end) in self.closed)


@dataclass(frozen=True, slots=True)
class _Known:
    """A table with what is computed of it once."""

    document: Document
    table: Table
    index: CellIndex


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one table says: rows to quote, what was computed of which rows, why it cannot be; rows that are out."""

    known: _Known
    reading: Reading
    quoted: tuple[Row, ...] = ()
    statement: str | None = None
    used: tuple[Row, ...] = ()
    problem: str | None = None
    closed: tuple[Row, ...] = field(default=())

    @property
    def answers(self) -> bool:
        """Whether it has an answer."""
        return bool(self.quoted) or self.statement is not None

    @property
    def rank(self) -> tuple[int, int, int]:
        """The smaller, the better it accounts for the question."""
        reading = self.reading
        return len(reading.unknown), -reading.explained, -sum(one.is_whole for one in reading.conditions)


class TableAnswers:
    """Any thread may ask. Tables of a document are parsed and indexed once, while they are kept."""

    def __init__(
        self,
        encoder: Encoder,
        document: Callable[[str], Document | None],
        passages: Callable[[str, int, int], Sequence[Passage]],
    ) -> None:
        """``document`` gives a document by its id, None if it is gone; ``passages`` those that overlap a span of it."""
        self._encoder = encoder
        self._document = document
        self._passages = passages
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[_Known, ...]] = OrderedDict()
        self._names_ND: dict[tuple[str, ...], NDArray[np.float32]] = {}

    def forget(self) -> None:
        """Keep nothing of any document in memory: a text was deleted."""
        with self._lock:
            self._kept.clear()
            self._names_ND.clear()

    def answer(self, query: Query, hits: Sequence[Hit]) -> TableAnswer:
        """What the tables of these hits' documents say; nothing if the question is about none of them."""
        documents = dict.fromkeys(hit.passage.document_id for hit in hits if _has_rows(hit.passage))
        verdicts = [
            verdict
            for document in documents
            for known in self._tables(document)
            if (verdict := _judged(known, self._reading(query, known))) is not None
        ]
        answering = sorted((one for one in verdicts if one.answers), key=lambda one: one.rank)
        closed = tuple(
            (one.known.document.id, span)
            for one in verdicts
            for span in grouped_spans(sorted(one.closed, key=lambda row: row.start))
        )
        if not answering:
            remark = next((one.problem for one in sorted(verdicts, key=lambda one: one.rank) if one.problem), None)
            return TableAnswer(closed=closed, remark=remark)
        return self._answered(query, answering[0], closed, hits)

    def _reading(self, query: Query, known: _Known) -> Reading:
        return read_question(query.spelled, known.table, known.index, means=self._means)

    def _means(self, word: str, names: Sequence[str]) -> int | None:
        """The name that a word is nearest to in meaning, if it is near."""
        key = tuple(names)
        with self._lock:
            names_ND = self._names_ND.get(key)
        if names_ND is None:
            names_ND = self._encoder.encode_passages(key)
            with self._lock:
                self._names_ND[key] = names_ND
        cosines_N = names_ND @ self._encoder.encode_queries([word])[0]
        best = int(np.argmax(cosines_N))
        return best if cosines_N[best] >= _LEAST_COSINE else None

    def _tables(self, document_id: str) -> tuple[_Known, ...]:
        with self._lock:
            if (known := self._kept.get(document_id)) is not None:
                self._kept.move_to_end(document_id)
                return known
        document = self._document(document_id)
        if document is None or len(document.text) > _LONGEST_DOCUMENT:
            return ()
        known = tuple(_Known(document, table, CellIndex(table)) for table in tables_of(document))
        with self._lock:
            self._kept[document_id] = known
            while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > _MOST_ROWS_KEPT:
                self._kept.popitem(last=False)
        return known

    def _answered(
        self, query: Query, verdict: _Verdict, closed: tuple[tuple[str, Span], ...], hits: Sequence[Hit]
    ) -> TableAnswer:
        document, rows = verdict.known.document, verdict.quoted or verdict.used[:_MOST_QUOTED]
        own: list[Hit] = []
        places: list[int] = []
        score = hits[0].score
        for row in rows or verdict.known.table.rows[:1]:
            passage = self._passage_with(document, row, [hit.passage for hit in (*own, *hits)])
            place = next((at for at, hit in enumerate(own) if hit.passage.id == passage.id), None)
            if place is None:
                place = len(own)
                own.append(Hit(passage, score))
            places.append(place)
        similarity = (
            float(self._encoder.encode_passages([_text_of(document, rows)])[0] @ query.vector_D) if rows else 0.0
        )
        quoted = [
            Evidence(place, row.start, row.end, document.text[row.start : row.end], similarity, _SURE, kind="row")
            for place, row in zip(places, verdict.quoted, strict=False)
        ]
        if verdict.statement is None:
            best = replace(quoted[0], along=tuple(quoted[1:]))
        else:
            spans = grouped_spans(verdict.used) or (
                (verdict.known.table.rows[0].start, verdict.known.table.rows[-1].end),
            )
            best = Evidence(
                places[0],
                spans[0][0],
                spans[-1][1],
                verdict.statement,
                similarity,
                _SURE,
                kind="row",
                rows=spans,
                place=_place(document, verdict.used),
                along=tuple(quoted),
            )
        return TableAnswer(best, tuple(own), closed)

    def _passage_with(self, document: Document, row: Row, near: Sequence[Passage]) -> Passage:
        """A passage that has a whole row: one of those at hand, else one that is stored, else the row alone."""
        for passage in (*near, *self._passages(document.id, row.start, row.end)):
            if passage.document_id == document.id and passage.start <= row.start and row.end <= passage.end:
                return passage
        return Passage.of(document, row.start, row.end)


def _place(document: Document, rows: Sequence[Row]) -> str:
    """``rows 2-13``, ``rows 26, 34 and 43``, ``24 rows, from row 2 to row 55``; with sheet and heading."""
    if not rows:
        return ""
    start, end = rows[0].start, rows[-1].end
    kinds = ("sheet", "heading", "chapter", "page")
    above = describe_location((mark for mark in document.marks if mark.kind in kinds), start, end)
    labels = [row.label for row in rows]
    spans = len(grouped_spans(rows))
    if spans == 1:
        own = f"row {labels[0]}" if len(labels) == 1 else f"rows {labels[0]}-{labels[-1]}"
    elif len(labels) <= _MOST_NAMED:
        own = f"rows {', '.join(labels[:-1])} and {labels[-1]}"
    else:
        own = f"{count(len(labels), 'row')}, from row {labels[0]} to row {labels[-1]}"
    return ", ".join(filter(None, (own, above)))


def _has_rows(passage: Passage) -> bool:
    return any(mark.kind in ("row", "record") for mark in passage.marks)


def _size(known: Sequence[_Known]) -> int:
    return sum(len(one.table.rows) for one in known) or 1


def _text_of(document: Document, rows: Sequence[Row]) -> str:
    return document.text[rows[0].start : rows[0].end]


def _judged(known: _Known, reading: Reading) -> _Verdict | None:
    """What a table says to a question as it is about it; None if the question is not about it."""
    if not reading.explained or not (reading.conditions or reading.operation):
        return None
    operation = reading.operation
    if operation is not None and operation.kind != "list":
        return _computed(known, reading)
    return _looked_up(known, reading) if reading.conditions or operation is not None else None


def _computed(known: _Known, reading: Reading) -> _Verdict | None:
    data = known.table.data
    is_meant = reading.explained > len(reading.unknown)
    problem = reading.problem
    if problem is None and reading.unknown:
        problem = f'the table has no "{reading.unknown[0].text}"'
    if problem is None and len(reading.rows) == 1 and reading.conditions and not _counts(reading):
        return _quoting(known, reading, tuple(reading.rows), _outside(known, reading))
    ambiguous = next((one for one in reading.conditions if one.is_ambiguous), None)
    if problem is None and ambiguous is not None:
        problem = f"{ambiguous.text} could each be meant"
    if any(one.share < _LEAST_SHARE for one in reading.conditions):
        return None
    outcome = Problem(problem) if problem is not None else compute(reading)
    if isinstance(outcome, Problem):
        if not is_meant:
            return None
        return _Verdict(known, reading, problem=outcome.reason, closed=known.table.rows)
    rows = tuple(data[row] for row in outcome.rows)
    if outcome.statement is None or (len(rows) == 1 and reading.operation and reading.operation.kind != "count"):
        return _quoting(known, reading, outcome.rows, ())
    quoted = rows if len(rows) <= _MOST_BESIDE_A_SUM and _fits(rows) else ()
    return _Verdict(known, reading, quoted, outcome.statement, rows)


def _quoting(known: _Known, reading: Reading, rows: Sequence[int], closed: tuple[Row, ...]) -> _Verdict:
    """Rows as they stand; where they are many, a sentence that lists them."""
    held = tuple(known.table.data[row] for row in rows)
    if len(held) <= _MOST_QUOTED and _fits(held):
        return _Verdict(known, reading, held, closed=closed)
    return _Verdict(
        known, reading, (), listed(reading, rows), tuple(sorted(held, key=lambda row: row.start)), closed=closed
    )


def _fits(rows: Sequence[Row]) -> bool:
    return sum(row.end - row.start for row in rows) <= _LONGEST_QUOTED


def _counts(reading: Reading) -> bool:
    """Whether rows, or values, are to be counted: one row is an answer to everything else."""
    return reading.operation is not None and reading.operation.kind == "count"


def _outside(known: _Known, reading: Reading) -> tuple[Row, ...]:
    return tuple(row for index, row in enumerate(known.table.data) if index not in reading.rows)


def _looked_up(known: _Known, reading: Reading) -> _Verdict | None:
    """The rows that have all keys of a question, if there are few or all were asked for; and those that lack one."""
    rows = sorted(reading.rows)
    outside = _outside(known, reading)
    has_strong = any(condition.is_strong for condition in reading.conditions)
    if any(word.is_number for word in reading.unknown):
        return _Verdict(known, reading, closed=known.table.rows)
    if reading.unknown:
        return _Verdict(known, reading, closed=outside) if has_strong else None
    if not rows:
        return _Verdict(known, reading, closed=known.table.rows)
    is_sure = has_strong or any(condition.is_whole for condition in reading.conditions) or reading.explained > 1
    of_keys = sum(len(condition.words) for condition in reading.conditions)
    if len(rows) > 1 and reading.operation is None and reading.explained <= of_keys:
        return None  # A name alone, that several rows have, asks for none of them.
    if not is_sure or any(one.share < _LEAST_SHARE and not one.is_strong for one in reading.conditions):
        return None
    if reading.operation is not None or len(rows) <= _MOST_QUOTED:
        return _quoting(known, reading, rows, outside)
    return _Verdict(known, reading, closed=outside)
