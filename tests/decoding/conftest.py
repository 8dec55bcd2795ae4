"""Tiny targets of real architectures, loaded once from disk in float64."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from decoding.target.loading import load_target
from decoding.target.target import Target
from tests.support.fakes import ARCHITECTURES, saved_model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    folder = tmp_path_factory.mktemp("models")
    return {name: load_target(str(saved_model(name, folder)), dtype="float64", device="cpu") for name in ARCHITECTURES}


@pytest.fixture(scope="session")
def llama(targets: dict[str, Target]) -> Target:
    return targets["llama"]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path
