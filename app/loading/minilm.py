"""The bundled encoder (all-MiniLM-L6-v2) without sentence-transformers, whose import takes seconds.

In float32 the same operations in the same order as sentence-transformers and transformers' ``BertModel`` (Devlin et al.
2018), so that every vector is bit-equal to theirs (``tests/app/loading/test_minilm.py``). Documents may be read in
bfloat16, several times as fast where the processor has it; questions never are: the cross-encoder, which reads both
(``minilm_cross_encoder``), has copies of its own. On a CPU only; every other encoder and
device stays with sentence-transformers. B texts, N pieces, D hidden.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn.functional import embedding, normalize

from app.loading.minilm_bfloat16 import Bfloat16Layers
from app.loading.minilm_float32 import Float32Layers

LAYERS: Final = 6
HEADS: Final = 12
_LONGEST: Final = 256
# What the processor's caches hold, and what keeps its tile instructions busy; a question waits for one batch.
_FLOAT32_TOKENS, _BFLOAT16_TOKENS = 1024, 2048


def read_weights(folder: Path) -> Mapping[str, torch.Tensor]:
    """The weights of a folder. Raises OSError, SafetensorError."""
    return load_file(folder / "model.safetensors")


class MiniLM:
    """A loaded model: a ``retrieval.encoder.SentenceModel``. One thread at a time."""

    max_tokens = _LONGEST

    def __init__(
        self,
        folder: Path,
        *,
        in_bfloat16: bool = False,
        read: Callable[[Path], Mapping[str, torch.Tensor]] = read_weights,
    ) -> None:
        """Read the weights and the tokenizer of a folder. Raises OSError, ValueError, SafetensorError, KeyError.

        ``in_bfloat16``: documents are. ``read`` gives the weights, which others may use, too.
        """
        tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
        self._weights = read(folder)
        self.dimension = self._weights["embeddings.word_embeddings.weight"].shape[1]
        self._float32 = Float32Layers(self._weights, layers=LAYERS, heads=HEADS)
        self._bfloat16 = Bfloat16Layers(self._weights, layers=LAYERS, heads=HEADS) if in_bfloat16 else None
        self._workers = _Workers(torch.get_num_threads()) if in_bfloat16 else None
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer)
        except Exception as error:  # The library raises nothing more exact.
            raise ValueError(f"{folder / 'tokenizer.json'} is no tokenizer") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def batch_tokens(self, role: str) -> int:
        """How many tokens it reads at once, padding counted."""
        return _FLOAT32_TOKENS if self._layers_for(role) is None else _BFLOAT16_TOKENS

    def batches_at_once(self, role: str) -> int:
        """How many batches it encodes beside each other."""
        return 1 if self._workers is None or role != "document" else self._workers.count

    def encode_batches(self, batches: Sequence[Sequence[str]], role: str) -> list[NDArray[np.float32]]:
        """Each batch as ``encode`` does, by a thread of its own where several are encoded at once."""
        if self._workers is None or len(batches) < 2:
            return [self.encode(batch, role) for batch in batches]
        return self._workers.map(partial(self.encode, role=role), batches)

    def prompt_tokens(self, role: str) -> int:
        """How many tokens the model adds to a text: a beginning and an end."""
        return 2

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        return [len(one) for one in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """The characters ``[start, end)`` of each token of each text."""
        return [encoded.offsets for encoded in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], role: str) -> NDArray[np.float32]:
        """(B, D) unit vectors of texts of at most ``max_tokens`` tokens."""
        # As sentence-transformers has it: the longest first, and padded to it.
        order = np.argsort([-len(text) for text in texts])
        encoded = self._tokenizer.encode_batch_fast([texts[at] for at in order])
        rows = [one.ids if len(one.ids) <= _LONGEST else [*one.ids[: _LONGEST - 1], one.ids[-1]] for one in encoded]
        width = max(map(len, rows))
        ids_BN = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask_BN = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        states_BND = self._states(ids_BN, mask_BN, self._layers_for(role))
        mask_BN1 = mask_BN.unsqueeze(-1).to(torch.float32)
        mean_BD = (states_BND * mask_BN1).sum(dim=1) / torch.clamp(mask_BN1.sum(dim=1), min=1e-9)
        vectors_BD = normalize(normalize(mean_BD, p=2.0, dim=-1), p=2.0, dim=1)
        found: NDArray[np.float32] = vectors_BD[torch.from_numpy(np.argsort(order))].numpy()
        return found

    def _layers_for(self, role: str) -> Bfloat16Layers | None:
        return self._bfloat16 if role == "document" else None

    def _states(self, ids_BN: torch.Tensor, mask_BN: torch.Tensor, layers: Bfloat16Layers | None) -> torch.Tensor:
        """(B, N, D) states behind the last layer."""
        weights, width = self._weights, ids_BN.shape[1]
        states_BND = embedding(ids_BN, weights["embeddings.word_embeddings.weight"])
        states_BND = states_BND + weights["embeddings.token_type_embeddings.weight"][0]
        states_BND = states_BND + weights["embeddings.position_embeddings.weight"][:width]
        states_BND = self._float32.norm(states_BND, "embeddings.LayerNorm")
        if layers is not None:
            return layers.states(states_BND, mask_BN)
        return self._float32.states(states_BND, mask_BN)


class _Workers:
    """Threads that compute alone. Threads that share one product wait for each other at its end, which where something
    else is at work as well, and with products of a millisecond, is most of the time.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ThreadPoolExecutor | None = None

    def map(
        self, function: Callable[[Sequence[str]], NDArray[np.float32]], batches: Sequence[Sequence[str]]
    ) -> list[NDArray[np.float32]]:
        """What the function makes of each batch, in order."""
        if self._pool is None:
            self._pool = self._started()
        return list(self._pool.map(function, batches))

    def _started(self) -> ThreadPoolExecutor:
        threads, all_there = torch.get_num_threads(), threading.Barrier(self.count + 1)
        pool = ThreadPoolExecutor(self.count, "spandraft-encoder", lambda: torch.set_num_threads(1))
        for _ in range(self.count):
            pool.submit(all_there.wait)
        all_there.wait()
        torch.set_num_threads(threads)  # What threads that come later begin with is the last number that was set.
        return pool
