"""Out of a damaged database comes every document whose text is whole, and the names of the others."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from corpora.documents import Document
from corpora.errors import LibraryBusy, NewerSchema
from corpora.recovery import recovery
from corpora.recovery.verify import examine, verify
from corpora.store.generations import Build
from corpora.store.library import Library
from corpora.store.records import SourceFile
from corpora.store.schema import FILE_NAME
from corpora.store.store import CorpusStore
from tests.support.corpus_files import CHUNKING, Copies, Sizes, add, document
from tests.support.format_1 import write_format_1

PAGE = 4096
_THIS = rf"open in this process \({os.getpid()}\)" if Path("/proc/self/fd").exists() else "open in another program"


@pytest.fixture
def documents(tmp_path: Path) -> dict[str, Document]:
    """A corpus at rest of documents of many sizes, and what is in it."""
    store = Library(tmp_path).create("x")
    made = [document(f"n{n}", f"wörd{n}x", 1 + 17 * n) for n in range(20)]
    for one in made:
        store.put(one, [], {}, source=SourceFile(f"/books/{one.name}", 3, 4, bytes(32)))
    store.set_chunking(CHUNKING)
    store.set_encoder("e")
    store.close()
    return {one.name: one for one in made}


def salvaged(home: Path, documents: dict[str, Document]) -> recovery.Recovered:
    """Salvage, and see that what is there afterwards is whole, can be rebuilt, and is what it was."""
    done = recovery.recover(home / "corpora" / "x")
    assert examine(home / "corpora" / "x").findings == ()
    store = Library(home).open("x")
    assert sorted(info.name for info in store.documents()) == list(done.saved)
    for name in done.saved:
        assert store.document(name).text == documents[name].text
    assert Build(store, CHUNKING, derived=[Copies(), Sizes()]).run()
    assert len(store.rows_alive()) == len(list(store.derived("copy")))
    store.close()
    assert verify(store.folder) == []
    return done


def test_what_is_whole_stays_whole(tmp_path: Path, documents: dict[str, Document]) -> None:
    store = Library(tmp_path).open("x")
    add(store, document("later", "wordlater"))
    rows, version, infos = store.rows_alive(), store.version(), store.documents()
    store.close()
    done = recovery.recover(store.folder)
    assert (len(done.saved), done.lost, done.is_complete, done.damaged_copy) == (21, (), True, None)
    store = Library(tmp_path).open("x")
    for one in documents.values():
        assert store.document(one.id) == one
        found = store.source_of(f"/books/{one.name}")
        assert found is not None
        assert (found.document_id, found.source.sha256) == (one.id, bytes(32))
    assert [(info.id, info.added_at) for info in store.documents()] == [(info.id, info.added_at) for info in infos]
    assert (store.chunking(), store.encoder()) == (CHUNKING, "e")
    assert store.version() > version
    assert store.generation() > 0
    add(store, document("more", "wordmore"))
    assert min(store.rows_alive()) > max(rows)
    store.close()


def test_lost_pages_cost_the_documents_on_them_only(tmp_path: Path, documents: dict[str, Document]) -> None:
    chance, database = random.Random(6), tmp_path / "corpora" / "x" / FILE_NAME
    good = database.read_bytes()
    for _ in range(5):
        page = chance.randrange(1, len(good) // PAGE)
        database.write_bytes(good[: page * PAGE] + chance.randbytes(PAGE) + good[(page + 1) * PAGE :])
        done = salvaged(tmp_path, documents)
        assert done.is_complete
        assert len(done.saved) >= len(documents) - 8
        assert {one.name for one in done.lost} == documents.keys() - set(done.saved)
        assert all(one.source in (None, f"/books/{one.name}") for one in done.lost)


def test_flipped_bits(tmp_path: Path, documents: dict[str, Document]) -> None:
    chance, database = random.Random(7), tmp_path / "corpora" / "x" / FILE_NAME
    good = database.read_bytes()
    for _ in range(5):
        at = chance.randrange(len(good))
        database.write_bytes(good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :])
        assert len(salvaged(tmp_path, documents).saved) >= len(documents) - 1


def test_a_file_that_sqlite_does_not_open(tmp_path: Path, documents: dict[str, Document]) -> None:
    database = tmp_path / "corpora" / "x" / FILE_NAME
    good = database.read_bytes()
    for content, least in (
        (bytes(100) + good[100:], 20),  # no header
        (random.Random(8).randbytes(PAGE) + good[PAGE:], 20),  # no list of tables
        (good[: len(good) // 2], 7),
        (good[:-1], 20),
        (b"", 0),
    ):
        database.write_bytes(content)
        done = salvaged(tmp_path, documents)
        assert len(done.saved) >= least
        assert done.is_complete or content != good[:-1]


def test_the_damaged_database_can_be_kept(tmp_path: Path, documents: dict[str, Document]) -> None:
    database = tmp_path / "corpora" / "x" / FILE_NAME
    damaged = bytes(100) + database.read_bytes()[100:]
    database.write_bytes(damaged)
    kept = recovery.recover(database.parent, keep=True).damaged_copy
    assert kept is not None
    assert kept.read_bytes() == damaged
    assert kept.stat().st_mode & 0o777 == 0o600


def test_what_may_hold_more_is_kept(tmp_path: Path, documents: dict[str, Document]) -> None:
    database = tmp_path / "corpora" / "x" / FILE_NAME
    for content in (b"no database at all", b"nor this"):
        database.write_bytes(content)
        done = salvaged(tmp_path, documents)
        assert (done.saved, done.is_complete, done.is_all) == ((), False, False)
        assert done.damaged_copy is not None
        assert done.damaged_copy.read_bytes() == content
    assert len(list(database.parent.glob("corpus.damaged-*.sqlite"))) == 2, "of one second, too"
    database.write_bytes(b"a third")
    assert recovery.recover(database.parent, keep=False).damaged_copy is None


def test_a_corpus_that_is_open_is_left_alone(tmp_path: Path, documents: dict[str, Document]) -> None:
    store = Library(tmp_path).open("x")
    with pytest.raises(LibraryBusy, match=_THIS):
        recovery.recover(store.folder)
    store.close()
    salvaged(tmp_path, documents)


def test_what_a_later_version_wrote_is_left_alone(tmp_path: Path, documents: dict[str, Document]) -> None:
    store = CorpusStore("x", tmp_path / "corpora" / "x")
    with store.connections.writing() as connection:
        connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(NewerSchema):
        recovery.recover(store.folder)


def test_a_database_of_format_1(tmp_path: Path) -> None:
    documents = write_format_1(tmp_path / "corpora" / "x" / FILE_NAME)
    assert set(salvaged(tmp_path, documents).saved) == documents.keys()
