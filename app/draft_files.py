"""The files of draft indexes beside a corpus: written whole or not at all, mapped into memory, deleted with what they
hold.

    FOLDER OF THE CORPUS/drafts/TOKENIZER-ROWS/{tokens,suffixes,starts,rows}.npy

Nothing stands in them that is not in the library, so whatever cannot be read is made anew. Knows no tokenizer.
P passages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from corpora.store import CorpusStore
from decoding.interfaces import TokenIndex

_UNFINISHED: Final = ".new-"
_ABANDONED_S: Final = 3600.0


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
    """Delete the files of every draft index, for whatever tokenizer, that holds a passage that is gone."""
    folders = [folder for folder in _folders(store) if not folder.name.startswith(_UNFINISHED)]
    alive_P = rows_alive(store) if folders else np.zeros(0, dtype=np.int64)
    for folder in folders:
        held = _read(folder)
        if held is None or not held.holds_only(alive_P):
            shutil.rmtree(folder, ignore_errors=True)


def load(store: CorpusStore, fingerprint: str, rows_P: NDArray[np.int64]) -> IndexedRows | None:
    """The index of exactly these rows, its large arrays memory-mapped; None if there is none."""
    return _read(_folder(store, fingerprint, rows_P))


def save(store: CorpusStore, fingerprint: str, held: IndexedRows) -> None:
    """Write an index in place of the tokenizer's earlier one. Raises OSError."""
    folder = _folder(store, fingerprint, held.rows_P)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
    try:
        arrays = {"tokens": held.index.tokens_T, "suffixes": held.index.suffixes_T, "starts": held.index.starts_P}
        for name, array in (arrays | {"rows": held.rows_P}).items():
            with (fresh / f"{name}.npy").open("wb") as stream:
                np.save(stream, array)
                stream.flush()
                os.fsync(stream.fileno())
        if not folder.is_dir():  # Another process may have been faster.
            fresh.rename(folder)
            _sync(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for other in _folders(store):
        abandoned = other.name.startswith(_UNFINISHED) and time.time() - other.stat().st_mtime > _ABANDONED_S
        if abandoned or (other != folder and other.name.startswith(f"{fingerprint}-")):
            shutil.rmtree(other, ignore_errors=True)


def _folder(store: CorpusStore, fingerprint: str, rows_P: NDArray[np.int64]) -> Path:
    """A row is never used twice, so the rows name what stands in the index."""
    return store.folder / "drafts" / f"{fingerprint}-{hashlib.sha256(rows_P.tobytes()).hexdigest()[:16]}"


def _folders(store: CorpusStore) -> list[Path]:
    home = store.folder / "drafts"
    return sorted(home.iterdir()) if home.is_dir() else []


def _read(folder: Path) -> IndexedRows | None:
    try:
        tokens_T = np.load(folder / "tokens.npy", mmap_mode="r")
        suffixes_T = np.load(folder / "suffixes.npy", mmap_mode="r")
        starts_P, rows_P = np.load(folder / "starts.npy"), np.load(folder / "rows.npy")
    except (OSError, ValueError, EOFError):
        return None
    if not (tokens_T.shape == suffixes_T.shape and starts_P.shape == rows_P.shape and tokens_T.dtype == np.int32):
        return None
    return IndexedRows(TokenIndex(tokens_T, suffixes_T, starts_P), rows_P)


def _sync(folder: Path) -> None:
    """Make a new name survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
