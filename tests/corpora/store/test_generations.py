"""Another chunking or encoder is built beside what is seen, goes on after a kill, and is shown all at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from corpora.documents import Passage
from corpora.errors import ChunkingChanged, LibraryError
from corpora.recovery.verify import verify
from corpora.store import generations
from corpora.store.generations import Build
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages
from tests.support.corpus_files import CHUNKING, Copies, Sizes, add, all_bytes, document

ROOT = Path(__file__).parents[3]
FINER = Chunking(target_chars=60, overlap_sentences=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("x")
    for n in range(8):
        add(opened, document(f"n{n}", f"word{n}x", 1 + 20 * n))
    opened.set_chunking(CHUNKING)
    opened.set_encoder("old")
    yield opened
    opened.close()


def seen(store: CorpusStore) -> tuple[object, ...]:
    """All that a reader sees of passages."""
    with store.snapshot():
        rows = store.rows_alive()
        assert [one.row for one in store.passages_after(0)] == rows == [row for row, _ in store.owners()]
        assert [one.row for one in store.passages(rows)] == rows
        assert sum(info.passages for info in store.documents()) == len(rows)
        derived = [list(store.derived(kind)) for kind in store.derived_kinds()]
        return store.generation(), store.derived_kinds(), derived, [one.passage for one in store.passages_after(0)]


def assert_is(store: CorpusStore, chunking: Chunking, kind: str) -> None:
    """Every document is cut in this way, and has this kind only."""
    expected = []
    for info in store.documents():
        whole = store.document(info.id)
        expected += passages(whole, target_chars=chunking.target_chars, overlap_sentences=chunking.overlap_sentences)
    stored = {one.passage.id: one for one in store.passages_after(0)}
    assert stored.keys() == {one.id for one in expected}
    assert len(store.rows_alive()) == len(expected)
    assert store.derived_kinds() == [kind]
    assert {row: value.decode() for row, value in store.derived(kind)} == {
        one.row: one.passage.text for one in stored.values()
    }
    assert store.missing_derived(kind) == []
    some = next(iter(stored.values()))
    assert store.derived_of(kind, [some.passage]) == {some.passage.id: some.passage.text.encode()}
    assert verify(store.folder) == []


def test_nothing_is_seen_before_all_is(store: CorpusStore) -> None:
    before, version, rows = seen(store), store.version(), store.rows_alive()
    build = Build(store, FINER, derived=[Copies("new")], encoder="new")
    told: list[tuple[int, int]] = []
    while build.step():
        told.append(build.done())
        assert seen(store) == before
        assert (store.chunking(), store.encoder(), store.version()) == (CHUNKING, "old", version)
        assert verify(store.folder) == []
    assert told[-1] == (8, 8)
    assert build.swap()
    assert_is(store, FINER, "new")
    assert (store.chunking(), store.encoder(), store.generation()) == (FINER, "new", 1)
    assert store.version() == version + 1
    assert store.removed_since(version) == rows
    assert generations.unfinished_build(store) is None
    with pytest.raises(LibraryError, match="given up or finished"):
        build.step()


def test_documents_that_come_and_go_meanwhile(store: CorpusStore) -> None:
    build = Build(store, FINER, derived=[Copies("new")])
    assert build.step()
    store.remove("n0")
    store.remove("n7")
    add(store, document("n3", "wordother", 30))
    add(store, document("later", "wordlater", 30))
    assert not build.swap()
    assert build.run()
    assert_is(store, FINER, "new")
    assert sorted(info.name for info in store.documents()) == ["later", *(f"n{n}" for n in range(1, 7))]
    assert b"word0x" not in all_bytes(store.folder)
    assert b"word3x" not in all_bytes(store.folder)


def test_a_document_of_many_batches(store: CorpusStore) -> None:
    large = document("large", "wordlarge", 2000)
    add(store, large)
    steps = Build(store, FINER, derived=[Copies("new")])
    while steps.step():
        plan = generations.unfinished_build(store)
        assert plan is not None
        if not plan.is_whole:  # It is gone while half of it is built, and comes back with another text.
            break
    else:
        pytest.fail("it was done in one batch")
    add(store, document("large", "wordothr", 2000))
    assert Build(store, FINER, derived=[Copies("new")]).run()
    assert_is(store, FINER, "new")


def test_a_stopped_build_goes_on_and_one_of_another_kind_begins_anew(store: CorpusStore) -> None:
    stop = threading.Event()
    stop.set()
    assert not Build(store, FINER, derived=[Copies("new")]).run(stop=stop)
    begun = generations.unfinished_build(store)
    assert begun is not None
    assert begun.document > 0
    assert Build(store, FINER, derived=[Copies("new")]).done() > (0, 8)
    assert generations.unfinished_build(store) == begun
    other = Build(store, FINER, derived=[Copies("other")])
    assert other.done() == (0, 8)
    assert other.run()
    assert_is(store, FINER, "other")


def test_a_build_that_is_given_up_leaves_nothing(store: CorpusStore) -> None:
    before = seen(store)
    build = Build(store, FINER, derived=[Copies("unwanted")])
    build.step()
    build.abandon()
    assert seen(store) == before
    assert b"unwanted" not in all_bytes(store.folder)
    generations.abandon_build(store)


def test_two_builders_share_the_work(store: CorpusStore) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            Build(store, FINER, derived=[Copies("new")]).run()
        except LibraryError as error:
            if "finished by another" not in error.cause:
                failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_is(store, FINER, "new")


def test_readers_see_one_cut_or_the_other(store: CorpusStore) -> None:
    generations_seen, done = set(), threading.Event()

    def build() -> None:
        for chunking in (FINER, CHUNKING, FINER):
            Build(store, chunking, derived=[Copies(f"cut at {chunking.target_chars}")]).run()
        done.set()

    builder = threading.Thread(target=build)
    before = seen(store)
    builder.start()
    while not done.is_set():
        with store.snapshot():
            generation, kinds, _, cut = seen(store)
            assert isinstance(cut, list)
            if generation == before[0]:
                assert (kinds, cut) == (before[1], before[3])
            else:
                longest = max(len(passage.text) for passage in cut)
                assert kinds == (["cut at 60"] if longest < 100 else ["cut at 200"])
            generations_seen.add(generation)
    builder.join()
    assert store.generation() == 3
    assert len(generations_seen) > 1


def test_killed_builds_end_in_the_same(tmp_path: Path, store: CorpusStore) -> None:
    script = (
        "import sys; from pathlib import Path; from corpora.store.library import Library\n"
        "from corpora.store.generations import Build; from tests.support.corpus_files import Copies\n"
        "from tests.corpora.store.test_generations import FINER\n"
        "Build(Library(Path(sys.argv[1])).open('x'), FINER, derived=[Copies('new')]).run(print)"
    )
    for n in range(8, 20):
        add(store, document(f"n{n}", f"word{n}x", 200))
    before = seen(store)
    for attempt in range(3):
        command = [sys.executable, "-uc", script, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(1 + attempt):
                process.stdout.readline()
            process.kill()
        assert store.generation() == 1 or seen(store) == before
    Build(store, FINER, derived=[Copies("new")]).run()
    assert_is(store, FINER, "new")


def test_adding_with_another_chunking_is_refused_with_both_and_the_command(store: CorpusStore) -> None:
    one = document("more", "wordmore")
    with pytest.raises(ChunkingChanged) as caught:
        store.put(one, passages(one), {}, chunking=FINER)
    assert "200 characters (overlap: 0)" in caught.value.cause
    assert "not at 60 (overlap: 1)" in caught.value.cause
    assert "`spandraft corpus rebuild x --chunk-chars 60 --chunk-overlap 1`" in caught.value.hint
    assert store.find("more") is None
    assert store.put(one, passages(one), {}, chunking=CHUNKING, generation=0).status == "added"
    with pytest.raises(ChunkingChanged, match="rebuilt while"):
        store.put(document("b", "wordb"), [], {}, generation=7)


def test_the_first_document_says_how_a_corpus_is_cut(tmp_path: Path) -> None:
    store = Library(tmp_path).create("y")
    one = document("a", "worda")
    store.put(one, passages(one), {}, chunking=FINER)
    assert store.chunking() == FINER
    store.close()


class Slow:
    """Takes its time, so that a build can be overtaken."""

    kind = "new"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        time.sleep(0.02)
        return Copies().compute(passages)


def test_a_busy_writer_does_not_keep_a_build_from_its_end(store: CorpusStore) -> None:
    stop = threading.Event()

    def write() -> None:
        for n in range(25):
            add(store, document(f"w{n}", f"wordw{n}x", 10))
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert Build(store, FINER, derived=[Slow()]).run()
    writer.join()
    assert stop.is_set()
    assert Build(store, FINER, derived=[Slow(), Sizes()]).run()
    assert store.derived_kinds() == ["new", "vectors:sizes"]
    assert verify(store.folder) == []
