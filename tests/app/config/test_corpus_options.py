"""A citation says where it stands as a person would: ``page 7, Installation``, exactly for the cited characters."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from app.answering.citations import cite
from app.conversations.turns import Turn, from_json, to_json
from app.generation.events import Answer, RunStats, SourcePassage
from app.output.answer_json import answer_document, hit_document
from corpora.documents import Document, Mark, Passage
from retrieval.interfaces import Hit

FIRST = "Open the box and take out all parts that are in it. "
SECOND = "Then hold the board by its edges and push the cable in."
DOCUMENT = Document.of(
    "handbook.pdf",
    FIRST + SECOND,
    marks=(
        Mark(0, len(FIRST), "page", "7"),
        Mark(len(FIRST), len(FIRST + SECOND), "page", "8"),
        Mark(0, len(FIRST + SECOND), "heading", "Installation"),
    ),
)
PASSAGE = Passage.of(DOCUMENT, 0, len(DOCUMENT.text))


def shown() -> SourcePassage:
    return SourcePassage(
        PASSAGE.id, DOCUMENT.name, 0, PASSAGE.end, PASSAGE.text, 1.0, 1, "pages 7-8, Installation", PASSAGE.marks
    )


def words(text: str) -> list[tuple[int, int]]:
    starts = [0, *(at for at, character in enumerate(text) if character == " ")]
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


def answered(text: str) -> Answer:
    stats = RunStats(1, 1, 1.0, {}, 0.0, 0.0, {})
    return Answer("q", text, cite(text, words(text), [shown()]), (shown(),), stats, "stop")


def test_a_copy_has_the_page_of_the_copied_characters_and_a_marker_that_of_the_passage() -> None:
    assert [citation.place for citation in answered(SECOND).citations] == ["page 8, Installation"]
    assert [citation.place for citation in answered(FIRST.strip()).citations] == ["page 7, Installation"]
    (marked,) = answered("It is about boards [1].").citations
    assert (marked.kind, marked.place) == ("marked", "pages 7-8, Installation")


def test_the_json_of_answers_and_hits_has_the_place() -> None:
    found: Any = json.loads(json.dumps(answer_document(answered(SECOND))))
    assert found["citations"][0]["place"] == "page 8, Installation"
    assert found["passages"][0]["place"] == "pages 7-8, Installation"
    hit = hit_document(Hit(PASSAGE, 0.5))
    assert hit["place"] == "pages 7-8, Installation"
    assert list(hit) == list(found["passages"][0])


def test_a_turn_keeps_places_and_one_from_before_there_were_any_is_read() -> None:
    turn = Turn("q", "notes", answer=answered(SECOND), id=3)
    written = to_json(turn)
    assert from_json(written, 3) == turn
    old = json.loads(written)
    for record in (*old["answer"]["citations"], *old["answer"]["passages"]):
        record.pop("place")
        record.pop("marks", None)
    read = from_json(json.dumps(old), 3)
    assert read.answer is not None
    assert [citation.place for citation in read.answer.citations] == [""]
    assert read.answer.passages == (dataclasses.replace(shown(), place="", marks=()),)
