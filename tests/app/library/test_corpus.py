"""A corpus through its user's eyes: real files, the real encoder, another process at work, and the sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from app import Corpus
from app.config.settings import Settings
from app.library.opening import SAMPLE, require_sample
from app.pipeline import Pipeline
from corpora.documents import Passage
from corpora.errors import CorpusExists, CorpusNotFound, DocumentNotFound
from corpora.store.library import Library
from retrieval.dense import VectorRows
from retrieval.errors import EmptyCorpus, EncoderChanged
from retrieval.hybrid import HybridRetriever
from tests.support.retrieval_fakes import LetterEncoder
from tests.support.tiny import QUESTION, TEXTS


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three files that can be read, one that is empty, one of an unknown kind."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "try.txt").write_text(TEXTS[0])
    (folder / "lambda.md").write_text(f"# Lambda\n\n{TEXTS[1]}\n")
    (folder / "with.html").write_text(f"<h1>With</h1><p>{TEXTS[2]}</p>")
    (folder / "empty.txt").write_text("")
    (folder / "odd.xyz").write_text("odd")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def corpus(files: list[Path], home: Settings) -> Corpus:
    made = Corpus.create("mine", settings=home)
    outcomes = made.add(*files)
    assert {outcome.path.name: outcome.status for outcome in outcomes} == {
        "empty.txt": "empty",
        "lambda.md": "added",
        "odd.xyz": "unsupported",
        "try.txt": "added",
        "with.html": "added",
    }
    assert all(outcome.cause and outcome.hint for outcome in outcomes if outcome.status != "added")
    return made


def test_documents_are_listed_and_read(corpus: Corpus) -> None:
    assert [info.name for info in corpus.documents()] == ["lambda.md", "try.txt", "with.html"]
    assert corpus.document("try.txt").text.strip() == TEXTS[0]
    with pytest.raises(DocumentNotFound):
        corpus.document("trie.txt")


def test_hits_and_evidence_are_spans_of_documents(corpus: Corpus) -> None:
    hits = corpus.search(QUESTION, k=2)
    assert hits[0].passage.document_name == "try.txt"
    assert len(hits) == 2
    evidence = corpus.evidence(QUESTION, hits, limit=3)
    assert 0 < len(evidence) <= 3
    assert "finally" in evidence[0].text
    for found in evidence:
        passage = hits[found.hit].passage
        assert corpus.document(passage.document_id).text[found.start : found.end] == found.text


def test_what_another_handle_adds_and_removes_is_seen_at_the_next_search(
    corpus: Corpus, home: Settings, tmp_path: Path
) -> None:
    other = Corpus.open("mine", settings=home)
    new = tmp_path / "yield.txt"
    new.write_text("A yield expression suspends the generator, and hands a value to the one who iterates over it.")
    corpus.search("yield", k=1)
    other.add(new)
    assert corpus.search("What suspends a generator?", k=1)[0].passage.document_name == "yield.txt"
    other.remove("yield.txt")
    assert corpus.search("What suspends a generator?", k=1)[0].passage.document_name != "yield.txt"


def test_the_same_file_twice_is_a_duplicate_and_another_text_a_replacement(
    corpus: Corpus, files: list[Path], tmp_path: Path
) -> None:
    again = next(file for file in files if file.name == "try.txt")
    assert [outcome.status for outcome in corpus.add(again)] == ["unchanged"]
    twin = tmp_path / "twin.txt"
    twin.write_bytes(again.read_bytes())
    assert [outcome.status for outcome in corpus.add(twin)] == ["duplicate"]
    other = tmp_path / "try.txt"
    other.write_text(TEXTS[0] + " It has one more sentence now.")
    assert [outcome.status for outcome in corpus.add(other)] == ["added"], "another file of the same name"
    other.write_text(TEXTS[0] + " It has two more sentences now.")
    assert [outcome.status for outcome in corpus.add(other)] == ["replaced"]
    with pytest.raises(DocumentNotFound) as caught:
        corpus.document("try.txt")
    names = [info.name for info in corpus.documents() if info.name.endswith("/try.txt")]
    assert len(names) == 2 and all(name in caught.value.hint for name in names)
    (replaced,) = (name for name in names if "two more sentences" in corpus.document(name).text)
    corpus.remove(replaced)


def test_names_that_are_wrong_or_taken(corpus: Corpus, home: Settings) -> None:
    with pytest.raises(CorpusNotFound) as caught:
        Corpus.open("mime", settings=home)
    assert "mine" in caught.value.hint
    with pytest.raises(CorpusExists):
        Corpus.create("mine", settings=home)


def test_an_empty_corpus_cannot_be_asked(settings: Settings, tiny_bundled: Path) -> None:
    empty = Corpus.create("empty", settings=settings)
    with pytest.raises(EmptyCorpus):
        empty.search(QUESTION)
    pipeline = Pipeline.from_pretrained(str(tiny_bundled), corpus=empty, settings=settings)
    with pytest.raises(EmptyCorpus) as caught:
        pipeline.answer(QUESTION)
    assert caught.value.cause
    assert caught.value.hint


def test_vectors_of_two_encoders_never_meet(settings: Settings, files: list[Path]) -> None:
    store, encoder = Library(settings.home).create("other"), LetterEncoder()
    mine = Corpus(store, encoder, HybridRetriever(store, encoder))
    assert [outcome.status for outcome in mine.add(*files[2:])] == ["unsupported", "added", "added"]
    assert mine.search(QUESTION, k=1)
    with pytest.raises(EncoderChanged):
        Corpus.open("other", settings=settings).add(files[0])


def test_the_sample_is_built_once_and_finished_after_an_interruption(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    library, rows = Library(settings.home), _Interrupting()
    with pytest.raises(KeyboardInterrupt):
        require_sample(library, [rows])
    half = len(library.open(SAMPLE).documents())
    assert half == 3
    rows.calls_before = 1000
    require_sample(library, [rows])
    whole = len(library.open(SAMPLE).documents())
    assert whole > half
    version = library.open(SAMPLE).version()
    capfd.readouterr()
    require_sample(library, [rows])
    assert library.open(SAMPLE).version() == version
    assert capfd.readouterr() == ("", "")


class _Interrupting(VectorRows):
    """Cheap rows, until the user presses Ctrl-C."""

    def __init__(self) -> None:
        super().__init__(LetterEncoder())
        self.calls_before = 3

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        if self.calls_before == 0:
            raise KeyboardInterrupt
        self.calls_before -= 1
        return super().compute(passages)
