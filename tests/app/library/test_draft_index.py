"""The draft index of a corpus: what stands in it, when it is made anew, and that nothing deleted stays."""

from __future__ import annotations

import logging
import mmap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.generation.tokenizer import TextTokenizer
from app.library import draft_index
from app.library.corpus import Corpus
from app.library.draft_index import DraftIndex, TokenRows, forget_removed
from corpora.documents import Document, Passage
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from decoding.interfaces import OriginKind, Request, TokenIndex
from decoding.sources.corpus import CorpusContinuations
from decoding.sources.suffix_array import BORDER
from retrieval.hybrid import HybridRetriever
from tests.support.drafts import proposed
from tests.support.retrieval_fakes import LetterEncoder
from tests.support.tiny import TEXTS, small_tokenizer

SECRET = "Zephyrs quickly vex the jumbled fjord."


@pytest.fixture(scope="module")
def tokens() -> TextTokenizer:
    return TextTokenizer(small_tokenizer())


@pytest.fixture
def store(tmp_path: Path) -> CorpusStore:
    made = Library(tmp_path).create("mine")
    for number, text in enumerate(TEXTS):
        add(made, f"doc{number}.txt", text)
    return made


def add(store: CorpusStore, name: str, text: str) -> None:
    document = Document.of(name, text)
    assert store.add(document, passages(document))


def texts_of(index: TokenIndex | None, tokens: TextTokenizer) -> list[str]:
    assert index is not None
    ids = index.tokens_T.tolist()
    parts, part = [], []
    for token in ids:
        if token == BORDER:
            parts.append(tokens.decode(part).strip())
            part = []
        else:
            part.append(token)
    assert not part
    return parts


def files(store: CorpusStore) -> list[Path]:
    return sorted((store.folder / "drafts").glob("*.index"))


def is_mapped(array: NDArray[Any]) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, memoryview) and isinstance(base.obj, mmap.mmap)


def test_it_holds_every_passage_as_running_text_writes_it(store: CorpusStore, tokens: TextTokenizer) -> None:
    index = DraftIndex(store, tokens).current()
    assert index is not None
    stored = [one.passage.text for one in store.passages_after(0)]
    assert texts_of(index, tokens) == stored
    ids = index.tokens_T.tolist()
    assert index.suffixes_T.tolist() == sorted(range(len(ids)), key=lambda at: ids[at:])
    first = stored[0].split()[0]
    written = tokens.plain(f"We said: {first}").ids
    assert ids[0] in written, "the first word has the form it has behind a space"
    assert ids[0] not in tokens.plain(first).ids


def test_it_is_mapped_from_files_which_another_process_takes_up(store: CorpusStore, tokens: TextTokenizer) -> None:
    drafts = DraftIndex(store, tokens)
    index = drafts.current()
    assert index is not None
    assert is_mapped(index.tokens_T)
    assert is_mapped(index.suffixes_T)
    assert drafts.current() is index
    made = {path: path.stat().st_mtime_ns for path in files(store)}
    assert len(made) == 1
    again = DraftIndex(CorpusStore("mine", store.folder), tokens).current()
    assert texts_of(again, tokens) == texts_of(index, tokens)
    assert {path: path.stat().st_mtime_ns for path in files(store)} == made


def test_a_new_document_is_added_and_only_its_passages_are_read(store: CorpusStore, tokens: TextTokenizer) -> None:
    drafts = DraftIndex(store, tokens)
    before = texts_of(drafts.current(), tokens)
    add(store, "new.txt", SECRET)
    missing = store.missing_derived(TokenRows(tokens).kind)
    assert len(missing) == 1
    assert texts_of(drafts.current(), tokens) == [*before, SECRET]
    assert len(files(store)) == 1, "the earlier index is gone"


@pytest.mark.parametrize("by_another_process", [False, True])
def test_a_deleted_document_is_drafted_no_more(
    store: CorpusStore, tokens: TextTokenizer, by_another_process: bool
) -> None:
    add(store, "secret.txt", SECRET)
    drafts = DraftIndex(store, tokens)
    index = drafts.current()
    assert SECRET in texts_of(index, tokens)
    request = Request(tokens.continued("]", " Zephyrs quickly").ids, 20, corpus=index)
    assert is_drafted(request)
    (CorpusStore("mine", store.folder) if by_another_process else store).remove("secret.txt")
    left = drafts.current()
    assert SECRET not in texts_of(left, tokens)
    assert not is_drafted(Request(request.prompt, 20, corpus=left))
    assert len(files(store)) == 1


def is_drafted(request: Request) -> bool:
    source = CorpusContinuations()
    source.start(request)
    drafts = proposed(source, [], 16)
    assert all(origin.kind is OriginKind.CORPUS for draft in drafts for origin in draft.origins)
    return bool(drafts)


def test_removing_through_a_corpus_deletes_the_files_at_once(store: CorpusStore, tokens: TextTokenizer) -> None:
    encoder = LetterEncoder()
    corpus = Corpus(store, encoder, HybridRetriever(store, encoder))
    assert texts_of(corpus.token_index(tokens), tokens)
    assert files(store)
    corpus.remove("doc0.txt")
    assert not files(store)
    assert TEXTS[0] not in texts_of(corpus.token_index(tokens), tokens)


def test_replacing_a_document_deletes_what_it_said(store: CorpusStore, tokens: TextTokenizer, tmp_path: Path) -> None:
    encoder = LetterEncoder()
    corpus = Corpus(store, encoder, HybridRetriever(store, encoder))
    corpus.token_index(tokens)
    file = tmp_path / "doc0.txt"
    file.write_text(SECRET)
    assert [outcome.status for outcome in corpus.add(file)] == ["replaced"]
    assert not files(store)
    assert texts_of(corpus.token_index(tokens), tokens) == [*TEXTS[1:], SECRET]


