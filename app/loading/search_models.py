"""What searching is done with: the encoder and the relevance scorer that settings name, one object of each.

Everything heavy is imported where it is made, so that importing this module costs nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.settings import BUNDLED, NONE, Settings
from app.errors import ModelError, no_file
from app.loading.bundled import CROSS_ENCODER, EDITS, RELEVANCE
from app.loading.environment import wait_passively
from app.loading.models import without_progress_bars

if TYPE_CHECKING:
    from torch import Tensor

    from retrieval.encoder import Dtype, SentenceModel, SentenceTransformerEncoder
    from retrieval.encoder_files import EncoderFiles
    from retrieval.evidence.cross_encoder import Reranker
    from retrieval.evidence.relevance import Relevance
    from retrieval.evidence.selection import FindEvidence
    from retrieval.interfaces import Evidence, Hit, Query, Spelled
    from retrieval.spelling import EnglishWords


class SearchModels:
    """The encoder and the relevance scorer of a process, each made when it is first used and then shared.

    Whoever opens several corpora hands the same object to all of them (``Corpus.open(..., models=...)``), so that the
    encoder is loaded once. Any thread may use it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._encoder: SentenceTransformerEncoder | None = None
        self._relevance: Relevance | None = None
        self._english: EnglishWords | None = None
        self._weights_lock = threading.Lock()
        self._weights: Mapping[str, Tensor] | None = None

    @property
    def encoder(self) -> SentenceTransformerEncoder:
        """The encoder; its model is loaded with the first vectors. Raises what an unusable ``device`` raises."""
        with self._lock:
            if self._encoder is None:
                self._encoder = self._made_encoder()
            return self._encoder

    @property
    def encoder_is_english(self) -> bool:
        """Whether the encoder is the bundled one, which knows English only."""
        return self._settings.encoder == BUNDLED

    def relevance(self) -> Relevance:
        """Who judges evidence. Raises ``DamagedRelevance``, and ModelError for a scorer of another encoder."""
        with self._lock:
            if self._relevance is None:
                self._relevance = self._made_relevance()
            return self._relevance

    def load_encoder(self) -> None:
        """Load the encoder's model now, so that the first question does not pay for it."""
        setting = self._settings.encoder
        with without_progress_bars(is_local=setting == BUNDLED or Path(setting).is_dir()):
            self.encoder.encode_queries([""])

    @property
    def english(self) -> EnglishWords:
        """What is known of English words, to mend the spelling of questions; read when it is first needed."""
        with self._lock:
            if self._english is None:
                from app.likely_edits.known_words import KnownWords

                self._english = KnownWords(EDITS)
            return self._english

    def query(self, question: str, *, spelled: Spelled | None = None) -> Query:
        """A question on its way through retrieval; ``spelled``: in the spelling of what is searched."""
        from retrieval.interfaces import Query

        return Query(question, self.encoder, spelled=spelled)

    def evidence_finder(self, *, by_cosine: bool = False) -> FindEvidence:
        """Finds the evidence sentences of given hits; ``by_cosine``: by the encoder alone."""
        from retrieval.evidence.selection import select_evidence
        from retrieval.evidence.sentences import SentenceCache

        cache = SentenceCache(self.encoder)

        def find(question: str | Query, hits: Sequence[Hit], limit: int | None) -> Sequence[Evidence]:
            judge = None if by_cosine else self.relevance()
            return select_evidence(question, hits, encoder=self.encoder, limit=limit, cache=cache, relevance=judge)

        return find

    def _made_relevance(self) -> Relevance:
        from dataclasses import replace

        from retrieval.evidence.relevance import LearnedRelevance

        settings = self._settings
        found = relevance_for(self.encoder.name, settings.relevance)
        if settings.relevance not in (None, BUNDLED) or not isinstance(found, LearnedRelevance):
            return found
        self.load_encoder()  # Its weights, which both use, are known to be the right ones then.
        return replace(found, reranker=bundled_reranker(found.encoder, self._read_weights, settings.encoder_dtype))

    def _read_weights(self, folder: Path) -> Mapping[str, Tensor]:
        """Those of the bundled encoder, one copy for the encoder and the cross-encoder."""
        from app.loading.minilm import read_weights

        with self._weights_lock:
            if self._weights is None:
                self._weights = read_weights(folder)
            return self._weights

    def _made_encoder(self) -> SentenceTransformerEncoder:
        from retrieval.encoder import SentenceTransformerEncoder
        from retrieval.encoder_files import DEFAULT_ENCODER

        wait_passively()
        settings = self._settings
        if settings.device is not None:
            from decoding.target.placement import device_for

            device_for(settings.device)
        load = partial(load_encoder, dtype=settings.encoder_dtype, read=self._read_weights)
        name = DEFAULT_ENCODER if settings.encoder == BUNDLED else settings.encoder
        return SentenceTransformerEncoder(name, device=settings.device, load=load)


