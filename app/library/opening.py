"""Settings to corpora: opens, makes and imports them, each with the encoder and the retriever that are set.

Everything heavy is imported where it is made, so that importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.settings import BUNDLED, Settings

if TYPE_CHECKING:
    from app.library.corpus import Corpus
    from corpora.documents import Passage
    from corpora.interfaces import Derived
    from corpora.store.store import CorpusStore
    from corpora.transfer.export import Progress
    from corpora.transfer.import_ import Fits, Imported
    from retrieval.interfaces import Encoder

_ALIKE = 0.999  # the cosine of two vectors that one encoder made of one text, on different machines


def open_corpus(name: str, settings: Settings | None = None) -> Corpus:
    """Open a corpus; the sample is built first if it is missing or was left unfinished."""
    from app.library.sample import SAMPLE, require_sample
    from app.loading import engine
    from corpora.store.library import Library
    from retrieval.dense import VectorRows
    from retrieval.sentences import SentenceRows

    settings = settings if settings is not None else Settings.load()
    library = Library(settings.home)
    is_new = False
    if name == SAMPLE:
        encoder = engine.encoder(settings)
        is_new = require_sample(library, [VectorRows(encoder), SentenceRows(encoder)])
    corpus = _corpus(library.open(name), settings)
    if is_new:
        corpus.settle()
    return corpus


def create_corpus(name: str, settings: Settings | None = None) -> Corpus:
    """Make an empty corpus; the encoder and how its documents are to be cut are kept with it, if the settings say it.

    Raises ``EncoderNotFound``, ``InvalidName``, ``CorpusExists``.
    """
    from app.config.corpus_options import CorpusConfig
    from app.loading import engine
    from corpora.store.library import Library
    from corpora.text.chunking import Chunking

    settings = settings if settings is not None else Settings.load()
    where = CorpusConfig.of(settings)
    own = None if settings.encoder == BUNDLED else engine.encoder(settings).name  # Is it there at all?
    store = Library(settings.home).create(name)
    if own is not None:
        store.set_encoder(own)
    if where.says_how_to_cut:
        store.set_chunking(where.over(Chunking()))
    return _corpus(store, settings)


def import_corpus(
    path: Path,
    name: str | None,
    settings: Settings | None,
    *,
    recompute: bool = False,
    progress: Progress | None = None,
) -> tuple[Corpus, Imported]:
    """Make a corpus of an export, cut and encoded as the settings say, or as it was if they say nothing."""
    from app.config.corpus_options import CorpusConfig
    from app.library.corpus import vector_kinds
    from app.loading import engine
    from corpora.store.library import Library
    from corpora.text.chunking import Chunking
    from corpora.transfer.import_ import Wanted
    from corpora.transfer.import_ import import_corpus as imported
    from retrieval.dense import VectorRows
    from retrieval.sentences import SentenceRows

    settings = settings if settings is not None else Settings.load()
    encoder = engine.encoder(settings)
    library = Library(settings.home)
    where = CorpusConfig.of(settings)
    cut = where.over(Chunking()) if where.says_how_to_cut else None
    derived: list[Derived] = [VectorRows(encoder), SentenceRows(encoder)]
    want = Wanted(derived, vector_kinds(encoder), cut, None if recompute else _fits(encoder))
    done = imported(library, path, name, want=want, progress=progress)
    corpus = _corpus(library.open(done.name), settings)
    corpus.store.set_encoder(encoder.name)
    corpus.settle()
    return corpus, done


def _corpus(store: CorpusStore, settings: Settings) -> Corpus:
    from app.config.corpus_options import CorpusConfig
    from app.library.corpus import Corpus
    from app.loading import engine
    from retrieval.hybrid import HybridRetriever

    found = engine.encoder(settings)
    return Corpus(store, found, HybridRetriever(store, found), CorpusConfig.of(settings))


def _fits(encoder: Encoder) -> Fits:
    """Compares the vectors of an export with those that the encoder makes."""
    import numpy as np

    from retrieval.dense import VectorRows
    from retrieval.sentences import SentenceRows

    made = {one.kind: one for one in (VectorRows(encoder), SentenceRows(encoder))}

    def fits(kind: str, passages: Sequence[Passage], values: Sequence[bytes]) -> bool:
        for own, given in zip(made[kind].compute(passages), values, strict=True):
            if len(own) != len(given):
                return False
            own_ND, given_ND = (np.frombuffer(row, "<f4").reshape(-1, encoder.dimension) for row in (own, given))
            if (np.einsum("nd,nd->n", own_ND, given_ND) < _ALIKE).any():
                return False
        return True

    return fits
