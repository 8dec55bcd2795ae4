"""The sentence encoder: texts to unit vectors, offline, loaded on first use, shared by threads.

Models are loaded by sentence-transformers, unless a loader that knows one better is handed in. Knows nothing of
passages, indexes or the corpus. N texts, W windows, D dimensions.

A model reads a limited number of tokens. A longer text is not truncated: it is encoded window by window, and its
vector is the mean of the windows' vectors weighted by their tokens, so that what a long passage ends with can be found.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder_files import DEFAULT_ENCODER, EncoderFiles, find_encoder
from retrieval.errors import EncoderNotFound
from retrieval.fair_lock import FairLock

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LOG = logging.getLogger(__name__)
_JOINED_OR_WIDE = re.compile("[\ufb00-\ufb06\uff01-\uff5e\u3000]+")  # ligatures and full-width letters: other tokens
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # not encodable as UTF-8, and so not by any tokenizer
# Tokens that a processor's caches hold, or that keep a GPU busy.
_CPU_TOKENS, _GPU_TOKENS = 1024, 8192
# A batch ends where a text is shorter than this share of its longest, less a few tokens: little is padded.
_LEAST_SHARE, _FEW_TOKENS = 0.9, 2

Role = Literal["query", "document"]


class SentenceModel(Protocol):
    """A loaded model. It is asked by one thread at a time."""

    @property
    def dimension(self) -> int:
        """D."""
        ...

    @property
    def max_tokens(self) -> int:
        """How many tokens it reads at once, its prompt included."""
        ...

    def batch_tokens(self, role: Role) -> int:
        """How many tokens it best reads at once, padding counted."""
        ...

    def batches_at_once(self, role: Role) -> int:
        """How many batches it encodes beside each other."""
        ...

    def encode_batches(self, batches: Sequence[Sequence[str]], role: Role) -> Sequence[NDArray[np.float32]]:
        """(N, D) unit vectors of each batch."""
        ...

    def prompt_tokens(self, role: Role) -> int:
        """How many tokens it puts around a text."""
        ...

    def lengths(self, texts: Sequence[str]) -> Sequence[int]:
        """How many tokens each text is, without the prompt."""
        ...

    def spans(self, texts: Sequence[str]) -> Sequence[Sequence[tuple[int, int]]]:
        """The characters ``[start, end)`` of each token of each text; slower than their number."""
        ...

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """(N, D) unit vectors of texts that it reads whole, as one batch."""
        ...


LoadModel: TypeAlias = Callable[[EncoderFiles, str | None], SentenceModel]
"""Loads the model of a folder to a device, None: the best there is. Raises ``EncoderNotFound``."""
Dtype: TypeAlias = Literal["float32", "bfloat16"]


class SentenceTransformerEncoder:
    """An ``Encoder`` over any model that ``load`` can load, by default those of sentence-transformers in safetensors.

    ``setting`` is the default's name, a folder, or ``owner/name`` on the Hub. ``name`` looks at the files; the model is
    loaded with the first vectors. A model's own prompts for queries and documents are used.
    """

    def __init__(
        self,
        setting: str = DEFAULT_ENCODER,
        *,
        device: str | None = None,
        batch_size: int | None = None,
        load: LoadModel | None = None,
    ) -> None:
        self.setting = setting
        self._device = device
        self._batch_size = batch_size
        self._lock = threading.RLock()  # locating and loading
        self._model_lock = FairLock()  # a fast tokenizer must not be used by two threads at once
        self._located: EncoderFiles | None = None
        self._load = load if load is not None else load_with_sentence_transformers
        self._loaded: SentenceModel | None = None

    @property
    def name(self) -> str:
        """``label@revision``; raises ``EncoderNotFound`` or ``UnsafeWeights``."""
        return self._files().name

    @property
    def dimension(self) -> int:
        """D; loads the model."""
        return self._model().dimension

    @property
    def max_tokens(self) -> int:
        """How many tokens the model reads at once; longer texts are encoded in windows."""
        return self._model().max_tokens

    @property
    def is_default(self) -> bool:
        """Whether this is the bundled encoder, which knows English only."""
        return self._files().sha256 is not None

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Questions to (N, D) unit vectors."""
        return self._encode(texts, "query")

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages or sentences to (N, D) unit vectors."""
        return self._encode(texts, "document")

    def _files(self) -> EncoderFiles:
        with self._lock:
            if self._located is None:
                self._located = find_encoder(self.setting)
            return self._located

    def _model(self) -> SentenceModel:
        with self._lock:
            if self._loaded is None:
                files = self._files()
                files.verify()
                self._loaded = self._load(files, self._device)
            return self._loaded

    def _encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        model = self._model()
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        readable = [_plain_letters(_LONE_SURROGATE.sub("\ufffd", text)) for text in texts]
        with self._model_lock:
            prompt = model.prompt_tokens(role)
            windows, owner_W, weight_W = _windows(model, readable, model.max_tokens - prompt)
        vectors_WD = np.zeros((len(windows), self.dimension), dtype=np.float32)
        lengths = [int(weight) + prompt for weight in weight_W]
        batches = list(_batches(lengths, tokens=model.batch_tokens(role), texts=self._batch_size))
        at_once = model.batches_at_once(role)
        # The lock is released again and again, so that a question need not wait for the whole of a long document.
        for first in range(0, len(batches), at_once):
            together = batches[first : first + at_once]
            with self._model_lock:
                encoded = model.encode_batches([[windows[window] for window in batch] for batch in together], role)
            for batch, vectors_ND in zip(together, encoded, strict=True):
                vectors_WD[batch] = vectors_ND
        sums_ND = np.zeros((len(texts), vectors_WD.shape[1]), dtype=np.float32)
        np.add.at(sums_ND, owner_W, vectors_WD * weight_W[:, None])
        norms_N1 = np.linalg.norm(sums_ND, axis=1, keepdims=True)
        return np.ascontiguousarray(sums_ND / np.maximum(norms_N1, 1e-12), dtype=np.float32)


def _batches(lengths: Sequence[int], *, tokens: int, texts: int | None) -> Iterator[list[int]]:
    """The indexes of texts, of like lengths together: so many ``texts``, else as many as make ``tokens`` if padded."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        longest = lengths[batch[0]] if batch else 0
        is_full = len(batch) == texts if texts else (len(batch) + 1) * longest > tokens
        if batch and (is_full or lengths[index] < _LEAST_SHARE * longest - _FEW_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _windows(
    model: SentenceModel, texts: Sequence[str], room: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float32]]:
    """The texts in windows of ``room`` tokens; (W) the index of the text, (W) the number of tokens of each."""
    size = max(1, room)
    windows: list[str] = []
    owners: list[int] = []
    weights: list[float] = []
    lengths = model.lengths(texts)
    long = [index for index, length in enumerate(lengths) if length > size]
    spans_of = dict(zip(long, model.spans([texts[index] for index in long]) if long else [], strict=True))
    for index, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        borders = [0, *(spans_of[index][token][0] for token in range(size, length, size)), len(text)]
        for window, (start, end) in enumerate(pairwise(borders)):
            windows.append(text[start:end])
            owners.append(index)
            weights.append(float(max(1, min(size, length - window * size))))
    return windows, np.array(owners, dtype=np.int64), np.array(weights, dtype=np.float32)


