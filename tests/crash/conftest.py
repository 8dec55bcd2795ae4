"""What the crash suites share: the processes that fork children, and the count of what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import runlog, shim
from tests.crash.children import Zygote
from tests.crash.tally import Tally


@pytest.fixture(scope="session")
def shim_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preloaded library, compiled."""
    return shim.build(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def zygotes(shim_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Zygote]]:
    """Two, one a core."""
    made = [Zygote(shim_file, tmp_path_factory.mktemp("reports")) for _ in range(2)]
    yield made
    for zygote in made:
        zygote.close()


@pytest.fixture
def zygote(zygotes: list[Zygote]) -> Zygote:
    return zygotes[0]


@pytest.fixture
def tally(request: pytest.FixtureRequest, seed: int) -> Iterator[Tally]:
    """Counts what a suite tries. With ``--record`` it is added to the log; problems make the test red."""
    counted = Tally(suite=request.node.name, seed=seed)
    yield counted
    if request.config.getoption("--record"):
        runlog.append(counted)
    counted.show()
    assert counted.tried, "nothing was tried"
    assert not counted.problems, f"{len(counted.problems)} problems, the first: {counted.problems[0]}"
