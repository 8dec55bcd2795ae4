"""A question, and the protocol of whoever finds passages for it.

A ``Query`` is embedded at most once and its language is guessed at most once: search and evidence selection both need
the vector, relevance scorer and user both need the language. D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.hits import Hit
from retrieval.interfaces import Encoder
from retrieval.language import guess_language


class Query:
    """A question with its vector and language, each computed when it is first needed. For one thread."""

    def __init__(self, text: str, encoder: Encoder) -> None:
        self.text = text
        self._encoder = encoder

    @cached_property
    def vector_D(self) -> NDArray[np.float32]:
        """(D,): its unit vector. Raises what the encoder raises."""
        vector_D: NDArray[np.float32] = self._encoder.encode_queries([self.text])[0]
        return vector_D

    @cached_property
    def language(self) -> str | None:
        """The language it seems to be in, None for English or where that is not sure."""
        return guess_language(self.text)


class Retriever(Protocol):
    """Finds passages for questions. `retrieval.hybrid.HybridRetriever` is the default."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query the at most ``k`` best hits, best first, ties by the older passage."""
        ...

    def find(self, query: Query, k: int) -> list[Hit]:
        """The at most ``k`` best hits of one question; it is embedded only if it was not before."""
        ...

    def write_files(self, *, after_removal: bool = False) -> None:
        """Write what makes the next opening fast. ``after_removal``: nothing that was removed stays in a file."""
        ...
