"""The tree of a page to reading text: every word that a reader of the page could make visible.

Panels that scripts open are read wherever they are, hidden or not; what no reader sees is not: scripts, templates, what
is shown without scripts, struck-out text (which is noted), and a ``nav`` that holds nothing but links, whose words are
those of other places. Descriptions of pictures, the values of fields, ticked boxes, quotation marks and the numbers of
items are written where the page shows them. The walk has its own stack: no page is nested too deeply.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from turbohtml import CData, Document, DocumentFragment, Element, Node, Text

from corpora.loaders.formats.markup import html_tables, mathml
from corpora.loaders.formats.markup.html_survey import HEADINGS, LISTS, Survey, elements_of, is_unread, surveyed
from corpora.loaders.formats.markup.html_tables import Cell, Row, Section
from corpora.loaders.formats.markup.html_tree import local_name, parsed_html
from corpora.loaders.formats.markup.list_numbers import Numbering, numbering_of
from corpora.loaders.formats.raised_text import lowered, raised
from corpora.text.reading_text import ReadingText, ended_block, in_one_line, reading_behind, words

_STRUCK = words("del s strike")
_BLOCKS = words(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hgroup html legend main nav p search section summary tbody thead tfoot marquee template"
)
_APART = words("button object text foreignobject")
_VERBATIM = words("pre listing xmp plaintext")
_PARTS_OF_TABLES = words("table caption tr td th tbody thead tfoot")
_BLOCK_STYLES = words("block flex grid table list-item flow-root")
_DROPPED_CLASSES = words("headerlink MathJax_Preview")
_WAY_BACK_CLASSES = words("footnote-backref fn-backref reversefootnote")
_STRUCK_CLASSES = words("line-through text-decoration-line-through strikethrough")
_NOTE_CLASSES = re.compile(r"(?:^|[ _-])(?:footnote|noteref|fn|reference)(?:$|[ _-])|footnote", re.IGNORECASE)
_ICON_FONT = re.compile(r"material-(?:icons|symbols)")
_PERMALINKS = frozenset(("", "#", "¶", "§", "\U0001f517", "\u221e"))
_WORD = re.compile(r"\w")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_DISPLAY = re.compile(r"(?:^|;)\s*display\s*:\s*([\w-]+)", re.IGNORECASE)
_LINE_THROUGH = re.compile(r"text-decoration(?:-line)?\s*:[^;]*line-through", re.IGNORECASE)
_RAISED = re.compile(r"vertical-align\s*:\s*super", re.IGNORECASE)
_LOWERED = re.compile(r"vertical-align\s*:\s*sub", re.IGNORECASE)
_KEEPS_LINES = re.compile(r"white-space\s*:\s*(?:pre|break-spaces)", re.IGNORECASE)
_BETWEEN_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_SLASHES = ("/", "\u2044", "\u2215")
_ENDS_ITSELF = (":", "?", "!", ".", ";", "…", "？", "：")
_QUOTES = ("“", "”"), ("‘", "’")
_LONGEST_TERM, _MOST_TERMS = 150, 6
# An item that is longer than this goes on in a line of its own.
_LONG_ITEM = 300
_LEVEL_OF_TABS = 6
_DEEPEST_INDENT = 20
# Inline elements in each other whose text is still changed.
_MOST_CAPTURES = 50
_BOXES = {("checkbox", True): "☑", ("checkbox", False): "☐", ("radio", True): "◉", ("radio", False): "○"}
_BOXES_OF_ROLES = {"checkbox": "checkbox", "switch": "checkbox", "menuitemcheckbox": "checkbox", "radio": "radio",
                   "menuitemradio": "radio"}  # fmt: skip
_UNSHOWN_FIELDS = words("hidden password file color range image checkbox radio")
_TAIL = 24
_LONGEST_MARK = 6
# A note that begins with its number.
_WORD_AHEAD = re.compile(r"[^\W\d_]{3}")

_Leave: TypeAlias = Callable[[], None]


def write_page(page: Document, reading: ReadingText) -> None:
    """Add the text of a page; of one that is nothing but links, these."""
    survey = surveyed(page)
    writer = _Writer(reading, survey)
    writer.write(page)
    if survey.bars_of_links and not reading.text:
        survey.bars_of_links.clear()
        writer.write(page)


def title_of(page: Document) -> str | None:
    """What the head of a page calls it."""
    titles = (title for title in elements_of(page, "title") if _is_in_head(title))
    return next(filter(None, (in_one_line(title.text) for title in titles)), None)


def first_heading(page: Document) -> str | None:
    """The text of the first heading of the first three levels."""
    headings = (element for element in page.iter_elements() if local_name(element) in ("h1", "h2", "h3"))
    return next(filter(None, (in_one_line(heading.text) for heading in headings)), None)


def _is_in_head(element: Element) -> bool:
    parent = element.parent
    return isinstance(parent, Element) and local_name(parent) in ("head", "html")


@dataclass(slots=True)
class _Item:
    """An open item: its marker, whether that is written, and in which block its last line is which."""

    depth: int
    marker: str
    is_numbered: bool
    is_new: bool = True
    block: int = -1
    line: int = -1


@dataclass(slots=True)
class _Row:
    """A row of an open table, in the so-and-so-many-th group of rows."""

    section: Section
    group: int
    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    """An open table; ``rows`` is none if it only lays out the page."""

    rows: list[_Row] | None
    caption: str = ""
    group: Node | None = None
    groups: int = 0


@dataclass(slots=True)
class _Line:
    """A cell or heading: all that is in it becomes one line."""

    parts: list[str] = field(default_factory=list)
    is_begun: bool = True
    is_heading: bool = False

    def add(self, text: str) -> None:
        """Add a block, set off from the one before."""
        if text := in_one_line(text):
            if not (self.is_begun or self.is_heading):
                self._end_block()
            self.parts.append(text)
            self.is_begun = False

    def item(self, marker: str) -> None:
        """Begin an item of a list, set off from the one before."""
        self._end_block()
        if marker:
            self.parts.append(marker)
        self.is_begun = True

    def text(self) -> str:
        return " ".join(self.parts).rstrip(";")

    def _end_block(self) -> None:
        if self.parts:
            self.parts[-1] = ended_block(self.parts[-1])


@dataclass(slots=True)
class _Choices:
    """The options of an open menu, and those that the page says are chosen."""

    is_multiple: bool
    options: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    group: str = ""
    """The label of the options that follow, which stands before the first of them."""

    def add(self, option: str, *, is_chosen: bool) -> None:
        self.options.append(f"{self.group} {option}".lstrip())
        self.group = ""
        if is_chosen:
            self.chosen = [*self.chosen, option] if self.is_multiple else [option]

    def text(self) -> str:
        """What is chosen, then all that there is to choose from."""
        options = ", ".join(self.options)
        return f"{', '.join(self.chosen)} (of {options})" if self.chosen and len(self.options) > 1 else options


@dataclass(slots=True)
class _Writer:
    """Walks the tree; inline text is collected until a block begins or ends."""

    reading: ReadingText
    survey: Survey
    inline: list[str] = field(default_factory=list)
    flushes: int = 0
    lines: list[_Line] = field(default_factory=list)
    lists: list[Numbering] = field(default_factory=list)
    open_items: list[_Item] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    blocks: int = 0
    tables: list[_Table] = field(default_factory=list)
    is_verbatim: bool = False
    keeps_lines: int = 0
    quotes: int = 0
    captures: int = 0
    term: str = ""
    defined: dict[Node, str] = field(default_factory=dict)
    readings: list[list[str]] = field(default_factory=list)
    choices: list[_Choices] = field(default_factory=list)
    moved_tabs: set[Element] = field(default_factory=set)

    def write(self, page: Document) -> None:
        """Write the whole page."""
        self.moved_tabs = set(self.survey.panels_of_tabs.values())
        self._walk([page])
        self._settle()
        self._end_list()

    def _walk(self, nodes: Sequence[Node]) -> None:
        stack: list[Node | _Leave] = list(reversed(nodes))
        while stack:
            node = stack.pop()
            if isinstance(node, Element):
                leave = self._enter(node, local_name(node))
                if leave is not None:
                    stack.append(leave)
                    stack.extend(reversed(node.children))
            elif isinstance(node, (Text, CData)):
                self._text(node.data)
            elif isinstance(node, (Document, DocumentFragment)):
                stack.extend(reversed(node.children))
            elif not isinstance(node, Node):
                node()

    # Text

    def _text(self, text: str) -> None:
        if not self.is_verbatim:
            text = re.sub(r"[ \t\r\f]+", " ", text) if self.keeps_lines else _SPACE.sub(" ", text)
        self.inline.append(text)

    def _before(self) -> str:
        """The end of the line so far."""
        tail, length = [], 0
        for part in reversed(self.inline):
            tail.append(part)
            length += len(part)
            if length >= _TAIL:
                break
        return "".join(reversed(tail))[-_TAIL:]

    def _captured(self, transform: Callable[[str], str]) -> _Leave:
        """At the end of an element: replace its text, unless it held blocks, which have been written by then."""
        start, flushes = len(self.inline), self.flushes
        self.captures += 1

        def leave() -> None:
            self.captures -= 1
            if self.flushes == flushes and self.captures < _MOST_CAPTURES:
                text = "".join(self.inline[start:])
                del self.inline[start:]
                if text := transform(text):
                    self.inline.append(text)

        return leave

    def _apart(self, text: str) -> None:
        """Text that the page sets off from its neighbours, as the frame of a field does."""
        self.inline.append(f" {text} ")

    # Blocks

    def _flush(self) -> None:
        """Write the collected inline text as a paragraph, or what stands in its place."""
        if self.is_verbatim:
            if self.inline and not self.inline[-1].endswith("\n"):
                self.inline.append("\n")
            return
        text = "".join(self.inline)
        self.inline = []
        if text.strip():
            self.flushes += 1
            self._paragraph(f"{self.term} {text.lstrip()}" if self.term else text)
            self.term = ""

    def _settle(self) -> None:
        """Flush, and write a term that waits for its definition: what follows is none, or no mere text."""
        self._flush()
        if self.term and not self.is_verbatim:
            self._paragraph(self.term)
            self.term = ""

    def _paragraph(self, text: str) -> None:
        if self.lines:
            self.lines[-1].add(text)
        elif self.open_items:
            self._in_item(self.open_items[-1], text)
        else:
            self._end_list()
            for paragraph in _BETWEEN_PARAGRAPHS.split(text):
                self.reading.paragraph(paragraph)

    def _block(self) -> _Leave:
        self._flush()
        return self._flush

    def _line(self, *, is_heading: bool = False) -> tuple[_Line, _Leave]:
        """Collect what follows on one line; the second of the two ends that."""
        self._settle()
        line, lists = _Line(is_heading=is_heading), self.lists
        self.lines.append(line)
        self.lists = []

        def leave() -> None:
            self._settle()
            self.lines.pop()
            self.lists = lists

        return line, leave

    def _in_item(self, item: _Item, text: str) -> None:
        """The first text of an item begins its line, what follows continues it."""
        text = in_one_line(text)
        if item.is_new:
            self._write_numbers(self.open_items[:-1])
            self.pending.append(f"{'  ' * item.depth}{item.marker} {text}")
            item.is_new = False
        elif item.block == self.blocks and item.line == len(self.pending) - 1 and len(self.pending[-1]) < _LONG_ITEM:
            self.pending[-1] = f"{ended_block(self.pending[-1])} {text}"
        elif self.pending:
            self.pending.append(f"  {text}")
        else:
            self.reading.paragraph(text)
            return
        item.block, item.line = self.blocks, len(self.pending) - 1

    def _write_numbers(self, items: Sequence[_Item]) -> None:
        """The numbers of items that begin with no text of their own, but with a list, a table or code."""
        for item in items:
            if item.is_new and item.is_numbered:
                self.pending.append(f"{'  ' * item.depth}{item.marker}")
            item.is_new = False

    def _end_list(self) -> None:
        """Write the items collected so far as one block."""
        if self.pending:
            self.reading.items(self.pending)
            self.pending = []
            self.blocks += 1

    # Elements

    def _enter(self, element: Element, name: str) -> _Leave | None:
        """Begin an element; what to do at its end, or none if nothing in it is read."""
        if element in self.survey.bars_of_links:
            return None
        if is_unread(element, name):
            return None
        if not element.attrs:
            return self._by_name(element, name)
        found = self._by_attributes(element, name)
        leave = self._by_name(element, name) if found is None else found[0]
        kind = _BOXES_OF_ROLES.get(element.attr("role") or "")
        if leave is not None and kind and (checked := element.attr("aria-checked")):
            self._apart(_BOXES[kind, checked == "true"])
        return leave

    def _by_name(self, element: Element, name: str) -> _Leave | None:
        handler = _HANDLERS.get(name)
        if handler is not None:
            return handler(self, element)
        if name in HEADINGS:
            return self._heading(element, int(name[1]))
        if name in _STRUCK:
            self._struck(element)
            return None
        if name in _BLOCKS:
            return self._block()
        return self._set_off() if name in _APART else _nothing

    def _by_attributes(self, element: Element, name: str) -> tuple[_Leave | None] | None:
        """What its attributes make of an element, whatever it is; none if nothing."""
        classes = set((element.attr("class") or "").split())
        style, role = element.attr("style") or "", element.attr("role") or ""
        if classes & _DROPPED_CLASSES or _ICON_FONT.search(" ".join(classes)):
            return (None,)
        if (role == "doc-backlink" or classes & _WAY_BACK_CLASSES) and not _WORD.search(element.text):
            return (None,)
        if "katex-html" in classes and element.attr("aria-hidden") == "true":
            return (None,)  # the formula stands before it as MathML
        if classes & _STRUCK_CLASSES or (style and _LINE_THROUGH.search(style)):
            self._struck(element)
            return (None,)
        if role == "heading":
            level = element.attr("aria-level") or ""
            return (self._heading(element, int(level) if level in "123456" and level else 2),)
        if role == "tab" and element in self.moved_tabs:
            return (None,)  # it is written above its panel
        if role == "tabpanel" and element in self.survey.panels_of_tabs:
            return (self._panel(element),)
        return self._by_style(element, name, style) if style else None

    def _by_style(self, element: Element, name: str, style: str) -> tuple[_Leave | None] | None:
        if _KEEPS_LINES.search(style) and name not in _VERBATIM and not self.is_verbatim:
            return (self._with_lines(is_block=name in _BLOCKS),)
        if name in _HANDLERS or name in HEADINGS or name in _PARTS_OF_TABLES:
            return None
        if name not in _BLOCKS and _RAISED.search(style):
            return (self._raised(element),)
        if name not in _BLOCKS and _LOWERED.search(style):
            return (self._lowered(element),)
        display = found[1].lower() if (found := _DISPLAY.search(style)) else ""
        if name in _BLOCKS:
            return (_nothing,) if display == "inline" else None
        if display in _BLOCK_STYLES:
            return (self._block(),)
        return (self._set_off(),) if display.startswith("inline-") else None

    def _with_lines(self, *, is_block: bool) -> _Leave:
        """Lines end here where they end in the source."""
        if is_block:
            self._flush()
        self.keeps_lines += 1

        def leave() -> None:
            self.keeps_lines -= 1
            if is_block:
                self._flush()

        return leave

    def _set_off(self) -> _Leave:
        """Set what is in an element off from its neighbours."""
        self.inline.append(" ")
        return lambda: self.inline.append(" ")

    def _struck(self, element: Element) -> None:
        if element.text.strip():
            self.reading.note("struck-out text was left out")

    def _line_break(self, element: Element) -> None:
        self.inline.append("\n")

    def _rule(self, element: Element) -> None:
        self._flush()

    def _heading(self, element: Element, level: int) -> _Leave:
        if element in self.survey.long_headings or self.is_verbatim:
            return self._block()
        line, end = self._line(is_heading=True)

        def leave() -> None:
            end()
            text = line.text().rstrip("¶ ")
            if self.lines:
                self.lines[-1].add(text)
            elif text:
                self._write_heading(text, level)

        return leave

    def _write_heading(self, text: str, level: int) -> None:
        if self.open_items and (item := self.open_items[-1]).is_new:
            item.is_new = False
            self._write_numbers(self.open_items[:-1])
            text = f"{item.marker} {text}" if item.is_numbered else text
        self._end_list()
        self.reading.heading(text, level=level)

    def _link(self, element: Element) -> _Leave | None:
        href = element.attr("href") or ""
        if href.startswith("#") and self.lines and len(element.children) <= 1 and element.text.strip() in _PERMALINKS:
            return None
        if _is_reference(element) and not _is_named(element.parent, "sup") and not _has_raised(element):
            return self._captured(_mark_of_note)
        return _nothing

    # Lists

    def _list(self, element: Element) -> _Leave:
        self._settle()
        is_outermost = not self.lists and not self.lines and not self.open_items
        if is_outermost:
            self._end_list()
        self.lists.append(numbering_of(element, local_name(element), self.survey.list_lengths.get(element, 0)))

        def leave() -> None:
            self._settle()
            self.lists.pop()
            if is_outermost:
                self._end_list()

        return leave

    def _item(self, element: Element) -> _Leave:
        self._settle()
        numbering = self.lists[-1] if self.lists else Numbering()
        marker = numbering.marker(element.attr("value"))
        if self.lines:
            self.lines[-1].item("" if numbering.is_plain else marker)
            return self._settle
        count, depth = len(self.open_items), min(max(len(self.lists) - 1, 0), _DEEPEST_INDENT)
        self.open_items.append(_Item(depth, marker, not numbering.is_plain))

        def leave() -> None:
            self._settle()
            del self.open_items[count:]

        return leave

    def _description(self, element: Element) -> _Leave:
        self._settle()
        return self._settle

    def _term(self, element: Element) -> _Leave:
        """A term stands before its definition, in its line; so do several that have one in common."""
        self._flush()
        if not _is_defined(element):
            self._settle()
            return self._flush
        flushes = self.flushes

        def leave() -> None:
            text = in_one_line("".join(self.inline))
            terms = ", ".join(filter(None, (self.term.removesuffix(":"), text)))
            if self.flushes != flushes or self.is_verbatim or len(terms) > _LONGEST_TERM:
                waiting, self.term = self.term, ""
                if waiting:
                    self._paragraph(waiting)
                self._flush()
            else:
                self.inline = []
                self.term = terms if not terms or terms.endswith(_ENDS_ITSELF) else f"{terms}:"
                if element.parent is not None:
                    self.defined[element.parent] = self.term

        return leave

    def _definition(self, element: Element) -> _Leave:
        """A definition; a further one of the same term has that once more."""
        self._flush()
        again = self.defined.get(element.parent, "") if element.parent and _follows(element, "dd") else ""
        if again and not (self.term or self.lines or self.open_items or self.is_verbatim):
            self.term = again

        def leave() -> None:
            self._flush()
            if again and self.term == again:
                self.term = ""

        return leave

    # Tables

    def _open_table(self, element: Element) -> _Leave:
        self._settle()
        if self.is_verbatim:
            self._write_code()
        is_layout = element in self.survey.layout_tables
        self.tables.append(_Table(None if is_layout else []))
        return self._close_layout if is_layout else self._close_table

    def _close_layout(self) -> None:
        self._settle()
        self.tables.pop()

    def _close_table(self) -> None:
        self._settle()
        table = self.tables.pop()
        rows = [Row(tuple(row.cells), row.section, row.group) for row in table.rows or ()]
        if self.lines:
            self.lines[-1].add(table.caption)
            cells = html_tables.readable_rows(rows)
            self.lines[-1].add("; ".join(", ".join(filter(None, row)) for row in cells))
            return
        lines = html_tables.readable_lines(rows)
        if lines:
            self._write_numbers(self.open_items)
        self._end_list()
        self.reading.paragraph(table.caption)
        self.reading.lines("row", lines)

    def _row(self, element: Element) -> _Leave:
        self._flush()
        if self.tables and (rows := self.tables[-1].rows) is not None:
            parent = element.parent
            name = local_name(parent) if isinstance(parent, Element) else ""
            section: Section = "head" if name == "thead" else "foot" if name == "tfoot" else "body"
            table = self.tables[-1]
            if parent != table.group:
                table.group, table.groups = parent, table.groups + 1
            rows.append(_Row(section, table.groups))
        return self._flush

    def _cell(self, element: Element) -> _Leave:
        self._flush()
        table = self.tables[-1] if self.tables else None
        if table is None or table.rows is None:
            return self._flush
        if not table.rows:
            table.rows.append(_Row("body", table.groups))
        is_verbatim, self.is_verbatim = self.is_verbatim, False
        cells, (line, end) = table.rows[-1].cells, self._line()

        def leave() -> None:
            end()
            self.is_verbatim = is_verbatim
            rows, columns = _span(element.attr("rowspan"), 65_534), _span(element.attr("colspan"), 1000)
            cells.append(Cell(line.text(), rows, max(columns, 1), local_name(element) == "th"))

        return leave

    def _caption(self, element: Element) -> _Leave:
        table = self.tables[-1] if self.tables else None
        if table is None or table.rows is None:
            return self._block()
        line, end = self._line()

        def leave() -> None:
            end()
            table.caption = line.text()

        return leave

    # Code

    def _code(self, element: Element) -> _Leave:
        self._settle()
        if self.lines or self.is_verbatim:
            return self._flush
        self.inline, self.is_verbatim = [], True

        def leave() -> None:
            self._write_code()
            self.is_verbatim = False

        return leave

    def _write_code(self) -> None:
        text = "".join(self.inline)
        self.inline, self.flushes = [], self.flushes + 1
        if text.strip():
            self._write_numbers(self.open_items)
            self._end_list()
            self.reading.code(text)

    # Inline elements

    def _raised(self, element: Element) -> _Leave:
        before, sibling = self._before(), element.next_sibling
        after = sibling.data if isinstance(sibling, Text) else ""
        if sibling is not None and after.strip() in _SLASHES and _is_named(sibling.next_sibling, "sub"):
            gap = " " if before[-1:].isdigit() else ""
            return self._captured(lambda text: gap + in_one_line(text))  # the upper half of a fraction
        if _is_reference(element) or _leads_to_note(element):
            return self._captured(_mark_of_note)
        gap = " " if not before.strip() and _WORD_AHEAD.match(after) else ""
        return self._captured(lambda text: raised(text, before, after) + gap)

    def _lowered(self, element: Element) -> _Leave:
        before, sibling = self._before(), element.next_sibling
        after = sibling.data if isinstance(sibling, Text) else ""
        return self._captured(lambda text: lowered(text, before, after))

    def _quotation(self, element: Element) -> _Leave:
        opening, closing = _QUOTES[self.quotes % 2]
        self.quotes += 1
        self.inline.append(opening)

        def leave() -> None:
            self.quotes -= 1
            self.inline.append(closing)

        return leave

    def _ruby(self, element: Element) -> _Leave:
        """The word, and behind it in brackets how it is read."""
        readings: list[str] = []
        self.readings.append(readings)

        def word(text: str) -> str:
            reading = in_one_line("".join(readings))
            return f"{text.rstrip()}{reading_behind(text, reading)}" if reading else text

        captured = self._captured(word)

        def leave() -> None:
            captured()
            self.readings.pop()

        return leave

    def _reading(self, element: Element) -> _Leave:
        if not self.readings:
            return self._set_off()
        readings = self.readings[-1]

        def kept(text: str) -> str:
            readings.append(text)
            return ""

        return self._captured(kept)

    def _abbreviation(self, element: Element) -> _Leave:
        meaning = in_one_line(element.attr("title") or "")
        return self._captured(lambda text: f"{text} ({meaning})" if meaning and meaning not in text else text)

    def _formula(self, element: Element) -> None:
        text = mathml.linear(element)
        is_block = element.attr("display") == "block" or element.attr("mode") == "display"
        if is_block:
            self._flush()
        if text:
            self.inline.append(f" {text} " if self._before()[-1:].isalnum() or is_block else text)
            sibling = element.next_sibling
            if isinstance(sibling, Text) and sibling.data[:1].isalnum():
                self.inline.append(" ")
        if is_block:
            self._flush()

    # Pictures and fields

    def _picture(self, element: Element) -> None:
        if alternative := in_one_line(element.attr("alt") or ""):
            self._apart(alternative)

    def _title(self, element: Element) -> _Leave | None:
        """The name of a drawing or of a part of it; any other title is that of the page."""
        return None if _is_in_head(element) else self._set_off()

    def _frame(self, element: Element) -> None:
        """A page in the page."""
        if source := element.attr("srcdoc"):
            self._settle()
            page = parsed_html(source)
            if self.lines or self.is_verbatim:
                self._apart(in_one_line(page.text))
            else:
                self._end_list()
                _Writer(self.reading, surveyed(page)).write(page)

    def _input(self, element: Element) -> None:
        kind = (element.attr("type") or "text").lower()
        if box := _BOXES.get((kind, element.attr("checked") is not None)):
            self._apart(box)
        elif kind == "image":
            self._picture(element)
        elif kind not in _UNSHOWN_FIELDS and (shown := element.attr("value") or element.attr("placeholder")):
            self._apart(in_one_line(shown))

    def _text_field(self, element: Element) -> _Leave | None:
        if not element.text.strip():
            self._apart(in_one_line(element.attr("placeholder") or ""))
            return None
        self.inline.append(" ")
        return self._with_lines(is_block=False)

    def _choice(self, element: Element) -> _Leave:
        """The options of a menu, which a click shows."""
        choices = _Choices(is_multiple=element.attr("multiple") is not None)
        self.choices.append(choices)

        def leave() -> None:
            self.choices.pop()
            self._apart(choices.text())

        return leave

    def _option(self, element: Element) -> _Leave:
        label = in_one_line(element.attr("label") or "")

        def kept(text: str) -> str:
            text = in_one_line(text) or label
            if not self.choices:
                return f" {text} "
            if text:
                self.choices[-1].add(text, is_chosen=element.attr("selected") is not None)
            return ""

        return self._captured(kept)

    def _options(self, element: Element) -> _Leave:
        if (label := in_one_line(element.attr("label") or "")) and self.choices:
            self.choices[-1].group = label if label.endswith(":") else f"{label}:"
        return self._block() if not self.choices else _nothing

    def _gauge(self, element: Element) -> _Leave | None:
        if element.text.strip():
            return self._set_off()
        value, most = element.attr("value"), element.attr("max")
        if value:
            self._apart(f"{value}/{most}" if most and most != "1" else value)
        return None

    def _panel(self, element: Element) -> _Leave:
        """The label of its tab stands above a panel, as if it had been chosen."""
        line, end = self._line()
        self._walk(self.survey.panels_of_tabs[element].children)
        end()
        if self.lines or self.is_verbatim:
            self._paragraph(line.text())
        elif text := line.text():
            self._write_heading(text, _LEVEL_OF_TABS)
        return self._flush


def _nothing() -> None:
    """Nothing is to be done at the end of an element."""


def _span(text: str | None, most: int) -> int:
    digits = re.match(r"\s*\+?(\d{1,6})", text or "")
    return min(int(digits[1]), most) if digits else 1


def _is_defined(term: Element) -> bool:
    """Whether a definition follows a term, or the terms beside it."""
    node, seen = term.next_sibling, 0
    while node is not None and seen < _MOST_TERMS:
        if isinstance(node, Element):
            name = local_name(node)
            if name != "dt":
                return name == "dd"
            seen += 1
        node = node.next_sibling
    return False


def _follows(element: Element, name: str) -> bool:
    """Whether the element before this one has that name."""
    node = element.previous_sibling
    while node is not None and not isinstance(node, Element):
        node = node.previous_sibling
    return _is_named(node, name)


def _is_reference(element: Element) -> bool:
    """Whether an element says of itself that it leads to a note."""
    kinds = f"{element.attr('role') or ''} {element.attr('epub:type') or ''}".split()
    return "doc-noteref" in kinds or "noteref" in kinds


def _is_named(node: Node | None, name: str) -> bool:
    return isinstance(node, Element) and local_name(node) == name


def _mark_of_note(text: str) -> str:
    mark = in_one_line(text)
    is_bare = mark and len(mark) <= _LONGEST_MARK and not mark.startswith(("[", "("))
    return f"[{mark}]" if is_bare else mark


def _has_raised(element: Element) -> bool:
    return any(_is_named(node, "sup") for node in element.children)


def _leads_to_note(element: Element) -> bool:
    """Whether raised text is a link within the page, or in one, or named as a mark of a note."""
    parent = element.parent
    links = [node for node in (*element.children, parent) if isinstance(node, Element) and local_name(node) == "a"]
    if any((link.attr("href") or "").startswith("#") or _is_reference(link) for link in links):
        return True
    return any(_NOTE_CLASSES.search(node.attr("class") or "") for node in (element, *links))


_HANDLERS: dict[str, Callable[[_Writer, Element], _Leave | None]] = {
    "br": _Writer._line_break,
    "hr": _Writer._rule,
    "a": _Writer._link,
    **dict.fromkeys(LISTS, _Writer._list),
    "li": _Writer._item,
    "dt": _Writer._term,
    "dl": _Writer._description,
    "dd": _Writer._definition,
    "table": _Writer._open_table,
    "tr": _Writer._row,
    "td": _Writer._cell,
    "th": _Writer._cell,
    "caption": _Writer._caption,
    **dict.fromkeys(_VERBATIM, _Writer._code),
    "sup": _Writer._raised,
    "sub": _Writer._lowered,
    "q": _Writer._quotation,
    "ruby": _Writer._ruby,
    "rt": _Writer._reading,
    "rtc": _Writer._reading,
    "abbr": _Writer._abbreviation,
    "acronym": _Writer._abbreviation,
    "dfn": _Writer._abbreviation,
    "math": _Writer._formula,
    "img": _Writer._picture,
    "title": _Writer._title,
    "iframe": _Writer._frame,
    "input": _Writer._input,
    "textarea": _Writer._text_field,
    "select": _Writer._choice,
    "option": _Writer._option,
    "optgroup": _Writer._options,
    "meter": _Writer._gauge,
    "progress": _Writer._gauge,
}
