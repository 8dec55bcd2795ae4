"""The registry over a real library, also over one that is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config.settings import Settings
from app.library.deletion_signal import DeletionWatch
from app.ui.state.corpus_registry import CorpusRegistry
from corpora.errors import CorporaError
from corpora.store.library import Library


def test_a_damaged_corpus_can_be_removed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    Library(tmp_path).create("notes").close()
    (database,) = tmp_path.rglob("corpus.sqlite")
    database.write_bytes(b"junk" * 5000)
    registry = CorpusRegistry(settings)
    with pytest.raises(CorporaError):
        registry.open("notes")
    watch = DeletionWatch(tmp_path)
    registry.remove_corpus("notes")
    assert registry.names() == []
    assert not database.exists()
    assert watch.happened(), "running processes are told"
