"""Summaries: which questions ask for one, of which document or section, and that they are its own sentences."""

from __future__ import annotations

import pytest

from corpora.documents import Document, Mark, Passage
from corpora.text.chunking import passages
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evidence.extractive_summary import Summaries, summary_topic
from retrieval.evidence.sentences import SentenceCache
from retrieval.interfaces import Hit, Query, Retrieved

FERRY = "The ferry and its crossings"
WINTER = "What changes in winter"
TEXT = f"""{FERRY}

The ferry crosses the lake nine times a day between April and October. It carries two hundred people and twelve cars \
on each crossing. The captain decides alone whether the weather allows a crossing.

Tickets are sold on board and in the harbour office beside the northern pier. Children under six travel free of charge \
on every crossing.

{WINTER}

From November to March the ferry crosses the lake only three times a day. Cars are not carried in winter because the \
ramp is covered with ice."""
AT = TEXT.index(WINTER)
LETTER = Document.of(
    "letters/roof-of-the-school.txt",
    "Dear all, the roof of the school has to be mended before the winter. The town pays two thirds of the bill.",
)


def ferry() -> Document:
    return Document.of("ferry.txt", TEXT, marks=[Mark(0, AT, "heading", FERRY), Mark(AT, len(TEXT), "heading", WINTER)])


def summarised(question: str, encoder: SentenceTransformerEncoder) -> Retrieved | None:
    cut: dict[str, list[Passage]] = {one.id: passages(one, target_chars=200) for one in (ferry(), LETTER)}

    def passages_at(document: str, start: int, end: int) -> list[Passage]:
        return [passage for passage in cut[document] if passage.start < end and start < passage.end]

    hits = [Hit(passage, 1.0) for of_document in cut.values() for passage in of_document[:2]]
    return Summaries(passages_at, SentenceCache(encoder).lookup).of(Query(question, encoder), hits)


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("Summarise the letter of the mayor", "the letter of the mayor"),
        ("please give me a short overview of the contract", "the contract"),
        ("what is the june meeting about?", "the june meeting"),
        ("What does the handbook say?", "the handbook"),
        ("TL;DR", ""),
        ("What are the main points of the lease?", "the lease?"),
    ],
)
def test_who_asks_for_a_summary(question: str, topic: str) -> None:
    found = summary_topic(question)
    assert found is not None
    assert found.strip() == topic


@pytest.mark.parametrize(
    "question",
    [
        "What does the handbook say about holidays?",
        "Summarise the letter in your own words",
        "What about the children?",
        "Who wrote the summary of the report?",
        "How is a summary written?",
    ],
)
def test_who_asks_for_none(question: str) -> None:
    assert summary_topic(question) is None


def test_a_summary_is_sentences_of_the_document_in_their_order(encoder: SentenceTransformerEncoder) -> None:
    found = summarised("Can you summarize the text on the ferry?", encoder)
    assert found is not None
    (first,) = found.evidence
    chosen = (first, *first.along)
    assert 3 <= len(chosen) <= 5
    assert [one.start for one in chosen] == sorted(one.start for one in chosen)
    for one in chosen:
        passage = found.hits[one.hit].passage
        assert passage.document_name == "ferry.txt"
        assert TEXT[one.start : one.end] == one.text
        assert passage.start <= one.start < one.end <= passage.end
    assert first.start < AT < chosen[-1].start
    assert all(hit.chance == first.chance > 0.9 for hit in found.hits)


def test_a_section_is_summarised_alone(encoder: SentenceTransformerEncoder) -> None:
    found = summarised("give me an overview of what changes in winter on the ferry", encoder)
    assert found is not None
    (first,) = found.evidence
    assert all(one.start > AT for one in (first, *first.along))


def test_the_document_that_is_named_and_no_other(encoder: SentenceTransformerEncoder) -> None:
    found = summarised("What is the letter on the roof of the school about?", encoder)
    assert found is not None
    assert {hit.passage.document_name for hit in found.hits} == {LETTER.name}
    assert summarised("What is the treaty of Westphalia about?", encoder) is None
