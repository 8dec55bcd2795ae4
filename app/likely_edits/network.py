"""The network behind the edits: the encoder's upper layers, trained on, and heads for tags and for words.

As GECToR (Omelianchuk et al. 2020) each word is tagged from the state of its first piece; beside it stand the word's
and its neighbours' own features, because the encoder sees no capitals. Another head says which word was meant.
Knows arrays only. B sentences, N pieces, D hidden, W words, F features, T tags, V words of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from app.likely_edits.encoder import HIDDEN, Layer
from app.likely_edits.features import PARTS, RADIUS
from app.likely_edits.tags import TAGS

EMBEDDED, EMBEDDING, INNER = 8_000, 40, 320


@dataclass(frozen=True, slots=True)
class Inputs:
    """Words of all sentences in turn, each sentence with one more behind its last. ``first_W`` and ``last_W`` are the
    places of a word's first and last piece among all B * N.
    """

    states_BND: torch.Tensor
    mask_B11N: torch.Tensor | None
    first_W: torch.Tensor
    last_W: torch.Tensor
    features_WF: torch.Tensor


class Network(nn.Module):
    """``names`` is how many words and classes have an embedding, ``layers`` how many of the encoder are trained on."""

    def __init__(self, names: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.embedding = nn.Embedding(names, EMBEDDING)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.inner = nn.Linear(HIDDEN + (2 * RADIUS + 1) * EMBEDDING, INNER)
        self.tags = nn.Linear(INNER, len(TAGS))
        self.meant = nn.Linear(2 * HIDDEN, HIDDEN)
        self.rarity = nn.Parameter(torch.tensor(-1.0))

    def read(self, inputs: Inputs) -> torch.Tensor:
        """(W, 2D): the states of each word's first and last piece."""
        states_BND = inputs.states_BND
        for layer in self.layers:
            states_BND = layer(states_BND, inputs.mask_B11N)
        flat_D = states_BND.flatten(0, 1)
        return torch.cat((flat_D[inputs.first_W], flat_D[inputs.last_W]), dim=1)

    def tag(self, read_W2D: torch.Tensor, features_WF: torch.Tensor) -> torch.Tensor:
        """(W, T) logits; features stand as the parts of each place in turn."""
        places_W = self.embedding(features_WF).unflatten(1, (-1, PARTS)).sum(2).flatten(1)
        inner = nn.functional.gelu(self.inner(torch.cat((read_W2D[:, :HIDDEN], places_W), dim=1)))
        logits_WT: torch.Tensor = self.tags(inner)
        return logits_WT

    def words(self, read_W2D: torch.Tensor, words_VD: torch.Tensor, rarity_V: torch.Tensor) -> torch.Tensor:
        """(W, V) logits of the word that was meant."""
        logits_WV: torch.Tensor = self.meant(read_W2D) @ words_VD.T + self.rarity * rarity_V
        return logits_WV
