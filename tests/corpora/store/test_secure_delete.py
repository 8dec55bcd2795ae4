"""Deleted text is in no byte of the corpus' folder: not in unused parts of pages, not in the log, in no encoding."""

from __future__ import annotations

import os
import random
import re
import sqlite3
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora.recovery.verify import verify
from corpora.store import page_wipe, secure_delete
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from tests.support.corpus_files import add, all_bytes, document


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("test")
    yield opened
    opened.close()


def assert_gone(folder: Path, text: str) -> None:
    """No word of it that others do not have, no piece across words, no UTF-16."""
    content = all_bytes(folder)
    words = {word for word in re.findall(r"\w+", text) if any(ch.isdigit() for ch in word) and len(word) > 4}
    assert words
    for piece in words | {text[i : i + 24] for i in range(0, len(text) - 24, 5)}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert piece.encode(encoding) not in content


def test_a_removed_document_and_its_receipt(store: CorpusStore) -> None:
    for name in ("before", "doomed", "after"):
        add(store, document(name, f"word{name}", 60))
    whole = store.document("doomed")
    rows = [stored.row for stored in store.passages_after(0) if stored.passage.document_name == "doomed"]
    kept: list[int] = []
    removal = store.remove("doomed", also=lambda connection, removal: kept.append(removal.passages))
    assert removal.erased
    assert_gone(store.folder, whole.text)
    assert (removal.document.name, removal.passages, removal.rows) == ("doomed", len(rows), tuple(rows))
    assert kept == [len(rows)]
    assert removal.derived == {"copy": len(rows), "vectors:sizes": len(rows)}
    assert removal.text_bytes == len(whole.text.encode())
    assert b"wordbefore0001" in all_bytes(store.folder)
    assert not secure_delete.is_erase_pending(store.connections)


def test_a_replaced_text(store: CorpusStore) -> None:
    old = document("a", "wordold", 60)
    add(store, old)
    add(store, document("a", "wordnew", 100))
    assert_gone(store.folder, old.text)


def test_any_order_of_sizes_leaves_no_piece(store: CorpusStore) -> None:
    """SQLite copies rows between pages and leaves what it copied where it was; 40 % of such runs showed it before."""
    chance = random.Random(20)
    alive: dict[str, str] = {}
    for step in range(80):
        name = f"n{chance.randrange(25)}"
        if name in alive and chance.random() < 0.6:
            del alive[name]
            assert store.remove(name, erase=False).erased is False
        else:
            alive[name] = f"q{step:03d}z"
            add(store, document(name, alive[name], chance.choice([1, 3, 20, 100, 400])))
        if step % 10 == 9:
            assert store.compact()
            found = {word.decode() for word in re.findall(rb"q\d\d\dz", all_bytes(store.folder))}
            assert found == set(alive.values())
    assert verify(store.folder) == []


def test_pages_in_the_memory_of_others_bring_nothing_back(tmp_path: Path, store: CorpusStore) -> None:
    """Another connection has read pages with what is erased then, and writes to them afterwards."""
    other = Library(tmp_path).open("test")
    for n in range(30):
        add(store, document(f"n{n}", f"word{n}x", 5))
    for n in range(0, 30, 2):
        doomed = other.document(f"n{n}")
        assert len(list(other.passages_after(0))) == len(store.rows_alive())
        store.remove(f"n{n}")
        add(other, document(f"m{n}", f"word{n}y", 5))
        assert_gone(store.folder, doomed.text)
    other.close()


def test_a_reader_that_holds_old_pages_back_is_told_of_and_caught_up_with(store: CorpusStore) -> None:
    doomed = document("a", "wordold", 50)
    add(store, doomed)
    ready, done = threading.Event(), threading.Event()

    def read() -> None:
        with store.snapshot():
            store.documents()
            ready.set()
            done.wait(30)

    reader = threading.Thread(target=read)
    reader.start()
    ready.wait(30)
    removal = store.remove("a")
    assert not removal.erased
    assert secure_delete.is_erase_pending(store.connections)
    assert not store.checkpoint()
    done.set()
    reader.join()
    assert store.checkpoint()
    assert_gone(store.folder, doomed.text)
    assert not secure_delete.is_erase_pending(store.connections)


def test_what_a_kill_left_to_erase_is_erased_by_the_next_writer(tmp_path: Path, store: CorpusStore) -> None:
    doomed = document("a", "wordold", 50)
    add(store, doomed)
    store.remove("a", erase=False)
    other = Library(tmp_path).open("test")
    other.set_setting("a", "b")
    other.close()
    assert_gone(store.folder, doomed.text)


def test_room_is_given_back(store: CorpusStore) -> None:
    add(store, document("small", "wordsmall", 5))
    add(store, document("large", "wordlarge", 20_000))
    store.remove("large")
    assert store.checkpoint()
    before = (store.folder / "corpus.sqlite").stat().st_size
    assert store.compact()
    assert (store.folder / "corpus.sqlite").stat().st_size < before / 4
    assert store.document("small") == document("small", "wordsmall", 5)
    assert verify(store.folder) == []


def test_zeroing_changes_no_row(tmp_path: Path) -> None:
    """Against a database of another make: other page sizes, interior pages, free pages, without rowids."""
    for page_bytes in (512, 4096, 65536):
        path = tmp_path / f"{page_bytes}.sqlite"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.executescript(
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t (b);"
            "CREATE TABLE w (a TEXT PRIMARY KEY, b BLOB) WITHOUT ROWID;"
        )
        chance = random.Random(page_bytes)
        connection.execute("BEGIN")
        for n in range(800):
            text = f"{chance.random()}" * chance.randrange(1, 60)
            connection.execute("INSERT INTO t (b) VALUES (?)", (text,))
            connection.execute("INSERT OR IGNORE INTO w VALUES (?, ?)", (text[:90], os.urandom(n)))
        connection.execute("DELETE FROM t WHERE a % 3 = 0 OR a BETWEEN 100 AND 300")
        connection.execute("COMMIT")
        before = [connection.execute(f"SELECT * FROM {table} ORDER BY a").fetchall() for table in "tw"]
        connection.close()
        assert page_wipe.zero_file(os.fspath(path)) > 0
        assert page_wipe.zero_file(os.fspath(path)) == 0
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert [connection.execute(f"SELECT * FROM {table} ORDER BY a").fetchall() for table in "tw"] == before
        connection.close()


def test_a_damaged_file_is_not_zeroed_into_something_else(tmp_path: Path) -> None:
    header = b"SQLite format 3\0" + (4096).to_bytes(2, "big") + bytes(82)
    for content in (b"x" * 5000, header, header + b"\x0d" + b"\xff" * 4000, header + b"\x05" + b"\1" * 4000):
        path = tmp_path / "x"
        path.write_bytes(content)
        with pytest.raises((ValueError, struct.error)):
            page_wipe.zero_file(os.fspath(path))
        assert path.read_bytes() == content
