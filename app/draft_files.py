"""The files of draft indexes beside a corpus: one a tokenizer, checked when it is opened, then mapped into memory, and
deleted with what it holds.

    FOLDER OF THE CORPUS/drafts/drafts-TOKENIZER.index

Nothing stands in them that is not in the library, so what is damaged is made anew. Knows no tokenizer. P passages.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from corpora.durable import remove_file
from corpora.errors import LibraryBusy, LibraryError
from corpora.index_files import IndexFile, IndexFolder, IndexHeader, load_part
from corpora.store import CorpusStore
from decoding.interfaces import TokenIndex
from retrieval.kept import ROWS, SOURCES, Standing, holds_only, numbers

log = logging.getLogger(__name__)

_ROW: Final = np.dtype("<i8")
_TOKEN: Final = np.dtype("<i4")


@dataclass(frozen=True, slots=True, eq=False)
class IndexedRows:
    """An index with the library's rows of its passages, in order: passage i of the index is ``rows_P[i]``."""

    index: TokenIndex
    rows_P: NDArray[np.int64]

    def holds_only(self, alive_P: NDArray[np.int64]) -> bool:
        """Whether no passage of it is gone."""
        return bool(np.isin(self.rows_P, alive_P).all())


def rows_alive(store: CorpusStore) -> NDArray[np.int64]:
    """(P) rows of all passages, in order."""
    return np.array(store.rows_alive(), dtype=np.int64)


def forget_removed(store: CorpusStore) -> None:
    """Delete the file of every draft index, for whatever tokenizer, that holds a passage that is gone.

    A file that cannot be deleted is logged, and used by nobody.
    """
    files = _files(store)
    try:
        if files.folder.is_dir():
            with files.writing():
                _forget_removed(files, Standing.of(store))
    except (LibraryBusy, OSError) as error:
        log.warning("draft indexes of what is gone may be left in %s: %s", files.folder, error)


def load(store: CorpusStore, fingerprint: str, rows_P: NDArray[np.int64]) -> IndexedRows | None:
    """The index of exactly these rows, its large arrays memory-mapped; None if there is none that can be used.

    All of it is read once, to see that it is what was written.
    """
    files, kind = _files(store), _kind(fingerprint)
    try:
        held, path = load_part(files.path(kind), ROWS), files.path(kind)
        if held is None or not np.array_equal(numbers(held), rows_P) or not holds_only(path, Standing.of(store)):
            return None
        found = files.load(kind, mapped=True)
        return None if found is None else _indexed(found, rows_P)
    except LibraryError as error:
        log.warning("%s; drafts wait until it is made anew, which begins now (by hand: %s)", error.cause, error.hint)
        return None


def save(store: CorpusStore, fingerprint: str, held: IndexedRows) -> None:
    """Write an index in the place of the tokenizer's earlier one. Nothing is written of a passage that is gone.

    Raises ``LibraryBusy``, OSError.
    """
    files = _files(store)
    with files.writing():
        now = Standing.of(store)
        if held.holds_only(now.rows_P):
            rows_P, index = held.rows_P, held.index
            arrays: dict[str, NDArray[Any]] = {
                ROWS: rows_P.astype(_ROW),
                SOURCES: now.sources_of(rows_P).astype(_ROW),
                "starts": index.starts_P.astype(_ROW),
                "tokens": index.tokens_T.astype(_TOKEN, copy=False),
                "suffixes": index.suffixes_T.astype(f"<i{index.suffixes_T.itemsize}", copy=False),
            }
            last = int(rows_P.max(initial=0))
            header = IndexHeader(_kind(fingerprint), last, now.version, now.generation, len(rows_P))
            files.save(header, {name: array.data.cast("B") for name, array in arrays.items()})
        _forget_removed(files, now)


def _files(store: CorpusStore) -> IndexFolder:
    return IndexFolder(store.folder / "drafts")


def _kind(fingerprint: str) -> str:
    return f"drafts:{fingerprint}"


def _forget_removed(files: IndexFolder, now: Standing) -> None:
    """Inside ``writing()``. Folders are those of the first releases, which had four files an index and no hashes."""
    for path in files.paths():
        if not holds_only(path, now):
            remove_file(path)
    for entry in files.folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)


def _indexed(found: IndexFile, rows_P: NDArray[np.int64]) -> IndexedRows | None:
    """None if its parts are not those of an index."""
    parts = found.parts
    if not parts.keys() >= {"starts", "tokens", "suffixes"} or not len(parts["tokens"]):
        return None
    tokens_T = np.frombuffer(parts["tokens"], dtype=_TOKEN)
    suffixes_T = np.frombuffer(parts["suffixes"], dtype="<i8" if len(parts["suffixes"]) > tokens_T.nbytes else "<i4")
    starts_P = np.frombuffer(parts["starts"], dtype=_ROW).astype(np.int64)
    if not (tokens_T.shape == suffixes_T.shape and starts_P.shape == rows_P.shape):
        return None
    return IndexedRows(TokenIndex(tokens_T, suffixes_T, starts_P), rows_P)
