"""Trains the network behind the likely edits: batches -> losses -> weights.

The encoder's lower layers are frozen; its upper layers and the heads learn, in bfloat16 where that is exact enough.
Knows batches and arrays. Must not know words.

Shapes: B sentences, N pieces, D hidden, W words, F features, T tags, V words of the vocabulary.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from app.likely_edits import encoder, tagger
from app.likely_edits.tables import Tables
from app.likely_edits.tagger import EMBEDDED, Inputs, Network
from app.likely_edits.tags import BEFORE
from app.likely_edits.words import names_of
from app.training.edit_tagger.examples import Batch

LAYER_RATE, HEAD_RATE, WARMUP, LEAST_SHARE = 4e-4, 2e-3, 200, 0.02
CONTINUED_SHARE = 0.5
MEANT_WEIGHT = 0.1
_SHOWN, _KEPT = 100, 500


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean cross entropies in nats: of the insertion before a word, of its own edit, and of the word that was meant."""

    before: torch.Tensor
    at: torch.Tensor
    meant: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """The loss that is minimized."""
        return self.before + self.at + MEANT_WEIGHT * self.meant

    def __str__(self) -> str:
        return f"before {self.before.item():.4f}  at {self.at.item():.4f}  meant {self.meant.item():.3f}"


class Learner:
    """A network over the encoder's lower layers."""

    def __init__(self, tables: Tables, *, layers: int, begin: Path | None = None) -> None:
        """The encoder's own layers and new heads, or the network in `begin`, over the same tables.

        The `layers` upper layers of the encoder learn; layers that `begin` lacks are the encoder's.
        """
        lowest = encoder.LAYERS - layers
        self._lower = encoder.stored_lower(lowest).to(torch.bfloat16)
        self._words_VD = tagger.vectors(tables.vocabulary, self._lower).to(torch.bfloat16)
        self._rarity_V = tagger.rarity(len(self._words_VD))
        self._share = 1.0 if begin is None else CONTINUED_SHARE
        self.network = Network(len(names_of(tables.vocabulary, EMBEDDED)), layers)
        for number, layer in enumerate(self.network.layers):
            layer.load_state_dict(encoder.stored_layer(lowest + number))
        if begin is not None:
            begun = tagger.read_network(begin, tables).float()
            begun.layers = nn.ModuleList([*self.network.layers[: layers - len(begun.layers)], *begun.layers])
            self.network = begun

    def train(
        self, batches: Iterable[Batch], steps: int, keep: Callable[[Network], None], *, minutes: float = math.inf
    ) -> None:
        """Train by AdamW with a falling rate; `keep` gets the network now and then, and at the end.

        It ends after `minutes` at the latest, when the rate has fallen, too.
        """
        rates = (LAYER_RATE, HEAD_RATE)
        heads = [weights for name, weights in self.network.named_parameters() if not name.startswith("layers.")]
        groups = [{"params": list(self.network.layers.parameters())}, {"params": heads}]
        optimizer = torch.optim.AdamW(groups, lr=HEAD_RATE, weight_decay=0.01)
        started = time.monotonic()
        for step, batch in enumerate(batches, start=1):
            done = max(step / steps, (time.monotonic() - started) / (60 * minutes))
            share = min(1, step / min(WARMUP, 1 + steps // 10)) * max(LEAST_SHARE, 1 - done)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share * self._share
            losses = self.losses(batch)
            optimizer.zero_grad()
            torch.autograd.backward(losses.total)
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            if step % _SHOWN == 0:
                print(f"step {step}/{steps}  {losses}  {time.monotonic() - started:.0f} s", flush=True)
            if step % _KEPT == 0 or done >= 1:
                keep(self.network)
            if done >= 1:
                return

    def losses(self, batch: Batch) -> Losses:
        """The losses of the network on a batch."""
        with torch.no_grad():
            states_BND = self._lower(batch.pieces.ids_BN, batch.pieces.mask_B11N)
        pieces = batch.pieces
        inputs = Inputs(states_BND, pieces.mask_B11N, pieces.first_W, pieces.last_W, batch.features_WF)
        replaced = (batch.meant_W >= 0).nonzero()[:, 0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            read_W = self.network.read(inputs)
            logits_WT = self.network.tag(read_W, batch.features_WF).float()
            words_WV = self.network.words(read_W[replaced], self._words_VD, self._rarity_V).float()
        before_WT, at_WT = logits_WT[:, : len(BEFORE)], logits_WT[:, len(BEFORE) :]
        meant = nn.functional.cross_entropy(words_WV, batch.meant_W[replaced], reduction="sum") / max(1, len(replaced))
        cross_entropy = nn.functional.cross_entropy
        return Losses(cross_entropy(before_WT, batch.before_W), cross_entropy(at_WT, batch.at_W), meant)

    @torch.no_grad()
    def held_out(self, batches: Sequence[Batch]) -> Losses:
        """Mean losses of batches."""
        every = [self.losses(batch) for batch in batches]
        means = (torch.stack([getattr(losses, name) for losses in every]).mean() for name in ("before", "at", "meant"))
        return Losses(*means)
