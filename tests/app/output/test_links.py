"""Links between answer and passages: drawn only where they hold, named and coloured by the prompt's numbers."""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Any

from app.conversations.turns import Turn
from app.generation.events import Citation, Done, Retrieval, SourcePassage, TextDelta
from app.output.links import colour_of, copied_share, in_order, label_of, leading, links
from app.ui.chat.actions import apply_events, partial_answer, status_of
from app.ui.views.answer import RunningAnswer, running_view, turn_view
from app.ui.views.sources import reader_view, sources_view
from corpora.documents import Document, Mark
from tests.support.page_fakes import ASSERT_TEXT, COPIED, FakePipeline, passages

TEXT = f"[1] {COPIED} And so on."
SOURCE = 100 + ASSERT_TEXT.index(COPIED)
GOOD = Citation("asserts:100-300", "assert.md", SOURCE, SOURCE + len(COPIED), 4, 4 + len(COPIED), "copied")


def changed(**fields: Any) -> Citation:
    return dataclasses.replace(GOOD, **fields)


def test_a_link_names_the_same_characters_on_both_sides() -> None:
    (link,) = links(TEXT, [GOOD], passages())
    assert TEXT[link.answer_start : link.answer_end] == COPIED
    assert passages()[link.passage].text[link.source_start : link.source_end] == COPIED
    assert (link.label, link.colour) == ("1", 1)


def test_what_does_not_hold_is_not_drawn() -> None:
    wrong = [
        changed(source_start=SOURCE + 1, source_end=SOURCE + 1 + len(COPIED)),
        changed(answer_end=len(TEXT) + 1),
        changed(answer_start=-1),
        changed(source_start=0),
        changed(passage_id="elsewhere"),
        changed(answer_start=9, answer_end=9),
    ]
    assert links(TEXT, wrong, passages()) == []
    assert [link.kind for link in links(TEXT, [changed(kind="marked", source_end=SOURCE + 3)], passages())] == [
        "marked"
    ]


def test_labels_and_order_follow_the_prompt() -> None:
    found = [dataclasses.replace(passages()[0], number=number) for number in (4, None, 1, None, 2)]
    assert [label_of(found, index) for index in range(5)] == ["4", "A", "1", "B", "2"]
    assert in_order(found) == [2, 4, 0, 1, 3]
    assert [colour_of(found, index) for index in in_order(found)] == [1, 2, 3, 4, 5]


def test_share_counts_each_character_once() -> None:
    found = links(TEXT, [GOOD, GOOD], passages())
    assert copied_share(TEXT, found) == len(COPIED) / len(TEXT)
    assert copied_share("", []) == 0


def test_events_become_the_card_and_then_the_answer() -> None:
    events = list(FakePipeline().stream("q"))
    running, answer = apply_events(RunningAnswer(question="q"), events[:-1])
    assert answer is None
    assert running.text == f"[1] {COPIED}"
    assert (running.passages, len(running.citations)) == (passages(), 1)
    again, answer = apply_events(running, events[-1:])
    assert isinstance(events[-1], Done)
    assert answer == events[-1].answer
    assert partial_answer(again).finish_reason == "cancelled"


def test_a_hint_that_grows_takes_the_place_of_the_shorter_one() -> None:
    short = changed(answer_end=9, source_end=SOURCE + 5)
    running, _ = apply_events(RunningAnswer(question="q"), [Retrieval(passages()), TextDelta(TEXT), short, GOOD])
    assert running.citations == (GOOD,)


def test_status_says_what_happens_and_how_long_it_takes() -> None:
    running = RunningAnswer(question="q")
    assert status_of(running, 0.2) == "Searching"
    assert status_of(dataclasses.replace(running, passages=passages()), 3.4) == "Reading the passages, 3 s"
    assert status_of(dataclasses.replace(running, text="a"), 0) == "Writing"


