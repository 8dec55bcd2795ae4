"""The sample corpus: the language reference that every Python carries along (``pydoc_data.topics``).

Sections stand in several topics at once there; here each paragraph is kept once, in the shortest topic that
has it, so that what is about ``for`` is cited as the document about ``for``.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import groupby, pairwise

from corpora.documents import Document
from corpora.errors import LibraryError
from corpora.pydoc_topics import Block, Kind, parsed
from corpora.text.reading_text import ReadingText

_PREFIX = "Language reference: "
# A paragraph this long is the same one wherever it stands; a shorter one only beside the same neighbour.
_DISTINCT_CHARS = 60
# Below this a topic has nothing left but crumbs.
_FEWEST_CHARS = 120


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
    """Topics by their key, as documents without repeated paragraphs; topics of which nothing is left are dropped."""
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
    """Of topics with the same text (``else`` is ``if``) the one that is named in its title comes first."""
    key, topic = item
    return len(topic), not _is_about(key, topic.lstrip().split("\n", 1)[0]), key


def _is_about(key: str, title: str) -> bool:
    """Does this topic describe the keyword that it is filed under?"""
    return keyword.iskeyword(key) and f'"{key}"' in title


class _Seen:
    """Blocks so far, and which stood beside which."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._pairs: set[tuple[str, str]] = set()

    def unseen(self, blocks: list[Block]) -> list[Block]:
        """The blocks that did not stand in an earlier place; headings always stay."""
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
    """Leave out headings and definitions that head nothing any more."""
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
    """Blocks as reading text; items in a row are one list."""
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
