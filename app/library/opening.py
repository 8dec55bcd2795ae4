"""Opens, creates and imports corpora as the settings say: the store, the encoder and the options that belong together.

Returns the parts; `app.library.corpus.Corpus` assembles them. The sample corpus is built here, too: once, completed if
the build was interrupted, and again for another version of Python. Knows nothing of models that write.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from app.config.corpus_options import CorpusConfig
from app.config.settings import BUNDLED, Settings
from app.errors import require_text
from app.loading.search_models import SearchModels
from corpora.counts import count
from corpora.documents import Passage
from corpora.errors import CorpusExists
from corpora.interfaces import Derived
from corpora.sample import sample_documents
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages
from corpora.transfer.export import Progress
from corpora.transfer.import_ import Imported, ImportOptions, VectorCheck
from corpora.transfer.import_ import import_corpus as import_file
from corpora.transfer.vectors import VectorKind
from retrieval.dense import VectorRows, vectors_kind
from retrieval.evidence.sentences import SentenceRows, sentences_kind
from retrieval.interfaces import Encoder

SAMPLE: Final = "sample"
_SAMPLE_SETTING: Final = "sample"
_REPORT_EVERY: Final = 20  # documents of the sample between two lines of progress
_SAME_VECTOR_COSINE: Final = 0.999  # of two vectors that one encoder made of one text, on different machines


@dataclass(frozen=True, slots=True)
class CorpusParts:
    """What a ``Corpus`` is made of. ``is_new``: its index files have not been written yet."""

    store: CorpusStore
    models: SearchModels
    config: CorpusConfig
    is_new: bool = False


def open_corpus(name: str, settings: Settings | None = None, *, models: SearchModels | None = None) -> CorpusParts:
    """Open a corpus; the sample is built first if it is missing or was left unfinished.

    Raises ``CorpusNotFound``, ``InvalidName``, ``NewerSchema``, ``DamagedLibrary`` and, where the sample is built, what
    the encoder raises.
    """
    settings = settings if settings is not None else Settings.load()
    require_corpus(name, settings)
    models = models if models is not None else SearchModels(settings)
    library = Library(settings.home)
    is_new = name == SAMPLE and require_sample(library, derived_rows(models.encoder))
    return CorpusParts(library.open(name), models, CorpusConfig.of(settings), is_new)


def require_corpus(name: str, settings: Settings) -> None:
    """Raise what opening a corpus of that name would, if there is none; looks at the disk only, loads nothing.

    The sample is always there to be had. Raises ArgumentError, ``CorpusNotFound``, ``InvalidName``.
    """
    require_text("the name of a corpus", name)
    if name != SAMPLE:
        Library(settings.home).folder_of(name)


def create_corpus(name: str, settings: Settings | None = None, *, models: SearchModels | None = None) -> CorpusParts:
    """Make an empty corpus; the encoder and the chunking are stored with it if the settings name them.

    Raises ``EncoderNotFound``, ``InvalidName``, ``CorpusExists``.
    """
    settings = settings if settings is not None else Settings.load()
    models = models if models is not None else SearchModels(settings)
    config = CorpusConfig.of(settings)
    require_text("the name of a corpus", name)
    encoder_name = (
        None if settings.encoder == BUNDLED else models.encoder.name
    )  # Raises if that encoder does not exist.
    store = Library(settings.home).create(name)
    if encoder_name is not None:
        store.set_encoder(encoder_name)
    if config.says_how_to_cut:
        store.set_chunking(config.over(Chunking()))
    return CorpusParts(store, models, config)


def import_corpus(
    path: Path,
    name: str | None = None,
    settings: Settings | None = None,
    *,
    recompute: bool = False,
    progress: Progress | None = None,
) -> tuple[CorpusParts, Imported]:
    """Make a corpus of an exported file, chunked and encoded as the settings say, or as it was if they say nothing.

    Vectors of the file are used if they are of the same encoder and pass a spot check; ``recompute`` uses none. Raises
    ``DamagedExport``, ``CorpusExists``, ``InvalidName``, ``UnreadableFile``.
    """
    settings = settings if settings is not None else Settings.load()
    models = SearchModels(settings)
    encoder = models.encoder
    config = CorpusConfig.of(settings)
    chunking = config.over(Chunking()) if config.says_how_to_cut else None
    spot_check = None if recompute else _same_vectors(encoder)
    options = ImportOptions(derived_rows(encoder), vector_kinds(encoder), chunking, spot_check)
    library = Library(settings.home)
    imported = import_file(library, path, name, options=options, progress=progress)
    store = library.open(imported.name)
    store.set_encoder(encoder.name)
    return CorpusParts(store, models, config, is_new=True), imported


def derived_rows(encoder: Encoder) -> list[Derived]:
    """What is computed of every passage of a corpus: its vector, and those of its sentences."""
    return [VectorRows(encoder), SentenceRows(encoder)]


def vector_kinds(encoder: Encoder) -> list[VectorKind]:
    """The derived rows of an encoder that an export includes."""
    return [
        VectorKind(vectors_kind(encoder.name), "vectors"),
        VectorKind(sentences_kind(encoder.name), "sentences", one_each=False),
    ]


def require_sample(library: Library, derived: Sequence[Derived]) -> bool:
    """Build the sample corpus; False, and nothing is done, if it is complete and of this version of Python.

    Each document is stored whole, so that an interrupted build continues where it stopped. A sample corpus that
    somebody has chunked in another way keeps that chunking. Raises ``LibraryError`` and what the encoder raises.
    """
    store = _sample_store(library)
    built_from = f"Python {platform.python_version()}"
    if store.setting(_SAMPLE_SETTING) == built_from:
        return False
    documents, chunking = sample_documents(), store.chunking() or Chunking()
    missing = {document.id for document in documents} - {info.id for info in store.documents()}
    if missing:
        sys.stderr.write(
            f"Building the sample corpus: {count(len(missing), 'document')}, a minute or two, only this once.\n"
        )
    for done, document in enumerate((document for document in documents if document.id in missing), start=1):
        store.add(document, passages(document, **asdict(chunking)), derived)
        if done % _REPORT_EVERY == 0:
            sys.stderr.write(f"  {done} of {len(missing)}\n")
    store.set_chunking(chunking)
    store.set_setting(_SAMPLE_SETTING, built_from)
    return True


def _sample_store(library: Library) -> CorpusStore:
    if not library.exists(SAMPLE):
        try:
            return library.create(SAMPLE)
        except CorpusExists:  # Another process was faster.
            pass
    return library.open(SAMPLE)


def _same_vectors(encoder: Encoder) -> VectorCheck:
    """A check that compares vectors of an export with those that ``encoder`` makes of the same passages."""
    rows_by_kind = {rows.kind: rows for rows in derived_rows(encoder)}

    def fits(kind: str, checked: Sequence[Passage], values: Sequence[bytes]) -> bool:
        for own, given in zip(rows_by_kind[kind].compute(checked), values, strict=True):
            if len(own) != len(given):
                return False
            own_ND, given_ND = (np.frombuffer(row, "<f4").reshape(-1, encoder.dimension) for row in (own, given))
            if (np.einsum("nd,nd->n", own_ND, given_ND) < _SAME_VECTOR_COSINE).any():
                return False
        return True

    return fits
