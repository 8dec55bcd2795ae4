"""Words as word pieces of the encoder, in batches.

Knows words and pieces. Must not know tags. B sentences, N pieces, W words, D hidden, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch.nn.functional import embedding_bag

from app.likely_edits.encoder import LONGEST

_BEGIN, _END = 101, 102


@dataclass(frozen=True, slots=True)
class Pieces:
    """Sentences, padded; the place of each word's first and last piece, and of the end of each sentence behind its
    words, among all B * N.
    """

    ids_BN: torch.Tensor
    mask_B11N: torch.Tensor | None
    first_W: torch.Tensor
    last_W: torch.Tensor


def pieces_of(sentences: Sequence[Sequence[str]], tokenizer: Tokenizer) -> Pieces:
    """Each sentence is the texts of its words; words beyond LONGEST pieces share the place of the end."""
    rows: list[list[int]] = []
    spans: list[list[tuple[int, int]]] = []
    for encoded in tokenizer.encode_batch(
        [[_utf8(word) for word in one] for one in sentences], is_pretokenized=True, add_special_tokens=False
    ):
        ids = encoded.ids[: LONGEST - 2]
        rows.append([_BEGIN, *ids, _END])
        places: dict[int, tuple[int, int]] = {}
        words = (word for word in encoded.word_ids[: LONGEST - 2] if word is not None)
        for at, word in enumerate(words, start=1):
            places[word] = (places[word][0] if word in places else at, at)
        end = len(ids) + 1
        spans.append([places.get(word, (end, end)) for word in range(len(sentences[len(rows) - 1]) + 1)])
    width = max(map(len, rows))
    ids_BN = torch.zeros(len(rows), width, dtype=torch.long)
    for row, found in enumerate(rows):
        ids_BN[row, : len(found)] = torch.tensor(found)
    even = all(len(row) == width for row in rows)
    flat = torch.tensor([(row * width + a, row * width + b) for row, one in enumerate(spans) for a, b in one])
    return Pieces(ids_BN, None if even else (ids_BN != 0)[:, None, None], flat[:, 0], flat[:, 1])


def word_vectors(words: Sequence[str], pieces_D: torch.Tensor, tokenizer: Tokenizer) -> torch.Tensor:
    """(V, D): of each word the mean of its pieces' embeddings."""
    found = tokenizer.encode_batch(list(words), add_special_tokens=False)
    ids = torch.tensor([id for one in found for id in one.ids])
    lengths = torch.tensor([0, *(len(one.ids) for one in found[:-1])])
    return embedding_bag(ids, pieces_D, lengths.cumsum(0), mode="mean")


def _utf8(word: str) -> str:
    """Half a character, which JSON may hold, has no bytes."""
    return word.encode("utf-8", "replace").decode()
