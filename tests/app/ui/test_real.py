"""The whole product in a browser: the bundled models, the sample corpus, an answer, its source."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.config.parsers import data_folder
from app.config.settings import TINY, Settings
from app.pipeline import Pipeline
from app.ui.serving.server import warm_up
from tests.support.page_live import LivePage, serving
from tests.support.pdf_bytes import Words, pdf

pytestmark = pytest.mark.browser

_QUESTION = "How does the with statement work?"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePage]:
    """The page over the real pipeline. The sample that `make install` has built is copied; without it, it is built."""
    home = tmp_path_factory.mktemp("product")
    built = data_folder() / "corpora" / "sample"
    if built.is_dir():
        shutil.copytree(built, home / "corpora" / "sample")
    settings = Settings(home=home, threads=1, target=TINY)
    pipeline = Pipeline.from_pretrained(settings=settings, corpus="sample")
    warm_up(pipeline)  # as `spandraft serve` does: the first answer in a new home compiles the decoder's loops
    yield from serving(pipeline, home, None)


def test_a_question_its_streamed_answer_and_the_cited_source(
    product: LivePage, open_browser: Callable[..., Any]
) -> None:
    page = open_browser().new_page()
    outside: list[str] = []
    page.on("request", lambda asked: outside.append(asked.url) if not asked.url.startswith(product.url) else None)
    page.goto(product.url)
    page.wait_for_selector("#thread .hello")
    # Everything the card says while it is written, to see that it grew.
    page.evaluate(
        """() => {
            globalThis.seen = [];
            new MutationObserver(() => {
                const text = document.querySelector("#live .turn.running .text");
                if (text) seen.push(text.textContent.length);
            }).observe(document.querySelector("#live"), {subtree: true, childList: true, characterData: true});
        }"""
    )
    page.fill("#question textarea", _QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#live .turn:not(.running) >> text={_QUESTION}", timeout=60_000)
    answer = page.eval_on_selector("#live .text", "one => one.textContent")
    seen = page.evaluate("seen")
    assert seen == sorted(seen)
    assert seen[-1] > 0
    run = page.wait_for_selector("#live a.run")
    copied = run.evaluate("one => one.textContent")
    assert copied
    assert copied in answer
    run.click()
    lit = page.wait_for_selector("#sources mark.on")
    assert lit.is_visible()
    assert page.eval_on_selector_all("#sources mark.on", "all => all.map((one) => one.textContent).join('')") == copied
    page.click("#sources details[open] [data-event=open]")
    page.wait_for_selector("dialog[open] mark")
    assert copied in page.eval_on_selector_all("dialog mark", "all => all.map((one) => one.textContent)")
    page.keyboard.press("Escape")
    page.click("#live [data-event=prove]")
    page.wait_for_selector("#live .proof strong >> text=Identical.", timeout=60_000)
    assert outside == []


def test_a_pdf_is_added_in_the_page_and_a_citation_says_its_page(
    product: LivePage, open_browser: Callable[..., Any]
) -> None:
    pages = [
        "The cooler is cleaned once a month with a dry cloth. Its fan is never oiled.",
        "The battery of the pump is replaced every three years by a trained technician.",
        "The warranty of the housing ends after ten years.",
    ]
    handbook = pdf([[Words(72, 700 - 14 * line, text) for line, text in enumerate(one.split(". "))] for one in pages])
    page = open_browser().new_page()
    page.goto(product.url)
    page.get_by_role("tab", name="Library").click()
    page.fill("#new-corpus input, #new-corpus textarea", "manuals")
    page.click("#create-corpus")
    page.wait_for_selector(".drop[data-corpus='manuals']")
    page.set_input_files(
        ".drop input[multiple]", [{"name": "handbook.pdf", "mimeType": "application/pdf", "buffer": handbook}]
    )
    page.wait_for_selector(".job.finished >> text=1 ready", timeout=60_000)
    page.wait_for_selector("#documents tr:has-text('handbook.pdf') .pages >> text=3")
    page.get_by_role("tab", name="Chat").click()
    page.click("#corpus input")
    page.click("[role=option]:has-text('manuals')")
    question = "How often is the battery of the pump replaced?"
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#live .turn:not(.running) >> text={question}", timeout=60_000)
    run = page.locator("#live a.run", has_text="three years").first
    assert "handbook.pdf, page 2, characters" in str(run.get_attribute("title"))
    run.click()
    assert "page 2" in str(page.wait_for_selector("#sources mark.on").get_attribute("title"))
    page.click("#sources details[open] [data-event=open]")
    page.wait_for_selector("dialog[open] mark")
    assert page.inner_text("dialog .where").startswith("page 2")
    labels = page.eval_on_selector_all("dialog .leaf", "all => all.map((one) => one.dataset.label)")
    assert labels == ["page 1", "page 2", "page 3"]
