"""A corpus that changes its encoder or its chunking, travels, and is looked after: the real encoder, real files."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from app import Corpus
from app.config.settings import Settings
from app.library.summary import summary_of
from corpora.errors import ChunkingChanged, DamagedExport, LibraryError
from corpora.store.library import Library
from retrieval.errors import EncoderChanged
from retrieval.evidence.sentences import SENTENCES
from retrieval.hybrid import HybridRetriever
from tests.support.retrieval_fakes import LetterEncoder
from tests.support.tiny import QUESTION, TEXTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(f"{text}\n\n" * 4)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def found(corpus: Corpus) -> list[str]:
    return [hit.passage.document_name for hit in corpus.search(QUESTION, k=3)]


def test_another_encoder_is_refused_by_name_until_the_corpus_is_rebuilt(settings: Settings, folder: Path) -> None:
    store, letters = Library(settings.home).create("mine"), LetterEncoder()
    old = Corpus(store, letters, HybridRetriever(store, letters))
    old.add(folder)
    assert found(old)
    new = Corpus.open("mine", settings=settings)
    for refused in (lambda: new.search(QUESTION), lambda: new.add(folder), lambda: new.sync(folder)):
        with pytest.raises(EncoderChanged) as caught:
            refused()
        assert letters.name in caught.value.cause
        assert "all-minilm-l6-v2" in caught.value.cause
        assert "spandraft corpus rebuild mine --encoder all-minilm-l6-v2" in caught.value.hint
    done = new.rebuild()
    assert (done.recut, done.computed, done.is_whole) == (True, done.passages, True)
    assert done.encoder.startswith("all-minilm-l6-v2")
    assert found(new)[0] == "files/0.txt"
    assert summary_of(new.store).encoder == done.encoder
    with pytest.raises(EncoderChanged):
        old.search(QUESTION)


def test_sentence_vectors_of_an_older_rule_are_not_read_and_a_rebuild_makes_them_anew(
    settings: Settings, folder: Path
) -> None:
    store, letters = Library(settings.home).create("mine"), LetterEncoder()
    corpus = Corpus(store, letters, HybridRetriever(store, letters))
    corpus.add(folder)
    (now,) = [kind for kind in store.derived_kinds() if kind.startswith(SENTENCES)]
    expected = corpus.retrieve(QUESTION).evidence
    with store.connections.writing() as connection:  # As it was: two sentences a passage, of another length.
        connection.execute("UPDATE derived SET kind = 'sentences:letters', value = zeroblob(24) WHERE kind = ?", (now,))
    old = Corpus(store, letters, HybridRetriever(store, letters))
    assert old.retrieve(QUESTION).evidence == expected
    assert old.rebuild().computed == len(store.rows_alive())
    assert [kind for kind in store.derived_kinds() if kind.startswith(SENTENCES)] == [now]


def test_a_rebuild_that_is_stopped_goes_on_and_the_old_is_searched_meanwhile(settings: Settings, folder: Path) -> None:
    corpus = Corpus.create("mine", settings=settings)
    corpus.add(folder)
    old = [hit.passage.id for hit in corpus.search(QUESTION, k=9)]
    other = Corpus.open("mine", settings=settings.replace(chunk_chars=100, chunk_overlap=0))
    stop = threading.Event()
    stop.set()
    assert not other.rebuild(stop=stop).is_whole
    assert [hit.passage.id for hit in corpus.search(QUESTION, k=9)] == old
    assert summary_of(corpus.store).rebuild_under_way
    with pytest.raises(ChunkingChanged, match="700"):
        other.add(folder)
    done = other.rebuild()
    assert (done.is_whole, done.chunking.target_chars, done.chunking.overlap_sentences) == (True, 100, 0)
    facts = summary_of(corpus.store)
    assert (facts.passages, facts.rebuild_under_way, facts.is_sealed) == (done.passages, False, True)
    assert {index.is_current for index in facts.indexes} == {True}
    assert set(old).isdisjoint(hit.passage.id for hit in corpus.search(QUESTION, k=9))
    assert other.verify() == []


def test_vectors_that_are_missing_are_filled_in(settings: Settings, folder: Path) -> None:
    corpus = Corpus.create("mine", settings=settings)
    corpus.add(folder)
    kinds = corpus.store.derived_kinds()
    corpus.store.drop_derived(next(kind for kind in kinds if kind.startswith("sentences")))
    done = corpus.rebuild()
    assert (done.recut, done.computed) == (False, done.passages)
    assert corpus.store.derived_kinds() == kinds


def test_a_rebuild_that_cannot_write_its_files_says_so(settings: Settings, folder: Path) -> None:
    corpus = Corpus.create("mine", settings=settings)
    corpus.add(folder)
    expected = found(corpus)
    indexes = corpus.store.folder / "indexes"
    shutil.rmtree(indexes)
    indexes.write_text("in the way of a folder")
    with pytest.raises(LibraryError, match="cannot be written"):
        corpus.rebuild()
    assert found(corpus) == expected
    indexes.unlink()
    assert corpus.rebuild().is_whole
    assert {index.is_current for index in summary_of(corpus.store).indexes} == {True}


def test_an_import_is_searched_as_the_original_is(settings: Settings, folder: Path, tmp_path: Path) -> None:
    corpus = Corpus.create("mine", settings=settings.replace(chunk_chars=150))
    corpus.add(folder)
    done = corpus.export(tmp_path / "out")
    assert done.documents == 3
    elsewhere = Settings(home=tmp_path / "other home")
    copy = Corpus.import_(tmp_path / "out", settings=elsewhere)
    assert copy.name == "mine"
    assert copy.store.chunking() == corpus.store.chunking()
    for query in (QUESTION, "lambda", "context manager"):
        theirs, ours = copy.search(query, k=20), corpus.search(query, k=20)
        assert [hit.passage for hit in theirs] == [hit.passage for hit in ours]
        assert [hit.score for hit in theirs] == [hit.score for hit in ours]
        assert copy.evidence(query, theirs) == corpus.evidence(query, ours)
    recut = Corpus.import_(tmp_path / "out", "recut", settings=elsewhere.replace(chunk_chars=400))
    assert 0 < summary_of(recut.store).passages < summary_of(copy.store).passages
    assert recut.verify() == copy.verify() == []
    (tmp_path / "out").write_bytes((tmp_path / "out").read_bytes()[:-5000])
    with pytest.raises(DamagedExport):
        Corpus.import_(tmp_path / "out", "third", settings=elsewhere)
    assert Library(elsewhere.home).names() == ["mine", "recut"]


def test_a_plan_changes_nothing_and_jobs_are_kept(settings: Settings, folder: Path) -> None:
    corpus = Corpus.create("mine", settings=settings)
    assert corpus.plan(folder).counts == {"new": 3}
    assert (corpus.jobs.all(), corpus.documents()) == ([], [])
    job = corpus.begin(folder)
    assert (job.state, corpus.run(job.number).state) == ("queued", "finished")
    assert corpus.plan(folder, sync=True).counts == {"unchanged": 3}
    assert next(one.text for one in corpus.passages("files/0.txt")) in corpus.document("files/0.txt").text
