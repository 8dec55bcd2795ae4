"""The hybrid retriever over a real corpus: finds by meaning and by words, and keeps in step with every change."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from corpora.documents import Document
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from retrieval.dense import VectorRows
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.errors import EmptyCorpus, EncoderChanged
from retrieval.fusion import convex_fusion
from retrieval.hybrid import HybridRetriever
from retrieval.interfaces import Hit
from tests.support.retrieval_fakes import LetterEncoder

Add = Callable[..., Document]

ANIMALS = (
    "Cats sleep for most of the day and hunt at night. A kitten opens its eyes after about ten days. "
    "Dogs live in packs and follow a leader. The wolf is the ancestor of every dog that lives today."
)
BUILDINGS = (
    "The tower was built of iron in two years. Visitors climb 1,665 steps to the top. "
    "The bridge hangs from four steel cables. The setting max_load_kg limits what may cross it."
)


def names(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.document_name for hit in hits]


def test_finds_by_meaning_and_by_words(store: CorpusStore, add: Add, encoder: SentenceTransformerEncoder) -> None:
    add("animals.txt", ANIMALS, encoder)
    add("buildings.txt", BUILDINGS, encoder)
    retriever = HybridRetriever(store, encoder)
    by_meaning, by_words = retriever.search(["How does a feline rest?", "max_load_kg"], 1)
    assert "Cats sleep" in by_meaning[0].passage.text
    assert "max_load_kg" in by_words[0].passage.text


def test_is_the_fusion_of_brute_force_and_words(
    store: CorpusStore, add: Add, encoder: SentenceTransformerEncoder
) -> None:
    add("animals.txt", ANIMALS, encoder)
    add("buildings.txt", BUILDINGS, encoder)
    question = "cables dog iron"
    stored = list(store.passages_after(0))
    vectors_ND = encoder.encode_passages([one.passage.text for one in stored])
    similarity_N = vectors_ND @ encoder.encode_queries([question])[0]
    by_meaning = [(stored[at].row, float(similarity_N[at])) for at in np.argsort(-similarity_N)]
    retriever = HybridRetriever(store, encoder)
    hits = retriever.search([question], 100)[0]
    fused = convex_fusion(by_meaning, retriever._indexes.lexical.search([question], 100)[0])
    passages = {one.row: one.passage for one in stored}
    assert [hit.passage for hit in hits] == [passages[row] for row, _ in fused]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in fused], abs=1e-6)
    assert retriever.search([question], 2)[0] == hits[:2]


def test_sees_what_is_added_and_removed_and_replaced(store: CorpusStore, add: Add) -> None:
    letters = LetterEncoder()
    add("a.txt", "Apples are red.", letters)
    retriever = HybridRetriever(store, letters)
    assert names(retriever.search(["apples"], 5)[0]) == ["a.txt"]
    add("b.txt", "Apples from Bremen.", letters)
    assert sorted(names(retriever.search(["apples"], 5)[0])) == ["a.txt", "b.txt"]
    store.remove("a.txt")
    assert names(retriever.search(["apples"], 5)[0]) == ["b.txt"]
    add("b.txt", "Bananas from Bremen.", letters)
    assert [hit.passage.text for hit in retriever.search(["apples"], 5)[0]] == ["Bananas from Bremen."]
    assert len(retriever._indexes.dense) == len(retriever._indexes.lexical) == 1


def test_sees_what_another_process_does(tmp_path: Path, store: CorpusStore, add: Add) -> None:
    letters = LetterEncoder()
    add("here.txt", "Zebras are striped.", letters)
    retriever = HybridRetriever(store, letters)
    assert names(retriever.search(["zebras"], 5)[0]) == ["here.txt"]
    script = (
        "import sys; from pathlib import Path\n"
        "from corpora.store.library import Library; from corpora.documents import Document, Passage\n"
        "from retrieval.dense import VectorRows; from tests.support.retrieval_fakes import LetterEncoder\n"
        "store = Library(Path(sys.argv[1])).open('tested'); document = Document.of('there.txt', 'Zebras run.')\n"
        "store.add(document, [Passage.of(document, 0, 11)], [VectorRows(LetterEncoder())])\n"
        "store.remove('here.txt'); store.close()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, cwd=Path(__file__).parents[2])
    assert [hit.passage.text for hit in retriever.search(["zebras"], 5)[0]] == ["Zebras run."]


def test_an_empty_corpus_says_so_and_recovers(store: CorpusStore, add: Add) -> None:
    letters = LetterEncoder()
    retriever = HybridRetriever(store, letters)
    with pytest.raises(EmptyCorpus) as caught:
        retriever.search(["anything"], 3)
    assert "spandraft corpus add" in caught.value.hint
    add("a.txt", "Something.", letters)
    assert len(retriever.search(["anything"], 3)[0]) == 1
    store.remove("a.txt")
    with pytest.raises(EmptyCorpus):
        retriever.search(["anything"], 3)


def test_another_encoder_is_refused_with_both_names(store: CorpusStore, add: Add) -> None:
    add("a.txt", "Something.", LetterEncoder("old/model@1"))
    retriever = HybridRetriever(store, LetterEncoder("new/model@1"))
    for _ in range(2):
        with pytest.raises(EncoderChanged) as caught:
            retriever.search(["anything"], 3)
    assert (caught.value.stored, caught.value.wanted) == ("old/model@1", "new/model@1")
    assert "old/model@1" in caught.value.cause
    assert "new/model@1" in caught.value.cause
    assert "spandraft corpus rebuild tested --encoder new/model" in caught.value.hint


def test_vectors_may_come_later_than_their_passages(store: CorpusStore, add: Add) -> None:
    letters = LetterEncoder()
    add("late.txt", "Quick quotes.", None)
    add("soon.txt", "Slow snails.", letters)
    retriever = HybridRetriever(store, letters)
    assert names(retriever.search(["quotes"], 5)[0]) == ["late.txt", "soon.txt"]
    assert len(retriever._indexes.dense) == 1
    rows = VectorRows(letters)
    store.add_derived(rows, store.missing_derived(rows.kind))
    retriever.search(["quotes"], 5)
    assert len(retriever._indexes.dense) == 2


def test_nothing_asked_nothing_found(store: CorpusStore) -> None:
    retriever = HybridRetriever(store, LetterEncoder())
    assert retriever.search([], 5) == []
    assert retriever.search(["anything"], 0) == [[]]


def test_searches_while_another_thread_writes(tmp_path: Path, store: CorpusStore, add: Add) -> None:
    letters = LetterEncoder()
    add("first.txt", "Herons wade.", letters)
    retriever = HybridRetriever(store, letters)
    failures: list[BaseException] = []

    def search() -> None:
        try:
            for _ in range(30):
                found = names(retriever.search(["herons wade"], 50)[0])
                assert "first.txt" in found
                assert len(found) == len(set(found))
        except BaseException as error:  # noqa: BLE001  # a thread must hand its failure over
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(15):
        add(f"{number}.txt", f"Herons wade in lake {number}.", letters)
        if number % 3 == 2:
            store.remove(f"{number - 1}.txt")
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(retriever.search(["herons"], 50)[0]) == 11
    assert Library(tmp_path).names() == ["tested"]
