"""The writer's lock: one holder among threads, processes and forks, named to who waits, gone with its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from corpora.errors import LibraryBusy, LibraryError
from corpora.store.connections import Connections
from corpora.store.library import Library
from corpora.store.locks import WRITER_LOCK_FILE, WriterLock

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from corpora.store.locks import WriterLock
with WriterLock(Path(sys.argv[1])).held(5.0):
    print("held", flush=True)
    sys.stdin.read()
"""
# The child lives longer than the parent's hold, and can take the lock like anybody else.
FORK = """
import os, sys
from pathlib import Path
from corpora.store.locks import WriterLock
lock = WriterLock(Path(sys.argv[1]))
go_on, told = os.pipe()
with lock.held(0.0):
    child = os.fork()
    if child == 0:
        os.close(told)
        try:
            os.read(go_on, 1)
            with lock.held(5.0):
                os._exit(0)
        finally:
            os._exit(1)
with WriterLock(Path(sys.argv[1])).held(0.5):
    print("free", flush=True)
os.close(told)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.kill()


def test_who_waits_in_vain_is_told_by_whom(tmp_path: Path) -> None:
    path = tmp_path / WRITER_LOCK_FILE
    with holder(path) as process:
        with pytest.raises(LibraryBusy) as caught, WriterLock(path).held(0.05):
            pass
        assert f"process {process.pid} (-c" in caught.value.cause
        assert "has been writing" in caught.value.cause
        assert "try again" in caught.value.hint


def test_a_second_writer_gets_it_when_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / WRITER_LOCK_FILE
    with holder(path) as process:
        assert process.stdin is not None
        threading.Timer(0.1, process.stdin.close).start()
        with WriterLock(path).held(10.0):
            assert json.loads(path.read_bytes())["pid"] == os.getpid()


def test_a_dead_holder_blocks_nobody_and_what_it_left_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / WRITER_LOCK_FILE
    with holder(path) as process:
        process.kill()
        process.wait()
        assert WriterLock(path).holder() is not None
        with WriterLock(path).held(0.5):
            pass
    assert WriterLock(path).holder() is None
    for content in (b"\0\xff", b"[]", b'{"pid": "x"}', b"1" * 10_000):
        path.write_bytes(content)
        with WriterLock(path).held(0.0):
            pass


def test_a_thread_may_take_it_again_and_others_wait(tmp_path: Path) -> None:
    lock, seen = WriterLock(tmp_path / WRITER_LOCK_FILE), []

    def other() -> None:
        with pytest.raises(LibraryBusy):
            lock.held(0.05).__enter__()
        seen.append("refused")
        with lock.held(10.0):
            seen.append("held")

    thread = threading.Thread(target=other)
    with lock.held(1.0), lock.held(1.0):
        thread.start()
        while not seen:
            time.sleep(0.01)
        with lock.held(0.0):
            assert seen == ["refused"]
    thread.join()
    assert seen == ["refused", "held"]


def test_two_locks_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / WRITER_LOCK_FILE
    with WriterLock(path).held(0.0), pytest.raises(LibraryBusy), WriterLock(path).held(0.05):
        pass


def test_a_forked_child_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORK, str(tmp_path / WRITER_LOCK_FILE)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120).stdout == "free\nchild 0\n"


def test_a_corpus_that_was_removed_is_not_written_to(tmp_path: Path) -> None:
    library = Library(tmp_path)
    store = library.create("x")
    library.remove("x")
    with pytest.raises(LibraryError, match="no longer there"):
        store.set_setting("a", "b")
    assert not store.folder.exists()
    store.close()


def test_the_store_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    store = Library(tmp_path).create("x")
    connections = Connections(store.connections.path, busy_timeout_s=0.05)
    with (
        store.connections.writing(),
        pytest.raises(LibraryBusy, match=f"process {os.getpid()} "),
        connections.writing(),
    ):
        pass
    connections.close()
    store.close()


def test_eight_threads_of_two_stores_lose_no_count(tmp_path: Path) -> None:
    stores = [Library(tmp_path).create("x"), Library(tmp_path).open("x")]

    def count(store_number: int) -> None:
        connections = stores[store_number].connections
        for _ in range(10):
            with connections.writing() as connection:
                (value,) = connection.execute("SELECT version FROM state").fetchone()
                connection.execute("UPDATE state SET version = ?", (value + 1,))

    threads = [threading.Thread(target=count, args=(number % 2,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].version() == 80
    for store in stores:
        store.close()
