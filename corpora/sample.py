"""The sample corpus: the language reference that every Python contains (``pydoc_data.topics``).

Topics repeat sections of each other; here each paragraph is in one document, that of the shortest topic that has it, so
that a sentence about ``for`` is cited from the document about ``for``.

``parsed`` turns a topic, plain text as Sphinx writes it, into blocks: headings, prose, items, tables, code. Indentation
is its structure: lines deeper than a definition or a list item are its body, lines deeper than prose are code. Markup
left in the text (stars, footnote marks) is removed from prose, never from code.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from itertools import groupby, pairwise

from corpora.documents import Document
from corpora.errors import LibraryError
from corpora.text.reading_text import ReadingText, in_one_line
from corpora.text.reflow import Joiner, grid_rows

_PREFIX = "Language reference: "
# A paragraph this long is a repetition wherever it stands; a shorter one only beside the same neighbour.
_DISTINCT_CHARS = 60
# A topic with less text left is dropped.
_FEWEST_CHARS = 120
_LEVELS = {"*": 1, "=": 2, "-": 3, "~": 4, "^": 5}
_ITEM = re.compile(r"(?:\*|-|(?P<number>\d{1,2})\.)\s+")
_FOOTNOTE = re.compile(r"\[\d+\]\s+")
_LABELS = frozenset(
    ("Note:", "See also:", "Warning:", "Important:", "Tip:", "Hint:", "Caution:", "Attention:", "Danger:", "Notes:")
)
_NOISE = re.compile(r"=+|-\[ Footnotes \]-|\*\*Source code:\*\*.*|-{20,}")
_QUOTED = re.compile(r'("[^"]*")')
_STARS = re.compile(r"(?<![\w*])(\*{1,2})(?=[^\s*])([^*]+?)(?<=\S)\1(?=th\b|[^\w*]|$)")
_FOOTNOTE_MARK = re.compile(r"\s\[\d{1,2}\](?=[\s.,;:)]|$)")
_CODE_LINE = re.compile(
    r"::=|>>>| = |[{}\\]$|\($|^\s*(?:[$#@]|print\(|try:|(?:from \S+ )?import \S+$"
    r"|(?:def|class|for|while|if|with) .*:$)"
)
_SIGNATURE = re.compile(r"[\w.]+\(|(?:async |static)?(?:class|method|exception|coroutine)\b")
_TORN_MINUS = re.compile(r"=- (?=\d)")  # Sphinx writes a default of -1 so
_ENDS_OF_PROSE = tuple(".:;,?!")


def sample_documents() -> list[Document]:
    """One document a topic, in the order of their names. Raises ``LibraryError`` if this Python has no topics."""
    try:
        topics: Mapping[str, str] = import_module("pydoc_data.topics").topics
    except ImportError as error:
        raise LibraryError(
            "this Python comes without its language reference (pydoc_data)",
            hint="install the full standard library (on Debian: libpython3-stdlib), or add documents of your own",
        ) from error
    return documents_of(topics)


def documents_of(topics: Mapping[str, str]) -> list[Document]:
    """Topics by their key, as documents without repeated paragraphs; topics with hardly any text left are dropped."""
    seen = _Seen()
    documents: dict[str, Document] = {}
    for key, topic in sorted(topics.items(), key=_shortest_first):
        blocks = parsed(topic)
        title = blocks[0].text if blocks and blocks[0].kind is Kind.HEADING else key
        name = _PREFIX + (key if _is_about(key, title) else title.replace('"', ""))
        kept = list(_without_empty(seen.unseen(blocks)))
        text = _written(kept)
        if sum(len(block.text) for block in kept if block.kind is not Kind.HEADING) >= _FEWEST_CHARS:
            name = f"{name} ({key})" if name in documents else name
            documents[name] = Document.of(name, text, {"title": title, "topic": key})
    return [documents[name] for name in sorted(documents, key=str.casefold)]


def _shortest_first(item: tuple[str, str]) -> tuple[int, bool, str]:
    """A sort key: shortest first, and of equal topics (``else`` is ``if``) the one that is named in its title."""
    key, topic = item
    return len(topic), not _is_about(key, topic.lstrip().split("\n", 1)[0]), key


def _is_about(key: str, title: str) -> bool:
    """Whether this topic describes the keyword that is its key."""
    return keyword.iskeyword(key) and f'"{key}"' in title


class _Seen:
    """The blocks seen so far, and the pairs of neighbours."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._pairs: set[tuple[str, str]] = set()

    def unseen(self, blocks: list[Block]) -> list[Block]:
        """The blocks that no earlier topic had; headings always stay."""
        pairs = list(pairwise(["", *(block.text for block in blocks), ""]))
        kept = []
        for block, before, after in zip(blocks, pairs[:-1], pairs[1:], strict=True):
            if block.kind is Kind.HEADING or not self._is_repeated(block, before, after):
                kept.append(block)
            self._texts.add(block.text)
            self._pairs.add(before)
        return kept

    def _is_repeated(self, block: Block, before: tuple[str, str], after: tuple[str, str]) -> bool:
        if block.text not in self._texts:
            return False
        return len(block.text) >= _DISTINCT_CHARS or before in self._pairs or after in self._pairs


