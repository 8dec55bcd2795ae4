"""The store: what was added is read back exactly, changes are whole, rows and versions only grow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from corpora.documents import Document, Passage
from corpora.errors import DocumentNotFound, LibraryError, UnstorableDocument
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages


@dataclass(frozen=True, slots=True)
class Lengths:
    """Derives the length of each passage."""

    kind: str = "lengths"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        return [len(passage.text).to_bytes(4, "little") for passage in passages]


@dataclass(frozen=True, slots=True)
class Breaks:
    kind: str = "breaks"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        raise RuntimeError("the encoder broke")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("test")
    yield opened
    opened.close()


def document(name: str, text: str) -> Document:
    return Document.of(name, text, {"title": name, "pages": "0"})


def add(store: CorpusStore, name: str, text: str) -> bool:
    one = document(name, text)
    return store.add(one, passages(one, target_chars=20), [Lengths()])


def test_read_back(store: CorpusStore) -> None:
    one = document("a.txt", "First one. Second one.\n\nThird one, which is longer.")
    cut = passages(one, target_chars=20)
    assert store.add(one, cut, [Lengths()])
    assert store.document(one.id) == store.document("a.txt") == one
    (info,) = store.documents()
    assert (info.id, info.name, info.chars, info.passages) == (one.id, "a.txt", len(one.text), len(cut))
    assert info.added_at.tzinfo is not None
    stored = list(store.passages_after(0))
    assert [one.passage for one in stored] == cut
    rows = [one.row for one in stored]
    assert rows == store.rows_alive() == sorted(rows)
    assert store.passages([rows[1], 999, rows[0]]) == [stored[1], stored[0]]
    assert list(store.derived("lengths")) == list(zip(rows, Lengths().compute(cut), strict=True))
    assert list(store.passages_after(rows[0])) == stored[1:]
    assert list(store.derived("lengths", rows[0])) == list(store.derived("lengths"))[1:]


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_that_can_be_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    store = Library(tmp_path_factory.mktemp("home")).create("any")
    one = document(text, text)
    store.add(one, passages(one, target_chars=5))
    assert store.document(one.id) == one
    assert [stored.passage for stored in store.passages_after(0)] == passages(one, target_chars=5)
    store.close()


def test_duplicates_and_replacements(store: CorpusStore) -> None:
    assert add(store, "a", "One text.")
    version = store.version()
    assert not add(store, "a", "One text.")
    assert not add(store, "b", "One text.")
    assert store.version() == version
    twin = store.find_same_text(document("b", "One text."))
    assert twin is not None
    assert twin.name == "a"

    old_rows = store.rows_alive()
    assert add(store, "a", "Another text.")
    assert store.version() == version + 1
    assert [info.name for info in store.documents()] == ["a"]
    assert store.document("a").text == "Another text."
    assert store.removed_since(version) == old_rows
    assert store.removed_since(version + 1) == []
    assert min(store.rows_alive()) > max(old_rows)


def test_a_changed_file_replaces_its_old_text_even_by_a_text_that_is_there(store: CorpusStore) -> None:
    add(store, "a", "First text.")
    add(store, "b", "Second text.")
    assert add(store, "a", "Second text.")
    assert store.document("a").text == "Second text."


def test_remove(store: CorpusStore) -> None:
    add(store, "a.txt", "The word xylophone stands here. It is alone.")
    add(store, "b.txt", "Nothing of the kind.")
    version, rows = store.version(), store.rows_alive()
    with pytest.raises(DocumentNotFound, match=r"a\.text") as caught:
        store.remove("a.text")
    assert "a.txt" in caught.value.hint
    assert store.version() == version

    assert store.remove("a.txt").document.name == "a.txt"
    assert [info.name for info in store.documents()] == ["b.txt"]
    gone = set(rows) - set(store.rows_alive())
    assert set(store.removed_since(version)) == gone
    assert [row for row, _ in store.derived("lengths")] == store.rows_alive()
    for file in store.folder.iterdir():
        assert b"xylophone" not in file.read_bytes()


def test_rows_are_never_given_again(store: CorpusStore) -> None:
    add(store, "a", "Text of a.")
    (row,) = store.rows_alive()
    store.remove("a")
    add(store, "a", "Text of a.")
    assert store.rows_alive() > [row]


def test_a_derived_that_fails_leaves_everything_as_it_was(store: CorpusStore) -> None:
    add(store, "a", "Text of a.")
    before = (store.documents(), store.rows_alive(), store.version())
    changed = document("a", "New text of a.")
    with pytest.raises(RuntimeError, match="the encoder broke"):
        store.add(changed, passages(changed), [Lengths(), Breaks()])
    assert (store.documents(), store.rows_alive(), store.version()) == before
    assert store.document("a").text == "Text of a."


def test_what_contradicts_itself_is_refused(store: CorpusStore) -> None:
    one, other = document("a", "Text of a."), document("b", "Text of b, longer.")
    with pytest.raises(UnstorableDocument, match="not a span"):
        store.add(one, passages(other))
    with pytest.raises(UnstorableDocument, match="surrogate"):
        store.add(document("a", "half \ud800"), [])
    assert store.documents() == []


def test_derived_rows_can_be_added_later(store: CorpusStore) -> None:
    one = document("a", "First one. Second one. Third one, longer.")
    store.add(one, passages(one, target_chars=10), [])
    rows = store.rows_alive()
    assert store.missing_derived("lengths") == rows
    assert store.add_derived(Lengths(), [*rows[:2], 999]) == 2
    assert store.missing_derived("lengths") == rows[2:]
    assert store.derived_kinds() == ["lengths"]
    store.drop_derived("lengths")
    assert store.derived_kinds() == []


def test_settings(store: CorpusStore) -> None:
    assert store.setting("encoder") is None
    store.set_setting("encoder", "first")
    store.set_setting("encoder", "second")
    assert store.setting("encoder") == "second"


def test_a_snapshot_is_of_one_version(store: CorpusStore) -> None:
    add(store, "a", "Text of a.")
    with store.snapshot() as version:
        rows = store.rows_alive()
        writer = threading.Thread(target=add, args=(store, "b", "Text of b."))
        writer.start()
        writer.join()
        assert store.version() == version
        assert store.rows_alive() == rows
        with pytest.raises(RuntimeError, match="inside a snapshot"):
            store.set_setting("a", "b")
    assert store.version() == version + 1


def test_threads_write_and_read_at_once(store: CorpusStore) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(8):
                assert add(store, f"{number}-{n}", f"Text {n} of thread {number}. And more of it.")
                with store.snapshot():
                    assert len(list(store.derived("lengths"))) == len(store.rows_alive())
        except BaseException as error:  # noqa: BLE001  told to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.documents()) == store.version() == 32


def test_a_closed_store_says_so(store: CorpusStore) -> None:
    store.close()
    with pytest.raises(LibraryError, match="was closed"):
        store.documents()


class StoreAgainstDict(RuleBasedStateMachine):
    """Any order of changes leaves what a dictionary would hold."""

    names = st.sampled_from(["a", "b", "c"])
    texts = st.sampled_from(["One. Two.", "Three. Four. Five.", "Six."])

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.home = tempfile.TemporaryDirectory()
        self.library = Library(Path(self.home.name))
        self.store = self.library.create("x")
        self.expected: dict[str, str] = {}
        self.seen_rows: set[int] = set()

    @rule(name=names, text=texts)
    def add(self, name: str, text: str) -> None:
        known = self.expected.get(name, text if text in self.expected.values() else None)
        alive = set(self.store.rows_alive())
        assert add(self.store, name, text) is (known != text)
        if known != text:
            self.expected[name] = text
            new = set(self.store.rows_alive()) - alive
            assert not new & self.seen_rows
            self.seen_rows |= new

    @rule(name=names)
    def remove(self, name: str) -> None:
        if self.expected.pop(name, None) is None:
            with pytest.raises(DocumentNotFound):
                self.store.remove(name)
        else:
            self.store.remove(name)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.library.open("x")

    @invariant()
    def same(self) -> None:
        assert {info.name: self.store.document(info.id).text for info in self.store.documents()} == self.expected
        stored = list(self.store.passages_after(0))
        wanted = {
            (name, passage.text)
            for name, text in self.expected.items()
            for passage in passages(document(name, text), target_chars=20)
        }
        assert {(one.passage.document_name, one.passage.text) for one in stored} == wanted
        assert [row for row, _ in self.store.derived("lengths")] == [one.row for one in stored]

    def teardown(self) -> None:
        self.store.close()
        self.home.cleanup()


TestStoreAgainstDict = StoreAgainstDict.TestCase
TestStoreAgainstDict.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
