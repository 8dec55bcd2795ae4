"""The reader of pairs: the bundled encoder, changed in every layer so that it reads question and unit together.

Its file has changes of low rank (Hu et al. 2021), norms and a head, none of the encoder's weights;
``app.training.cross_encoder.export`` writes it. The changes are merged into a second copy of the layers; embeddings are
shared. On a CPU only.
P pairs, N pieces, D hidden, O outputs, R rank.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from torch.nn.functional import embedding, gelu, linear

from app.loading.minilm import HEADS, LAYERS, encoder_weights
from app.loading.minilm_bfloat16 import Bfloat16Layers
from app.loading.minilm_float32 import Float32Layers
from app.loading.pair_tokens import pair_tokenizer, pair_tokens
from retrieval.errors import DamagedRelevance
from retrieval.evidence.cross_encoder import Blend

FORMAT: Final = "spandraft-pair-reader-1"
LONGEST: Final = 96
CHANGED: Final = {
    "reading": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "writing": ("attention.output.dense",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
}
"""What of a layer has one change, by its name in the file, with the names of its rows in BERT's files, in order."""
_A_PART: Final = 4
"""Pairs of like lengths that are read at once: little is padded."""


@dataclass(frozen=True, slots=True, eq=False)
class PairChanges:
    """What the file has: tensors by names like those of BERT's files, and how both stages' scores are made one."""

    encoder: str
    blend: Blend
    tensors: Mapping[str, torch.Tensor]

    @classmethod
    def read(cls, file: Path) -> PairChanges:
        """Read the file. Raises ``DamagedRelevance``."""
        try:
            with safe_open(file, "pt") as stored:
                facts = stored.metadata() or {}
                if facts.get("format") != FORMAT:
                    raise DamagedRelevance(file, "is a reader of pairs of another version")
                tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
            first, read, constant = (float(part) for part in facts["blend"].split())
            return cls(facts["encoder"], Blend(first, read, constant), tensors)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DamagedRelevance(file, "is not a reader of pairs, or is damaged") from error

    def merged(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The weights of the encoder's layers with the changes in them; what has none is shared."""
        found = dict(weights)
        for layer in (f"encoder.layer.{number}." for number in range(LAYERS)):
            for change, parts in CHANGED.items():
                change_OD = self.tensors[f"{layer}{change}.from_rank"] @ self.tensors[f"{layer}{change}.to_rank"]
                for part, own_OD in zip(parts, change_OD.chunk(len(parts)), strict=True):
                    found[f"{layer}{part}.weight"] = weights[f"{layer}{part}.weight"] + own_OD
        return found | {name: one for name, one in self.tensors.items() if name in weights}


class MiniLMPairReader:
    """A ``retrieval.evidence.cross_encoder.PairReader``."""

    def __init__(
        self, changes: PairChanges, weights: Mapping[str, torch.Tensor], tokenizer: Tokenizer, *, in_bfloat16: bool
    ) -> None:
        """Raises KeyError for weights of another model."""
        self._tensors = changes.tensors
        self._weights = changes.merged(weights)
        plain = Float32Layers(self._weights, layers=LAYERS, heads=HEADS)
        self._norm = plain.norm
        self._layers: Bfloat16Layers | Float32Layers = plain
        if in_bfloat16:
            self._layers = Bfloat16Layers(self._weights, layers=LAYERS, heads=HEADS)
        self._tokenizer = tokenizer
        self._lock = threading.Lock()  # a fast tokenizer must not be used by two threads at once

    @classmethod
    def of(cls, changes: PairChanges, folder: Path, *, in_bfloat16: bool) -> MiniLMPairReader:
        """Over the encoder of a folder. Raises what ``encoder_weights`` raises."""
        return cls(changes, encoder_weights(folder), pair_tokenizer(folder), in_bfloat16=in_bfloat16)

    @torch.inference_mode()
    def scores(self, question: str, units: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(P,) log-odds."""
        with self._lock:
            rows = pair_tokens(self._tokenizer, question, units, LONGEST)
        found = np.empty(len(rows), np.float32)
        order = sorted(range(len(rows)), key=lambda each: len(rows[each][0]))
        for start in range(0, len(order), _A_PART):
            part = order[start : start + _A_PART]
            found[part] = self._scores([rows[each] for each in part]).numpy()
        return found

    def _scores(self, rows: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
        """(P,) of pairs that are padded to the longest."""
        width = max(len(ids) for ids, _ in rows)
        ids_PN = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])
        sides_PN = torch.tensor([sides + [0] * (width - len(sides)) for _, sides in rows])
        mask_PN = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows])
        states_PND = embedding(ids_PN, self._weights["embeddings.word_embeddings.weight"])
        states_PND = states_PND + self._weights["embeddings.position_embeddings.weight"][:width]
        states_PND = states_PND + embedding(sides_PN, self._weights["embeddings.token_type_embeddings.weight"])
        states_PND = self._layers.states(self._norm(states_PND, "embeddings.LayerNorm"), mask_PN)
        mask_PN1 = mask_PN.unsqueeze(-1).float()
        mean_PD = (states_PND * mask_PN1).sum(dim=1) / mask_PN1.sum(dim=1)
        read_PE = torch.cat([states_PND[:, 0], mean_PD], dim=1)
        inner = gelu(linear(read_PE, self._tensors["head.weight"], self._tensors["head.bias"]))
        return linear(inner, self._tensors["last.weight"], self._tensors["last.bias"])[:, 0]
