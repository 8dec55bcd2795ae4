"""Deletion is real: over a home with everything in it, nothing of a removed document is found in any file or memory.

Its text is of words that nobody else uses, so that one found anywhere is one that was left. Looked for in files: the
words in every encoding that is written, terms, token ids, and vectors.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app import Corpus, cli
from app.config.settings import Settings
from app.conversations.quotations import SHARED_CHARACTERS, DeletedDocuments, conversations_quoting
from app.conversations.store import FILE_NAME, Conversations
from app.conversations.turns import Turn
from app.generation.events import TextDelta
from app.generation.tokenizer import TextTokenizer
from app.library.deletion import Receipt, quoting_corpus, remove_corpus
from app.library.deletion_signal import DeletionWatch
from app.output.receipts import receipt_document, receipt_lines
from app.pipeline import Pipeline
from corpora.documents import Document
from corpora.errors import DocumentNotFound
from corpora.store.library import Library
from decoding.interfaces import TokenIndex
from retrieval.postings import fingerprints
from retrieval.terms import terms
from tests.support.answers import answer_quoting
from tests.support.tiny import TEXTS, pipeline_of

WORDS = ("zanthorpia", "quillimoxed", "brandivulent", "koskuzzery", "plefframont", "wyggastrine", "ostrolemmic")
SECRET = "\n\n".join(
    f"The {first} of {second} grew {third} in the garden. Nobody had {second} before the {third} came. "
    f"When {first} was asked about it, {third} said that the garden had always been {second}."
    for first in WORDS
    for second, third in ((WORDS[1], WORDS[4]), (WORDS[5], WORDS[6]), (WORDS[2], WORDS[3]))
    if first not in (second, third)
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents to add, the secret one among them."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text)
    (folder / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture
def corpus(settings: Settings, folder: Path, tokens: TextTokenizer) -> Corpus:
    """A corpus with all that can be made of it, in the one home."""
    made = Corpus.create("mine", settings=settings)
    assert {outcome.status for outcome in made.add(folder)} == {"added"}
    made.search(WORDS[0], k=3)
    made.evidence(WORDS[0], made.search(WORDS[0], k=3))
    assert holds(made.token_index(tokens), tokens)
    stored = Conversations(settings.home / FILE_NAME)
    secret = made.document("files/secret.txt")
    stored.add("browser", "", Turn(f"What is {WORDS[0]}?", "mine", answer=answer_quoting(secret)))
    stored.add("browser", "", Turn("What is lambda?", "mine", answer=answer_quoting(made.document("files/1.txt"))))
    return made


@pytest.fixture(scope="module")
def tokens(bundled_tokenizer: Any) -> TextTokenizer:
    return TextTokenizer(bundled_tokenizer)


def holds(index: TokenIndex | None, tokens: TextTokenizer) -> bool:
    """Whether drafts could be copied from the secret."""
    if index is None:
        return False
    return any(np.array_equal(run, window) for window in secret_tokens(tokens) for run in runs(index, len(window)))


def runs(index: TokenIndex, size: int) -> NDArray[np.int32]:
    return np.lib.stride_tricks.sliding_window_view(np.asarray(index.tokens_T), size)


def secret_tokens(tokens: TextTokenizer) -> list[NDArray[np.int32]]:
    """Token ids of its words as they stand in running text."""
    return [np.array(tokens.continued("]", f" {word}").ids, dtype="<i4") for word in WORDS]


def found_in_files(home: Path, tokens: TextTokenizer, vectors: list[bytes]) -> list[str]:
    """Where anything of the secret stands, and what: all bytes of all files are looked through."""
    wanted: dict[str, bytes] = {}
    for word in WORDS:
        for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
            wanted[f"{word} in {encoding}"] = word[:7].encode(encoding)  # stems are shorter than words
    wanted |= {f"tokens {number}": ids.tobytes() for number, ids in enumerate(secret_tokens(tokens))}
    wanted |= {f"term {term}": fingerprints([term]).tobytes() for word in WORDS for term in terms(word)}
    wanted |= {f"vector {number}": vector[:64] for number, vector in enumerate(vectors)}
    found = []
    for path in sorted(home.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            data += data.lower()
            found += [f"{path.relative_to(home)}: {what}" for what, some in wanted.items() if some in data]
    return found


def vectors_of(corpus: Corpus) -> list[bytes]:
    """The secret's rows of vectors and of sentence vectors."""
    passages = corpus.passages("files/secret.txt")
    kinds = [kind for kind in corpus.store.derived_kinds() if not kind.startswith("tokens")]
    return [row for kind in kinds for row in corpus.store.derived_of(kind, passages).values()]


