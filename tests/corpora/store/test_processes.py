"""Several processes and one corpus: commits are seen at once, and a killed writer loses nothing it committed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from corpora.documents import Document
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from tests.support.corpus_writer import text_of

ROOT = Path(__file__).parents[3]


def writer(home: Path, first: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.corpus_writer", str(home), str(first), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def assert_whole(store: CorpusStore) -> set[int]:
    """Every visible document has its text, all its passages and all its derived rows; their numbers."""
    with store.snapshot():
        infos = store.documents()
        derived = dict(store.derived("copy"))
        stored = list(store.passages_after(0))
        assert [one.row for one in stored] == list(derived) == store.rows_alive()
        for one in stored:
            assert derived[one.row].decode() == one.passage.text
        for info in infos:
            number = int(info.name.removeprefix("document "))
            whole = store.document(info.id)
            assert whole.text == text_of(number)
            assert [one.passage for one in stored if one.passage.document_id == info.id] == passages(
                whole, target_chars=100
            )
    return {int(info.name.removeprefix("document ")) for info in infos}


def test_a_reader_sees_what_another_process_commits(tmp_path: Path) -> None:
    store = Library(tmp_path).create("x")
    assert store.version() == 0
    with writer(tmp_path, 0, 2) as process:
        assert process.stdout is not None
        for number in range(2):
            assert process.stdout.readline() == f"{number}\n"
            assert store.version() >= number + 1
            assert number in assert_whole(store)
    assert process.returncode == 0
    one = Document.of("document 7", text_of(7))
    assert store.add(one, passages(one, target_chars=100))
    store.close()


def test_two_writers_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    store = Library(tmp_path).create("x")
    with writer(tmp_path, 0, 12) as first, writer(tmp_path, 6, 12) as second:
        while first.poll() is None or second.poll() is None:
            assert_whole(store)
            time.sleep(0.02)
    assert first.returncode == second.returncode == 0
    assert assert_whole(store) == set(range(18))
    store.close()


def test_a_killed_writer_leaves_what_it_committed(tmp_path: Path) -> None:
    chance = random.Random(5)
    library = Library(tmp_path)
    library.create("x").close()
    acknowledged: set[int] = set()
    for attempt in range(6):
        with writer(tmp_path, 1000 * attempt, 1000) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 6)):
                acknowledged.add(int(process.stdout.readline()))
            time.sleep(chance.random() * 0.01)
            process.kill()
            acknowledged |= {int(line) for line in process.stdout.read().split("\n") if line}
        store = library.open("x")
        present = assert_whole(store)
        store.close()
        assert acknowledged <= present
        assert len(present - acknowledged) <= attempt + 1  # committed, but killed before it could say so
