"""The real encoder, loaded once, and a real corpus on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from corpora.documents import Document
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from retrieval.dense import VectorRows
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.interfaces import Encoder


@pytest.fixture(scope="session")
def encoder() -> SentenceTransformerEncoder:
    torch.set_num_threads(1)
    return SentenceTransformerEncoder(device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("tested")
    yield opened
    opened.close()


@pytest.fixture
def add(store: CorpusStore) -> Callable[..., Document]:
    """Puts a document into the store, with the vectors of an encoder unless it is None."""

    def add_document(name: str, text: str, encoder: Encoder | None) -> Document:
        document = Document.of(name, text)
        derived = [] if encoder is None else [VectorRows(encoder)]
        assert store.add(document, passages(document, target_chars=120, overlap_sentences=1), derived)
        return document

    return add_document
