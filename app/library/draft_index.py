"""The draft index of a corpus: the token ids of its passages as rows in the library, and a suffix array over them.

    FOLDER OF THE CORPUS/drafts/drafts-TOKENIZER.index

The rows come and go with their passages. The suffix array is made from them when it is first asked for, and again when
the passages have changed; its file is checked when it is opened, then memory-mapped. Nothing is drafted from a passage
that is gone, and no file outlives what it holds. A damaged file is made anew, because the library holds all of it.
Knows no model. P passages, T tokens.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from corpora.documents import Passage
from corpora.errors import LibraryBusy, LibraryError
from corpora.store.index_files import IndexFile, IndexFolder, IndexHeader, load_part
from corpora.store.store import CorpusStore
from decoding.interfaces import TokenIndex
from decoding.sources.suffix_array import build_index
from retrieval.index_file import ROWS, SOURCES, CorpusSnapshot, delete_stale, holds_only, numbers

if TYPE_CHECKING:
    from app.generation.tokenizer import TextTokenizer

log = logging.getLogger(__name__)

TOKENS: Final = "tokens:"
"""How the kinds of derived rows begin that hold token ids; the fingerprint of the tokenizer follows."""

_ROW: Final = np.dtype("<i8")
_TOKEN: Final = np.dtype("<i4")
_BATCH: Final = 256  # passages tokenized in one transaction
# With more passages to tokenize than this, questions do not wait for the index. So many take a second or two.
_BUILT_IN_LINE: Final = 4000
_SORTED_PER_TOKENIZED: Final = 8  # Sorting a passage takes less than an eighth of the time of tokenizing it.


class DraftIndex:
    """The draft index of one corpus for one tokenizer. Any thread may ask; one at a time builds.

    Up to ``built_in_line`` passages are indexed while the first question waits, more of them in a background thread.
    """

    def __init__(self, store: CorpusStore, tokens: TextTokenizer, *, built_in_line: int = _BUILT_IN_LINE) -> None:
        self._store = store
        self._rows = TokenRows(tokens)
        self._fingerprint = tokens.fingerprint
        self._built_in_line = built_in_line
        self._lock = threading.Lock()
        self._indexed: IndexedRows | None = None
        self._version = -1
        self._builder: threading.Thread | None = None
        self._is_built = threading.Event()

    def current(self) -> TokenIndex | None:
        """What may be drafted now; None for an empty corpus, and while a large index is made for the first time.

        It never holds a passage that is gone; those added last may be missing for a while. A failure costs the drafts
        and not the answer: a warning is logged.
        """
        with self._lock:
            try:
                if self._is_built.is_set() or self._store.version() != self._version:
                    self._is_built.clear()
                    self._refresh()
            except (LibraryError, OSError) as error:
                self._indexed = None
                self._warn(error)
            return self._indexed.index if self._indexed is not None else None

    def wait(self) -> None:
        """Wait for an index that is being made in the background."""
        builder = self._builder
        if builder is not None:
            builder.join()

    def _refresh(self) -> None:
        """Load the index of the present passages, or start making it if there is none."""
        with self._store.snapshot() as version:
            alive_P = _rows_alive(self._store)
        # Whatever fails below is tried again when the corpus changes, not at every question.
        self._version = version
        if self._indexed is not None and np.array_equal(self._indexed.rows_P, alive_P):
            return
        if self._indexed is not None and not self._indexed.holds_only(alive_P):
            self._indexed = None
        forget_removed(self._store)
        loaded = _load(self._store, self._fingerprint, alive_P) if alive_P.size else None
        if loaded is not None:
            self._indexed = loaded
        elif alive_P.size and not (self._builder is not None and self._builder.is_alive()):
            self._make(alive_P)

    def _make(self, alive_P: NDArray[np.int64]) -> None:
        missing = self._store.missing_derived(self._rows.kind)
        if len(missing) <= self._built_in_line and alive_P.size <= _SORTED_PER_TOKENIZED * self._built_in_line:
            self._indexed = self._build(missing)
            return
        self._builder = threading.Thread(
            target=self._build_in_background, args=(missing,), name="draft index", daemon=True
        )
        self._builder.start()

    def _build_in_background(self, missing: Sequence[int]) -> None:
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
        built = IndexedRows(build_index([np.frombuffer(value, dtype=_TOKEN) for _, value in stored]), rows_P)
        _save(self._store, self._fingerprint, built)
        return _load(self._store, self._fingerprint, rows_P) or built

    def _warn(self, error: Exception) -> None:
        log.warning("no drafts from the whole of corpus %s: %s", self._store.name, error)


class TokenRows:
    """A ``corpora.interfaces.Derived``: the token ids of a passage as in running text, after a space."""

    def __init__(self, tokens: TextTokenizer) -> None:
        self._tokens = tokens

    @property
    def kind(self) -> str:
        """``TOKENS`` and the fingerprint of the tokenizer."""
        return TOKENS + self._tokens.fingerprint

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        """(T) little-endian int32 for each passage, in order."""
        ids_of_passages = (self._tokens.continued("]", " " + passage.text).ids for passage in passages)
        return [np.array(ids, dtype=_TOKEN).tobytes() for ids in ids_of_passages]


def forget_removed(store: CorpusStore) -> None:
    """Delete the file of every draft index, for whatever tokenizer, that holds a passage that is gone.

    A file that cannot be deleted is logged, and used by nobody.
    """
    files = _files(store)
    try:
        if files.folder.is_dir():
            with files.writing():
                _delete_stale(files, CorpusSnapshot.of(store))
    except (LibraryBusy, OSError) as error:
        log.warning("draft indexes of what is gone may be left in %s: %s", files.folder, error)


@dataclass(frozen=True, slots=True, eq=False)
class IndexedRows:
    """An index with the library's rows of its passages, in order: passage i of the index is ``rows_P[i]``."""

    index: TokenIndex
    rows_P: NDArray[np.int64]

    def holds_only(self, alive_P: NDArray[np.int64]) -> bool:
        """Whether no passage of it is gone."""
        return bool(np.isin(self.rows_P, alive_P).all())


