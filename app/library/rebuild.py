"""Making a corpus anew from its own texts: index files, vectors that are missing, another encoder or chunking.

Knows nothing of terminals and pages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from app.config.corpus_options import CorpusConfig, new_chunking
from app.library.deletion_signal import note_removal
from corpora.interfaces import Derived
from corpora.store import generations, index_files
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking
from retrieval.dense import VECTORS, VectorRows
from retrieval.hybrid import HybridRetriever
from retrieval.interfaces import Encoder
from retrieval.sentences import SentenceRows

# (documents done, documents in all)
Progress: TypeAlias = Callable[[int, int], None]

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made anew. ``is_whole`` is False if it was stopped: the same call goes on with it."""

    chunking: Chunking
    encoder: str
    passages: int
    recut: bool
    computed: int
    is_whole: bool = True


def rebuild(
    store: CorpusStore,
    encoder: Encoder,
    retriever: HybridRetriever,
    place: CorpusConfig,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Rebuilt:
    """Bring a corpus to what the settings ask for, and make its index files anew from the database.

    Where encoder or chunking are others, all passages are made beside those that are seen, and take their place at
    once. Where they are the same, only vectors that are missing are computed. Raises ``LibraryError``.
    """
    chunking = new_chunking(store, place)
    derived: list[Derived] = [VectorRows(encoder), SentenceRows(encoder)]
    recut = _is_other(store, chunking, derived[0])
    computed, is_whole = 0, True
    if recut:
        build = generations.Build(store, chunking, derived=derived, encoder=encoder.name)
        is_whole = build.run(progress, stop)
        computed = len(store.rows_alive()) if is_whole else 0
        note_removal(place.home)
    else:
        computed = _fill_in(store, derived)
        store.set_chunking(chunking)
        store.set_encoder(encoder.name)
    if is_whole:
        index_files.delete_all(store.folder)
        retriever.settle()
        store.settle()
    return Rebuilt(chunking, encoder.name, len(store.rows_alive()), recut, computed, is_whole)


def _is_other(store: CorpusStore, chunking: Chunking, vectors: Derived) -> bool:
    """Whether all passages are to be made: they are cut or encoded in another way, or, after a salvage, not there."""
    if not store.documents():
        return False
    kinds = store.derived_kinds()
    is_encoded = any(kind.startswith(VECTORS) for kind in kinds)
    return (
        chunking != (store.chunking() or Chunking())
        or (is_encoded and vectors.kind not in kinds)
        or not store.rows_alive()
    )


def _fill_in(store: CorpusStore, derived: list[Derived]) -> int:
    """Compute what passages lack, say because they were added while the encoder could not be loaded."""
    computed = 0
    for one in derived:
        missing = store.missing_derived(one.kind)
        for at in range(0, len(missing), _BATCH):
            computed += store.add_derived(one, missing[at : at + _BATCH])
    return computed
