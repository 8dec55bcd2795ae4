"""The page in a real browser over the fake pipeline: what a person does."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.page_fakes import COPIED
from tests.support.page_live import LivePage
from tests.support.page_visit import DONE, QUESTION, Watched, asked, letters

pytestmark = pytest.mark.browser


def test_ask_and_follow_a_citation_to_its_characters(visit: Callable[..., Watched]) -> None:
    page = visit().page
    asked(page)
    assert letters(page, "a.run") == COPIED
    page.hover("a.run")
    assert letters(page, "#sources mark.on") == COPIED
    page.click("h1")
    page.mouse.move(0, 0)
    page.click("a.run")
    assert page.evaluate("document.activeElement.textContent") == COPIED
    page.keyboard.press("Enter")  # from the source back to the answer
    assert page.evaluate("document.activeElement.matches('a.run')")
    page.click("details[open] [data-event=open]")
    page.wait_for_selector("dialog[open]")
    assert letters(page, "dialog mark") == COPIED
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    page.click("details[open] [data-event=open]")
    page.wait_for_selector("dialog[open]")


def test_the_sources_of_an_earlier_answer_come_back(visit: Callable[..., Watched]) -> None:
    page = visit().page
    asked(page, "First question?")
    asked(page, "Second question?")
    first = page.get_attribute("#thread article", "data-turn")
    page.click(f"#thread a.run[data-turn='{first}']")
    page.wait_for_selector(f"#sources .sources[data-turn='{first}'] mark.on")
    assert letters(page, "#sources mark.on") == COPIED


def test_prove_it_shows_equality_and_both_times(visit: Callable[..., Watched]) -> None:
    page = visit().page
    asked(page)
    page.click("#live [data-event=prove]")
    proof = page.wait_for_selector("#live .proof strong").evaluate("one => one.parentElement.textContent")
    assert "Identical." in proof
    assert "60 ms and 6 passes" in proof and "240 ms and 24 passes" in proof


def test_what_is_asked_while_an_answer_runs_is_asked_when_it_has_ended(
    visit: Callable[..., Watched], live: LivePage
) -> None:
    page = visit().page
    live.pipeline.step_s = 0.05
    page.fill(QUESTION, "The first?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".turn.running .text:has-text('The')")
    page.fill(QUESTION, "The second?")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{DONE} >> text=The second?")
    page.wait_for_selector("#thread article:not(.running) >> text=The first?")


@pytest.mark.timed
def test_stop_and_escape_stop_the_stream(visit: Callable[..., Watched], live: LivePage) -> None:
    page = visit().page
    live.pipeline.step_s = 0.3
    for stop in (lambda: page.click("#stop"), lambda: page.keyboard.press("Escape")):
        page.fill(QUESTION, "A slow one?")
        page.keyboard.press("Enter")
        page.wait_for_selector(".turn.running .text:has-text('The')")
        pressed_s = time.monotonic()
        stop()
        page.wait_for_selector(f"{DONE} .stopped")
        assert live.pipeline.streams[-1].cancelled_s - pressed_s < 0.5
        assert page.is_visible("#ask") and not page.is_visible("#stop")


@pytest.mark.timed
def test_a_browser_that_goes_away_stops_the_stream_and_finds_its_part_again(
    visit: Callable[..., Watched], live: LivePage
) -> None:
    page = visit().page
    live.pipeline.step_s = 0.3
    page.fill(QUESTION, "Who waits?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".turn.running .text:has-text('The assert')")
    context, left_s = page.context, time.monotonic()
    page.close()
    assert live.pipeline.streams[-1].cancelled.wait(60)
    assert live.pipeline.streams[-1].cancelled_s - left_s < 1
    again = context.new_page()
    again.goto(live.url)
    again.wait_for_selector(f"{DONE} .stopped")
    assert "The assert" in letters(again, "#live .text")


def test_conversations_are_kept_switched_and_deleted_with_a_second_click(visit: Callable[..., Watched]) -> None:
    page = visit().page
    asked(page, "Kept?")
    page.reload()
    page.wait_for_selector(f"{DONE} >> text=Kept?")
    page.click("[data-event=fresh]")
    page.wait_for_selector("#thread .hello")
    page.click("#conversation input")
    page.click("[role=option]:has-text('Kept?')")
    page.wait_for_selector(f"{DONE} >> text=Kept?")
    page.click("[data-event=forget]")
    assert page.inner_text("[data-event=forget]") == "Really delete?"
    page.click("[data-event=forget]")
    page.wait_for_selector("#thread .hello")
    page.reload()
    page.wait_for_selector("#thread .hello")


def test_shift_enter_starts_a_new_line_and_a_starter_question_is_asked(visit: Callable[..., Watched]) -> None:
    page = visit().page
    page.focus(QUESTION)
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    assert page.input_value(QUESTION) == "one\ntwo"
    page.fill(QUESTION, "")
    starter = page.inner_text(".starters button >> nth=2")
    page.click(".starters button >> nth=2")
    page.wait_for_selector(f"{DONE} >> text={starter}")


def test_errors_stand_in_the_page_with_cause_and_remedy(visit: Callable[..., Watched], live: LivePage) -> None:
    page = visit().page
    page.click("#corpus input")
    page.click("[role=option]:has-text('empty')")
    page.fill(QUESTION, "Anything?")
    page.keyboard.press("Enter")
    shown = page.wait_for_selector("#live .problem").inner_text().splitlines()
    assert shown == ["The corpus empty holds no documents.", "Add files to it in the Library."]
    live.pipeline.error = RuntimeError("a bug with <b>markup</b>")
    page.fill(QUESTION, "And now?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#live .problem >> text=Something went wrong inside Spandraft.")
    assert "a bug" not in page.content()


def test_grammar_changes_are_taken_and_left(visit: Callable[..., Watched]) -> None:
    page = visit().page
    source = "cats  recieve\n\n<b>I</b> recieve, too "
    page.get_by_role("tab", name="Grammar").click()
    page.fill("#grammar-text textarea", source)
    page.click("#fix")
    page.wait_for_selector(".correction .bar")
    result = "[data-result]"
    assert letters(page, result) == "a cats  receive\n\n<b>I</b> receive, too "
    page.click(".edit >> nth=1")
    assert letters(page, result) == "a cats  recieve\n\n<b>I</b> receive, too "
    assert page.inner_text("[data-count]") == "3 changes, 2 accepted"
    page.click("[data-all=false]")
    assert letters(page, result) == source
    page.click(".changes summary")
    page.click("[data-take='0']")
    assert letters(page, result) == "a " + source
    assert page.get_attribute(".edit >> nth=0", "aria-pressed") == "true"