def test_many_passages_are_indexed_beside_the_questions(store: CorpusStore, tokens: TextTokenizer) -> None:
    drafts = DraftIndex(store, tokens, built_in_line=0)
    assert drafts.current() is None
    drafts.wait()
    first = drafts.current()
    assert texts_of(first, tokens) == list(TEXTS)
    add(store, "new.txt", SECRET)
    assert drafts.current() is first, "what is there is used until the new index is"
    drafts.wait()
    assert SECRET in texts_of(drafts.current(), tokens)
    store.remove("new.txt")
    assert drafts.current() is None, "no index is better than one that holds what is gone"
    drafts.wait()
    assert texts_of(drafts.current(), tokens) == list(TEXTS)


def test_a_document_deleted_while_its_index_is_made_does_not_come_back(
    store: CorpusStore, tokens: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, "secret.txt", SECRET)
    reached, go_on = threading.Event(), threading.Event()
    whole = draft_index.build_index

    def slowly(passages: Sequence[NDArray[np.int32]]) -> TokenIndex:
        reached.set()
        assert go_on.wait(60)
        return whole(passages)

    monkeypatch.setattr(draft_index, "build_index", slowly)
    drafts = DraftIndex(store, tokens, built_in_line=0)
    assert drafts.current() is None
    assert reached.wait(60)
    store.remove("secret.txt")
    forget_removed(store)
    assert drafts.current() is None
    go_on.set()
    drafts.wait()
    assert not files(store)
    drafts.current()
    drafts.wait()
    assert texts_of(drafts.current(), tokens) == list(TEXTS)


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "flipped"])
def test_damaged_files_cost_drafts_only_and_are_made_anew(
    store: CorpusStore, tokens: TextTokenizer, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    DraftIndex(store, tokens).current()
    (path,) = files(store)
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
        path.write_bytes({"cut": whole[:100], "empty": b"", "flipped": changed}[damage])
    with caplog.at_level(logging.WARNING):
        assert texts_of(DraftIndex(store, tokens).current(), tokens) == list(TEXTS)
    assert path.read_bytes() == whole
    if damage == "flipped":
        assert "spandraft corpus rebuild mine" in caplog.text
        assert str(path) in caplog.text


def test_what_a_crash_or_an_older_release_left_is_not_taken_for_an_index_and_goes(
    store: CorpusStore, tokens: TextTokenizer
) -> None:
    old = store.folder / "drafts" / "fingerprint-rows"
    old.mkdir(parents=True)
    (old / "tokens.npy").write_bytes(b"half")
    left = store.folder / "drafts" / ".new-12-drafts-x.index"
    left.write_bytes(b"half")
    assert texts_of(DraftIndex(store, tokens).current(), tokens) == list(TEXTS)
    assert not old.exists()
    assert not left.exists()


@pytest.mark.parametrize("built_in_line", [0, 100])
def test_a_folder_that_cannot_be_written_to_costs_drafts_only(
    store: CorpusStore, tokens: TextTokenizer, caplog: pytest.LogCaptureFixture, built_in_line: int
) -> None:
    (store.folder / "drafts").write_text("in the way")
    drafts = DraftIndex(store, tokens, built_in_line=built_in_line)
    with caplog.at_level(logging.WARNING):
        assert drafts.current() is None
        drafts.wait()
        assert drafts.current() is None
        assert drafts.current() is None
    assert sum("mine" in record.getMessage() for record in caplog.records) <= 2
    assert caplog.records


def test_an_empty_corpus_has_no_index(tmp_path: Path, tokens: TextTokenizer) -> None:
    store = Library(tmp_path).create("empty")
    drafts = DraftIndex(store, tokens)
    assert drafts.current() is None
    add(store, "doc.txt", SECRET)
    assert texts_of(drafts.current(), tokens) == [SECRET]


def test_two_tokenizers_have_an_index_each(store: CorpusStore, tokens: TextTokenizer, bundled_tokenizer: Any) -> None:
    other = TextTokenizer(bundled_tokenizer)
    assert other.fingerprint != tokens.fingerprint == TextTokenizer(small_tokenizer()).fingerprint
    both = [DraftIndex(store, one).current() for one in (tokens, other)]
    assert [texts_of(index, one) for index, one in zip(both, (tokens, other), strict=True)] == [list(TEXTS)] * 2
    assert len(files(store)) == 2
    store.remove("doc0.txt")
    forget_removed(store)
    assert not files(store)


class _Counting(TokenRows):
    def __init__(self, tokens: TextTokenizer) -> None:
        super().__init__(tokens)
        self.sizes: list[int] = []

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        self.sizes.append(len(passages))
        return super().compute(passages)


def test_rows_made_at_ingest_are_not_computed_again(tmp_path: Path, tokens: TextTokenizer) -> None:
    store, rows = Library(tmp_path).create("rows"), _Counting(tokens)
    document = Document.of("doc.txt", SECRET)
    store.add(document, passages(document), [rows])
    assert rows.sizes == [1]
    assert store.missing_derived(rows.kind) == []
    assert texts_of(DraftIndex(store, tokens).current(), tokens) == [SECRET]


def test_vocabularies_are_compared_token_by_token(tokens: TextTokenizer, bundled_tokenizer: Any) -> None:
    assert tokens.has_vocabulary_of(TextTokenizer(small_tokenizer()))
    assert not tokens.has_vocabulary_of(TextTokenizer(bundled_tokenizer))
    changed = small_tokenizer()
    changed.add_tokens(["<one more>"])
    assert not tokens.has_vocabulary_of(TextTokenizer(changed))
