"""Questions of several parts: how they are cut, how what was found is joined, and that a real answer has them all."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.answering.question_parts import parts_of, retrieve_parts
from app.config.settings import Settings
from app.generation.prompts import Message
from app.pipeline import Pipeline
from corpora.documents import Document, Passage
from retrieval.interfaces import Evidence, Hit, Mended, Retrieved

MUSEUM = Document.of("museum.txt", "The museum opens at ten.\n\nA ticket costs eight euros.\n\nDogs must wait outside.")


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("When does it open and how much is a ticket?", ("When does it open", "how much is a ticket?")),
        ("who is the treasurer, and when was she elected", ("who is the treasurer", "when was she elected")),
        ("Where is the office? And when does it close?", ("Where is the office", "when does it close?")),
        ("Who chairs it; who writes the minutes?", ("Who chairs it", "who writes the minutes?")),
        ("When and where does the club meet?", None),
        ("Who founded the club and when?", None),
        ("What is the difference between bread and butter?", None),
        ("How do I open a file and read it?", None),
        ("Salt and how to use it", None),
        ("Who may vote?", None),
        ("", None),
    ],
)
def test_parts(question: str, parts: tuple[str, ...] | None) -> None:
    assert parts_of(question) == (parts or (question,))


def found(*sentences: tuple[str, float], language: str | None = None, mended: Sequence[Mended] = ()) -> Retrieved:
    """One passage, the whole museum, and evidence in it."""
    hit = Hit(Passage.of(MUSEUM, 0, len(MUSEUM.text)), 1.0)
    spans = [(MUSEUM.text.index(text), text, relevance) for text, relevance in sentences]
    evidence = tuple(Evidence(0, start, start + len(text), text, 0.5, relevance) for start, text, relevance in spans)
    return Retrieved((hit,), evidence, language, tuple(mended))


def test_the_best_of_each_part_comes_first_and_what_answers_both_is_there_once() -> None:
    answers = {
        "When does it open": found(("The museum opens at ten.", 3.0), ("A ticket costs eight euros.", -1.0)),
        "how much is a ticket?": found(
            ("A ticket costs eight euros.", 2.0), ("The museum opens at ten.", 1.0), mended=[Mended("tikket", "ticket")]
        ),
    }
    joined = retrieve_parts(answers.__getitem__, "When does it open and how much is a ticket?", (), sentences=8)
    assert [(one.text[:5], one.relevance, one.parts) for one in joined.evidence] == [
        ("The m", 3.0, {0, 1}),
        ("A tic", 2.0, {1}),
    ]
    assert len(joined.hits) == 1
    assert joined.mended == (Mended("tikket", "ticket"),)
    assert joined.unanswered == ()


def test_a_part_that_nothing_answers_is_named_and_all_of_them_are_one_question() -> None:
    answers = {
        "When does it open": found(("The museum opens at ten.", 3.0)),
        "who painted the ceiling?": found(("Dogs must wait outside.", -2.0)),
    }
    question = "When does it open and who painted the ceiling?"
    joined = retrieve_parts(answers.__getitem__, question, (), sentences=8)
    assert [one.text for one in joined.evidence] == ["The museum opens at ten."]
    assert joined.unanswered == ("who painted the ceiling?",)
    nothing = found(("Dogs must wait outside.", -2.0))
    asked: list[str] = []

    def retrieve(text: str) -> Retrieved:
        asked.append(text)
        return nothing

    assert retrieve_parts(retrieve, question, (), sentences=8) == nothing
    assert asked == ["When does it open", "who painted the ceiling?", question]


def test_a_part_that_leans_on_the_one_before_it_is_searched_for_with_that() -> None:
    asked: list[str] = []

    def retrieve(text: str) -> Retrieved:
        asked.append(text)
        return found(("The museum opens at ten.", 3.0))

    history = (Message("user", "Is there a museum?"), Message("assistant", "Yes."))
    retrieve_parts(retrieve, "Who runs the museum and when does it open?", history, sentences=8)
    assert asked == ["Who runs the museum", "when does it open? runs museum"]


def test_an_answer_quotes_a_sentence_for_each_part(settings: Settings) -> None:
    pipeline = Pipeline(corpus=[MUSEUM], settings=settings)
    answer = pipeline.answer("When does the museum open and how much does a ticket cost?")
    assert "The museum opens at ten." in answer.text
    assert "A ticket costs eight euros." in answer.text
    half = pipeline.answer("When does the museum open and who painted the ceiling of the chapel in Rome?")
    assert "The museum opens at ten." in half.text
    assert half.notice is not None
    assert "who painted the ceiling" in half.notice


def test_a_refusal_says_why(settings: Settings) -> None:
    pipeline = Pipeline(corpus=[Document.of("orders.txt", "Order 10610 was shipped to Oslo.")], settings=settings)
    refused = pipeline.answer("Where was order 99999 shipped?")
    assert (refused.is_refusal, refused.notice) == (True, "Nothing that was found has “99999”.")
    unlikely = pipeline.answer("Who may vote at the meeting?")
    assert unlikely.is_refusal
    assert "answers with a chance of" in str(unlikely.notice)
    answered = pipeline.answer("Where was order 10610 shipped?")
    assert (answered.is_refusal, answered.notice) == (False, None)
