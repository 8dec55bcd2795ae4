"""Serves the page on a real socket, in a thread of the test process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config.settings import Settings
from app.ui.serving.server import PageServer, create_app
from app.ui.state.interfaces import PagePipeline, Registry


@dataclass(frozen=True, slots=True)
class LivePage:
    """A running server and what it was given."""

    url: str
    home: Path
    pipeline: Any
    registry: Any


def serving(pipeline: PagePipeline, home: Path, registry: Registry | None) -> Iterator[LivePage]:
    """Serve on a free port until the generator is closed."""
    port = free_port()
    settings = Settings(home=home, port=port)
    server = PageServer(create_app(pipeline, settings, registry=registry), settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline_s = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline_s, "the server did not start"
        time.sleep(0.02)
    yield LivePage(f"http://127.0.0.1:{port}", home, pipeline, registry)
    server.should_exit = True
    thread.join(10)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_true(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Wait until ``condition()`` is true; fail after ``within_s``."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)
