"""Putting a document: with its source, with what others write in the same transaction, and what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora.documents import Document, Mark
from corpora.errors import DocumentNotFound, LibraryError, UnstorableDocument
from corpora.store.library import Library
from corpora.store.records import Put, Removal, SourceFile
from corpora.store.schema import FILE_NAME
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from tests.support.corpus_files import add, document


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("test")
    yield opened
    opened.close()


def source(path: str, mtime_ns: int = 1) -> SourceFile:
    return SourceFile(path, 10, mtime_ns, bytes(range(32)))


def test_marks_metadata_and_source_are_read_back(store: CorpusStore) -> None:
    marks = [Mark(0, 9, "page", "1"), Mark(4, 30, "heading", 'Ünïcode | "quotes"'), Mark(9, 30, "page", "ii")]
    one = Document.of("a.pdf", "The first and the second page.", {"n": 1, "x": None, "yes": True, "f": 0.5}, marks)
    cut = passages(one, target_chars=10)
    put = store.put(one, cut, {"k": [b"v"] * len(cut)}, source=source("/books/a.pdf"))
    assert (put.status, put.passages, put.document.id) == ("added", len(cut), one.id)
    assert store.document("a.pdf") == one
    assert [stored.passage for stored in store.passages_after(0)] == cut
    (known,) = store.sources()
    assert (known.source, known.document_id, known.document_name) == (source("/books/a.pdf"), one.id, "a.pdf")
    assert store.source_of("/books/a.pdf") == known
    assert store.source_of("/books/b.pdf") is None


def test_added_replaced_duplicate(store: CorpusStore) -> None:
    first, changed = document("a", "wordone"), document("a", "wordtwo")
    assert store.put(first, [], {}, source=source("/a")).status == "added"
    again = store.put(first, [], {}, source=source("/a", mtime_ns=2))
    assert (again.status, again.document.name) == ("duplicate", "a")
    found = store.source_of("/a")
    assert found is not None
    assert found.source.mtime_ns == 2  # The same text of a file that was touched: it is as new as that file.
    twin = store.put(document("b", "wordone"), [], {}, source=source("/b"))
    assert (twin.status, twin.document.name) == ("duplicate", "a")
    assert store.source_of("/b") is None
    replaced = store.put(changed, [], {}, source=source("/a", mtime_ns=3))
    assert (replaced.status, replaced.document.id) == ("replaced", changed.id)
    assert [one.source.mtime_ns for one in store.sources()] == [3]
    store.remove("a")
    assert store.sources() == []


def test_what_goes_with_it_is_written_or_not_with_it(store: CorpusStore) -> None:
    def note(connection: sqlite3.Connection, done: Put) -> None:
        connection.execute("INSERT INTO settings VALUES (?, ?)", (done.document.name, done.status))

    def fail(connection: sqlite3.Connection, done: Put | Removal) -> None:
        connection.execute("INSERT INTO settings VALUES ('failed', 'yes')")
        raise KeyError("the job is gone")

    store.put(document("a", "worda"), [], {}, also=note)
    assert store.setting("a") == "added"
    version = store.version()
    with pytest.raises(KeyError):
        store.put(document("b", "wordb"), [], {}, also=fail)
    with pytest.raises(KeyError):
        store.put(document("a", "wordnew"), [], {}, also=fail)
    with pytest.raises(KeyError):
        store.remove("a", also=fail)
    assert (store.version(), store.setting("failed")) == (version, None)
    assert store.document("a") == document("a", "worda")
    assert store.find("b") is None


def test_a_duplicate_makes_no_new_version_whatever_goes_with_it(store: CorpusStore) -> None:
    one = document("a", "worda")
    store.put(one, [], {})
    version = store.version()
    store.put(one, [], {}, also=lambda connection, _: connection.execute("INSERT INTO settings VALUES ('x', 'y')"))
    assert (store.version(), store.setting("x")) == (version, "y")


def test_rows_that_do_not_fit_are_refused(store: CorpusStore) -> None:
    one = document("a", "worda")
    cut = passages(one, target_chars=50)
    with pytest.raises(UnstorableDocument, match="k gave 1 row for"):
        store.put(one, cut, {"k": [b"x"]})
    assert store.documents() == []


def test_removing_by_id_wins_over_a_name_that_is_the_id_of_another(store: CorpusStore) -> None:
    first = document("a", "worda")
    add(store, first)
    add(store, document(first.id, "wordb"))
    assert store.remove(first.id).document.name == "a"
    assert store.remove(first.id).document.name == first.id
    with pytest.raises(DocumentNotFound):
        store.remove(first.id)


def test_documents_of_an_empty_text_and_of_no_passages(store: CorpusStore) -> None:
    assert store.put(Document.of("empty", ""), [], {"k": []}).status == "added"
    assert store.remove("empty").derived == {}


def write_more_than_there_is_room(store: CorpusStore) -> None:
    with store.connections.writing() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        connection.execute("INSERT INTO settings VALUES ('large', ?)", ("x" * 100_000,))


def test_a_full_disk_is_said_and_loses_nothing(store: CorpusStore) -> None:
    add(store, document("a", "worda"))
    with pytest.raises(LibraryError, match="no room left"):
        write_more_than_there_is_room(store)
    assert store.setting("large") is None
    assert store.document("a") == document("a", "worda")


def test_ten_thousand_documents_are_listed_from_indexes_alone(store: CorpusStore) -> None:
    """Reaching a column behind a text reads the whole text; no list does that."""
    connection = sqlite3.connect(store.folder / FILE_NAME)
    plans = {
        "documents": "SELECT d.id, d.name, d.chars, (SELECT count(*) FROM passages p WHERE p.document = d.number "
        "AND p.generation = (SELECT generation FROM state)), d.added_at FROM documents d ORDER BY d.name",
        "sources": "SELECT source_path, source_bytes, source_mtime_ns, source_sha256, id, name FROM documents "
        "WHERE source_path IS NOT NULL ORDER BY source_path, number",
    }
    for query in plans.values():
        steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        reading = [step for step in steps if step.startswith(("SCAN", "SEARCH")) and "state" not in step]
        assert reading
        assert all("COVERING INDEX" in step for step in reading)
    connection.close()
