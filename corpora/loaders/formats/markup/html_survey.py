"""What must be known of a page before it is written: found in one walk over its tree.

Which tables only lay out the page, which headings swallow text, where a bar of links holds nothing else, which tab
opens which panel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from turbohtml import CData, Document, DocumentFragment, Element, Node, Text

from corpora.loaders.formats.markup.html_tree import local_name
from corpora.text.reading_text import words

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
LISTS = words("ol ul menu dir")
_TEXT_BLOCKS = words("p div ul ol dl blockquote article section")
_IN_LINKS = words("a button label select option summary input") | HEADINGS
_MEASURED = words("table td th nav") | HEADINGS
_LINKS = words("a button input select")
_UNREAD = words("script style noscript noframes noembed template head video audio canvas track source param datalist "
                "rp metadata defs colgroup frameset")  # fmt: skip
_LONG_CELL = 600
_LONG_HEADING = 200
_LETTER = re.compile(r"[^\W_]")


@dataclass(slots=True)
class Survey:
    """What was found; elements by themselves."""

    layout_tables: set[Element] = field(default_factory=set)
    long_headings: set[Element] = field(default_factory=set)
    bars_of_links: set[Element] = field(default_factory=set)
    list_lengths: dict[Element, int] = field(default_factory=dict)
    panels_of_tabs: dict[Element, Element] = field(default_factory=dict)
    """The tab of each panel."""


@dataclass(slots=True)
class _Count:
    """What has been seen so far; the difference between two is what lies between them."""

    characters: int = 0
    unlinked: int = 0
    links: int = 0
    blocks: int = 0
    tables: int = 0
    headings: int = 0
    code: int = 0


@dataclass(slots=True)
class _Table:
    """An open table: whether it has header cells, and the length of its longest cell that holds blocks."""

    has_headers: bool = False
    longest_cell: int = 0


@dataclass(slots=True)
class _Surveyor:
    found: Survey = field(default_factory=Survey)
    count: _Count = field(default_factory=_Count)
    tables: list[_Table] = field(default_factory=list)
    lists: list[Element] = field(default_factory=list)
    linked: int = 0
    outside_bars: list[int] = field(default_factory=list)
    unread: int = 0
    tabs: list[Element] = field(default_factory=list)
    panels: list[Element] = field(default_factory=list)

    def enter(self, element: Element, name: str) -> None:
        count = self.count
        count.links += name in _LINKS
        count.tables += name == "table"
        count.code += name == "pre"
        count.headings += name in HEADINGS
        count.blocks += name in _TEXT_BLOCKS
        self.unread += is_unread(element, name)
        if name == "nav":
            self.outside_bars.append(self.linked)
            self.linked = 0
        self.linked += name in _IN_LINKS or element.attr("aria-current") is not None
        if name == "table":
            self.tables.append(_Table())
        elif name in ("th", "caption") and self.tables:
            self.tables[-1].has_headers = True
        elif name in LISTS:
            self.lists.append(element)
            self.found.list_lengths[element] = 0
        elif name == "li" and self.lists:
            self.found.list_lengths[self.lists[-1]] += 1
        self._note_tab(element)

    def _note_tab(self, element: Element) -> None:
        role = element.attr("role")
        if role == "tab":
            self.tabs.append(element)
        elif role == "tabpanel" and not self.unread:
            self.panels.append(element)

    def text(self, text: str) -> None:
        if not self.unread:
            letters = len(_LETTER.findall(text))
            self.count.characters += letters
            self.count.unlinked += 0 if self.linked else letters

    def leave(self, element: Element, name: str, before: _Count) -> None:
        count = self.count
        length = count.characters - before.characters
        self.unread -= is_unread(element, name)
        self.linked -= name in _IN_LINKS or element.attr("aria-current") is not None
        if name == "table":
            table = self.tables.pop()
            holds_more = (
                count.tables - before.tables > 1 or count.headings > before.headings or count.code > before.code
            )
            is_laid_out = not table.has_headers and (holds_more or table.longest_cell > _LONG_CELL)
            if is_laid_out or element.attr("role") in ("presentation", "none"):
                self.found.layout_tables.add(element)
        elif name in ("td", "th") and self.tables and count.blocks - before.blocks > 1:
            self.tables[-1].longest_cell = max(self.tables[-1].longest_cell, length)
        elif name in HEADINGS:
            others = (count.tables - before.tables, count.code - before.code, count.headings - before.headings - 1)
            if any(others) or (count.blocks > before.blocks and length > _LONG_HEADING):
                self.found.long_headings.add(element)
        elif name in LISTS:
            self.lists.pop()
        elif name == "nav":
            self.linked = self.outside_bars.pop()
            if count.links > before.links and count.unlinked == before.unlinked:
                self.found.bars_of_links.add(element)

    def pair_tabs(self) -> None:
        """Find the panel of each tab by the reference of one to the other."""
        by_id = {panel.attr("id"): panel for panel in self.panels}
        by_label = {label: panel for panel in self.panels for label in (panel.attr("aria-labelledby") or "").split()}
        for tab in self.tabs:
            targets = (tab.attr(name) for name in ("aria-controls", "href", "data-bs-target", "data-target"))
            target = next((target.removeprefix("#") for target in targets if target), None)
            panel = by_id.get(target) if target else None
            panel = panel or by_label.get(tab.attr("id") or "")
            if panel is not None and panel not in self.found.panels_of_tabs:
                self.found.panels_of_tabs[panel] = tab


def surveyed(page: Document) -> Survey:
    """Walk over the tree, without recursion."""
    surveyor = _Surveyor()
    names: list[tuple[Element, str, _Count]] = []
    stack: list[Node | None] = [page]
    while stack:
        node = stack.pop()
        if node is None:
            surveyor.leave(*names.pop())
        elif isinstance(node, Element):
            name = local_name(node)
            names.append((node, name, replace(surveyor.count) if name in _MEASURED else surveyor.count))
            surveyor.enter(node, name)
            stack.append(None)
            stack.extend(reversed(node.children))
        elif isinstance(node, (Text, CData)):
            surveyor.text(node.data)
        elif isinstance(node, (Document, DocumentFragment)):
            stack.extend(reversed(node.children))
    surveyor.pair_tabs()
    return surveyor.found


def is_unread(element: Element, name: str) -> bool:
    """Whether no reader of the page sees what is in an element of that name."""
    is_shadow_root = name == "template" and element.attr("shadowrootmode") is not None
    return name in _UNREAD and not is_shadow_root


def elements_of(page: Node, name: str) -> Iterator[Element]:
    """The elements of that name, in the order of the page."""
    return (element for element in page.iter_elements() if local_name(element) == name)
