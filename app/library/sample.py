"""Builds the sample corpus in a library: once, finished even if it was interrupted, again for another Python.

Knows a library and an encoder's rows; nothing of models that write.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from corpora.errors import CorpusExists
from corpora.interfaces import Derived
from corpora.sample import sample_documents
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages

SAMPLE: Final = "sample"
_SETTING: Final = "sample"
_TELL_EVERY: Final = 20


def require_sample(library: Library, derived: Sequence[Derived]) -> bool:
    """Build the sample corpus unless it is there and whole, which gives False. Raises ``LibraryError`` and what the
    encoder raises.

    Each document is stored whole, so that a build that was interrupted goes on where it stopped. One that somebody
    has cut in another way is cut so.
    """
    store = _opened(library)
    made_from = f"Python {platform.python_version()}"
    if store.setting(_SETTING) == made_from:
        return False
    documents, chunking = sample_documents(), store.chunking() or Chunking()
    missing = {document.id for document in documents} - {info.id for info in store.documents()}
    if missing:
        sys.stderr.write(f"Building the sample corpus: {len(missing)} documents, a minute or two, only this once.\n")
    for done, document in enumerate((one for one in documents if one.id in missing), start=1):
        store.add(document, passages(document, **asdict(chunking)), derived)
        if done % _TELL_EVERY == 0:
            sys.stderr.write(f"  {done} of {len(missing)}\n")
    store.set_chunking(chunking)
    store.set_setting(_SETTING, made_from)
    return True


def _opened(library: Library) -> CorpusStore:
    if not library.exists(SAMPLE):
        try:
            return library.create(SAMPLE)
        except CorpusExists:  # Another process was faster.
            pass
    return library.open(SAMPLE)