def test_the_card_links_each_run_to_an_element_of_the_panel() -> None:
    answer = FakePipeline()._answer("q", TEXT, 3, "eos")
    card = turn_view(Turn(question="q", corpus="sample", answer=answer, id=7))
    panel = sources_view(7, answer.passages, links(TEXT, answer.citations, answer.passages))
    (target,) = re.findall(r'href="#([^"]+)"', card)
    assert f'id="{target}"' in panel
    assert panel.index(">assert.md<") < panel.index(">loops.md<")


def test_no_mark_in_the_panel_for_text_that_is_not_there_yet() -> None:
    running = RunningAnswer(question="q", text="[1] The", citations=(GOOD,), passages=passages())
    assert "<a " not in running_view(running)
    assert "<mark" not in sources_view(0, running.passages, links(running.text, running.citations, running.passages))


def test_a_long_document_is_shown_around_the_passage() -> None:
    text = "a" * 50_000 + "<here>" + "b" * 50_000
    document = Document.of("<name>", text)
    view = reader_view(document, [(50_000, 50_006)], (50_000, 50_006))
    assert ">&lt;here&gt;</mark>" in view
    assert "characters 30,000 to 70,006 of 100,006" in view
    assert len(view) < 45_000
    assert view != reader_view(document, [(50_000, 50_006)], (50_000, 50_006))


def test_the_document_view_names_the_page_of_what_is_cited_and_where_each_page_begins() -> None:
    text = "First page.\nSecond page.\nThird page."
    marks = (Mark(0, 12, "page", "6"), Mark(12, 25, "page", "7"), Mark(25, 36, "page", '8"><b>'))
    document = Document.of("handbook.pdf", text, marks=marks)
    view = reader_view(document, [(12, 18)], (0, 36))
    assert '<span class="where">page 7</span>' in view
    assert re.findall(r'data-label="([^"]*)"', view) == ["page 6", "page 7", "page 8&quot;&gt;&lt;b&gt;"]
    body = view[view.index('class="ptext"') :]
    assert html.unescape(re.sub(r"<[^>]*>", "", body[body.index(">") + 1 :])) == text
    assert ">Second</mark>" in view


def test_the_place_stands_in_the_panel_and_where_the_mouse_rests() -> None:
    page = Mark(90, 200, "page", "7")
    marks = (page, Mark(200, 400, "page", "8"))
    paged = dataclasses.replace(passages()[0], document="handbook.pdf", place="pages 7-8", marks=marks)
    cited = changed(document="handbook.pdf", place=paged.place_of(SOURCE, SOURCE + 9))
    answer = dataclasses.replace(
        FakePipeline()._answer("q", TEXT, 3, "eos"), passages=(paged, *passages()[1:]), citations=(cited,)
    )
    found = links(TEXT, answer.citations, answer.passages)
    where = f"handbook.pdf, page 7, characters {SOURCE:,} to {SOURCE + len(COPIED):,}"
    assert [link.where for link in found] == [where]
    assert f'title="Identical text in source 1: {where}"' in turn_view(
        Turn(question="q", corpus="sample", answer=answer, id=7)
    )
    panel = sources_view(7, answer.passages, found)
    assert 'handbook.pdf<small class="place">pages 7-8</small>' in panel
    assert f'title="{where}"' in panel


def test_what_was_computed_is_linked_to_each_of_its_rows_in_any_passage() -> None:
    first = SourcePassage("boats:0-20", "boats.csv", 0, 20, "x" * 20, 1.0, 1)
    second = SourcePassage("boats:21-60", "boats.csv", 21, 60, "y" * 39, 1.0, 2)
    rows = ((5, 20), (30, 40), (70, 80))
    citation = Citation("boats:0-20", "boats.csv", 5, 80, 0, 9, "computed", "rows 2-4", rows)
    found = links("16 berths", [citation], [second, first])
    assert [(one.passage, one.source_start, one.source_end) for one in found] == [(1, 5, 20), (0, 9, 19)]
    assert [leading(found, index) for index in range(2)] == [0, 0]