def _without_empty(blocks: Iterable[Block]) -> Iterator[Block]:
    """Leave out headings and definitions under which nothing is left."""
    waiting: list[Block] = []
    for block in blocks:
        if block.kind is Kind.HEADING:
            waiting = [head for head in waiting if head.kind is Kind.HEADING and head.level < block.level]
            waiting.append(block)
        elif block.kind is Kind.DEFINITION:
            waiting = [head for head in waiting if head.kind is Kind.HEADING]
            waiting.append(block)
        else:
            yield from waiting
            waiting = []
            yield block


def _written(blocks: Iterable[Block]) -> str:
    """Blocks as reading text; consecutive items are one list."""
    reading = ReadingText()
    for kind, group in groupby(blocks, key=lambda block: block.kind):
        texts = [block.text for block in group]
        match kind:
            case Kind.ITEM:
                reading.items(texts)
            case Kind.CODE:
                for text in texts:
                    reading.code(text)
            case Kind.TABLE:
                for text in texts:
                    reading.table([row] for row in text.split("\n"))
            case Kind.HEADING:
                for text in texts:
                    reading.heading(text)
            case Kind.PROSE | Kind.DEFINITION:
                for text in texts:
                    reading.paragraph(text)
    return reading.text


class Kind(Enum):
    """The kind of a block; a definition is the line that names what the following blocks describe."""

    HEADING = "heading"
    DEFINITION = "definition"
    PROSE = "prose"
    ITEM = "item"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """One block; ``lines`` is one line of prose, or the lines of code, or the rows of a table, cells between bars."""

    kind: Kind
    lines: tuple[str, ...]
    level: int = 0

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def parsed(topic: str) -> list[Block]:
    """The blocks of a topic in order."""
    return list(_blocks(topic.expandtabs().split("\n"), Joiner("", keep_hyphens=True)))


def plain(text: str) -> str:
    """Prose without markup: no stars, no footnote marks, no doubled quotes around quoted code."""
    text = re.sub(r"\"('[^'\"]*')\"", r"\1", text.replace('‘"', '"').replace('"’', '"'))
    text = re.sub(r'""([^"]+)""', r'"\1"', text)
    parts = _QUOTED.split(text)
    parts[::2] = [_FOOTNOTE_MARK.sub("", _STARS.sub(r"\2", part)) for part in parts[::2]]
    return in_one_line("".join(parts))


def _blocks(lines: Sequence[str], joiner: Joiner) -> Iterator[Block]:
    """The blocks of lines whose smallest indent is 0; a body is parsed as a text of its own."""
    i = 0
    while i < len(lines):
        if not lines[i].strip():
            i += 1
        elif lines[i].startswith(" "):  # deeper than the prose before it
            end = _end_of_deeper(lines, i)
            yield from _set_apart(_dedented(lines[i:end]), joiner)
            i = end
        elif i + 1 < len(lines) and (level := _heading_level(lines[i], lines[i + 1])):
            yield Block(Kind.HEADING, (plain(lines[i]),), level)
            i += 2
        elif marker := _ITEM.match(lines[i]) or _FOOTNOTE.match(lines[i]):
            end = _end_of_deeper(lines, i + 1)
            inner = _blocks([lines[i][marker.end() :], *_dedented(lines[i + 1 : end])], joiner)
            yield from _item(list(inner), marker)
            i = end
        else:
            i = yield from _unindented_group(lines, i, joiner)


