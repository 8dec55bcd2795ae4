"""Tiny targets on disk: one with the bundled tokenizer, one with a chat template, and an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from app.config.settings import TINY, Settings
from app.loading.bundled import TARGET, bundled_folder
from tests.support.tiny import save_tiny, small_tokenizer


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bundled_tokenizer() -> Any:
    """The tokenizer of the bundled target."""
    return AutoTokenizer.from_pretrained(bundled_folder(TARGET))


@pytest.fixture(scope="session")
def chat_tokenizer() -> Any:
    """A small tokenizer with a chat template."""
    return small_tokenizer()


@pytest.fixture(scope="session")
def tiny_bundled(tmp_path_factory: pytest.TempPathFactory, bundled_tokenizer: Any) -> Path:
    """A random Llama with the bundled target's tokenizer."""
    return save_tiny(tmp_path_factory.mktemp("bundled"), bundled_tokenizer)


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory, chat_tokenizer: Any) -> Path:
    """A random Qwen3 with a chat template."""
    return save_tiny(tmp_path_factory.mktemp("chat"), chat_tokenizer, "qwen3")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Default settings in an empty home, but for the target, which is the tiny one."""
    return Settings(home=tmp_path, target=TINY)
