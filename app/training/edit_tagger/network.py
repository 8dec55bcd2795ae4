"""Trains the network behind the edits.

The encoder's lower layers stay as they are; the upper ones and the heads learn, in bfloat16 where that is exact enough.
Knows batches and arrays. Must not know words. W words, V words of the vocabulary.
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
    """Mean cross entropies in nats: what is put before a word, what becomes of it, and which word was meant."""

    before: torch.Tensor
    at: torch.Tensor
    meant: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """What is minimized."""
        return self.before + self.at + MEANT_WEIGHT * self.meant

    def __str__(self) -> str:
        return f"before {self.before.item():.4f}  at {self.at.item():.4f}  meant {self.meant.item():.3f}"


class Learner:
    """A network over the encoder's lower layers."""

    def __init__(self, tables: Tables, *, layers: int, begin: Path | None = None) -> None:
        """The encoder's own layers and new heads, or what `begin` holds of a network over the same tables.

        Of the encoder's layers the upper ones learn, so many; those that `begin` has not are the encoder's.
        """
        lowest = encoder.LAYERS - layers
        self._lower = encoder.stored_lower(lowest).to(torch.bfloat16)
        self._words_VD = tagger.vectors(tables.vocabulary, self._lower).to(torch.bfloat16)
        self._rarity_V = tagger.rarity(len(self._words_VD))
        self._share = 1.0 if begin is None else CONTINUED_SHARE
        self.network = Network(len(names_of(tables.vocabulary, EMBEDDED)), layers)
        for at, layer in enumerate(self.network.layers):
            layer.load_state_dict(encoder.stored_layer(lowest + at))
        if begin is not None:
            begun = tagger.read_network(begin, tables).float()
            begun.layers = nn.ModuleList([*self.network.layers[: layers - len(begun.layers)], *begun.layers])
            self.network = begun

    def train(
        self, batches: Iterable[Batch], steps: int, keep: Callable[[Network], None], *, minutes: float = math.inf
    ) -> None:
        """AdamW with a falling rate; `keep` is given the network now and then, and at the end.

        After so many minutes it ends, and the rate has fallen by then.
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
        """What the network makes of a batch."""
        with torch.no_grad():
            states_BND = self._lower(batch.pieces.ids_BN, batch.pieces.mask_B11N)
        found = batch.pieces
        inputs = Inputs(states_BND, found.mask_B11N, found.first_W, found.last_W, batch.features_WF)
        asked = (batch.meant_W >= 0).nonzero()[:, 0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            read_W = self.network.read(inputs)
            logits_WT = self.network.tag(read_W, batch.features_WF).float()
            words_WV = self.network.words(read_W[asked], self._words_VD, self._rarity_V).float()
        before_WT, at_WT = logits_WT[:, : len(BEFORE)], logits_WT[:, len(BEFORE) :]
        meant = nn.functional.cross_entropy(words_WV, batch.meant_W[asked], reduction="sum") / max(1, len(asked))
        cross_entropy = nn.functional.cross_entropy
        return Losses(cross_entropy(before_WT, batch.before_W), cross_entropy(at_WT, batch.at_W), meant)

    @torch.no_grad()
    def held_out(self, batches: Sequence[Batch]) -> Losses:
        """Mean losses of batches."""
        every = [self.losses(batch) for batch in batches]
        means = (torch.stack([getattr(one, name) for one in every]).mean() for name in ("before", "at", "meant"))
        return Losses(*means)
