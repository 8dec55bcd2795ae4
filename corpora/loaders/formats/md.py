"""Markdown (CommonMark and tables) to reading text: markup gone, headings on their own, code kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from corpora.documents import Document
from corpora.loaders.formats.decoding import decoded
from corpora.text.reading_text import ReadingText, in_one_line, item_line

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[a-zA-Z][^<>]*>|<[!?][^<>]*>", re.DOTALL | re.IGNORECASE)


def load(data: bytes, name: str) -> Document:
    """Load a Markdown file. Raises ``BinaryText``."""
    source = decoded(data, name)
    reading = ReadingText()
    if front := _FRONT_MATTER.match(source):
        source = source[front.end() :]
        if title := _FRONT_TITLE.search(front[1]):
            reading.title = title[1].strip("\"'")
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    _Writer(reading).write(parser.parse(source))
    return reading.document(name)


@dataclass(slots=True)
class _List:
    """An open list: the number of its next item, None for bullets."""

    number: int | None


@dataclass(slots=True)
class _Writer:
    """Walks the flat token stream; a list is collected whole, since its items are one block."""

    reading: ReadingText
    lists: list[_List] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    item_is_new: bool = False
    rows: list[list[str]] = field(default_factory=list)

    def write(self, tokens: Sequence[Token]) -> None:
        for i, token in enumerate(tokens):
            match token.type:
                case "inline":
                    self._inline(_plain(token), tokens[i - 1])
                case "fence" | "code_block":
                    self._flush_items()
                    self.reading.code(token.content)
                case "html_block":
                    self._inline(_TAG.sub("", token.content), token)
                case "bullet_list_open":
                    self.lists.append(_List(None))
                case "ordered_list_open":
                    self.lists.append(_List(int(token.attrGet("start") or 1)))
                case "bullet_list_close" | "ordered_list_close":
                    self.lists.pop()
                    if not self.lists:
                        self._flush_items()
                case "list_item_open":
                    self.item_is_new = True
                case "tr_open":
                    self.rows.append([])
                case "table_close":
                    self.reading.table(self.rows)
                    self.rows = []

    def _inline(self, text: str, opener: Token) -> None:
        """Add a run of inline text to the block that its opening token begins."""
        if opener.type in ("th_open", "td_open"):
            self.rows[-1].append(text)
        elif self.lists and (self.item_is_new or self.items):
            self._item(text)
        elif opener.type == "heading_open":
            self.reading.heading(text, level=int(opener.tag[1:]))
        else:
            self.reading.paragraph(text)

    def _item(self, text: str) -> None:
        """The first text of an item begins its line, further paragraphs continue it."""
        if self.item_is_new:
            current = self.lists[-1]
            self.items.append(item_line(text, depth=len(self.lists) - 1, number=current.number))
            if current.number is not None:
                current.number += 1
            self.item_is_new = False
        elif text.strip():
            self.items[-1] += " " + in_one_line(text)

    def _flush_items(self) -> None:
        self.reading.items(self.items)
        self.items = []


def _plain(inline: Token) -> str:
    """The text of inline markup; a picture becomes its description, a hard break a newline."""
    parts: list[str] = []
    for token in inline.children or ():
        match token.type:
            case "text" | "code_inline":
                parts.append(token.content)
            case "image":
                parts.append(_plain(token))
            case "softbreak":
                parts.append(" ")
            case "hardbreak":
                parts.append("\n")
    return "".join(parts)