def _rows_alive(store: CorpusStore) -> NDArray[np.int64]:
    """(P) rows of all passages, in order."""
    return np.array(store.rows_alive(), dtype=np.int64)


def _load(store: CorpusStore, fingerprint: str, rows_P: NDArray[np.int64]) -> IndexedRows | None:
    """The index of exactly these rows, its large arrays memory-mapped; None if there is none that can be used.

    All of it is read once, to check that it is what was written.
    """
    files, kind = _files(store), _kind(fingerprint)
    path = files.path(kind)
    try:
        stored_rows = load_part(path, ROWS)
        if stored_rows is None or not np.array_equal(numbers(stored_rows), rows_P):
            return None
        if not holds_only(path, CorpusSnapshot.of(store)):
            return None
        file = files.load(kind, mapped=True)
        return None if file is None else _indexed(file, rows_P)
    except LibraryError as error:
        log.warning("%s; drafts wait until it is made anew, which begins now (by hand: %s)", error.cause, error.hint)
        return None


def _save(store: CorpusStore, fingerprint: str, indexed: IndexedRows) -> None:
    """Write an index in the place of the tokenizer's earlier one. Nothing is written of a passage that is gone.

    Raises ``LibraryBusy``, OSError.
    """
    files = _files(store)
    with files.writing():
        now = CorpusSnapshot.of(store)
        if indexed.holds_only(now.rows_P):
            rows_P, index = indexed.rows_P, indexed.index
            arrays: dict[str, NDArray[Any]] = {
                ROWS: rows_P.astype(_ROW),
                SOURCES: now.sources_of(rows_P).astype(_ROW),
                "starts": index.starts_P.astype(_ROW),
                "tokens": index.tokens_T.astype(_TOKEN, copy=False),
                "suffixes": index.suffixes_T.astype(f"<i{index.suffixes_T.itemsize}", copy=False),
            }
            last_row = int(rows_P.max(initial=0))
            header = IndexHeader(_kind(fingerprint), last_row, now.version, now.generation, len(rows_P))
            files.save(header, {name: array.data.cast("B") for name, array in arrays.items()})
        _delete_stale(files, now)


def _files(store: CorpusStore) -> IndexFolder:
    return IndexFolder(store.folder / "drafts")


def _kind(fingerprint: str) -> str:
    return f"drafts:{fingerprint}"


def _delete_stale(files: IndexFolder, now: CorpusSnapshot) -> None:
    """Inside ``writing()``. Folders are those of the first releases, which had four files an index and no hashes."""
    delete_stale(files, now)
    for entry in files.folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)


def _indexed(file: IndexFile, rows_P: NDArray[np.int64]) -> IndexedRows | None:
    """None if its parts are not those of an index."""
    parts = file.parts
    if not parts.keys() >= {"starts", "tokens", "suffixes"} or not len(parts["tokens"]):
        return None
    tokens_T = np.frombuffer(parts["tokens"], dtype=_TOKEN)
    suffixes_T = np.frombuffer(parts["suffixes"], dtype="<i8" if len(parts["suffixes"]) > tokens_T.nbytes else "<i4")
    starts_P = np.frombuffer(parts["starts"], dtype=_ROW).astype(np.int64)
    if not (tokens_T.shape == suffixes_T.shape and starts_P.shape == rows_P.shape):
        return None
    return IndexedRows(TokenIndex(tokens_T, suffixes_T, starts_P), rows_P)
