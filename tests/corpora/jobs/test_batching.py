"""Rows are computed across documents and come back to the passages they are of."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from corpora.documents import Document, Passage
from corpora.errors import UnstorableDocument
from corpora.jobs.batching import EmbeddingBatches, PendingDocument
from corpora.text.chunking import passages


class Texts:
    kind = "texts"

    def __init__(self) -> None:
        self.batches: list[list[Passage]] = []

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        self.batches.append(list(passages))
        return [passage.text.encode() for passage in passages]


def cut(name: str, sentences: int) -> list[Passage]:
    chance = random.Random(name)
    text = " ".join("word " * chance.randrange(2, 30) + "end." for _ in range(sentences))
    return passages(Document.of(name, text), target_chars=120) if sentences else []


def worked_off(batches: EmbeddingBatches[str]) -> list[PendingDocument[str]]:
    """The documents that were completed, in order."""
    completed = []
    while batches.waiting:
        for waiting in batches.step():
            assert waiting.done <= len(waiting.passages)
            if waiting.done == len(waiting.passages):
                completed.append(waiting)
    return completed


def test_every_row_comes_back_to_its_passage() -> None:
    texts = Texts()
    batches = EmbeddingBatches[str]([texts], stopping=lambda: False)
    sizes = {"long": 3000, "short": 1, "empty": 0, **{f"some {number}": number % 9 for number in range(60)}}
    for name, sentences in sizes.items():
        batches.add(name, cut(name, sentences))
    completed = worked_off(batches)
    assert sorted(one.item for one in completed) == sorted(sizes)
    for one in completed:
        assert one.values["texts"] == [passage.text.encode() for passage in one.passages]
    assert batches.passages == 0
    assert sum(len(batch) for batch in texts.batches) == sum(len(one.passages) for one in completed)


def test_a_batch_is_of_many_documents_and_of_about_one_length() -> None:
    texts = Texts()
    batches = EmbeddingBatches[str]([texts], stopping=lambda: False)
    for number in range(300):
        batches.add(str(number), cut(str(number), 1))
    worked_off(batches)
    assert len(texts.batches) < 10
    assert max(len({passage.document_id for passage in batch}) for batch in texts.batches) > 50
    lengths = [[len(passage.text) for passage in batch] for batch in texts.batches]
    assert all(earlier[-1] >= later[0] for earlier, later in itertools.pairwise(lengths))
    assert all(some == sorted(some, reverse=True) for some in lengths)


def test_a_dropped_document_costs_nothing_more() -> None:
    texts = Texts()
    batches = EmbeddingBatches[str]([texts], stopping=lambda: False)
    dropped, kept = batches.add("dropped", cut("dropped", 900)), batches.add("kept", cut("kept", 3))
    list(batches.step())
    before = dropped.done
    assert 0 < before < len(dropped.passages)
    batches.drop(dropped)
    assert worked_off(batches) == [kept]
    assert (dropped.done, batches.passages) == (before, 0)


def test_a_step_that_is_stopped_counts_for_nothing() -> None:
    batches = EmbeddingBatches[str]([Texts()], stopping=lambda: True)
    waiting = batches.add("one", cut("one", 30))
    assert list(batches.step()) == []
    assert waiting.done == 0


def test_rows_that_do_not_match_their_passages_are_refused() -> None:
    class TooFew(Texts):
        def compute(self, passages: Sequence[Passage]) -> list[bytes]:
            return super().compute(passages)[1:]

    batches = EmbeddingBatches[str]([TooFew()], stopping=lambda: False)
    batches.add("one", cut("one", 30))
    with pytest.raises(UnstorableDocument, match="rows for"):
        list(batches.step())
