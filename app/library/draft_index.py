"""The files of draft indexes beside a corpus: one a tokenizer, checked when it is opened, then mapped into memory, and
deleted with what it holds.

    FOLDER OF THE CORPUS/drafts/drafts-TOKENIZER.index

Nothing stands in them that is not in the library, so what is damaged is made anew. Knows no tokenizer. P passages.

A corpus as a draft index: the token ids of its passages as rows in the library, and a suffix array over them.

The rows come and go with their passages; the array is made from them when it is first asked for, and again when the
passages are others. Nothing is drafted from a passage that is gone. Knows no model.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.generation.tokenizer import TextTokenizer
from app.library import draft_index
from corpora.documents import Passage
from corpora.errors import LibraryBusy, LibraryError
from corpora.store.atomic_write import remove_file
from corpora.store.index_files import IndexFile, IndexFolder, IndexHeader, load_part
from corpora.store.store import CorpusStore
from decoding.interfaces import TokenIndex
from decoding.sources.suffix_array import build_index
from retrieval.index_file import ROWS, SOURCES, CorpusSnapshot, holds_only, numbers

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
                _forget_removed(files, CorpusSnapshot.of(store))
    except (LibraryBusy, OSError) as error:
        log.warning("draft indexes of what is gone may be left in %s: %s", files.folder, error)


def load(store: CorpusStore, fingerprint: str, rows_P: NDArray[np.int64]) -> IndexedRows | None:
    """The index of exactly these rows, its large arrays memory-mapped; None if there is none that can be used.

    All of it is read once, to see that it is what was written.
    """
    files, kind = _files(store), _kind(fingerprint)
    try:
        held, path = load_part(files.path(kind), ROWS), files.path(kind)
        if held is None or not np.array_equal(numbers(held), rows_P) or not holds_only(path, CorpusSnapshot.of(store)):
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
        now = CorpusSnapshot.of(store)
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


def _forget_removed(files: IndexFolder, now: CorpusSnapshot) -> None:
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


_LITTLE_ENDIAN: Final = np.dtype("<i4")
_BATCH: Final = 256
# With more passages to read than this, questions do not wait for the index. So many take a second or two.
_AT_ONCE: Final = 4000
_SORTED_FASTER: Final = 8  # Sorting a passage takes less than an eighth of reading it.


class TokenRows:
    """A ``corpora.interfaces.Derived``: the token ids of a passage as it stands in running text, behind a space."""

    def __init__(self, tokens: TextTokenizer) -> None:
        self._tokens = tokens

    @property
    def kind(self) -> str:
        """``tokens:`` and the fingerprint of the tokenizer."""
        return f"tokens:{self._tokens.fingerprint}"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        """(T) little-endian int32 for each passage, in order."""
        found = (self._tokens.continued("]", " " + passage.text).ids for passage in passages)
        return [np.array(ids, dtype=_LITTLE_ENDIAN).tobytes() for ids in found]


class DraftIndex:
    """The draft index of one corpus for one tokenizer. Any thread may ask; one at a time builds.

    Up to ``at_once`` passages are indexed while the first question waits, more of them beside the questions.
    """

    def __init__(self, store: CorpusStore, tokens: TextTokenizer, *, at_once: int = _AT_ONCE) -> None:
        self._store = store
        self._rows = TokenRows(tokens)
        self._fingerprint = tokens.fingerprint
        self._at_once = at_once
        self._lock = threading.Lock()
        self._held: IndexedRows | None = None
        self._version = -1
        self._builder: threading.Thread | None = None
        self._is_built = threading.Event()

    def current(self) -> TokenIndex | None:
        """What may be drafted now; None for an empty corpus, and while a large index is made for the first time.

        It never holds a passage that is gone; those added last may be missing for a while. What goes wrong costs the
        drafts and not the answer: a warning is logged.
        """
        with self._lock:
            try:
                if self._is_built.is_set() or self._store.version() != self._version:
                    self._is_built.clear()
                    self._refresh()
            except (LibraryError, OSError) as error:
                self._held = None
                self._warn(error)
            return self._held.index if self._held is not None else None

    def wait(self) -> None:
        """Wait for an index that is being made beside the questions."""
        builder = self._builder
        if builder is not None:
            builder.join()

    def _refresh(self) -> None:
        """Take up the index of the passages that there are; have it made if there is none."""
        with self._store.snapshot() as version:
            alive_P = draft_index.rows_alive(self._store)
        # Whatever fails below is tried again when the corpus changes, not at every question.
        self._version = version
        if self._held is not None and np.array_equal(self._held.rows_P, alive_P):
            return
        if self._held is not None and not self._held.holds_only(alive_P):
            self._held = None
        draft_index.forget_removed(self._store)
        found = draft_index.load(self._store, self._fingerprint, alive_P) if alive_P.size else None
        if found is not None:
            self._held = found
        elif alive_P.size and not (self._builder is not None and self._builder.is_alive()):
            self._make(alive_P)

    def _make(self, alive_P: NDArray[np.int64]) -> None:
        missing = self._store.missing_derived(self._rows.kind)
        if len(missing) <= self._at_once and alive_P.size <= _SORTED_FASTER * self._at_once:
            self._held = self._build(missing)
            return
        self._builder = threading.Thread(target=self._build_beside, args=(missing,), name="draft index", daemon=True)
        self._builder.start()

    def _build_beside(self, missing: Sequence[int]) -> None:
        try:
            self._build(missing)
        except (LibraryError, OSError) as error:
            self._warn(error)
        else:
            self._is_built.set()

    def _build(self, missing: Sequence[int]) -> IndexedRows:
        for start in range(0, len(missing), _BATCH):
            self._store.add_derived(self._rows, missing[start : start + _BATCH])
        with self._store.snapshot():
            stored = list(self._store.derived(self._rows.kind))
        rows_P = np.array([row for row, _ in stored], dtype=np.int64)
        made = IndexedRows(build_index([np.frombuffer(value, dtype=_LITTLE_ENDIAN) for _, value in stored]), rows_P)
        draft_index.save(self._store, self._fingerprint, made)
        return draft_index.load(self._store, self._fingerprint, rows_P) or made

    def _warn(self, error: Exception) -> None:
        log.warning("no drafts from the whole of corpus %s: %s", self._store.name, error)
