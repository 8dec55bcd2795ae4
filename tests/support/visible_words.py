"""Compares the words of a loaded page with those that Chromium shows of it once every panel is open."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from corpora.documents import Document

SCRIPT = Path(__file__).with_suffix(".js")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_UNSEEN = re.compile("[\u00ad\u200b\ufeff]")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉ⁿ", "01234567890123456789n")
_RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ]+|[₀-₉]+")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@dataclass(slots=True)
class Comparison:
    """What two texts have in common, over all pages compared."""

    shown: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    invented: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    torn_pairs: int = 0
    written: int = 0
    worst: list[tuple[float, str]] = field(default_factory=list)

    def add(self, name: str, read: str, shown: str, repeated: str) -> None:
        """One page: the text that was read, what is shown, and what may stand in it more than once."""
        ours, theirs = words(read), words(shown)
        lost, more = Counter(theirs) - Counter(ours), Counter(ours) - Counter(theirs)
        invented = Counter({word: count for word, count in more.items() if word not in set(words(repeated))})
        pairs, our_pairs = Counter(pairwise(theirs)), Counter(pairwise(ours))
        self.shown += len(theirs)
        self.written += len(ours)
        self.lost += lost
        self.invented += invented
        self.pairs += pairs.total()
        self.torn_pairs += (pairs - our_pairs).total()
        self.worst.append(((lost + invented).total() / max(len(theirs), 1), f"{name}: -{dict(lost)} +{dict(invented)}"))

    @property
    def kept_share(self) -> float:
        """The share of shown words that were read."""
        return 1 - self.lost.total() / max(self.shown, 1)

    @property
    def true_share(self) -> float:
        """The share of read words that are shown."""
        return 1 - self.invented.total() / max(self.written, 1)

    @property
    def order_share(self) -> float:
        """The share of pairs of neighbours that are neighbours in what was read."""
        return 1 - self.torn_pairs / max(self.pairs, 1)

    def __str__(self) -> str:
        worst = [f"\n    {share:.4f} {what[:700]}" for share, what in sorted(self.worst, reverse=True)[:6] if share]
        return (
            f"{len(self.worst)} pages, {self.shown} words: {self.kept_share:.2%} are read, {self.true_share:.2%} of "
            f"those read are shown, {self.order_share:.2%} of neighbours are neighbours{''.join(worst)}"
        )


def without_names(document: Document) -> str:
    """The text of a document, in which rows of tables stand as the page shows them.

    In the rows below one without names, what stands in that one is taken away where ``: `` follows it; so is the line
    above, if that is one cell, where it stands at the beginning of a row.
    """
    lines: list[str] = []
    names: list[str] = []
    part = ""
    rows = {mark.start: mark.end for mark in document.marks if mark.kind == "row"}
    done, last = 0, -1
    for start, end in sorted(rows.items()):
        if start != last + 1:
            names, part = [], ""
        cells = document.text[start:end].split(" | ")
        if part and len(cells) > 1 and cells[0] == part:
            cells = cells[1:]
        bare = [_without(names, cell) for cell in cells]
        if bare == cells and len(cells) > 1:
            names = sorted((cell.rstrip(":") for cell in cells), key=len, reverse=True)
        elif len(cells) == 1:
            part = cells[0].rstrip(":")
        lines += [document.text[done:start], " | ".join(bare)]
        done = last = end
    return "".join([*lines, document.text[done:]])


def _without(names: Sequence[str], cell: str) -> str:
    return next((cell[len(name) + 2 :] for name in names if cell.startswith(f"{name}: ")), cell)


def words(text: str) -> list[str]:
    """Words and numbers; a raised or lowered number is one of its own."""
    text = _RAISED_RUN.sub(lambda run: f" {run[0].translate(_RAISED)} ", _UNSEEN.sub("", text))
    return _WORD.findall(text)


@contextmanager
def opened_chromium(program: Path) -> Iterator[Callable[[bytes, str], tuple[str, str]]]:
    """A function of a page's bytes and media type: the words that it shows, and those that may be there again.

    These are the words of merged cells, and of terms that have several definitions.

    Its scripts do not run, though it is parsed as if they did; nothing is fetched.
    """
    from playwright.sync_api import sync_playwright

    script = SCRIPT.read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS, headless=True)
        page = browser.new_page()
        served: dict[str, Any] = {}

        def answer(route: Any) -> None:
            if route.request.url.startswith("http://page.test/p"):
                route.fulfill(**served)
            else:
                route.abort()

        page.route("**/*", answer)

        def shown(data: bytes, kind: str) -> tuple[str, str]:
            policy = {"content-security-policy": "script-src 'none'; frame-src 'none'", "content-type": kind}
            served.update(status=200, headers=policy, body=data)
            page.goto("http://page.test/p", wait_until="domcontentloaded")
            found = page.evaluate(script)
            return found["text"], found["merged"]

        yield shown
        browser.close()
