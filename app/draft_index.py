"""A corpus as a draft index: the token ids of its passages as rows in the library, and a suffix array over them.

The rows come and go with their passages; the array is made from them when it is first asked for, and again when the
passages are others. Nothing is drafted from a passage that is gone. Knows no model.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app import draft_files
from app.draft_files import IndexedRows
from app.tokens import TextTokenizer
from corpora.documents import Passage
from corpora.errors import LibraryError
from corpora.store import CorpusStore
from decoding.interfaces import TokenIndex
from decoding.sources.suffix_array import build_index

log = logging.getLogger(__name__)

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
            alive_P = draft_files.rows_alive(self._store)
        # Whatever fails below is tried again when the corpus changes, not at every question.
        self._version = version
        if self._held is not None and np.array_equal(self._held.rows_P, alive_P):
            return
        if self._held is not None and not self._held.holds_only(alive_P):
            self._held = None
        draft_files.forget_removed(self._store)
        found = draft_files.load(self._store, self._fingerprint, alive_P) if alive_P.size else None
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
        draft_files.save(self._store, self._fingerprint, made)
        return draft_files.load(self._store, self._fingerprint, rows_P) or made

    def _warn(self, error: Exception) -> None:
        log.warning("no drafts from the whole of corpus %s: %s", self._store.name, error)
