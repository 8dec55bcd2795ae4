"""Fixtures: a server of the page over the fake pipeline, and a browser that visits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.page_fakes import FakePipeline
from tests.support.page_live import LivePage, serving
from tests.support.page_registry import PageRegistry
from tests.support.page_visit import Watched

_FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run --disable-quic"
).split()


@pytest.fixture(autouse=True)
def gradio_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``create_app`` sets what Gradio reads from the environment; this puts the old values back."""
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "GRADIO_ANALYTICS_CACHE_FREQUENCY"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LivePage]:
    """The page over the fake pipeline and a library without models."""
    home = tmp_path / "home"
    yield from serving(FakePipeline(), home, PageRegistry(home, "sample", "empty"))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[PageRegistry]:
    """A library of two empty corpora, without a page."""
    made = PageRegistry(tmp_path, "one", "two")
    yield made
    made.encoder.gate.set()
    made.close()


# Not for the whole session: Playwright keeps an event loop running, and other tests start their own.
@pytest.fixture(scope="module")
def open_browser(chromium: Path) -> Iterator[Callable[..., Any]]:
    """Make a browser context: ``open_browser(width=390, dark=True)``."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS, headless=True)

        def context(*, width: int = 1280, height: int = 860, dark: bool = False) -> Any:
            scheme = "dark" if dark else "light"
            return browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)

        yield context
        browser.close()


@pytest.fixture
def visit(open_browser: Callable[..., Any], live: LivePage) -> Iterator[Callable[..., Watched]]:
    """Open the page in a new browser context; at the end nothing may have gone to another server, and no error."""
    visits: list[Watched] = []

    def opened(*, server: LivePage = live, **shape: Any) -> Watched:
        watched = Watched(open_browser(**shape).new_page())
        visits.append(watched)

        def requested(request: Any) -> None:
            if not request.url.startswith((server.url, "data:", "blob:")):
                watched.outside.append(request.url)

        watched.page.on("request", requested)
        watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
        watched.page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        watched.page.set_default_timeout(60_000)
        watched.page.goto(server.url)
        watched.page.wait_for_selector("#thread .hello, #live .turn")
        return watched

    yield opened
    for watched in visits:
        assert watched.outside == []
        assert watched.errors == []
        assert watched.dialogs == []
