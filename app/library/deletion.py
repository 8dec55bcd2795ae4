"""Deletes a document for good: text, passages, vectors, terms, draft indexes, earlier outputs, conversations.

The database first, in one transaction; a kill after it leaves what is made anew or cleared at the next opening. Gives
a receipt. Knows nothing of terminals and pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from app.conversations.quoting import Quoted, Quoting, quoting, remove_conversations
from app.library import draft_index
from app.library.deletion_signal import note_removal
from app.library.receipts import Receipt
from corpora.documents import Document, Passage
from corpora.errors import CorporaError
from corpora.store.atomic_write import remove_file
from corpora.store.index_files import FOLDERS, IndexFolder
from corpora.store.library import Library
from corpora.store.store import CorpusStore, Removal
from retrieval.dense import VECTORS
from retrieval.errors import RetrievalError
from retrieval.hybrid import HybridRetriever
from retrieval.index_file import CorpusSnapshot, holds_only
from retrieval.sentences import sentences_kind
from retrieval.terms import terms

_SENTENCES: Final = sentences_kind("")
_TOKENS: Final = "tokens:"
_LOG: Final = "corpus.sqlite-wal"
# Files that come and go with every change and say nothing about a deletion.
_SILENT: Final = (_LOG, "corpus.sqlite-shm", "writer.lock", "corpus.seal")


def remove_document(
    store: CorpusStore, id_or_name: str, *, home: Path, retriever: HybridRetriever, with_conversations: bool = False
) -> Receipt:
    """Remove a document with all that was made of it. Raises ``DocumentNotFound``, ``LibraryBusy``."""
    document = store.document(id_or_name)
    passages = passages_of(store, document.id)
    counts = _counts(store, passages)
    quoted = quoting(home, Quoted(store.name, frozenset({document.id}), frozenset({document.name}), (document.text,)))
    before = _files(store.folder)
    removal = store.remove(document.id)
    pending = clear_indexes(store, retriever)
    note_removal(home)
    gone = remove_conversations(home, [one.id for one in quoted]) if with_conversations else 0
    if not store.settle() and not removal.erased:
        pending.append("another process is reading the corpus: its text is overwritten when that ends")
    return _receipt(store, document, removal, counts, (before, _files(store.folder)), pending, quoted, gone)


def remove_corpus(library: Library, name: str, *, home: Path, with_conversations: bool = False) -> dict[str, int]:
    """Remove a whole corpus for good, and count what went. Raises ``CorpusNotFound``, ``LibraryBusy``."""
    with closing(library.open(name)) as store:
        texts = (store.document(info.id).text for info in store.documents())
        quoted = quoting(home, Quoted(name, texts=texts))
        counts = {
            "documents": len(store.documents()),
            "passages": len(store.rows_alive()),
            "files": len(_files(store.folder)),
            "bytes": sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file()),
        }
    library.remove(name)
    note_removal(home)
    gone = remove_conversations(home, [one.id for one in quoted]) if with_conversations else 0
    return counts | {"conversations": len(quoted), "conversations_removed": gone}


def remove_conversations_of(store: CorpusStore, id_or_name: str, *, home: Path) -> list[Quoting]:
    """Remove the conversations that cite a document which was removed before; those that went."""
    wanted = frozenset({id_or_name})
    found = quoting(home, Quoted(store.name, wanted, wanted))
    if found:
        remove_conversations(home, [one.id for one in found])
        note_removal(home)
    return found


def passages_of(store: CorpusStore, document_id: str) -> list[Passage]:
    """The passages of a document, in order."""
    rows = [row for row, owner in store.owners() if owner == document_id]
    return [stored.passage for stored in store.passages(rows)]


def clear_indexes(store: CorpusStore, retriever: HybridRetriever) -> list[str]:
    """Bring every index file in step with the database, or delete it; what could not be done, one line each.

    Never fails: the document is gone already, and index files are made anew by whoever needs them.
    """
    troubles: list[str] = []
    steps: list[Callable[[], None]] = [
        lambda: draft_index.forget_removed(store),
        lambda: retriever.settle(removed=True),
        lambda: _delete_stale(store),
    ]
    for step in steps:
        try:
            step()
        except (RetrievalError, CorporaError, OSError) as error:  # an encoder that is not there, a full disk
            troubles.append(f"an index file still holds it: {_cause(error)}")
    return troubles if troubles and _stale(store) else []


def _delete_stale(store: CorpusStore) -> None:
    for path in _stale(store):
        with IndexFolder(path.parent).writing():
            remove_file(path)


def _stale(store: CorpusStore) -> list[Path]:
    """Index files that hold, or may hold, something of a passage that is gone."""
    now = CorpusSnapshot.of(store)
    folders = (IndexFolder(store.folder / name) for name in FOLDERS)
    return [path for folder in folders for path in folder.paths() if not holds_only(path, now)]


def _counts(store: CorpusStore, passages: Sequence[Passage]) -> Mapping[str, int]:
    """Numbers of things rather than of rows: sentence vectors, tokens, terms."""
    sizes = {
        kind: sum(map(len, store.derived_of(kind, passages).values()))
        for kind in store.derived_kinds()
        if kind.startswith((VECTORS, _SENTENCES, _TOKENS))
    }
    vectors = {kind: len(store.derived_of(kind, passages)) for kind in sizes if kind.startswith(VECTORS)}
    width = next((sizes[kind] // number for kind, number in vectors.items() if number), 0)
    sentence_bytes = sum(size for kind, size in sizes.items() if kind.startswith(_SENTENCES))
    return {
        "vectors": sum(vectors.values()),
        "sentences": sentence_bytes // width if width else 0,
        "tokens": sum(size for kind, size in sizes.items() if kind.startswith(_TOKENS)) // 4,
        "terms": sum(len(list(terms(passage.text))) for passage in passages),
    }


def _files(folder: Path) -> Mapping[str, tuple[int, int, int]]:
    """Every file of a corpus, by its name, with what tells whether it is the same."""
    found = {}
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except FileNotFoundError:  # another process is at work
            continue
        if path.is_file() and path.name not in _SILENT and not path.name.startswith("."):
            found[path.relative_to(folder).as_posix()] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _receipt(
    store: CorpusStore,
    document: Document,
    removal: Removal,
    counts: Mapping[str, int],
    files: tuple[Mapping[str, object], Mapping[str, object]],
    pending: Sequence[str],
    quoted: Sequence[Quoting],
    conversations_removed: int,
) -> Receipt:
    before, after = files
    return Receipt(
        corpus=store.name,
        document=document.name,
        id=document.id,
        characters=len(document.text),
        text_bytes=removal.text_bytes,
        passages=removal.passages,
        vectors=counts["vectors"],
        sentence_vectors=counts["sentences"],
        terms=counts["terms"],
        draft_tokens=counts["tokens"],
        files_deleted=tuple(name for name in before if name not in after),
        files_rewritten=tuple(name for name in before if name in after and before[name] != after[name]),
        pending=tuple(pending),
        conversations=tuple(quoted),
        conversations_removed=conversations_removed,
    )


def _cause(error: Exception) -> str:
    return str(getattr(error, "cause", None) or error)
