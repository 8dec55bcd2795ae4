"""Small fakes of this floor's parts, named for what they do."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray


class LetterEncoder:
    """An encoder: 26 counts of letters, normalised. ``texts`` is all that it was asked to encode."""

    def __init__(self, name: str = "letters@1") -> None:
        self.name = name
        self.dimension = 26
        self.texts: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        counts = [[text.casefold().count(chr(ord("a") + at)) for at in range(26)] for text in texts]
        vectors_ND = np.array(counts, dtype=np.float32).reshape(len(texts), 26)
        return vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-9)


class StrictEncoder:
    """To it, texts mean the same only if they are the same."""

    name = "strict"
    dimension = 4096

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors_ND = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for vector_D, text in zip(vectors_ND, texts, strict=True):
            vector_D[crc32(text.encode()) % self.dimension] = 1.0
        return vectors_ND

    encode_passages = encode_queries
