"""An encoder and a tokenizer for tests that need the real indexes but no model: words, hashed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIMENSION = 16


class WordEncoder:
    """A ``retrieval.interfaces.Encoder``: equal for equal texts in any process."""

    name = "words@1"
    dimension = DIMENSION

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors_ND = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        for vector_D, text in zip(vectors_ND, texts, strict=True):
            vector_D[0] = 1.0  # No text is without a direction.
            for word in re.findall(r"\w+", text.lower()):
                hashed = zlib.crc32(word.encode())
                weight = 0.5 + (hashed >> 8 & 0xFFFF) / 0x10000  # Of its own, so that two texts are seldom as near.
                vector_D[1 + hashed % (DIMENSION - 1)] += weight if hashed & 0x80 else -weight
        return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


@dataclass(frozen=True)
class Continued:
    ids: tuple[int, ...]


class WordTokens:
    """What draft indexes need of an ``app.generation.tokenizer.TextTokenizer``: a token is a word."""

    fingerprint = "words"

    def continued(self, before: str, text: str) -> Continued:
        return Continued(tuple(zlib.crc32(word.encode()) & 0x7FFF for word in text.split()))
