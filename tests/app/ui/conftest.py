"""The page over the fakes, and a browser for it if there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.ui.page_fakes import FakePipeline, FakeShelf
from tests.app.ui.page_live import LivePage, serving

_FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run --disable-quic"
).split()


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LivePage]:
    """The page over the fakes."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")  # create_app sets it; this puts the old value back afterwards
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    yield from serving(FakePipeline(), tmp_path / "home", FakeShelf())


def chromium() -> str | None:
    """An installed Chromium, or the one that ``SPANDRAFT_CHROMIUM`` names."""
    named = os.environ.get("SPANDRAFT_CHROMIUM")
    if named:
        return named
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


# Not for the whole session: Playwright keeps an event loop running, and other tests start their own.
@pytest.fixture(scope="module")
def open_browser() -> Iterator[Callable[..., Any]]:
    """Make a browser context: ``open_browser(width=390, dark=True)``. Skips if there is no Chromium, unless required."""
    path = chromium()
    if path is None:
        reason = "no Chromium found: install Debian's chromium, or name one in SPANDRAFT_CHROMIUM"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS, headless=True)

        def context(*, width: int = 1280, height: int = 860, dark: bool = False) -> Any:
            scheme = "dark" if dark else "light"
            return browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)

        yield context
        browser.close()
