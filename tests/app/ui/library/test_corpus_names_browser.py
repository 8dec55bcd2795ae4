"""Corpora with spaces and any letters in their names, in a real browser: made, filled, asked, removed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.app.ui.library.test_library_browser import CHOOSE, library, names, sheets
from tests.support.page_live import LivePage
from tests.support.page_visit import Watched, asked

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("typed", "name"), [("my docs", "my docs"), ("gru\u0308n & d'Arc ", "grün & d'Arc")])
def test_a_corpus_of_any_name_is_made_filled_asked_and_removed(
    visit: Callable[..., Watched], live: LivePage, typed: str, name: str
) -> None:
    page = visit().page
    page.get_by_role("tab", name="Library").click()
    page.fill("#new-corpus input, #new-corpus textarea", typed)
    page.click("#create-corpus")
    page.wait_for_selector(f'#documents h2:text-is("{name}")')
    assert live.registry.library.exists(name)
    page.set_input_files(CHOOSE, sheets("one.txt"))
    page.wait_for_selector("#documents tbody tr")
    assert names(page) == ["one.txt"]
    page.get_by_role("tab", name="Chat").click()
    page.click("#corpus input")
    page.click(f'[role=option]:has-text("{name}")')
    asked(page)
    assert re.search(rf"found in {re.escape(name)}, 1 cited", page.inner_text("#live .step"))
    page.reload()
    page.get_by_role("tab", name="Library").click()
    page.click("#library-corpus input")
    page.click(f'[role=option]:has-text("{name}")')
    page.wait_for_selector(f'#documents h2:text-is("{name}")')
    page.click("#documents header [data-event=doomed]")
    page.click("dialog[open] [data-event=drop]")
    page.wait_for_selector(".drop[data-corpus='sample']")
    assert not live.registry.library.exists(name)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("a/b", 'it holds "/"'), ("sample", "")],
)
def test_a_refused_name_says_why_and_makes_nothing(
    visit: Callable[..., Watched], live: LivePage, typed: str, reason: str
) -> None:
    page = visit().page
    library(page)
    before = live.registry.library.names()
    page.fill("#new-corpus input, #new-corpus textarea", typed)
    page.click("#create-corpus")
    page.wait_for_selector("#library-said .problem")
    said = page.inner_text("#library-said .problem")
    assert (reason or 'There is a corpus called "sample" already') in said
    assert live.registry.library.names() == before
