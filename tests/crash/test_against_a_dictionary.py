"""Thousands of random steps on a real corpus, compared with a dictionary and a search that looks at everything."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from corpora.documents import Document, Passage
from corpora.errors import DocumentNotFound
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from retrieval.dense import VectorRows
from retrieval.errors import EmptyCorpus
from retrieval.hybrid import HybridRetriever
from tests.crash import brute_force
from tests.crash.tally import Tally
from tests.crash.words import WordEncoder

_WORDS = (
    "heron kettle parsley ladder velvet tundra canoe mosaic pepper glacier thimble sonnet 森林 海洋 deep_dive".split()
)
STEPS = (("add", 30), ("update", 20), ("again", 8), ("remove", 17), ("reopen", 5), ("search", 35), ("settle", 3))


class Machine:
    """The corpus and the dictionary, which must never differ."""

    def __init__(self, home: Path, seed: int) -> None:
        self.library = Library(home)
        self.store = self.library.create("x")
        self.retriever = HybridRetriever(self.store, WordEncoder(), policy=None)
        self.chance = random.Random(seed)
        self.known: dict[str, Document] = {}  # In the order in which they were stored.
        self.searched, self.undecided = 0, 0

    def step(self) -> str:
        (action,) = self.chance.choices([name for name, _ in STEPS], weights=[weight for _, weight in STEPS])
        getattr(self, action)()
        return action

    def text(self) -> str:
        count = self.chance.choice((1, 3, 8, 30))
        return " ".join(
            f"{' '.join(self.chance.choices(_WORDS, k=self.chance.randrange(3, 9)))}." for _ in range(count)
        )

    def put(self, document: Document) -> bool:
        return self.store.add(document, cut(document), [VectorRows(WordEncoder())])

    def add(self) -> None:
        document = Document.of(f"doc {self.chance.randrange(20)}", self.text())
        assert self.put(document)
        self.known.pop(document.name, None)
        self.known[document.name] = document

    def update(self) -> None:
        if self.known:
            name = self.chance.choice(list(self.known))
            document = Document.of(name, self.text())
            assert self.put(document)
            del self.known[name]
            self.known[name] = document

    def again(self) -> None:
        """The very same text, or its twin of another name, changes nothing."""
        if self.known:
            document = self.chance.choice(list(self.known.values()))
            assert not self.put(document)
            assert not self.put(Document.of("another name", document.text))

    def remove(self) -> None:
        if not self.known or self.chance.random() < 0.1:
            with pytest.raises(DocumentNotFound):
                self.store.remove("nobody")
            return
        document = self.known.pop(self.chance.choice(list(self.known)))
        self.store.remove(self.chance.choice((document.id, document.name)))

    def reopen(self) -> None:
        if self.chance.random() < 0.5:
            self.store.close()
        self.store: CorpusStore = self.library.open("x")
        self.retriever = HybridRetriever(self.store, WordEncoder(), policy=None)

    def settle(self) -> None:
        self.retriever.write_files()
        self.store.checkpoint()

    def search(self) -> None:
        query = " ".join(self.chance.choices(_WORDS, k=self.chance.randrange(1, 5)))
        k = self.chance.choice((1, 3, 10))
        everything = [passage for document in self.known.values() for passage in cut(document)]
        if not everything:
            with pytest.raises(EmptyCorpus):
                self.retriever.search([query], k)
            return
        found = [hit.passage.id for hit in self.retriever.search([query], k)[0]]
        expected = brute_force.hits(everything, query, k)
        self.searched += 1
        self.undecided += expected is None
        assert expected is None or found == expected, query

    def compare(self) -> None:
        """All that is stored."""
        infos = self.store.documents()
        assert {info.name for info in infos} == set(self.known)
        for info in infos:
            document = self.store.document(info.id)
            assert document == self.known[info.name]
        stored = [one.passage for one in self.store.passages_after(0)]
        assert stored == [passage for document in self.known.values() for passage in cut(document)]
        assert len(self.store.rows_alive()) == len(dict(self.store.derived(VectorRows(WordEncoder()).kind)))


def cut(document: Document) -> list[Passage]:
    return passages(document, target_chars=150)


def walk(home: Path, steps: int, seed: int, tally: Tally) -> None:
    machine = Machine(home, seed)
    done: list[str] = []
    for number in range(steps):
        try:
            done.append(machine.step())
            if number % 10 == 0 or number == steps - 1:
                machine.compare()
        except AssertionError as error:
            tally.add(f"step {number}, after {done[-8:]}", [f"{error!r}, {traceback.format_exc()[-600:]}"])
            return
        tally.add(done[-1], [])
    machine.store.close()
    tally.figures.update(searched=machine.searched, undecided=machine.undecided)
    assert machine.undecided <= machine.searched / 4


def test_some_steps(tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally) -> None:
    walk(tmp_path, rounds(200), seed, tally)


@pytest.mark.slow
def test_five_thousand_steps(tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally) -> None:
    walk(tmp_path, rounds(5000), seed, tally)
