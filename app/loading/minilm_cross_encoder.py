"""The cross-encoder: the bundled encoder, changed in every layer so that it reads question and unit together.

Its file has changes of low rank (LoRA, Hu et al. 2021), norms, biases, token types and a classifier, none of the
encoder's matrices; ``app.training.cross_encoder.export`` writes it. The changes are merged into a second copy of the
layers; word embeddings are shared. On a CPU only.
P pairs, N pieces, D hidden, O outputs, R rank, E of the classifier.
"""

from __future__ import annotations

import math
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

from app.loading.minilm import HEADS, LAYERS
from app.loading.minilm_bfloat16 import Bfloat16Layers
from app.loading.minilm_float32 import Float32Layers
from app.loading.pair_tokens import pair_tokens
from retrieval.errors import DamagedRelevance
from retrieval.evidence.cross_encoder import Blend

FORMAT: Final = "spandraft-cross-encoder-1"
CHANGED: Final = {
    "attention.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output": ("attention.output.dense",),
    "intermediate": ("intermediate.dense",),
    "output": ("output.dense",),
}
"""Which linear parts of a layer share one change of low rank: its name in the file, and theirs in BERT's, in order."""
_A_PART: Final = 4
"""Pairs of like lengths that are read at once: little is padded."""
_EMBEDDINGS: Final = "embeddings."
_CLASSIFIER: Final = ("dense.weight", "dense.bias", "out.weight", "out.bias")


@dataclass(frozen=True, slots=True, eq=False)
class CrossEncoderFile:
    """What the file has: tensors by names like those of BERT's files; the blend with the first stage, which was fitted
    to the ``scorer`` of that SHA-256.
    """

    encoder: str
    scorer: str
    blend: Blend
    tensors: Mapping[str, torch.Tensor]

    @classmethod
    def read(cls, file: Path) -> CrossEncoderFile:
        """Read the file. Raises ``DamagedRelevance``."""
        if not file.is_file():
            raise DamagedRelevance(file, "is missing")
        try:
            with safe_open(file, "pt") as stored:
                facts = stored.metadata() or {}
                if facts.get("format") != FORMAT:
                    raise DamagedRelevance(file, "is no cross-encoder of this version")
                tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
            first, second, constant = (float(part) for part in facts["blend"].split())
            if not math.isfinite(first + second + constant):
                raise ValueError("a blend of finite numbers")
            return cls(facts["encoder"], facts["scorer"], Blend(first, second, constant), tensors)
        except OSError as error:
            raise DamagedRelevance(file, f"cannot be read: {error.strerror or error}") from error
        except (SafetensorError, KeyError, ValueError) as error:
            raise DamagedRelevance(file, "is no cross-encoder, or is damaged") from error

    def merged(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The encoder's weights with the changes in them; what has none is shared. Raises KeyError, RuntimeError."""
        found = dict(weights)
        for layer in (f"encoder.layer.{number}." for number in range(LAYERS)):
            for change, parts in CHANGED.items():
                change_OD = self.tensors[f"{layer}{change}.lora_B"] @ self.tensors[f"{layer}{change}.lora_A"]
                for part, own_OD in zip(parts, change_OD.chunk(len(parts)), strict=True):
                    found[f"{layer}{part}.weight"] = weights[f"{layer}{part}.weight"] + own_OD
        return found | {name: one for name, one in self.tensors.items() if name in weights}


class MiniLMCrossEncoder:
    """A ``retrieval.evidence.cross_encoder.CrossEncoder``."""

    def __init__(
        self, file: CrossEncoderFile, weights: Mapping[str, torch.Tensor], tokenizer: Tokenizer, *, in_bfloat16: bool
    ) -> None:
        """Over the encoder's weights. Raises KeyError, RuntimeError, ValueError for a file that does not fit them."""
        merged = file.merged(weights)
        self._classifier = {name: file.tensors[f"classifier.{name}"] for name in _CLASSIFIER}
        self._embeddings = {name: one for name, one in merged.items() if name.startswith(_EMBEDDINGS)}
        self._norm = Float32Layers(self._embeddings, layers=0, heads=HEADS).norm
        kind = Bfloat16Layers if in_bfloat16 else Float32Layers
        self._layers: Bfloat16Layers | Float32Layers = kind(merged, layers=LAYERS, heads=HEADS)
        self._tokenizer = tokenizer
        self._lock = threading.Lock()  # A fast tokenizer must not be used by two threads at once.
        if not np.isfinite(self.scores("Who is it?", [("", "It is Ann.")])).all():
            raise ValueError("scores that are no numbers")

    @torch.inference_mode()
    def scores(self, question: str, units: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(P,) log-odds."""
        with self._lock:
            rows = pair_tokens(self._tokenizer, question, units)
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
        types_PN = torch.tensor([types + [0] * (width - len(types)) for _, types in rows])
        mask_PN = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows])
        states_PND = embedding(ids_PN, self._embeddings["embeddings.word_embeddings.weight"])
        states_PND = states_PND + self._embeddings["embeddings.position_embeddings.weight"][:width]
        states_PND = states_PND + embedding(types_PN, self._embeddings["embeddings.token_type_embeddings.weight"])
        states_PND = self._layers.states(self._norm(states_PND, "embeddings.LayerNorm"), mask_PN)
        mask_PN1 = mask_PN.unsqueeze(-1).float()
        mean_PD = (states_PND * mask_PN1).sum(dim=1) / mask_PN1.sum(dim=1)
        read_P2D = torch.cat([states_PND[:, 0], mean_PD], dim=1)
        inner_PE = gelu(linear(read_P2D, self._classifier["dense.weight"], self._classifier["dense.bias"]))
        return linear(inner_PE, self._classifier["out.weight"], self._classifier["out.bias"])[:, 0]
