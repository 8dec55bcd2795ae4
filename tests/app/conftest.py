"""Tiny targets on disk: one with the bundled tokenizer, one with a chat template; an empty home; phrases made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
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


@pytest.fixture(scope="session", autouse=True)
def phrases_once(spandraft_home: Path) -> Iterator[None]:
    """Nearly every test has an empty home, so it would encode all phrases anew, which takes most of a second."""
    from app.phrases import table  # After NUMBA_CACHE_DIR is set: it brings the compiler.

    with pytest.MonkeyPatch.context() as patched:
        for made in (table.phrases, table.canonical_ids):
            patched.setattr(table, made.__name__, _once(made))
        yield


def _once(make: Callable[..., Any]) -> Callable[..., Any]:
    """``make`` of a tokenizer, and of a file, called once for each."""
    found: dict[tuple[object, ...], Any] = {}

    def kept(tokenizer: Tokenizer, *files: Path) -> Any:
        key = (tokenizer.to_str(), *files)
        if key not in found:
            found[key] = make(tokenizer, *files)
        return found[key]

    return kept


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