def load_encoder(
    files: EncoderFiles,
    device: str | None,
    *,
    dtype: str | None = None,
    read: Callable[[Path], Mapping[str, Tensor]] | None = None,
) -> SentenceModel:
    """The bundled encoder on a CPU without sentence-transformers, which takes seconds to import; others with it.

    ``dtype`` is the setting ``encoder_dtype``; ``read`` gives the bundled one's weights. Raises ``EncoderNotFound``,
    and ModelError for a dtype that cannot be.
    """
    from retrieval.encoder import load_with_sentence_transformers

    asked: Dtype = "bfloat16" if dtype == "bfloat16" else "float32"
    if files.sha256 is None or not _is_cpu(device):
        return load_with_sentence_transformers(files, device, dtype=asked)
    from safetensors import SafetensorError

    from app.loading.minilm import MiniLM, read_weights

    in_bfloat16 = documents_in_bfloat16(dtype)
    try:
        return MiniLM(files.folder, in_bfloat16=in_bfloat16, read=read or read_weights)
    except (OSError, ValueError, KeyError, SafetensorError):
        return load_with_sentence_transformers(files, device)  # It says what is wrong.


def documents_in_bfloat16(dtype: str | None) -> bool:
    """Whether the bundled encoder reads documents in bfloat16 on this processor, by the setting ``encoder_dtype``.

    Raises ModelError where it was asked for and cannot.
    """
    from app.loading.minilm_bfloat16 import bfloat16_pays, has_packed_products

    if dtype == "bfloat16" and not has_packed_products():
        raise ModelError("this processor does not multiply bfloat16", hint='set encoder_dtype to "float32" or "auto"')
    return bfloat16_pays() if dtype is None else dtype == "bfloat16"


def relevance_for(encoder: str, setting: str | None = None) -> Relevance:
    """The scorer that the setting ``relevance`` names, for the encoder of that name.

    None ("auto") and "bundled": the bundled one for the encoder it was learned with, and the cosines for every other.
    Raises ``DamagedRelevance``, and ModelError for a file that is missing or was learned with another encoder.
    """
    from retrieval.errors import DamagedRelevance
    from retrieval.evidence.relevance import CosineRelevance, LearnedRelevance

    if setting == NONE:
        return CosineRelevance()
    if setting in (None, BUNDLED):
        bundled = LearnedRelevance.read(RELEVANCE)
        return bundled if bundled.encoder == encoder else CosineRelevance()
    file = Path(setting).expanduser()
    if not file.is_file():
        raise ModelError(f"the relevance scorer {no_file(file)}", hint="check the path of relevance, or leave it out")
    try:
        named = LearnedRelevance.read(file)
    except DamagedRelevance as error:
        raise ModelError(
            error.cause, hint="name a file that app.training.relevance.train wrote, or leave it out"
        ) from error
    if named.encoder != encoder:
        raise ModelError(
            f"the relevance scorer {file} was learned with the encoder {named.encoder}, not with {encoder}",
            hint=f'set encoder to that one, or relevance to "{NONE}"',
        )
    return named


def bundled_reranker(encoder: str, read: Callable[[Path], Mapping[str, Tensor]], dtype: str | None = None) -> Reranker:
    """The second stage behind the bundled scorer, on the processor, whatever the device. Raises ``DamagedRelevance``.

    ``encoder`` is the one that the scorer was learned with; ``read`` gives the weights of the bundled one. ``dtype`` is
    the setting ``encoder_dtype``: in float32 where the processor cannot do what it asks for.
    """
    from app.loading.minilm_bfloat16 import bfloat16_pays, has_packed_products
    from app.loading.minilm_cross_encoder import CrossEncoderFile, MiniLMCrossEncoder
    from app.loading.pair_tokens import pair_tokenizer
    from app.model_store.checksum import sha256
    from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
    from retrieval.errors import DamagedRelevance
    from retrieval.evidence.cross_encoder import Reranker

    file, folder = CrossEncoderFile.read(CROSS_ENCODER), find_encoder(DEFAULT_ENCODER).folder
    if file.encoder != encoder:
        raise DamagedRelevance(CROSS_ENCODER, f"was made of the encoder {file.encoder}, not of {encoder}")
    if file.scorer != sha256(RELEVANCE):
        raise DamagedRelevance(CROSS_ENCODER, f"was fitted to another relevance scorer than {RELEVANCE.name}")
    in_bfloat16 = has_packed_products() and (dtype == "bfloat16" or (dtype is None and bfloat16_pays()))
    try:
        model = MiniLMCrossEncoder(file, read(folder), pair_tokenizer(folder), in_bfloat16=in_bfloat16)
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise DamagedRelevance(CROSS_ENCODER, "does not fit the bundled encoder, or one of both is damaged") from error
    return Reranker(model, file.blend)


def _is_cpu(device: str | None) -> bool:
    """Whether sentence-transformers would take the processor, too."""
    import torch

    return device == "cpu" or (device is None and not torch.accelerator.is_available())
