"""The library: names, creation, removal, and databases that are not what they should be."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from corpora.errors import (
    CorpusExists,
    CorpusNotFound,
    DamagedLibrary,
    InvalidName,
    LibraryBusy,
    LibraryError,
    NewerSchema,
)
from corpora.store import schema
from corpora.store.library import Library
from corpora.store.schema import FILE_NAME

HOSTILE_NAMES = [
    "", " ", ".", "..", "../x", "..\\x", "a/b", "/abs", "C:\\x", "a\0b", "a\nb", "-rf", ".hidden", "a" * 65, "ä" * 65,
    "\U00020000" * 60, "~", "~root", "a.", "a ", " a", "a\u00a0b", "::$DATA", "a\u202eb", "a\u200bb", "a\ud800", "*",
    "a?", 'a"b', "<a>", "a|b", "\u0301a",
]  # fmt: skip


def create(library: Library, name: str) -> None:
    library.create(name).close()


def test_create_open_list_remove(tmp_path: Path) -> None:
    library = Library(tmp_path / "home")
    assert library.names() == []
    assert not (tmp_path / "home").exists()
    for name in ("sample", "B-2", "a_1"):
        create(library, name)
    assert library.names() == ["B-2", "a_1", "sample"]
    assert library.exists("sample")
    with pytest.raises(CorpusExists, match="sample"):
        library.create("sample")
    library.remove("sample")
    assert library.names() == ["B-2", "a_1"]
    assert not library.exists("sample")
    assert sorted(entry.name for entry in (tmp_path / "home" / "corpora").iterdir()) == ["B-2", "a_1"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_no_name_leads_out_of_the_library(tmp_path: Path, name: str) -> None:
    library = Library(tmp_path / "home")
    create(library, "good")
    before = sorted(tmp_path.rglob("*"))
    for action in (library.create, library.open, library.exists, library.remove):
        with pytest.raises(InvalidName) as caught:
            action(name)
        assert caught.value.cause.isprintable()
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_corpus_is_answered_with_the_nearest(tmp_path: Path) -> None:
    library = Library(tmp_path)
    with pytest.raises(CorpusNotFound) as nothing_there:
        library.open("sample")
    assert "corpus create sample" in nothing_there.value.hint
    create(library, "sample")
    with pytest.raises(CorpusNotFound) as near:
        library.remove("sampel")
    assert near.value.hint == 'did you mean "sample"?'
    with pytest.raises(CorpusNotFound) as far:
        library.open("zzz")
    assert "sample" in far.value.hint


def test_leftovers_of_a_crash_are_no_corpora(tmp_path: Path) -> None:
    library = Library(tmp_path)
    create(library, "good")
    (tmp_path / "corpora" / ".new-abc").mkdir()
    (tmp_path / "corpora" / "empty").mkdir()
    (tmp_path / "corpora" / "file").write_text("x")
    assert library.names() == ["good"]
    with pytest.raises(CorpusExists):
        library.create("file")


def test_a_newer_schema_is_refused_with_a_hint(tmp_path: Path) -> None:
    library = Library(tmp_path)
    create(library, "x")
    connection = sqlite3.connect(tmp_path / "corpora" / "x" / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NewerSchema, match="format 99") as caught:
        library.open("x")
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_a_file_that_is_no_corpus_is_refused(tmp_path: Path, content: bytes) -> None:
    library = Library(tmp_path)
    create(library, "x")
    (tmp_path / "corpora" / "x" / FILE_NAME).write_bytes(content)
    with pytest.raises(DamagedLibrary) as caught:
        library.open("x")
    assert caught.value.hint


def test_connecting_makes_no_new_database(tmp_path: Path) -> None:
    library = Library(tmp_path)
    create(library, "x")
    library.remove("x")
    with pytest.raises(LibraryError):
        schema.connect(tmp_path / "corpora" / "x" / FILE_NAME)
    assert not (tmp_path / "corpora" / "x").exists()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    with pytest.raises(LibraryError) as caught:
        Library(tmp_path / "home").create("x")
    assert "SPANDRAFT_HOME" in caught.value.hint


def test_a_writer_that_waits_in_vain_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corpora.store.schema.BUSY_TIMEOUT_S", 0.1)
    store = Library(tmp_path).create("x")
    other = sqlite3.connect(store.folder / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LibraryBusy, match="another process"):
        store.set_setting("a", "b")
    other.execute("ROLLBACK")
    other.close()
    store.set_setting("a", "b")
    store.close()
