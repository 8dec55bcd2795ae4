"""The page in a real browser over the fake pipeline: what a person does, and what hostile text must not do."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.ui.page_fakes import COPIED, HOSTILE, FakeShelf, HostilePipeline
from tests.app.ui.page_live import LivePage, serving

pytestmark = pytest.mark.browser

_QUESTION = "#question textarea"
_DONE = "#live .turn:not(.running)"


@dataclasses.dataclass(slots=True)
class Watched:
    """A browser page, with everything it asked other servers for and everything it complained about."""

    page: Any
    outside: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)
    dialogs: list[str] = dataclasses.field(default_factory=list)


@pytest.fixture
def hostile_live(tmp_path: Path) -> Iterator[LivePage]:
    """The page over documents and a model that mean harm."""
    yield from serving(HostilePipeline(), tmp_path / "hostile", FakeShelf())


@pytest.fixture
def visit(open_browser: Callable[..., Any], live: LivePage) -> Iterator[Callable[..., Watched]]:
    """Open the page in a new browser context; at the end nothing may have gone to another server, and no error."""
    seen: list[Watched] = []

    def opened(*, at: LivePage = live, **shape: Any) -> Watched:
        watched = Watched(open_browser(**shape).new_page())
        seen.append(watched)

        def requested(request: Any) -> None:
            if not request.url.startswith((at.url, "data:", "blob:")):
                watched.outside.append(request.url)

        watched.page.on("request", requested)
        watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
        watched.page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        watched.page.goto(at.url)
        watched.page.wait_for_selector("#thread .hello, #live .turn")
        return watched

    yield opened
    for watched in seen:
        assert watched.outside == []
        assert watched.errors == []
        assert watched.dialogs == []


def asked(page: Any, question: str = "What is assert?") -> None:
    page.fill(_QUESTION, question)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{_DONE} >> text={question}")


def letters(page: Any, selector: str) -> str:
    """The text of all matching elements, as the document holds it."""
    found: str = page.eval_on_selector_all(selector, "all => all.map((one) => one.textContent).join('')")
    return found


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


def test_stop_and_escape_stop_the_stream(visit: Callable[..., Watched], live: LivePage) -> None:
    page = visit().page
    live.pipeline.step_s = 0.3
    for stop in (lambda: page.click("#stop"), lambda: page.keyboard.press("Escape")):
        page.fill(_QUESTION, "A slow one?")
        page.keyboard.press("Enter")
        page.wait_for_selector(".turn.running .text:has-text('The')")
        pressed_s = time.monotonic()
        stop()
        page.wait_for_selector(f"{_DONE} .stopped")
        assert live.pipeline.streams[-1].cancelled_s - pressed_s < 0.5
        assert page.is_visible("#ask") and not page.is_visible("#stop")


def test_a_browser_that_goes_away_stops_the_stream_and_finds_its_part_again(
    visit: Callable[..., Watched], live: LivePage
) -> None:
    page = visit().page
    live.pipeline.step_s = 0.3
    page.fill(_QUESTION, "Who waits?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".turn.running .text:has-text('The assert')")
    context, left_s = page.context, time.monotonic()
    page.close()
    assert live.pipeline.streams[-1].cancelled.wait(3)
    assert live.pipeline.streams[-1].cancelled_s - left_s < 1
    again = context.new_page()
    again.goto(live.url)
    again.wait_for_selector(f"{_DONE} .stopped")
    assert "The assert" in letters(again, "#live .text")


def test_conversations_are_kept_switched_and_deleted_with_a_second_click(visit: Callable[..., Watched]) -> None:
    page = visit().page
    asked(page, "Kept?")
    page.reload()
    page.wait_for_selector(f"{_DONE} >> text=Kept?")
    page.click("[data-event=fresh]")
    page.wait_for_selector("#thread .hello")
    page.click("#conversation input")
    page.click("[role=option]:has-text('Kept?')")
    page.wait_for_selector(f"{_DONE} >> text=Kept?")
    page.click("[data-event=forget]")
    assert page.inner_text("[data-event=forget]") == "Really delete?"
    page.click("[data-event=forget]")
    page.wait_for_selector("#thread .hello")
    page.reload()
    page.wait_for_selector("#thread .hello")


def test_shift_enter_starts_a_new_line_and_a_starter_question_is_asked(visit: Callable[..., Watched]) -> None:
    page = visit().page
    page.focus(_QUESTION)
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    assert page.input_value(_QUESTION) == "one\ntwo"
    page.fill(_QUESTION, "")
    starter = page.inner_text(".starters button >> nth=2")
    page.click(".starters button >> nth=2")
    page.wait_for_selector(f"{_DONE} >> text={starter}")


def test_errors_stand_in_the_page_with_cause_and_remedy(visit: Callable[..., Watched], live: LivePage) -> None:
    page = visit().page
    page.click("#corpus input")
    page.click("[role=option]:has-text('empty')")
    page.fill(_QUESTION, "Anything?")
    page.keyboard.press("Enter")
    shown = page.wait_for_selector("#live .problem").inner_text().splitlines()
    assert shown == ["The corpus empty holds no documents.", "Add files to it in the Library."]
    live.pipeline.error = RuntimeError("a bug with <b>markup</b>")
    page.fill(_QUESTION, "And now?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#live .problem >> text=Something went wrong inside Spandraft.")
    assert "a bug" not in page.content()


@pytest.mark.parametrize("shape", [{"width": 1280}, {"width": 390, "height": 844, "dark": True}])
def test_library(visit: Callable[..., Watched], live: LivePage, shape: dict[str, Any]) -> None:
    page = visit(**shape).page
    page.get_by_role("tab", name="Library").click()
    page.fill("#new-corpus input, #new-corpus textarea", "notes")
    page.click("#create-corpus")
    page.wait_for_selector("#documents h2:has-text('notes')")
    files = [
        {"name": name, "mimeType": "text/plain", "buffer": text}
        for name, text in (("one <b>.txt", b"good"), ("two.txt", b"bad"), ("名前.md", b"text"))
    ]
    page.set_input_files("#upload input[type=file]", files)
    page.wait_for_selector(".outcomes li >> nth=2 >> text=added")
    rows = [row.split("\n") for row in page.locator(".outcomes li").all_inner_texts()]
    assert rows == [
        ["one <b>.txt", "added"],
        ["two.txt", "failed", "two.txt cannot be read", "save it as UTF-8 text"],
        ["名前.md", "added"],
    ]
    assert live.shelf.corpora["notes"] == {"one <b>.txt": "good", "名前.md": "text"}
    page.click("[data-event=remove] >> nth=0")
    assert "one <b>.txt" in live.shelf.corpora["notes"]
    page.click("[data-event=remove] >> nth=0")
    page.wait_for_selector("#documents td", state="attached")
    page.wait_for_function("document.querySelectorAll('#documents tbody tr').length === 1")
    page.click("[data-event=drop]")
    page.click("[data-event=drop]")
    page.wait_for_selector("#documents h2:has-text('sample')")
    assert "notes" not in live.shelf.corpora
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


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


def test_hostile_text_runs_nothing_loads_nothing_and_reads_letter_for_letter(
    visit: Callable[..., Watched], hostile_live: LivePage
) -> None:
    hostile = hostile_live.pipeline.said
    hostile_live.shelf.corpora["sample"] = dict.fromkeys(HOSTILE, "x")
    page = visit(at=hostile_live).page
    page.fill(_QUESTION, hostile)
    page.keyboard.press("Enter")
    page.wait_for_selector(_DONE)
    assert letters(page, "#live .question") == hostile
    assert letters(page, "a.run") == hostile
    assert letters(page, "#sources mark") == hostile
    page.get_by_role("tab", name="Library").click()
    page.wait_for_selector("#documents table")
    assert page.eval_on_selector_all("#documents tbody th", "all => all.map((one) => one.textContent)") == list(HOSTILE)
    page.get_by_role("tab", name="Grammar").click()
    page.fill("#grammar-text textarea", hostile + " recieve")
    page.click("#fix")
    page.wait_for_selector(".correction .bar")
    assert letters(page, "[data-result]") == hostile + " receive"
    page.reload()
    page.wait_for_selector(_DONE)
    assert page.evaluate("globalThis.owned === undefined && document.title === 'Spandraft'")
    assert page.query_selector(".gradio-container :is(img[src='x'], iframe, svg[onload])") is None


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_readable_at_both_widths_in_light_and_dark(visit: Callable[..., Watched], width: int, dark: bool) -> None:
    page = visit(width=width, dark=dark).page
    asked(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("document.body.classList.contains('dark')") == dark
    box = page.locator("#chat-composer").bounding_box()
    assert box["y"] + box["height"] <= page.viewport_size["height"] + 1
    assert contrast(page, "#live .text") >= 7
    assert contrast(page, "#live .figures") >= 4.5
    assert contrast(page, "#sources .use") >= 4.5


def contrast(page: Any, selector: str) -> float:
    """Contrast ratio of an element's text against the page, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ink = page.eval_on_selector(selector, "one => getComputedStyle(one).color")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_control_has_a_name(visit: Callable[..., Watched]) -> None:
    page = visit().page
    asked(page)
    for tab in ("Chat", "Library", "Grammar"):
        page.get_by_role("tab", name=tab).click()
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, input, textarea, select, [role=button]')]
                .filter((one) => one.offsetParent !== null && one.type !== 'file')
                .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.title
                    || one.labels?.length || one.getAttribute('aria-labelledby')))
                .map((one) => one.outerHTML.slice(0, 160))"""
        )
        assert nameless == []
