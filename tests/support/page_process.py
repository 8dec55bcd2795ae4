"""Serves the page in a process of its own, so that a test can kill it; ``main`` runs in that process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.config.settings import Settings
from app.ui.serving.server import PageServer, create_app
from tests.support.page_fakes import FakePipeline
from tests.support.page_registry import GatedEncoder, PageRegistry


class SlowEncoder(GatedEncoder):
    """Takes a while for each passage."""

    def __init__(self, slow_s: float) -> None:
        super().__init__()
        self._slow_s = slow_s

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(self._slow_s * len(texts))
        return super().encode_passages(texts)


def started(home: Path, port: int, slow_s: float) -> subprocess.Popen[bytes]:
    """The process, once its page answers."""
    command = [sys.executable, "-m", __name__, str(home), str(port), str(slow_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as output:
        assert output.readline() == b"ready\n"
    return process


class _ReadyServer(PageServer):
    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        sys.stdout.write("ready\n")
        sys.stdout.flush()


def main(home: str, port: str, slow_s: str) -> None:
    """Serve until killed."""
    registry = PageRegistry(Path(home), "notes")
    registry.encoder = SlowEncoder(float(slow_s))
    settings = Settings(home=Path(home), port=int(port))
    _ReadyServer(create_app(FakePipeline(), settings, registry=registry), settings).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
