"""Cuts passages into units, the pieces of text that can be quoted, each with its leads: what stands over it.

A unit is a sentence, a short line with something to say, a row of a table, or a short list with its lead-in. Questions,
headings, labels and captions are no units but lead to those that follow: a heading to all below it, a question to
its answer, a label or a lead-in to its lines. Knows passages and their marks, no vectors and no questions that are
asked. Offsets are in the passage's text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from corpora.documents import Mark, Passage
from corpora.text import sentences as text_sentences
from corpora.text.code_detection import LIST_ITEM
from retrieval.document_names import words_of_name
from retrieval.evidence.leads import (
    answer_start,
    end_of_question,
    folded,
    goes_on_from_before,
    has_own_facts,
    has_time,
    in_one_line,
    is_bare,
    is_first_item,
    is_like_a_name,
    is_question,
    label_of,
    names_a_part,
    question_of,
)
from retrieval.evidence.scraps import ends_as_sentence, is_curt, is_navigation, is_scrap
from retrieval.interfaces import UnitKind

RULE: Final = 2
"""Grows with every change of what is a unit or a lead: rows that are kept by unit belong to one rule."""

_CELLS = " | "
_COLONS = (":", "\uff1a")
_LONGEST_LIST = 700
_LONGEST_ROW = 700
_LONGEST_ENTRY = 120
_LONGEST_LEAD = 300
_WORDS_OF_A_STATEMENT = 8
_WORDS_OF_A_TITLE = 8
_NEAR_HEADINGS = 2
_SHORTEST_CUT_LABEL = 100


@dataclass(frozen=True, slots=True)
class TextUnit:
    """What can be quoted: ``passage.text[start:end]``.

    ``leads`` are all that lead to it, the outermost first, ``near`` those of them that are worth a cosine. ``parts``
    are the indices of the units that a list consists of. A scrap answers only where there is nothing else.
    """

    start: int
    end: int
    kind: UnitKind = "sentence"
    leads: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    is_scrap: bool = False


def units_of(passage: Passage) -> tuple[TextUnit, ...]:
    """The units of a passage: first those that are no lists, in order, then the lists of them.

    Scraps are among them only if there is nothing else.
    """
    found = _Reader(passage).read()
    telling = [unit for unit in found if not unit.is_scrap]
    if not telling:
        return tuple(unit for unit in found if not unit.parts) or tuple(_bare_lines(passage))
    places = {index: place for place, index in enumerate(i for i, unit in enumerate(found) if not unit.is_scrap)}
    return tuple(replace(unit, parts=tuple(places[part] for part in unit.parts if part in places)) for unit in telling)


@dataclass(slots=True)
class _Line:
    """A line of reading text, or a block of code: its sentences, and what the text says of it."""

    start: int
    end: int
    opens_block: bool
    is_code: bool
    may_be_heading: bool
    sentences: list[tuple[int, int]]
    units: list[int] = field(default_factory=list)
    is_entry: bool = False
    is_item: bool = False
    lead_in: int | None = None
    """Where the sentence begins that introduces what follows the line."""


@dataclass(slots=True)
class _Scope:
    """The leads that hold at some place of a passage, besides its marks."""

    title: str = ""
    heading: str = ""
    heading_is_of_block: bool = False
    questions: tuple[str, ...] = ()
    is_answered: bool = False
    """Whether something followed the questions."""
    holds_on: bool = False
    """Whether the questions stand alone in their block: then they lead to the blocks that follow."""
    label: str = ""
    label_is_used: bool = False
    label_is_of_block: bool = False


class _Reader:
    """Reads a passage from its beginning to its end, once."""

    def __init__(self, passage: Passage) -> None:
        self._text = passage.text
        self._base = passage.start
        self._headings = [mark for mark in passage.marks if mark.kind in ("heading", "chapter", "sheet")]
        self._headings.sort(key=lambda mark: (mark.start, -mark.end))
        records = [mark for mark in passage.marks if mark.kind in ("row", "record")]
        self._rows = {max(0, mark.start - self._base) for mark in records}
        self._name = words_of_name(passage.document_name)
        self._lines = list(_with_whole_records(_lines(self._text), records, self._base))
        self._scope = _Scope()
        self._units: list[TextUnit] = []

    def read(self) -> list[TextUnit]:
        """All units, lists last."""
        for index, line in enumerate(self._lines):
            if line.opens_block:
                self._enter_block(line)
            self._read_line(index, line)
        self._units.extend(self._lists())
        return self._units

    def _enter_block(self, line: _Line) -> None:
        scope = self._scope
        if scope.is_answered and not scope.holds_on:
            scope.questions = ()
        if scope.heading_is_of_block:
            scope.heading, scope.heading_is_of_block = "", False
        text = self._text[line.start : line.end]
        goes_on = LIST_ITEM.match(text) is not None or (self._is_short(text) and not line.is_code)
        if scope.label_is_used and (scope.label_is_of_block or not goes_on):
            scope.label = ""

    def _read_line(self, index: int, line: _Line) -> None:
        text = self._text[line.start : line.end]
        if line.is_code:
            self._add(line, line.start, line.end, is_scrap=True)
        elif self._is_row(line):
            self._read_row(index, line)
        elif self._is_marked_heading(line):
            self._scope = _Scope(title=self._scope.title)
        elif self._is_heading(index, line):
            self._read_heading(index, line, text)
        else:
            self._read_sentences(index, line, text)

    def _read_row(self, index: int, line: _Line) -> None:
        is_header = self._is_header_row(index, line) or is_navigation(self._text[line.start : line.end])
        if line.end - line.start <= _LONGEST_ROW:
            self._add(line, line.start, line.end, kind="row", is_scrap=is_header)
        else:
            for start, end in line.sentences:
                self._add(line, start, end, kind="row")

    def _read_heading(self, index: int, line: _Line, text: str) -> None:
        heading = in_one_line(text)
        if is_question(text):
            self._ask(question_of(text), holds_on=True)
            return
        is_content = self._is_content(index + 1)
        if self._is_title(index):
            self._scope = _Scope(title=heading)
        else:
            holds_on = line.may_be_heading or is_content
            self._scope = _Scope(title=self._scope.title, heading=heading, heading_is_of_block=not holds_on)
        if not is_content and (has_own_facts(text) or is_like_a_name(text)):
            self._add(line, line.start, line.end, headings=self._headings_at(line.start)[:-1])

    def _read_sentences(self, index: int, line: _Line, text: str) -> None:
        label = "" if answer_start(text) else label_of(text)
        line.is_item = LIST_ITEM.match(text) is not None
        asked = False
        spans = list(self._answers_apart(line.sentences))
        place = 0
        while place < len(spans):
            start, end = spans[place]
            sentence, is_last = self._text[start:end], place + 1 == len(spans)
            place += 1
            if is_question(sentence):
                alone = is_last and self._ends_block(index)
                self._ask(question_of(sentence), holds_on=alone)
                asked, label = True, ""
            elif is_last and self._introduces(index, sentence):
                self._introduce(index, line, start, end)
            elif not is_bare(sentence):
                is_answer = self._is_answer(start)
                start += answer_start(sentence) if is_answer else 0
                if (
                    is_answer
                    and not is_last
                    and is_curt(sentence)
                    and not is_question(self._text[slice(*spans[place])])
                ):
                    end, place = spans[place][1], place + 1
                own = label_of(self._text[start:end])
                self._add(line, start, end, label=own or label, above=label if place > 1 and own != label else "")
        line.is_entry = not asked and bool(line.units) and self._may_be_entry(line, text)

    def _is_answer(self, start: int) -> bool:
        """Whether a question leads to what begins here."""
        return bool(self._scope.questions) or any(map(is_question, self._headings_at(start)[-1:]))

    def _answers_apart(self, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The sentences; where a question is followed by small letters, these are one of their own."""
        for start, end in spans:
            middle = start + end_of_question(self._text[start:end])
            if middle > start:
                yield start, start + len(self._text[start:middle].rstrip())
            yield middle, end

    def _ask(self, question: str, *, holds_on: bool) -> None:
        scope = self._scope
        earlier = () if scope.is_answered else scope.questions
        scope.questions, scope.is_answered, scope.holds_on = (*earlier, question), False, holds_on
        scope.label = ""

    def _introduces(self, index: int, sentence: str) -> bool:
        """Whether the last sentence of a line only leads to what follows: it ends in a colon, or code completes it."""
        if sentence.rstrip().endswith(_COLONS):
            return not is_bare(sentence)
        return self._begins_code(index) and not ends_as_sentence(sentence)

    def _begins_code(self, index: int) -> bool:
        return index + 1 < len(self._lines) and self._lines[index + 1].is_code

    def _introduce(self, index: int, line: _Line, start: int, end: int) -> None:
        """A label, or the sentence before a list."""
        sentence = self._text[start:end]
        if len(sentence.split()) > _WORDS_OF_A_STATEMENT and not self._begins_code(index):
            self._add(line, start, end)
        line.lead_in = start
        if self._scope.is_answered:
            self._scope.questions = ()
        lead = in_one_line(sentence).rstrip(":\uff1a ")
        self._scope.label, self._scope.label_is_used = LIST_ITEM.sub("", lead, count=1), False
        self._scope.label_is_of_block = not self._ends_block(index)

    def _add(
        self,
        line: _Line,
        start: int,
        end: int,
        *,
        kind: UnitKind = "sentence",
        label: str = "",
        above: str = "",
        headings: tuple[str, ...] | None = None,
        is_scrap: bool = False,
    ) -> None:
        if not self._text[start:end].strip():
            return
        scope = self._scope
        headings = self._headings_at(start) if headings is None else headings
        if scope.questions and is_question("".join(headings[-1:])):
            headings = headings[:-1]  # That was answered before.
        near = (*headings[-_NEAR_HEADINGS:], *scope.questions, *filter(None, [scope.label, above]))
        leads = (*headings, *scope.questions, *filter(None, [scope.label, above, label]))
        if kind == "sentence":
            is_scrap = is_scrap or is_scrap_of(self._text[start:end], headings)
        line.units.append(len(self._units))
        self._units.append(TextUnit(start, end, kind, _distinct(leads), _distinct(near), is_scrap=is_scrap))
        scope.is_answered = scope.label_is_used = True

    def _headings_at(self, start: int) -> tuple[str, ...]:
        """What the whole document is called and the headings above a place, the outermost first."""
        place = self._base + start
        marked = [mark.label for mark in self._headings if mark.start <= place < mark.end]
        headings = [*marked, *filter(None, [self._scope.title, self._scope.heading])]
        known = {word for heading in headings for word in folded(heading).casefold().split()}
        if not set(folded(self._name).casefold().split()) <= known:
            headings.insert(0, self._name)
        return _distinct(headings)

    @staticmethod
    def _is_short(text: str) -> bool:
        """Whether a line is no statement by its form."""
        return len(text.split()) < _WORDS_OF_A_STATEMENT and not ends_as_sentence(text)

    def _is_row(self, line: _Line) -> bool:
        text = self._text[line.start : line.end]
        return line.start in self._rows or (not line.is_code and _CELLS in text and not ends_as_sentence(text))

    def _is_header_row(self, index: int, line: _Line) -> bool:
        """Whether the next line is a row that repeats these cells as the names of its own."""
        if index + 1 == len(self._lines):
            return False
        below = self._lines[index + 1]
        names = [name.strip() for name in self._text[line.start : line.end].split(_CELLS)]
        cells = self._text[below.start : below.end]
        return not below.opens_block and any(name and cells.startswith(f"{name}: ") for name in names)

    def _is_marked_heading(self, line: _Line) -> bool:
        """Whether a mark says that a heading begins here."""
        place, words = self._base + line.start, in_one_line(self._text[line.start : line.end])
        return any(mark.start == place and _is_line_of(mark, words) for mark in self._headings)

    def _is_heading(self, index: int, line: _Line) -> bool:
        """Whether an unmarked line has the form and the place of a heading."""
        text = self._text[line.start : line.end]
        if index + 1 == len(self._lines) or has_time(text) or goes_on_from_before(text):
            return False
        below = self._lines[index + 1]
        if line.may_be_heading:
            return not label_of(text) or names_a_part(text) or self._is_row(below)
        is_apart = line.opens_block and not below.opens_block
        return is_apart and self._leads_its_block(text, self._text[below.start : below.end], index)

    def _leads_its_block(self, text: str, under: str, index: int) -> bool:
        """Whether the first line of a block is the heading of its other lines."""
        if len(text.split()) > _WORDS_OF_A_TITLE or not text.rstrip()[-1:].isalnum() or label_of(text):
            return False
        is_item, item_follows = LIST_ITEM.match(text) is not None, LIST_ITEM.match(under) is not None
        if is_item or has_own_facts(text):
            return not item_follows and len(under.split()) >= _WORDS_OF_A_STATEMENT
        return self._is_content(index + 1) or self._is_title(index) or not self._ends_block(index + 1)

    def _is_title(self, index: int) -> bool:
        return index == 0 and self._base == 0

    def _is_content(self, index: int) -> bool:
        """Whether a line says something: prose, an item, a row, a label with its value."""
        line = self._lines[index]
        text = self._text[line.start : line.end]
        return (
            line.is_code
            or self._is_row(line)
            or not self._is_short(text)
            or text.rstrip().endswith(_COLONS)
            or LIST_ITEM.match(text) is not None
            or label_of(text) != ""
        )

    def _ends_block(self, index: int) -> bool:
        return index + 1 == len(self._lines) or self._lines[index + 1].opens_block

    def _may_be_entry(self, line: _Line, text: str) -> bool:
        """Whether a line may be one of a list: an item, or a short line that is no sentence."""
        if line.is_item:
            return True
        if has_time(text):
            return False
        return len(line.sentences) == 1 and len(text) <= _LONGEST_ENTRY and not ends_as_sentence(text)

    def _lists(self) -> Iterator[TextUnit]:
        """The lists, each with its lead-in if it is short enough for it."""
        first = 0
        while first < len(self._lines):
            last = first
            if self._lines[first].is_entry:
                while last + 1 < len(self._lines) and self._goes_on(self._lines[last], self._lines[last + 1]):
                    last += 1
                yield from self._list(first, last)
            first = last + 1

    def _goes_on(self, line: _Line, following: _Line) -> bool:
        """Whether two entries are of one list: in one block, or labels with their values in blocks of their own."""
        if not following.is_entry or line.is_item != following.is_item or line.lead_in is not None:
            return False
        if not following.opens_block:
            return True
        both = (self._text[each.start : each.end] for each in (line, following))
        return not line.is_item and all(label_of(text) for text in both)

    def _list(self, first: int, last: int) -> Iterator[TextUnit]:
        lines = self._lines[first : last + 1]
        lead_in = self._lines[first - 1].lead_in if first else None
        parts = [index for line in lines for index in line.units if not self._units[index].is_scrap]
        if first == 0 < self._base and lines[0].is_item and not is_first_item(self._text[lines[0].start :]):
            return  # It began in the passage before.
        if len(parts) < 2 and (lead_in is None or not parts):
            return
        head = self._units[parts[0]]
        start = lines[0].start if lead_in is None else lead_in
        if lines[-1].end - start <= _LONGEST_LIST:
            shown = (in_one_line(self._text[start : lines[0].start]), self._label(lines[0]))
            leads = tuple(lead for lead in head.leads if not any(text.startswith(lead) for text in shown))
            yield TextUnit(start, lines[-1].end, "list", leads, head.near, tuple(parts))

    def _label(self, line: _Line) -> str:
        return label_of(self._text[line.start : line.end])


