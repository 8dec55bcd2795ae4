"""Index files of a corpus: opening reads them, changes come in, deletions go out, and no wrong one is used."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from corpora.documents import Document
from corpora.errors import DamagedIndex, LibraryError, NewerSchema
from corpora.store import index_files
from corpora.store.index_files import IndexFolder, IndexHeader, load_part
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from retrieval import lexical
from retrieval.background_writer import WritePolicy
from retrieval.dense import VectorRows, VectorSegment
from retrieval.hybrid import HybridRetriever
from retrieval.interfaces import Hit
from retrieval.postings import fingerprints
from tests.support.retrieval_fakes import LetterEncoder

Add = Callable[..., Document]
QUESTIONS = ["Which lake do herons wade in?", "number 7", "reeds"]


@pytest.fixture
def letters() -> LetterEncoder:
    return LetterEncoder()


@pytest.fixture
def filled(store: CorpusStore, add: Add, letters: LetterEncoder) -> CorpusStore:
    for number in range(12):
        add(f"{number}.txt", f"Herons wade in lake number {number}. The reeds of lake {number} are high.", letters)
    return store


def opened(store: CorpusStore, letters: LetterEncoder | None = None) -> HybridRetriever:
    return HybridRetriever(store, letters or LetterEncoder(), policy=None)


def answers(retriever: HybridRetriever) -> list[list[Hit]]:
    return retriever.search(QUESTIONS, 20)


def files(store: CorpusStore) -> list[Path]:
    return IndexFolder(store.folder / "indexes").paths()


def test_no_word_of_a_removed_text_stays_in_a_file(store: CorpusStore, add: Add, letters: LetterEncoder) -> None:
    add("kept.txt", "Herons wade in the lake at dawn.", letters)
    add("gone.txt", "The zymurgist buried it at dawn.", letters)
    retriever = opened(store)
    retriever.write_files()
    assert any(b"zymurgist" in file.read_bytes() for file in files(store))
    store.remove("gone.txt")
    retriever.write_files(after_removal=True)
    assert not any(b"zymurgist" in file.read_bytes() for file in files(store))
    assert any(b"herons" in file.read_bytes() for file in files(store))


def test_opening_reads_the_files_and_only_what_came_after_them(
    filled: CorpusStore, add: Add, letters: LetterEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(filled)
    expected = answers(first)
    assert files(filled) == []
    first.write_files()
    assert len(files(filled)) == 2
    read: list[str] = []

    def counted(text: str) -> list[str]:
        read.append(text)
        return text.casefold().split()

    monkeypatch.setattr(lexical, "terms", counted)
    again = opened(filled)
    assert answers(again) == expected
    assert read == []
    filled.remove("3.txt")
    add("new.txt", "Storks wade, too.", letters)
    later = opened(filled)
    names = {hit.passage.document_name for hits in answers(later) for hit in hits}
    assert names == {f"{number}.txt" for number in range(12) if number != 3} | {"new.txt"}
    assert read == ["new\nStorks wade, too."]
    later.write_files()
    assert answers(opened(filled)) == answers(later)
    assert len(read) == 1


def test_files_that_are_up_to_date_are_not_written_again(filled: CorpusStore) -> None:
    opened(filled).write_files()
    before = {path: path.stat().st_ino for path in files(filled)}
    opened(filled).write_files()
    assert {path: path.stat().st_ino for path in files(filled)} == before


def test_what_was_removed_is_in_no_file_when_the_files_are_written(
    store: CorpusStore, add: Add, letters: LetterEncoder
) -> None:
    add("open.txt", "An open plan.", letters)
    add("secret.txt", "Zephyrs vex.", letters)
    first = opened(store)
    first.write_files()
    vector = letters.encode_passages(["Zephyrs vex."])[0].astype("<f4").tobytes()
    terms = [fingerprints([word]).tobytes() for word in ("zephyrs", "vex")]
    content = b"".join(path.read_bytes() for path in files(store))
    assert all(needle in content for needle in (vector, *terms))
    store.remove("secret.txt")
    first.write_files(after_removal=True)
    assert len(files(store)) == 2
    content = b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    assert not any(needle in content for needle in (vector, *terms))
    store.remove("open.txt")
    opened(store).write_files(after_removal=True)
    assert files(store) == []


def test_a_file_that_cannot_be_rewritten_is_deleted_after_a_removal(
    filled: CorpusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = opened(filled)
    retriever.write_files()

    def full(self: IndexFolder, header: IndexHeader, parts: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexFolder, "save", full)
    retriever.write_files()
    filled.remove("3.txt")
    retriever.write_files(after_removal=True)
    assert files(filled) == []
    with pytest.raises(LibraryError) as caught:
        retriever.write_files()
    assert "No space left" in caught.value.cause
    assert answers(retriever)


@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_file_is_refused_with_the_command_and_a_removal_deletes_it(filled: CorpusStore, which: int) -> None:
    opened(filled).write_files()
    path = files(filled)[which]
    content = path.read_bytes()
    path.write_bytes(content[:-70] + bytes([content[-70] ^ 4]) + content[-69:])
    for _ in range(2):
        with pytest.raises(DamagedIndex) as caught:
            answers(opened(filled))
        assert caught.value.hint.endswith("spandraft corpus rebuild tested")
    with pytest.raises(DamagedIndex):
        opened(filled).write_files()
    filled.remove("3.txt")
    opened(filled).write_files(after_removal=True)
    assert path not in files(filled)
    assert answers(opened(filled))


def test_a_file_of_a_later_release_is_refused_with_the_command(
    filled: CorpusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(index_files, "FORMAT", 2)
        opened(filled).write_files()
    with pytest.raises(NewerSchema) as caught:
        answers(opened(filled))
    assert "spandraft corpus rebuild tested" in caught.value.hint


def test_files_may_be_deleted_at_any_time(filled: CorpusStore, add: Add, letters: LetterEncoder) -> None:
    retriever = opened(filled)
    expected = answers(retriever)
    retriever.write_files()
    index_files.delete_all(filled.folder)
    assert answers(retriever) == expected
    assert answers(opened(filled)) == expected
    retriever.write_files()
    assert len(files(filled)) == 2


def test_files_of_another_corpus_or_an_older_copy_are_not_used(
    tmp_path: Path, filled: CorpusStore, add: Add, letters: LetterEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    opened(filled).write_files()
    filled.close()
    copy = Library(tmp_path / "restored")
    copy.create("tested").close()
    shutil.copyfile(filled.folder / "corpus.sqlite", tmp_path / "restored/corpora/tested/corpus.sqlite")
    ahead = Library(tmp_path).open("tested")
    document = Document.of("later.txt", "Only in the newer copy, which is lost.")
    ahead.add(document, passages(document), [VectorRows(letters)])
    opened(ahead).write_files()
    store = copy.open("tested")
    other = Document.of("other.txt", "Grebes dive in lake number 7, beside reeds.")
    store.add(other, passages(other), [VectorRows(letters)])
    expected = answers(opened(store))
    shutil.copytree(ahead.folder / "indexes", store.folder / "indexes")
    assert answers(opened(store)) == expected
    assert "made anew" in caplog.text
    opened(store).write_files()
    caplog.clear()
    assert answers(opened(store)) == expected
    assert not caplog.records


def test_a_file_of_an_unknown_kind_goes(filled: CorpusStore) -> None:
    folder = IndexFolder(filled.folder / "indexes")
    with folder.writing():
        folder.save(IndexHeader("vectors:old@1", 1, 1, 0, 1), {"rows": memoryview(np.ones(1, dtype="<i8")).cast("B")})
    opened(filled).write_files()
    assert folder.load("vectors:old@1") is None
    assert len(files(filled)) == 2


def test_what_is_no_faiss_index_of_these_rows_is_refused() -> None:
    rows = np.array([3, 8])
    packed = VectorSegment.of(rows, np.eye(2, dtype=np.float32)).packed()["faiss"]
    for some, part in ((rows, packed[:40]), (rows, packed[:0]), (rows[:1], packed), (rows, packed[::-1])):
        with pytest.raises(ValueError, match="FAISS"):
            VectorSegment.unpacked(some, {"faiss": memoryview(np.ascontiguousarray(part))})
    with pytest.raises(ValueError, match="FAISS"):
        VectorSegment.unpacked(rows, {})


def rows_in(path: Path) -> Sequence[int]:
    stored = load_part(path, "rows")
    assert stored is not None
    return np.frombuffer(stored, dtype="<i8").tolist()


def test_files_are_written_beside_questions_when_much_has_changed_or_nobody_asks(
    filled: CorpusStore, add: Add, letters: LetterEncoder
) -> None:
    retriever = HybridRetriever(filled, letters, policy=WritePolicy(share=0.5, idle_s=60.0))
    answers(retriever)
    retriever.wait()
    assert len(files(filled)) == 2, "nothing was written yet: all is new"
    written = rows_in(files(filled)[0])
    add("one.txt", "One more.", letters)
    answers(retriever)
    time.sleep(0.2)
    assert rows_in(files(filled)[0]) == written, "little has changed, and questions are asked"
    retriever.write_files()
    add("two.txt", "And another.", letters)
    idle = HybridRetriever(filled, letters, policy=WritePolicy(share=0.5, idle_s=0.05))
    answers(idle)
    idle.wait()
    assert len(rows_in(files(filled)[0])) == len(written) + 2


def test_a_question_does_not_wait_for_a_file(
    filled: CorpusStore, letters: LetterEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()
    save = IndexFolder.save

    def slowly(self: IndexFolder, header: IndexHeader, parts: dict[str, memoryview]) -> None:
        reached.set()
        assert go_on.wait(20)
        save(self, header, parts)

    monkeypatch.setattr(IndexFolder, "save", slowly)
    retriever = opened(filled)
    expected = answers(retriever)
    thread = threading.Thread(target=retriever.write_files)
    thread.start()
    assert reached.wait(20)
    assert answers(retriever) == expected
    filled.remove("3.txt")
    found = {hit.passage.document_name for hit in answers(retriever)[0]}
    assert "3.txt" not in found
    go_on.set()
    thread.join()
    assert {hit.passage.document_name for hit in answers(retriever)[0]} == found
    retriever.write_files(after_removal=True)
    assert len(rows_in(files(filled)[0])) == len(filled.rows_alive())


def test_a_document_that_is_replaced_again_and_again_is_never_missing(
    store: CorpusStore, add: Add, letters: LetterEncoder
) -> None:
    add("other.txt", "Herons wade.", letters)
    add("this.txt", "Herons wade in lake 0.", letters)
    retrievers, failures, done = [opened(store) for _ in range(2)], list[BaseException](), threading.Event()

    def ask(retriever: HybridRetriever) -> None:
        try:
            while not done.is_set():
                names = [hit.passage.document_name for hit in retriever.search(["herons lake"], 5)[0]]
                assert sorted(names) == ["other.txt", "this.txt"]
        except BaseException as error:  # noqa: BLE001  # a thread must hand its failure over
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(retriever,)) for retriever in retrievers]
    for thread in threads:
        thread.start()
    for number in range(1, 13):
        add("this.txt", f"Herons wade in lake {number}.", letters)
        if number % 4 == 0:
            retrievers[0].write_files()
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