class _SentenceTransformersModel:
    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model
        dimension = model.get_embedding_dimension()
        assert dimension is not None, "a text encoder has a dimension"
        self.dimension: int = dimension
        self.max_tokens = int(model.max_seq_length or 512)
        self._batch_tokens = _CPU_TOKENS if model.device.type == "cpu" else _GPU_TOKENS

    def batch_tokens(self, role: Role) -> int:
        return self._batch_tokens

    def batches_at_once(self, role: Role) -> int:
        return 1

    def encode_batches(self, batches: Sequence[Sequence[str]], role: Role) -> Sequence[NDArray[np.float32]]:
        return [self.encode(batch, role) for batch in batches]

    def prompt_tokens(self, role: Role) -> int:
        return len(self._model.tokenizer(self._model.prompts.get(role) or "")["input_ids"])

    def lengths(self, texts: Sequence[str]) -> Sequence[int]:
        tokens = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in tokens["input_ids"]]

    def spans(self, texts: Sequence[str]) -> Sequence[Sequence[tuple[int, int]]]:
        spans: Sequence[Sequence[tuple[int, int]]] = self._model.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
        )["offset_mapping"]
        return spans

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        import torch

        encode = self._model.encode_query if role == "query" else self._model.encode_document
        with torch.inference_mode():
            vectors_ND: NDArray[np.float32] = encode(
                list(texts), batch_size=len(texts), show_progress_bar=False, normalize_embeddings=True
            )
        return vectors_ND


def load_with_sentence_transformers(
    files: EncoderFiles, device: str | None, *, dtype: Dtype = "float32"
) -> SentenceModel:
    """Load any model that sentence-transformers knows, without code of its own. Raises ``EncoderNotFound``."""
    import torch
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    _LOG.info("loading the encoder %s", files.name)
    try:
        model = SentenceTransformer(
            str(files.folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": getattr(torch, dtype)},
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EncoderNotFound(
            f"the encoder in {files.folder} cannot be loaded: {first_line}",
            hint="name a sentence-transformers model that needs no code of its own, or keep the default",
        ) from error
    model.eval()
    return _SentenceTransformersModel(model)


def _plain_letters(text: str) -> str:
    return _JOINED_OR_WIDE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
