"""The real library under the page, with an encoder that counts letters instead of running a model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config.corpus_options import CorpusConfig
from app.config.settings import Settings
from app.library.corpus import Corpus
from app.ui.state.corpus_registry import CorpusRegistry
from corpora.documents import Document
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from retrieval.hybrid import HybridRetriever
from tests.support.page_fakes import ASSERT_TEXT, LOOP_TEXT
from tests.support.retrieval_fakes import LetterEncoder


def text_files(folder: Path, *names: str) -> list[Path]:
    """Write files into ``folder``, each with a text of its own."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"The text of {name}.", encoding="utf-8")
    return [folder / name for name in names]


class GatedEncoder(LetterEncoder):
    """Waits while ``gate`` is not set; ``reached`` is set as soon as somebody encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.reached.set()
        self.gate.wait(60)
        return super().encode_passages(texts)


class PageRegistry(CorpusRegistry):
    """All corpora of a home."""

    def __init__(self, home: Path, *corpora: str) -> None:
        """Make these corpora if they are not there, the sample with two documents."""
        super().__init__(Settings(home=home))
        self.library = Library(home)
        self.encoder = GatedEncoder()
        self._home = home
        for name in corpora:
            if not self.library.exists(name):
                self.library.create(name).close()
                if name == "sample":
                    self.put(name, "assert.md", "x" * 100 + ASSERT_TEXT)
                    self.put(name, "loops.md", LOOP_TEXT)

    def document(self, corpus: str, passage_id: str) -> Document:
        """The document of one of the passages that the fake pipeline finds."""
        return self.store(corpus).document("assert.md" if passage_id.startswith("asserts") else "loops.md")

    def store(self, corpus: str) -> CorpusStore:
        """Its documents, for tests to look at."""
        return self.open(corpus).store

    def put(self, corpus: str, name: str, text: str, **fields: Any) -> Document:
        """Store a text as a document."""
        document = Document.of(name, text, **fields)
        handle = self.open(corpus)
        handle.store.add(document, list(passages(document)), handle.derived())
        return document

    def texts(self, corpus: str) -> dict[str, str]:
        """All documents by name."""
        store = self.store(corpus)
        return {found.name: store.document(found.id).text for found in store.documents()}

    def _open(self, corpus: str) -> Corpus:
        store = self.library.open(corpus)
        return Corpus(store, self.encoder, HybridRetriever(store, self.encoder), CorpusConfig(self._home))

    def _create(self, corpus: str) -> Corpus:
        self.library.create(corpus).close()
        return self._open(corpus)
