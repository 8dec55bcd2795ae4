"""The page in a real browser: hostile text does nothing, and everyone can read and reach everything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.page_fakes import HOSTILE, HostilePipeline
from tests.support.page_live import LivePage, serving
from tests.support.page_registry import PageRegistry
from tests.support.page_visit import DONE, QUESTION, Watched, asked, letters

pytestmark = pytest.mark.browser


@pytest.fixture
def hostile_live(tmp_path: Path) -> Iterator[LivePage]:
    """The page over documents and a model that mean harm."""
    home = tmp_path / "hostile"
    yield from serving(HostilePipeline(), home, PageRegistry(home, "sample"))


def test_hostile_text_runs_nothing_loads_nothing_and_reads_letter_for_letter(
    visit: Callable[..., Watched], hostile_live: LivePage
) -> None:
    hostile = hostile_live.pipeline.said
    for number, name in enumerate(HOSTILE):
        hostile_live.registry.put("sample", name, f"A text of its own, number {number}.")
    page = visit(server=hostile_live).page
    page.fill(QUESTION, hostile)
    page.keyboard.press("Enter")
    page.wait_for_selector(DONE)
    assert letters(page, "#live .question") == hostile
    assert letters(page, "a.run") == hostile
    assert letters(page, "#sources mark") == hostile
    page.get_by_role("tab", name="Library").click()
    page.wait_for_selector("#documents table")
    names = page.eval_on_selector_all("#documents tbody bdi", "all => all.map((one) => one.textContent)")
    assert sorted(names) == sorted([*HOSTILE, "assert.md", "loops.md"])
    page.click("#documents tr:has-text('onerror') [data-event=doomed]")
    page.wait_for_selector("dialog.doom[open]")
    assert "onerror" in page.inner_text("dialog.doom h2")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Grammar").click()
    page.fill("#grammar-text textarea", hostile + " recieve")
    page.click("#fix")
    page.wait_for_selector(".correction .bar")
    assert letters(page, "[data-result]") == hostile + " receive"
    page.reload()
    page.wait_for_selector("[data-result]", state="detached")
    page.get_by_role("tab", name="Chat").click()
    page.wait_for_selector(DONE)
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


def test_a_list_of_choices_closes_when_tab_goes_on(visit: Callable[..., Watched]) -> None:
    page = visit().page
    for name in ("corpus", "conversation"):
        page.focus(f"#{name} input")
        page.wait_for_selector(f"#{name} [role=listbox]")
        page.keyboard.press("Tab")
        page.wait_for_selector(f"#{name} [role=listbox]", state="detached")
        assert page.evaluate(f"!document.activeElement.closest('#{name}')"), "and Tab goes where it goes"
    page.wait_for_selector("[role=listbox]", state="detached")
    page.focus("#corpus input")
    page.keyboard.press("Shift+Tab")
    page.wait_for_selector("[role=listbox]", state="detached")
    page.click("#corpus input")
    page.click("#corpus [role=option]:has-text('empty')")
    page.wait_for_selector("[role=listbox]", state="detached")
    assert page.input_value("#corpus input") == "empty"
