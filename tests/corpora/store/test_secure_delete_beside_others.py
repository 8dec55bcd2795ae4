"""Erasing waits for readers, and nobody waits for it: other writers go on, and what was put off is caught up with."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from corpora.store import secure_delete
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from tests.support.corpus_files import add, all_bytes, document

ROOT = Path(__file__).parents[3]
AT_MOST_S = 1.0
# Removes one document after the other, and says how long each took and whether it was erased.
REMOVE = """
import sys, time
from pathlib import Path
from corpora.store.library import Library
store = Library(Path(sys.argv[1])).open("x")
for name in sys.argv[2:]:
    began = time.monotonic()
    print(name, store.remove(name).erased, time.monotonic() - began, flush=True)
store.close()
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("x")
    for number in range(3):
        add(opened, document(f"doomed{number}", f"wordold{number}", 50))
    yield opened
    opened.close()


@contextmanager
def looking(store: CorpusStore) -> Iterator[None]:
    """A snapshot that another thread has open."""
    ready, done = threading.Event(), threading.Event()

    def read() -> None:
        with store.snapshot():
            store.documents()
            ready.set()
            done.wait(60)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        done.set()
        reader.join()


@pytest.mark.timed
def test_a_writer_does_not_wait_for_the_readers_of_another(tmp_path: Path, store: CorpusStore) -> None:
    names = [f"doomed{number}" for number in range(3)]
    command = [sys.executable, "-c", REMOVE, str(tmp_path), *names]
    waits: list[float] = []
    other = Library(tmp_path).open("x")
    with looking(other), subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as remover:
        while remover.poll() is None:
            began = time.monotonic()
            store.put(document(f"new{len(waits)}", f"wordnew{len(waits)}", 3), [], {})
            waits.append(time.monotonic() - began)
            time.sleep(0.02)
        assert remover.stdout is not None
        said = [line.split() for line in remover.stdout]
    assert [(name, erased) for name, erased, _ in said] == [(name, "False") for name in names]
    assert max(float(took) for _, _, took in said) < secure_delete.READER_WAIT_S + AT_MOST_S
    assert len(waits) > 20
    assert max(waits) < AT_MOST_S
    assert secure_delete.is_erase_pending(store.connections)
    assert b"wordold0" in all_bytes(store.folder)
    store.set_setting("any", "write")
    assert not secure_delete.is_erase_pending(store.connections)
    assert b"wordold" not in all_bytes(store.folder)
    other.close()


@pytest.mark.timed
def test_whoever_replaces_many_waits_for_no_reader(tmp_path: Path, store: CorpusStore) -> None:
    other = Library(tmp_path).open("x")
    with looking(other):
        began = time.monotonic()
        for number in range(20):
            store.put(document("doomed0", f"version{number}", 3), [], {}, erase=False)
        assert time.monotonic() - began < secure_delete.READER_WAIT_S
    other.close()


def test_the_reader_that_was_in_the_way_erases_when_it_closes(tmp_path: Path, store: CorpusStore) -> None:
    other = Library(tmp_path).open("x")
    with looking(other):
        assert not store.remove("doomed0").erased
    assert b"wordold0" in all_bytes(store.folder)
    other.close()
    assert b"wordold0" not in all_bytes(store.folder)
    assert b"wordold1" in all_bytes(store.folder)


def test_who_waits_is_done_when_another_has_erased(tmp_path: Path, store: CorpusStore) -> None:
    """Two removals wait for the same reader: one of them erases for both, and both say so."""
    stores = [store, Library(tmp_path).open("x")]
    other = Library(tmp_path).open("x")
    erased: list[bool] = []

    def remove(number: int) -> None:
        erased.append(stores[number].remove(f"doomed{number}").erased)

    threads = [threading.Thread(target=remove, args=(number,)) for number in range(2)]
    with looking(other):
        for thread in threads:
            thread.start()
        while len(store.documents()) > 1:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert erased == [True, True]
    assert b"wordold0" not in all_bytes(store.folder)
    assert b"wordold1" not in all_bytes(store.folder)
    for one in (stores[1], other):
        one.close()


def test_readers_that_come_and_go_put_nothing_off(tmp_path: Path, store: CorpusStore) -> None:
    """There is always one that reads; but each ends, and the next needs no old pages."""
    other, ended = Library(tmp_path).open("x"), threading.Event()

    def read() -> None:
        while not ended.is_set():
            with other.snapshot():
                other.documents()
                time.sleep(0.05)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        assert [store.remove(f"doomed{number}").erased for number in range(3)] == [True] * 3
        assert b"wordold" not in all_bytes(store.folder)
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    other.close()
