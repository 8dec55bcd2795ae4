"""What plugs into this floor: an encoder turns texts into vectors, a retriever turns questions into hits.

N texts, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.hits import Hit


class Encoder(Protocol):
    """Turns texts into unit vectors, so that an inner product is a cosine."""

    @property
    def name(self) -> str:
        """Names the model and its revision; vectors of different names must not be mixed."""
        ...

    @property
    def dimension(self) -> int:
        """D."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Questions to (N, D) unit vectors."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages or sentences to (N, D) unit vectors."""
        ...


class Retriever(Protocol):
    """Finds passages for questions."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query the at most ``k`` best hits, best first, ties by the older passage."""
        ...
