"""What of a question must stand in the evidence is found, compared as people mean it, and asked for in vain or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evidence.anchors import ELSEWHERE, LEAD, NEAR, NOWHERE, OWN, PASSAGE, Anchor, Words, anchors_of, standing
from retrieval.evidence.relevance_features import stem

ORDINARY = frozenset(
    stem(word)
    for word in (
        "where was went name mr order shipped what is the price of in who booked room on did say how many days rules"
        " are main open at"
        " does do use when annual general meeting summer fair invoice for and a page sentences reply to it holiday my"
        " library may i eat can borrow books capital saturdays please tell me value boxes returns function costs costs"
    ).split()
)
NAMES = frozenset(stem(word) for word in ("france", "oslo", "tom", "anna", "berg", "weiss"))


def found(question: str) -> list[Anchor]:
    """The anchors, with a small dictionary."""
    return list(anchors_of(question, stem=stem, is_ordinary=ORDINARY.__contains__, is_name=NAMES.__contains__))


def strict(question: str) -> list[str]:
    """The words of the strict ones."""
    return [anchor.text for anchor in found(question) if anchor.strict]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where was order 99999 shipped?", ["99999"]),
        ("what is the price of INV-2041 in Q1", ["INV-2041", "Q1"]),
        ("who booked room 12 on 3 March?", ["12", "3 march"]),
        ("What did Anna Berg say?", ["Anna Berg"]),
        ("what did anna say", ["anna"]),
        ("capital of france", ["france"]),
        ("What does `foo_bar()` do?", ["foo_bar()"]),
        ("how do i use maxRetries", ["maxRetries"]),
        ("is it open on saturdays", ["saturdays"]),
        ('what is the "summer fair"', ["summer fair"]),
        ("how many days of holiday in 2023?", ["2023"]),
    ],
)
def test_what_must_be_found_is_an_anchor(question: str, expected: list[str]) -> None:
    assert strict(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "What is the price in 2 sentences?",
        "What does it say on page 3?",
        "Name 3 rules.",
        "What are the 3 main rules?",
        "can i borrow 15 books",
        "is the library open at 9 pm",
        "When is the Annual General Meeting?",
        "What may I eat?",
        "What did Mr say?",
        "Please tell me: Where was it shipped?",
        "WHERE IS THE LIBRARY",
        "may I borrow books if I'm on holiday",
        "I'd please my library, what can I say? I've books",
        "We'll eat: what costs the fair",
    ],
)
def test_what_only_frames_a_question_need_not_be_found(question: str) -> None:
    assert strict(question) == []


@pytest.mark.parametrize(
    ("question", "text", "stands"),
    [
        ("room 1,000", "It is in room 1000.", True),
        ("room 1000", "The 1,000 rooms are full.", True),
        ("room 12", "Room 112 and room 120", False),
        ("room 9", "They moved into room nine.", True),
        ("order on 3 March", "Signed on March 3rd, 2025.", True),
        ("order on 3 March", "Signed on 2025-03-03.", True),
        ("order on 3 March 2024", "Signed on 2025-03-03.", False),
        ("order on 3 March", "Signed on 4 March.", False),
        ("order in may", "Every 12 May it begins.", True),
        ("open on Tuesday", "Mon-Fri 9 to 5", True),
        ("open on Tuesday", "Open on weekdays.", True),
        ("open on Sunday", "Mon to Fri 9 to 5, Saturday until noon", False),
        ("open on Sunday", "We open daily at six.", True),
        ("invoice INV-2041", "inv 2041 was paid", True),
        ("invoice INV-2041", "INV-20411 was paid", False),
        ("what does list.append do", "`append()` adds a value.", True),
        ("what did Anna Berg say", "Berg, Anna: present", True),
        ("what did Anna Berg say", "Tom Berg was there, and so was Anna Weiss.", False),
        ("what did Anna Berg say", "Tom Berg was there.", False),
        ("price of \uff31\uff11", "Q1: 40", True),
        ("capital of france", "The capital of Frances realm", True),
        ("capital of france", "The capital of Belgium", False),
    ],
)
def test_anchors_are_compared_as_people_mean_them(question: str, text: str, stands: bool) -> None:
    (anchor,) = (one for one in found(question) if one.strict)
    assert anchor.stands_in(Words(text, stem)) is stands


def test_a_rare_word_in_small_letters_may_be_mistyped_and_is_no_strict_anchor() -> None:
    (bakry,) = (one for one in found("when does the bakry open") if one.text == "bakry")
    assert (bakry.kind, bakry.strict) == ("word", False)
    assert bakry.stands_in(Words("The bakery opens at ten.", stem))
    assert not bakry.stands_in(Words("The library opens at ten.", stem))
    assert not [one for one in found("why can't i eat my bread i'd borrow") if one.text in ("can't", "i'd")]


def test_where_it_stands_is_told_for_each_unit() -> None:
    units = [
        ("Tom met Ulla in Oslo.", "Travels", 0),
        ("She left.", "Travels", 0),
        ("He stayed.", "Travels", 0),
        ("They wrote.", "Travels", 0),
        ("It rained.", "Oslo", 1),
        ("Nobody came.", "Rain", 2),
    ]
    (oslo,) = found("who went to oslo")
    levels_SA = standing([oslo], units, [], stem=stem)
    assert levels_SA[:, 0].tolist() == [OWN, NEAR, NEAR, PASSAGE, LEAD, ELSEWHERE]
    (france,) = found("who went to france")
    assert standing([france], units, [], stem=stem)[:, 0].tolist() == [NOWHERE] * 6
    passages = ["", "code of france", "a heading"]
    assert standing([france], units, passages, stem=stem)[:, 0].tolist() == [*[ELSEWHERE] * 4, PASSAGE, ELSEWHERE]


@given(
    st.text(max_size=60), st.lists(st.tuples(st.text(max_size=40), st.text(max_size=20), st.integers(0, 2)), max_size=4)
)
def test_any_text_has_anchors_that_stand_somewhere_or_nowhere(question: str, units: list[tuple[str, str, int]]) -> None:
    anchors = found(question)
    units = sorted(units, key=lambda one: one[2])
    levels_SA = standing(anchors, units, [], stem=stem)
    assert levels_SA.shape == (len(units), len(anchors))
    own = standing(anchors, [(question, "", 0)], [], stem=stem)
    assert (own == OWN).all(), "a question has its own anchors"
