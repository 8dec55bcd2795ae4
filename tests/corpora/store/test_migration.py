"""What the first format wrote opens, is brought to this format once, and keeps everything."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from corpora.errors import NewerSchema
from corpora.recovery.verify import verify
from corpora.store.library import Library
from corpora.store.schema import FILE_NAME, SCHEMA_VERSION
from corpora.text.chunking import passages
from tests.support.corpus_files import Copies, add, document
from tests.support.format_1 import ADDED_AT, write_format_1

ROOT = Path(__file__).parents[3]


def tables(path: Path) -> list[tuple[str, str]]:
    """Names and columns of all there is, however it came to be."""
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]
    found = [(name, str(connection.execute(f"PRAGMA table_xinfo('{name}')").fetchall())) for name in names]
    found += [(name, str(connection.execute(f"PRAGMA index_xinfo('{name}')").fetchall())) for name in names]
    connection.close()
    return found


def test_everything_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "corpora" / "x" / FILE_NAME
    documents = write_format_1(path)
    assert verify(path.parent) == []
    store = Library(tmp_path).open("x")
    assert [info.name for info in store.documents()] == sorted(documents)
    for info in store.documents():
        assert store.document(info.id) == documents[info.name]
        assert (info.passages, info.added_at.isoformat()) == (2, ADDED_AT)
    assert store.rows_alive() == list(range(4, 16))
    assert [one.passage.text.encode() for one in store.passages_after(0)] == [row[1] for row in store.derived("copy")]
    assert (store.version(), store.removed_since(4), store.removed_since(5)) == (9, [3], [])
    assert (store.setting("sample"), store.generation(), store.sources()) == ("Python 3.11", 0, [])
    assert store.chunking() is None
    removal = store.remove("old 3")
    assert removal.erased
    assert removal.rows == (10, 11)
    new = document("new", "wordnew")
    store.add(new, passages(new), [Copies()])
    assert min(set(store.rows_alive()) - set(range(4, 16))) == 16
    store.close()
    assert verify(path.parent) == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_migrated_database_is_made_like_a_new_one(tmp_path: Path) -> None:
    write_format_1(tmp_path / "corpora" / "x" / FILE_NAME)
    library = Library(tmp_path)
    library.open("x").close()
    library.create("y").close()
    assert tables(library.open("x").folder / FILE_NAME) == tables(library.open("y").folder / FILE_NAME)


def test_eight_processes_migrate_at_once(tmp_path: Path) -> None:
    write_format_1(tmp_path / "corpora" / "x" / FILE_NAME)
    script = (
        "import sys; from pathlib import Path; from corpora.store.library import Library\n"
        "store = Library(Path(sys.argv[1])).open('x'); sys.stdin.read(1)\n"
        "print(len(store.rows_alive()), store.version()); store.close()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    children = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    assert [child.communicate("go", timeout=300)[0] for child in children] == ["12 9\n"] * 8
    assert {child.returncode for child in children} == {0}


def test_a_migration_that_fails_leaves_the_old_format(tmp_path: Path) -> None:
    path = tmp_path / "corpora" / "x" / FILE_NAME
    write_format_1(path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE job_files (x)")  # in the way of a statement near the end
    connection.close()
    before = tables(path)
    with pytest.raises(Exception, match="job_files") as caught:
        Library(tmp_path).open("x")
    assert hasattr(caught.value, "hint")
    assert tables(path) == before


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "corpora" / "x" / FILE_NAME
    write_format_1(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(NewerSchema, match=f"format {SCHEMA_VERSION + 1}, this one reads {SCHEMA_VERSION}"):
        Library(tmp_path).open("x")


def test_files_of_a_corpus_are_their_owners(tmp_path: Path) -> None:
    old = os.umask(0o000)
    try:
        store = Library(tmp_path / "home").create("x")
        add(store, document("a", "word"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in store.folder.rglob("*")}
        assert store.folder.stat().st_mode & 0o777 == 0o700
        assert store.folder.parent.stat().st_mode & 0o777 == 0o700
        assert {"corpus.sqlite", "corpus.sqlite-wal", "writer.lock"} <= modes.keys()
        assert set(modes.values()) == {0o600}
        store.close()
        assert {path.stat().st_mode & 0o777 for path in store.folder.rglob("*")} == {0o600}
    finally:
        os.umask(old)
