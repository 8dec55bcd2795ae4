"""HTML to reading text: what a reader of the page reads, without scripts, styles, navigation or hidden parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.loaders.formats.decoding import decoded
from corpora.text.reading_text import ReadingText, in_one_line, item_line, words

_DROPPED = words(
    "script style nav noscript template svg math iframe object embed canvas audio video button select input textarea "
    "head footer dialog"
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = words(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure header hgroup html "
    "legend main p section summary"
)
_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?\s*([\w-]+)", re.IGNORECASE)


def load(data: bytes, name: str) -> Document:
    """Load a page. Raises ``BinaryText``, ``DamagedFile``."""
    declared = _CHARSET.search(data[:4096])
    soup = BeautifulSoup(decoded(data, name, declared=declared[1].decode("ascii") if declared else None), "html.parser")
    reading = ReadingText()
    if soup.title is not None:
        reading.title = in_one_line(soup.title.get_text()) or None
    write_page(soup, reading, name)
    return reading.document(name)


def write_page(soup: BeautifulSoup, reading: ReadingText, name: str) -> None:
    """Add the text of a page, of its ``main`` element if it has one. Raises ``DamagedFile``."""
    mains = soup.find_all("main")
    writer = _Writer(reading)
    try:
        writer.write(mains[0] if len(mains) == 1 else soup)
    except RecursionError as error:
        raise DamagedFile(
            f"the tags of {name} are nested too deeply", hint="open it in a browser, save it as text and add that"
        ) from error
    writer.flush()


@dataclass(slots=True)
class _Writer:
    """Walks the tree; inline text is collected until a block begins or ends."""

    reading: ReadingText
    inline: list[str] = field(default_factory=list)

    def write(self, parent: Tag) -> None:
        for node in parent.children:
            if isinstance(node, Tag):
                self._tag(node)
            elif text := _words(node):
                self.inline.append(text)

    def flush(self) -> None:
        """Write the collected inline text as a paragraph."""
        self.reading.paragraph("".join(self.inline))
        self.inline = []

    def _tag(self, tag: Tag) -> None:
        if _is_unread(tag):
            return
        if tag.name == "br":
            self.inline.append("\n")
        elif tag.name in _HEADINGS:
            self.flush()
            self.reading.heading(_flat(tag).rstrip("¶ #"), level=int(tag.name[1]))
        elif tag.name == "pre":
            self.flush()
            self.reading.code(tag.get_text())
        elif tag.name in ("ul", "ol"):
            self.flush()
            self._list(tag)
        elif tag.name == "table" and tag.find("table") is None:
            self.flush()
            self.reading.table(_rows(tag))
        elif tag.name in _BLOCKS or tag.name in ("table", "tr", "td", "th", "hr", "li"):
            self.flush()
            self.write(tag)
            self.flush()
        else:
            self.write(tag)

    def _list(self, tag: Tag) -> None:
        """A list is one block, unless an item holds code or a table, which stand on their own lines."""
        if tag.find(["pre", "table"]) is None:
            self.reading.items(_items(tag, depth=0))
            return
        for item in tag.find_all("li", recursive=False):
            self.inline.append("- ")
            self.write(item)
            self.flush()


def _items(tag: Tag, *, depth: int) -> Iterator[str]:
    """The lines of a list and of the lists inside its items."""
    number = _start(tag) if tag.name == "ol" else None
    for item in tag.find_all("li", recursive=False):
        nested = [inner for inner in item.find_all(["ul", "ol"]) if inner.find_parent("li") is item]
        text = _flat(item, skipped=nested)
        if text.strip():
            yield item_line(text, depth=depth, number=number)
        for inner in nested:
            yield from _items(inner, depth=depth + 1)
        if number is not None:
            number += 1


def _rows(table: Tag) -> Iterator[list[str]]:
    for row in table.find_all("tr"):
        yield [_flat(cell) for cell in row.find_all(["td", "th"], recursive=False)]


def _start(tag: Tag) -> int:
    start = str(tag.get("start", "1"))
    return int(start) if start.isdecimal() and len(start) < 9 else 1


def _flat(tag: Tag, skipped: list[Tag] | None = None) -> str:
    """All text inside a tag on one line; blocks inside it are separated by a space."""
    parts: list[str] = []
    for node in tag.children:
        if isinstance(node, Tag):
            if not _is_unread(node) and not any(node is skip for skip in skipped or ()):
                gap = " " if node.name in _BLOCKS or node.name in ("br", "li", "ul", "ol") else ""
                parts.append(gap + _flat(node, skipped) + gap)
        else:
            parts.append(_words(node))
    return _spaced("".join(parts))


def _spaced(text: str) -> str:
    """White space runs as single spaces, also at the ends, where they separate this text from its neighbours."""
    return re.sub(r"\s+", " ", text)


def _words(node: PageElement) -> str:
    """The text of a text node; empty for comments, declarations and the like."""
    if isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
        return _spaced(str(node))
    return ""


def _is_unread(tag: Tag) -> bool:
    """Whether a reader of the page does not see this part."""
    if tag.name in _DROPPED or tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    return "headerlink" in (tag.get("class") or ()) or "display:none" in str(tag.get("style", "")).replace(" ", "")