def is_scrap_of(sentence: str, headings: Sequence[str]) -> bool:
    """Whether a sentence is a scrap below these headings; that it repeats a question makes it none."""
    return is_scrap(sentence, [heading for heading in headings if not is_question(heading)])


def _lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    for unit in text_sentences.units(text):
        end = unit.start + len(text[unit.start : unit.end].rstrip())
        if unit.opens_paragraph or unit.is_line or not lines:
            start = unit.start + (
                0 if unit.is_code else len(text[unit.start : end]) - len(text[unit.start : end].lstrip())
            )
            lines.append(_Line(start, end, unit.opens_paragraph, unit.is_code, unit.is_heading, [(start, end)]))
        else:
            lines[-1].sentences.append((unit.start, end))
            lines[-1].end = end
    return lines


def _with_whole_records(lines: Sequence[_Line], records: Sequence[Mark], base: int) -> Iterator[_Line]:
    """The lines, those of one record joined to one if it is short enough to be quoted."""
    ends = {max(0, mark.start - base): mark.end - base for mark in records if mark.end - mark.start <= _LONGEST_ROW}
    place = 0
    while place < len(lines):
        line, end = lines[place], ends.get(lines[place].start, 0)
        place += 1
        while place < len(lines) and lines[place].end <= end:
            line.end = lines[place].end
            line.sentences.extend(lines[place].sentences)
            place += 1
        yield line


def _bare_lines(passage: Passage) -> Iterator[TextUnit]:
    """Headings, where a passage has nothing else."""
    for line in _lines(passage.text):
        if not is_question(passage.text[line.start : line.end]):
            yield TextUnit(line.start, line.end, is_scrap=True)


def _is_line_of(mark: Mark, words: str) -> bool:
    return words == mark.label or (
        len(words) > len(mark.label) and words.startswith(mark.label) and len(mark.label) > 100
    )


def _distinct(leads: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lead[:_LONGEST_LEAD] for lead in leads))
