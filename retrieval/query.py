"""A question on its way through retrieval: embedded at most once, its language guessed at most once.

Search and evidence selection both need the vector, relevance scorer and user both need the language. D dimensions.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from retrieval.interfaces import Encoder
from retrieval.language import guess_language


class Query:
    """A question with what is computed of it, when it is first needed. For one thread."""

    def __init__(self, text: str, encoder: Encoder) -> None:
        self.text = text
        self._encoder = encoder

    @cached_property
    def vector_D(self) -> NDArray[np.float32]:
        """(D,) its unit vector. Raises what the encoder raises."""
        vector_D: NDArray[np.float32] = self._encoder.encode_queries([self.text])[0]
        return vector_D

    @cached_property
    def language(self) -> str | None:
        """The language it seems to be in, None for English or where that is not sure."""
        return guess_language(self.text)