def command(settings: Settings, *argv: str) -> Any:
    """``spandraft corpus ...`` in a process of its own; its JSON."""
    root = str(Path(cli.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())", "corpus", *argv, "--json"],
        env=os.environ | {"SPANDRAFT_HOME": str(settings.home), "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)


def test_nothing_is_left_in_any_file(corpus: Corpus, settings: Settings, tokens: TextTokenizer) -> None:
    vectors = vectors_of(corpus)
    places = {line.partition(":")[0].split("/")[-1] for line in found_in_files(settings.home, tokens, vectors)}
    kinds = {name.partition("-")[0].partition(".")[0] for name in places}
    assert {"corpus", "terms", "vectors", "drafts", "conversations"} <= kinds, "it is everywhere before"
    receipt = corpus.remove("files/secret.txt", with_conversations=True)
    assert found_in_files(settings.home, tokens, vectors) == []
    assert receipt.pending == ()
    assert receipt.is_erased
    assert [one.title for one in Conversations(settings.home / FILE_NAME).of("browser")] == ["What is lambda?"]
    assert WORDS[0] not in " ".join(hit.passage.text for hit in corpus.search(WORDS[0], k=9))
    assert not holds(corpus.token_index(tokens), tokens)
    assert found_in_files(settings.home, tokens, vectors) == [], "nor is it written again"


def test_the_receipt_counts_what_went(corpus: Corpus, tokens: TextTokenizer) -> None:
    document, passages = corpus.document("files/secret.txt"), corpus.passages("files/secret.txt")
    sizes = [np.frombuffer(row, dtype="<f4").size for row in vectors_of(corpus)]
    receipt = corpus.remove(document.id)
    assert (receipt.corpus, receipt.document, receipt.id) == ("mine", "files/secret.txt", document.id)
    assert (receipt.characters, receipt.text_bytes) == (len(SECRET), len(SECRET.encode()))
    assert (receipt.passages, receipt.vectors) == (len(passages), len(passages))
    assert receipt.vectors + receipt.sentence_vectors == sum(sizes) // min(sizes)
    assert receipt.terms > len(SECRET.split()) // 2
    ids = [tokens.continued("]", f" {passage.text}").ids for passage in passages]
    assert receipt.draft_tokens == sum(map(len, ids))
    assert {name.partition("-")[0] for name in receipt.files_deleted} == {"drafts/drafts"}
    assert {name.partition("-")[0] for name in receipt.files_rewritten} == {
        "corpus.sqlite",
        "indexes/terms",
        "indexes/vectors",
    }
    assert [one.title for one in receipt.conversations] == [f"What is {WORDS[0]}?"]
    assert receipt.conversations_removed == 0
    assert set(receipt_document(receipt)) == {field.name for field in dataclasses.fields(Receipt)}
    text = "\n".join(receipt_lines(receipt))
    assert "--with-conversations" in text and f"{len(SECRET):,} characters" in text
    with pytest.raises(DocumentNotFound):
        corpus.remove(document.id)


def test_a_replaced_and_a_synced_away_text_is_gone_as_well(
    corpus: Corpus, folder: Path, settings: Settings, tokens: TextTokenizer
) -> None:
    vectors = vectors_of(corpus)
    (settings.home / FILE_NAME).unlink()
    (folder / "secret.txt").write_text("Nothing is hidden here.")
    assert "replaced" in {outcome.status for outcome in corpus.add(folder)}
    assert found_in_files(settings.home, tokens, vectors) == []
    (folder / "secret.txt").write_text(SECRET)
    corpus.add(folder)
    assert holds(corpus.token_index(tokens), tokens)
    (folder / "secret.txt").unlink()
    assert "removed" in {outcome.status for outcome in corpus.sync(folder)}
    assert found_in_files(settings.home, tokens, vectors) == []
    assert not holds(corpus.token_index(tokens), tokens)


def test_a_rebuild_leaves_nothing_of_the_old_passages(
    corpus: Corpus, settings: Settings, tokens: TextTokenizer
) -> None:
    vectors = vectors_of(corpus)
    corpus.close()
    smaller = Corpus.open("mine", settings=settings.replace(chunk_chars=200))
    assert smaller.rebuild().recut
    assert found_in_files(settings.home, tokens, vectors), "its text is there, cut in another way"
    smaller.remove("files/secret.txt", with_conversations=True)
    assert found_in_files(settings.home, tokens, vectors) == []


def test_a_whole_corpus_leaves_nothing(corpus: Corpus, settings: Settings, tokens: TextTokenizer) -> None:
    vectors = vectors_of(corpus)
    corpus.close()
    gone = command(settings, "remove", "mine", "--with-conversations", "--yes")
    assert (gone["documents"], gone["conversations_removed"]) == (4, 2)
    assert gone["files"] >= 4
    assert found_in_files(settings.home, tokens, vectors) == []
    assert Library(settings.home).names() == []


def test_a_process_that_had_it_open_drafts_it_no_more(
    corpus: Corpus, settings: Settings, tokens: TextTokenizer, tiny_bundled: Path
) -> None:
    """As the web page does: asked before, and again after another process has removed the document."""
    vectors = vectors_of(corpus)
    pipeline = pipeline_of(tiny_bundled, settings)
    pipeline.answer(f"What is {WORDS[0]}?", corpus=corpus, scope="browser", max_new_tokens=12)
    shared = pipeline.engine.shared
    assert shared.blend.history.scopes == ("browser",)
    shared.blend.history.add("browser", secret_tokens(tokens)[0].tolist())
    assert remembered(pipeline) > 0
    receipt = command(settings, "remove", "mine", "secret.txt", "--with-conversations", "--yes")["receipts"][0]
    assert receipt["pending"] == []
    assert found_in_files(settings.home, tokens, vectors) == []
    pipeline.correct("It are over.", max_new_tokens=4)
    assert remembered(pipeline) == 0, "whatever is asked next, also of another corpus"
    answer = pipeline.answer(f"What is {WORDS[0]}?", corpus=corpus, scope="browser", max_new_tokens=12)
    assert not any(word in passage.text for word in WORDS for passage in answer.passages)
    assert not holds(corpus.token_index(tokens), tokens)
    assert found_in_files(settings.home, tokens, vectors) == []


def test_an_answer_that_was_being_written_meanwhile_is_not_kept(
    corpus: Corpus, settings: Settings, tiny_bundled: Path
) -> None:
    pipeline = pipeline_of(tiny_bundled, settings)
    for title in ("0.txt", "secret.txt"):
        stream = pipeline.stream(f"What is {WORDS[0]}?", corpus=corpus, scope="browser", max_new_tokens=12)
        texts = [event for event in (next(stream), next(stream)) if isinstance(event, TextDelta)]
        assert texts, "it is being written"
        corpus.remove(f"files/{title}")
        pipeline.correct("It are over.", max_new_tokens=4)  # another request notices the removal before it ends
        assert list(stream)
        assert remembered(pipeline) == 0
    pipeline.answer(f"What is {WORDS[0]}?", corpus=corpus, scope="browser", max_new_tokens=12)
    assert remembered(pipeline) > 0, "without a removal it is"


def remembered(pipeline: Pipeline) -> int:
    """Scopes of earlier outputs, and tokens whose successors are known: what a draft could repeat from before."""
    shared = pipeline.engine.shared
    return len([scope for scope in shared.blend.history.scopes if scope == "browser"]) + len(shared.pia_tries)


def test_the_successors_of_tokens_are_forgotten_with_the_outputs(tiny_bundled: Path, settings: Settings) -> None:
    pipeline = pipeline_of(tiny_bundled, settings)
    table = pipeline.engine.shared.recycled
    table.update([3, 5], np.array([[5, 7], [7, 9]]))
    assert table.successors(3) == [5, 7]
    pipeline.forget("somebody")
    assert table.successors(3) == [5, 7]
    pipeline.forget()
    assert table.successors(3) == table.successors(5) == []


def test_a_removal_is_noticed_once(settings: Settings, corpus: Corpus) -> None:
    mine, other = DeletionWatch(settings.home), DeletionWatch(settings.home)
    assert not mine.happened()
    corpus.remove("files/0.txt")
    assert mine.happened()
    assert not mine.happened()
    assert other.happened()
    corpus.remove("files/1.txt")
    assert mine.happened()


def test_an_encoder_that_is_gone_keeps_no_text(corpus: Corpus, settings: Settings, tokens: TextTokenizer) -> None:
    """The documents can be removed without it; its index files are deleted, not rewritten."""
    vectors = vectors_of(corpus)
    corpus.close()
    without = Corpus.open("mine", settings=settings.replace(encoder=str(settings.home / "no-such-encoder")))
    receipt = without.remove("files/secret.txt", with_conversations=True)
    assert receipt.pending == ()
    assert found_in_files(settings.home, tokens, vectors) == []


def texts_of_turns() -> Iterator[tuple[str, Turn, bool]]:
    document = Document.of("files/secret.txt", SECRET)
    other = Document.of("files/other.txt", "Something else. " * 20)
    yield "cites a passage", Turn("?", "mine", answer=answer_quoting(document, 0, 5)), True
    yield "cites an equal file of another corpus", Turn("?", "theirs", answer=answer_quoting(document)), False
    yield "of another corpus", Turn("?", "theirs", answer=answer_quoting(other)), False
    yield "cites another", Turn("?", "mine", answer=answer_quoting(other)), False
    yield "says it in a question", Turn(f"Is it true: {SECRET[70:170]}?", "mine"), True
    yield "asks it of another corpus", Turn(f"Is it true: {SECRET[70:170]}?", "theirs"), False
    yield "says a little of it", Turn(SECRET[70 : 70 + SHARED_CHARACTERS // 2], "mine"), False
    for start in range(200, 240):
        yield "from anywhere on", Turn("x" * (start - 190) + SECRET[start : start + SHARED_CHARACTERS], "mine"), True


def test_a_conversation_quotes_by_its_passages_and_by_its_words(tmp_path: Path) -> None:
    stored = Conversations(tmp_path / FILE_NAME)
    expected = set()
    for number, (why, turn, quotes) in enumerate(texts_of_turns()):
        conversation, _ = stored.add("browser", "", dataclasses.replace(turn, question=f"{number} {turn.question}"))
        stored.add("browser", conversation, Turn(f"and {why}?", "mine"))
        expected |= {conversation} if quotes else set()
    document = Document.of("files/secret.txt", SECRET)
    quoted = DeletedDocuments("mine", frozenset({document.id}), frozenset({document.name}), (document.text,))
    quoting = conversations_quoting(tmp_path, quoted)
    assert {one.id for one in quoting} == expected
    assert {one.corpora for one in quoting} == {("mine",)}
    assert conversations_quoting(tmp_path / "nowhere", quoted) == []


def test_equal_files_of_two_corpora_have_each_their_own_conversations(settings: Settings, folder: Path) -> None:
    stored = Conversations(settings.home / FILE_NAME)
    for name in ("mydocs", "cli"):
        made = Corpus.create(name, settings=settings)
        made.add(folder)
        stored.add("browser", "", Turn(f"Asked of {name}?", name, answer=answer_quoting(made.document("files/1.txt"))))
    both, _ = stored.add("browser", "", Turn("Asked of both?", "cli"))
    stored.add("browser", both, Turn("And?", "mydocs", answer=answer_quoting(made.document("files/1.txt"))))
    (asked_of_cli,) = made.quoting("files/1.txt")
    assert (asked_of_cli.title, asked_of_cli.corpora) == ("Asked of cli?", ("cli",))
    receipt = made.remove("files/1.txt", with_conversations=True)
    assert (receipt.conversations, receipt.conversations_removed) == ((asked_of_cli,), 1)
    assert [one.title for one in stored.of("browser")] == ["Asked of both?", "Asked of mydocs?"]
    quoting = Corpus.open("mydocs", settings=settings).quoting("files/1.txt")
    assert [one.corpora for one in quoting] == [("mydocs",), ("cli", "mydocs")]
    library = Library(settings.home)
    assert quoting_corpus(library, "cli", home=settings.home) == []
    whole = remove_corpus(library, "mydocs", home=settings.home, with_conversations=True)
    assert (whole.conversations, whole.conversations_removed) == (tuple(quoting), 2)


def test_what_was_listed_goes_and_nothing_else(corpus: Corpus, settings: Settings) -> None:
    stored = Conversations(settings.home / FILE_NAME)
    listed = {one.id for one in corpus.quoting("files/secret.txt")}
    secret = corpus.document("files/secret.txt")
    stored.add("browser", "", Turn("Asked after the list?", "mine", answer=answer_quoting(secret)))
    receipt = corpus.remove(secret.id, with_conversations=listed)
    assert (len(receipt.conversations), receipt.conversations_removed) == (2, 1)
    assert [one.title for one in stored.of("browser")] == ["Asked after the list?", "What is lambda?"]
