"""The list of documents: a part of it at a time, found by name, with what is worth knowing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from corpora.documents import Document, Mark, Passage
from corpora.store.library import Library
from corpora.store.listing import holdings, listing
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages


class Lengths:
    """Derived rows of which nothing but their number matters."""

    kind = "vectors:lengths"

    def compute(self, found: Sequence[Passage]) -> list[bytes]:
        return [bytes(4) for _ in found]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("notes")
    yield opened
    opened.close()


def put(store: CorpusStore, name: str, text: str, marks: tuple[Mark, ...] = (), language: str | None = None) -> str:
    document = Document.of(name, text, {"language": language}, marks)
    assert store.add(document, list(passages(document)), [Lengths()])
    return document.id


def test_parts_in_the_order_of_names_and_newest_first(store: CorpusStore) -> None:
    for number in (3, 1, 2):
        put(store, f"part {number}.md", f"Text number {number}.")
    found = listing(store, offset=1, limit=1)
    assert [row.name for row in found.rows] == ["part 2.md"]
    assert (found.found, found.documents, found.passages) == (3, 3, 3)
    assert [row.name for row in listing(store, order="newest").rows] == ["part 2.md", "part 1.md", "part 3.md"]
    assert listing(store, offset=7).rows == ()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("", ["100%.md", "a_b.md", "Überblick/Straße.md"]),
        ("ÜBER strasse", ["Überblick/Straße.md"]),
        ("%", ["100%.md"]),
        ("_", ["a_b.md"]),
        ("md nothing", []),
        ("' OR 1=1 --", []),
    ],
)
def test_every_word_must_stand_in_the_name(store: CorpusStore, wanted: str, names: list[str]) -> None:
    for name in ("100%.md", "a_b.md", "Überblick/Straße.md"):
        put(store, name, f"The text of {name}.")
    found = listing(store, wanted=wanted)
    assert [row.name for row in found.rows] == names
    assert (found.found, found.documents) == (len(names), 3)


def test_a_line_says_what_is_known(store: CorpusStore) -> None:
    text = "Erste Seite. Zweite Seite."
    marks = (Mark(0, 12, "page", "1"), Mark(13, 26, "page", "2"), Mark(0, 26, "heading", "Kapitel"))
    key = put(store, "a.pdf", text, marks, "de")
    put(store, "b.txt", "x" * 30)
    first, second = listing(store).rows
    assert (first.id, first.chars, first.passages) == (key, len(text), 1)
    assert (first.language, dict(first.leaves)) == ("de", {"page": 2})
    assert (second.language, dict(second.leaves)) == (None, {})
    assert first.added_at <= second.added_at


def test_holdings_are_what_goes_with_a_document(store: CorpusStore) -> None:
    key = put(store, "a.txt", " ".join(f"Sentence number {number} stands here." for number in range(200)))
    held = holdings(store, key)
    assert held is not None
    assert held.document.passages > 1
    assert dict(held.derived) == {Lengths.kind: held.document.passages}
    removal = store.remove(key)
    assert (removal.passages, dict(removal.derived)) == (held.document.passages, dict(held.derived))
    assert holdings(store, key) is None
    assert listing(store).rows == ()