def _unindented_group(lines: Sequence[str], i: int, joiner: Joiner) -> Generator[Block, None, int]:
    """Unindented lines up to a blank or deeper one, with their body; returns the index of the next group."""
    end = i
    while end < len(lines) and lines[end].strip() and not lines[end].startswith(" "):
        end += 1
    group, body_end = list(lines[i:end]), _end_of_deeper(lines, end)
    prose = plain(joiner.joined(group))
    if group[0].startswith((">>>", "+-")):
        while end < len(lines) and lines[end].strip():
            end += 1
        yield _code(lines[i:end]) if group[0].startswith(">") else _table(lines[i:end])
        return end
    if _NOISE.fullmatch(group[0]):
        return i + 1
    body = list(_blocks(_dedented(lines[end:body_end]), joiner))
    if body and (lines[end].strip() or prose in _LABELS):
        yield from _led_by(prose, body)
        return body_end
    if body and _is_definition(group) and _reads_like_prose(lines[end:body_end], fewest_words=3):
        yield Block(Kind.DEFINITION, tuple(in_one_line(_TORN_MINUS.sub("=-", line)) for line in group))
        yield from body
        return body_end
    yield Block(Kind.PROSE, (prose,))
    return end


def _set_apart(lines: list[str], joiner: Joiner) -> Iterator[Block]:
    """Deeper lines after prose are code, unless they read like sentences."""
    first_paragraph = "\n".join(lines).strip("\n").split("\n\n")[0]
    if first_paragraph.rstrip("\"')”").endswith(".") and _reads_like_prose(lines, fewest_words=3):
        yield from _blocks(lines, joiner)
    elif lines[0].startswith("+-"):
        yield _table(lines)
    else:
        yield _code(lines)


def _item(inner: list[Block], marker: re.Match[str]) -> Iterator[Block]:
    """A list item: its first prose gets the marker, items inside it are indented.

    Footnotes are dropped: they stand at the end of the topic that ended their chapter, away from their text.
    """
    first, *others = inner
    if marker.re is _FOOTNOTE:
        return
    if first.kind is not Kind.PROSE:
        others = inner
    else:
        number = marker["number"]
        yield Block(Kind.ITEM, (f"{number}. {first.text}" if number else f"- {first.text}",))
    for block in others:
        yield Block(Kind.ITEM, ("  " + block.text,)) if block.kind is Kind.ITEM else block


def _led_by(lead: str, body: list[Block]) -> Iterator[Block]:
    """A term or label and what it introduces; on one line with it if that is prose."""
    lead = lead if lead.endswith(_ENDS_OF_PROSE) else f"{lead}:"
    if body[0].kind is Kind.PROSE:
        yield Block(Kind.PROSE, (f"{lead} {body[0].text}",))
        yield from body[1:]
    else:
        yield Block(Kind.PROSE, (lead,))
        yield from body


def _code(lines: Sequence[str]) -> Block:
    return Block(Kind.CODE, tuple(line.rstrip() for line in "\n".join(lines).strip("\n").split("\n")))


def _table(lines: Sequence[str]) -> Block:
    rows = grid_rows([line for line in lines if line.strip()])
    return Block(Kind.TABLE, tuple(" | ".join(plain(cell) for cell in row).rstrip("| ") for row in rows))


def _is_definition(group: Sequence[str]) -> bool:
    """Whether these lines name something, such as a method, that deeper lines describe."""
    return all(
        not line.endswith(_ENDS_OF_PROSE) and (len(line.split()) <= 6 or _SIGNATURE.match(line) is not None)
        for line in group
    )


def _reads_like_prose(lines: Sequence[str], *, fewest_words: int) -> bool:
    """Whether the first paragraph of these lines is prose, not code."""
    paragraph = "\n".join(lines).strip("\n").split("\n\n")[0]
    words = paragraph.split()
    if len(words) < fewest_words or not (words[0][0].isupper() or not words[0][0].isalnum()):
        return False
    return not any(_CODE_LINE.search(line) for line in _QUOTED.sub('""', paragraph).split("\n"))


def _heading_level(line: str, below: str) -> int:
    """The level of the heading ``line``; 0 if ``below`` does not underline it."""
    underlines = len(set(below)) == 1 and len(below) >= min(3, len(line)) and abs(len(below) - len(line)) <= 2
    return _LEVELS.get(below[:1], 0) if underlines else 0


def _end_of_deeper(lines: Sequence[str], i: int) -> int:
    """The end of the run of blank and indented lines that begins at ``i``."""
    while i < len(lines) and (not lines[i].strip() or lines[i].startswith(" ")):
        i += 1
    return i


def _dedented(lines: Sequence[str]) -> list[str]:
    return textwrap.dedent("\n".join(lines)).split("\n")
