"""What this floor is given: an encoder, which turns texts into vectors, and a store, which has the passages.

The third protocol, ``Retriever``, is in `retrieval.query`. N texts, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from corpora.documents import Passage
from corpora.store.records import StoredPassage


class Encoder(Protocol):
    """Turns texts into unit vectors, so that an inner product is a cosine."""

    @property
    def name(self) -> str:
        """Names the model and its revision; vectors of different names must not be mixed."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of its vectors."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Questions to (N, D) unit vectors."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages or sentences to (N, D) unit vectors."""
        ...


class PassageStore(Protocol):
    """The part of ``corpora.store.store.CorpusStore`` that searching needs. Rows only grow and never come back.

    Every method sees what is committed when it is called, by this process or another, and the visible generation only.
    """

    name: str
    folder: Path

    def version(self) -> int:
        """Grows with every committed change."""
        ...

    def generation(self) -> int:
        """Which chunking and encoding of the texts is visible; when it changes, all rows are replaced by others."""
        ...

    def snapshot(self) -> AbstractContextManager[int]:
        """While inside, this thread reads one version of the corpus; yields that version."""
        ...

    def passage_ids(self) -> list[tuple[int, str]]:
        """The row and the id of every passage, in the order of rows."""
        ...

    def passages_after(self, row: int) -> Iterator[StoredPassage]:
        """All passages with a larger row, in the order of rows; 0 for all."""
        ...

    def passages(self, rows: Sequence[int]) -> list[StoredPassage]:
        """The passages of these rows, in the order asked for; rows that are gone are left out."""
        ...

    def removed_since(self, version: int) -> list[int]:
        """Rows that were removed after ``version``."""
        ...

    def derived(self, kind: str, after_row: int = 0) -> Iterator[tuple[int, bytes]]:
        """(row, value) of one kind for rows larger than ``after_row``, in order."""
        ...

    def derived_of(self, kind: str, passages: Sequence[Passage]) -> dict[str, bytes]:
        """Values of one kind by passage id; passages that have none, or are gone, are left out."""
        ...

    def derived_kinds(self) -> list[str]:
        """All kinds of which rows are stored."""
        ...
