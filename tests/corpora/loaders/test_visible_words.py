"""Every word that a reader of a page could make visible is in its text, none is invented, none are glued together.

Chromium is asked what it shows once every panel is open. ``--n`` generated pages in the long form, ``--seed`` of them;
the short form tries a few. Real pages are those that are on the machine: see ``tests.support.real_pages``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from corpora.loaders.formats.markup import html, md
from tests.support.random_pages import PageMaker
from tests.support.real_pages import markdown_read_mes, real_pages
from tests.support.visible_words import Comparison, opened_chromium, without_names

pytestmark = pytest.mark.browser

Shown = Callable[[bytes, str], tuple[str, str]]


@pytest.fixture(scope="module")
def shown(chromium: Path) -> Iterator[Shown]:
    with opened_chromium(chromium) as opened:
        yield opened


def made_pages(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    for i in range(count):
        yield f"page {seed} {i}", PageMaker(random.Random(f"{seed} {i}")).page().encode()


def compared(pages: Iterable[tuple[str, bytes]], shown: Shown) -> Comparison:
    comparison = Comparison()
    for name, data in pages:
        text, merged = shown(data, "text/html")
        comparison.add(name, without_names(html.load(data, "a.html")), text, merged)
    return comparison


def holds(comparison: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stderr.write(f"\n  {comparison}\n")
    assert comparison.kept_share >= 0.995
    assert comparison.true_share >= 0.995
    assert comparison.order_share >= 0.985
    assert not [name for share, name in comparison.worst if share > 0.03]


def test_words_of_a_few_pages(shown: Shown, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    comparison = compared(made_pages(8, seed), shown)
    holds(comparison, capsys)
    holds(compared(real_pages(4, random.Random(seed)), shown), capsys)


@pytest.mark.slow
def test_words_of_160_made_pages(
    shown: Shown, rounds: Callable[[int], int], seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    holds(compared(made_pages(rounds(160), seed), shown), capsys)


@pytest.mark.slow
def test_words_of_40_real_pages(shown: Shown, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    pages = real_pages(40, random.Random(seed))
    assert len(pages) == 40
    holds(compared(pages, shown), capsys)


def test_words_of_read_mes(shown: Shown, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """As Markdown, against the page that is made of it by another way."""
    comparison = Comparison()
    for name, text in list(markdown_read_mes(random.Random(seed)))[:8]:
        page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
        words, merged = shown(f"<!doctype html><meta charset=utf-8><body>{page}".encode(), "text/html")
        comparison.add(name, without_names(md.load(text.encode(), "a.md")), words, merged)
    holds(comparison, capsys)


def test_names_of_columns_are_taken_away_and_nothing_else() -> None:
    page = "<p>Hut: open<table><tr><th>Hut<th>Beds<tr><td>Hut: Fen<td>4<tr><td colspan=2>Winter<tr><td>Fen<td>2</table>"
    document = html.load(f"{page}<p>Beds: 6".encode(), "a.html")
    assert "Winter | Hut: Fen | Beds: 2" in document.text
    assert without_names(document) == "Hut: open\n\nHut | Beds\nHut: Fen | 4\nWinter\nFen | 2\n\nBeds: 6"


def test_the_comparison_sees_what_is_lost_glued_or_made_up() -> None:
    """The control: the same words in one order, and in three that a careless reader would make of them."""
    text = "Winter: eleven to three.\nSummer: nine to eight. 10^6 litres, 25 m² and 1987¹²"
    whole, lost, glued, made_up = Comparison(), Comparison(), Comparison(), Comparison()
    whole.add("", text, "Winter: eleven to three. Summer: nine to eight. 10 6 litres, 25 m 2 and 1987 12", "")
    lost.add("", "Summer: nine to eight.", text, "")
    glued.add("", text.replace(" ", "").replace("\n", ""), text, "")
    made_up.add("", f"{text} Templates never shown", text, "")
    assert (whole.kept_share, whole.true_share, whole.order_share) == (1, 1, 1)
    assert lost.kept_share < 0.9 and glued.kept_share < 0.9 and glued.order_share < 0.6 and made_up.true_share < 0.9
