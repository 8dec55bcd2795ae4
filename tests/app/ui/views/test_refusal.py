"""A refusal shows the passages that came nearest, with their chances; an answer shows none."""

from __future__ import annotations

import dataclasses

from app.conversations.turns import Turn
from app.generation.events import NO_STATS, REFUSAL, Answer
from app.ui.views.answer import turn_view
from app.ui.views.sources import sources_view
from tests.support.page_fakes import HOSTILE, passages

CHANCES = (0.02, 0.31, None)
PASSAGES = tuple(dataclasses.replace(one, chance=chance) for one, chance in zip(passages(), CHANCES, strict=True))


def view(text: str) -> str:
    return str(turn_view(Turn("Why?", "sample", Answer("Why?", text, (), PASSAGES, NO_STATS, "eos"), id=1)))


def test_the_nearest_passages_are_shown_with_a_refusal_alone() -> None:
    shown = view(f" {REFUSAL}")
    assert "The nearest passages" in shown
    assert shown.index("A for loop") < shown.index("Simple statements") < shown.index("Loops can also")
    assert "(answers: 31 %)" in shown
    assert "nearest" not in view("[1] A for loop may have an else clause.")


def test_no_text_of_a_passage_becomes_markup() -> None:
    hostile = tuple(dataclasses.replace(PASSAGES[0], text=text, document=text) for text in HOSTILE)
    for one in hostile:
        answer = Answer("Why?", REFUSAL, (), (one,), NO_STATS, "eos")
        shown = str(turn_view(Turn("Why?", "sample", answer, id=1)))
        assert "<img" not in shown
        assert "<script" not in shown


def test_a_source_says_how_likely_it_answers_or_nothing() -> None:
    shown = str(sources_view(1, PASSAGES, []))
    assert shown.count("<meter") == 2
    assert 'value="0.310"' in shown
    assert "answers: 31 %" in shown
