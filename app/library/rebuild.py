"""Makes a corpus anew from its own texts: index files, vectors that are missing, another encoder or chunking.

Knows nothing of terminals and pages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from app.config.corpus_options import CorpusConfig, new_chunking
from app.library.deletion_signal import signal_deletion
from corpora.interfaces import Derived
from corpora.store import generations, index_files
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking
from retrieval.dense import VECTORS, VectorRows
from retrieval.evidence.sentences import SENTENCES, SentenceRows
from retrieval.interfaces import Encoder, Retriever

# (documents done, documents in all)
Progress: TypeAlias = Callable[[int, int], None]

_BATCH = 256  # rows computed in one transaction


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made anew. ``is_whole`` is False if it was stopped: the same call continues it.

    ``computed`` counts passages if all were made anew (``recut``), else the rows that were missing.
    """

    chunking: Chunking
    encoder: str
    passages: int
    recut: bool
    computed: int
    is_whole: bool = True


def rebuild(
    store: CorpusStore,
    encoder: Encoder,
    retriever: Retriever,
    config: CorpusConfig,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Rebuilt:
    """Bring a corpus to what the settings ask for, and make its index files anew from the database.

    Where encoder or chunking differ, all passages are made as a new generation, which replaces the visible one in a
    single transaction. Where they are the same, only missing vectors are computed. Raises ``LibraryError`` and what the
    encoder raises.
    """
    chunking = new_chunking(store, config)
    derived: list[Derived] = [VectorRows(encoder), SentenceRows(encoder)]
    recut = _must_recut(store, chunking, derived[0])
    computed, is_whole = 0, True
    if recut:
        build = generations.Build(store, chunking, derived=derived, encoder=encoder.name)
        is_whole = build.run(progress, stop)
        computed = len(store.rows_alive()) if is_whole else 0
        signal_deletion(config.home)
    else:
        computed = _compute_missing(store, derived)
        store.set_chunking(chunking)
        store.set_encoder(encoder.name)
    if is_whole:
        index_files.delete_all(store.folder)
        retriever.write_files()
        store.checkpoint()
    return Rebuilt(chunking, encoder.name, len(store.rows_alive()), recut, computed, is_whole)


def _must_recut(store: CorpusStore, chunking: Chunking, vectors: Derived) -> bool:
    """Whether all passages must be made anew: chunking or encoder differ, or, after a salvage, there are none."""
    if not store.documents():
        return False
    kinds = store.derived_kinds()
    is_encoded = any(kind.startswith(VECTORS) for kind in kinds)
    return (
        chunking != (store.chunking() or Chunking())
        or (is_encoded and vectors.kind not in kinds)
        or not store.rows_alive()
    )


def _compute_missing(store: CorpusStore, derived: list[Derived]) -> int:
    """Compute what passages lack, say because they were added while the encoder could not be loaded."""
    computed = 0
    kinds = {rows.kind for rows in derived}
    for kind in store.derived_kinds():
        if kind.startswith(SENTENCES) and kind not in kinds:  # They are of an older rule of sentences.
            store.drop_derived(kind)
    for rows in derived:
        missing = store.missing_derived(rows.kind)
        for start in range(0, len(missing), _BATCH):
            computed += store.add_derived(rows, missing[start : start + _BATCH])
    return computed
