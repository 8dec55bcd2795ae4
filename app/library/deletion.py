"""Deletes a document or a whole corpus for good: text, passages, vectors, terms, draft indexes, earlier outputs and, if
asked, conversations. Command line, page and Python API all delete through these functions.

The database first, in one transaction: after a kill, the next opening makes anew or clears what is left. Then the index
files, then what running processes keep in memory, and a receipt says what went. Knows nothing of terminals and pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.conversations.quotations import DeletedDocuments, QuotingConversation, conversations_quoting
from app.conversations.store import FILE_NAME, remove_conversations
from app.library import draft_index
from app.library.deletion_signal import signal_deletion
from app.library.lookup import passages_of
from corpora.documents import Passage
from corpora.errors import CorporaError, DamagedLibrary
from corpora.store.index_files import FOLDERS, IndexFolder
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from retrieval.dense import VECTORS
from retrieval.errors import RetrievalError
from retrieval.evidence.sentences import SENTENCES
from retrieval.index_file import CorpusSnapshot, delete_stale, holds_only
from retrieval.interfaces import Retriever
from retrieval.terms import terms

_TOKEN_BYTES: Final = 4
# Files that come and go with every change and say nothing about a deletion.
_NOT_REPORTED: Final = ("corpus.sqlite-wal", "corpus.sqlite-shm", "writer.lock", "corpus.seal")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What went with one document: counted before and after, not claimed.

    ``terms`` are words in the BM25 index, ``draft_tokens`` those that drafts could be copied from. Files are named
    within the corpus' folder. ``pending``: what is still to be done, one line each. ``conversations`` quote the
    document; ``conversations_removed`` of them went with it.
    """

    corpus: str
    document: str
    id: str
    characters: int
    text_bytes: int
    passages: int
    vectors: int
    sentence_vectors: int
    terms: int
    draft_tokens: int
    files_deleted: tuple[str, ...]
    files_rewritten: tuple[str, ...]
    pending: tuple[str, ...]
    conversations: tuple[QuotingConversation, ...]
    conversations_removed: int

    @property
    def is_erased(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.pending


@dataclass(frozen=True, slots=True)
class CorpusReceipt:
    """What went with a whole corpus. ``conversations`` quote it; ``conversations_removed`` of them went with it."""

    documents: int
    passages: int
    files: int
    bytes: int
    conversations: tuple[QuotingConversation, ...]
    conversations_removed: int


def quoting_document(store: CorpusStore, id_or_name: str, *, home: Path) -> list[QuotingConversation]:
    """The conversations of this corpus that quote a document. Raises ``DocumentNotFound``."""
    document = store.document(id_or_name)
    named = DeletedDocuments(store.name, frozenset({document.id}), frozenset({document.name}), (document.text,))
    return conversations_quoting(home, named)


def quoting_removed(store: CorpusStore, id_or_name: str, *, home: Path) -> list[QuotingConversation]:
    """The conversations of this corpus that cite a document which was removed before."""
    names = frozenset({id_or_name})
    return conversations_quoting(home, DeletedDocuments(store.name, names, names))


def quoting_corpus(library: Library, name: str, *, home: Path) -> list[QuotingConversation]:
    """The conversations that were asked of a corpus and quote it; all of its texts are read. Raises what opening does.

    Of one that is damaged, those that cite its passages.
    """
    try:
        with closing(library.open(name)) as store:
            texts = (store.document(info.id).text for info in store.documents())
            return conversations_quoting(home, DeletedDocuments(name, texts=texts))
    except DamagedLibrary:
        return conversations_quoting(home, DeletedDocuments(name))


def remove_document(
    store: CorpusStore,
    id_or_name: str,
    *,
    home: Path,
    retriever: Retriever,
    with_conversations: bool | Collection[str] = False,
) -> Receipt:
    """Remove a document with all that was made of it. Raises ``DocumentNotFound``, ``LibraryBusy``.

    ``with_conversations``: also those that quote it, or of them those whose ids are given.
    """
    document = store.document(id_or_name)
    passages = passages_of(store, document.id)
    counts = _derived_counts(store, passages)
    quoting = quoting_document(store, document.id, home=home)
    files_before = _files(store.folder)
    removal = store.remove(document.id)
    pending = update_index_files(store, retriever)
    signal_deletion(home)
    conversations_removed = _remove(quoting, with_conversations, home)
    if not store.checkpoint() and not removal.erased:
        pending.append("another process is reading the corpus: its text is overwritten when that ends")
    files_after = _files(store.folder)
    return Receipt(
        corpus=store.name,
        document=document.name,
        id=document.id,
        characters=len(document.text),
        text_bytes=removal.text_bytes,
        passages=removal.passages,
        vectors=counts.vectors,
        sentence_vectors=counts.sentence_vectors,
        terms=counts.terms,
        draft_tokens=counts.tokens,
        files_deleted=tuple(name for name in files_before if name not in files_after),
        files_rewritten=tuple(
            name for name, identity in files_before.items() if files_after.get(name, identity) != identity
        ),
        pending=tuple(pending),
        conversations=tuple(quoting),
        conversations_removed=conversations_removed,
    )


def remove_corpus(
    library: Library, name: str, *, home: Path, with_conversations: bool | Collection[str] = False
) -> CorpusReceipt:
    """Remove a whole corpus for good, and count what went. Raises ``CorpusNotFound``, ``LibraryBusy``.

    ``with_conversations`` is that of ``remove_document``.
    """
    quoting = quoting_corpus(library, name, home=home)
    with closing(library.open(name)) as store:
        documents, passages = len(store.documents()), len(store.rows_alive())
        files = len(_files(store.folder))
        size_bytes = sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file())
    library.remove(name)
    signal_deletion(home)
    conversations_removed = _remove(quoting, with_conversations, home)
    return CorpusReceipt(documents, passages, files, size_bytes, tuple(quoting), conversations_removed)


def remove_quoting(conversations: Sequence[QuotingConversation], *, home: Path) -> int:
    """Remove conversations that quote what was removed before; how many there still were."""
    removed = _remove(conversations, True, home)
    signal_deletion(home)
    return removed


def update_index_files(store: CorpusStore, retriever: Retriever) -> list[str]:
    """Bring every index file in step with the database, or delete it; what could not be done, one line each.

    Never fails: the document is gone already, and whoever needs an index file makes it anew.
    """
    failures: list[str] = []
    steps: list[Callable[[], None]] = [
        lambda: draft_index.forget_removed(store),
        lambda: retriever.write_files(after_removal=True),
        lambda: _delete_stale(store),
    ]
    for step in steps:
        try:
            step()
        except (RetrievalError, CorporaError, OSError) as error:  # an encoder that is not there, a full disk
            failures.append(f"an index file still holds it: {getattr(error, 'cause', None) or error}")
    return failures if failures and _stale(store) else []


def _delete_stale(store: CorpusStore) -> None:
    for folder in sorted({path.parent for path in _stale(store)}):
        files = IndexFolder(folder)
        with files.writing():
            delete_stale(files, CorpusSnapshot.of(store))


def _stale(store: CorpusStore) -> list[Path]:
    """Index files that hold, or may hold, something of a passage that is gone."""
    now = CorpusSnapshot.of(store)
    folders = (IndexFolder(store.folder / name) for name in FOLDERS)
    return [path for folder in folders for path in folder.paths() if not holds_only(path, now)]


def _remove(quoting: Sequence[QuotingConversation], wanted: bool | Collection[str], home: Path) -> int:
    """Remove all of these conversations, none, or those of these ids."""
    ids = [one.id for one in quoting if (wanted if isinstance(wanted, bool) else one.id in wanted)]
    return remove_conversations(home / FILE_NAME, ids) if ids else 0


@dataclass(frozen=True, slots=True)
class _DerivedCounts:
    vectors: int
    sentence_vectors: int
    tokens: int
    terms: int


def _derived_counts(store: CorpusStore, passages: Sequence[Passage]) -> _DerivedCounts:
    """Numbers of things rather than of rows: sentence vectors, tokens, terms."""
    sizes_bytes = {
        kind: sum(map(len, store.derived_of(kind, passages).values()))
        for kind in store.derived_kinds()
        if kind.startswith((VECTORS, SENTENCES, draft_index.TOKENS))
    }
    vectors = {kind: len(store.derived_of(kind, passages)) for kind in sizes_bytes if kind.startswith(VECTORS)}
    vector_bytes = next((sizes_bytes[kind] // number for kind, number in vectors.items() if number), 0)
    sentence_bytes = sum(size for kind, size in sizes_bytes.items() if kind.startswith(SENTENCES))
    token_bytes = sum(size for kind, size in sizes_bytes.items() if kind.startswith(draft_index.TOKENS))
    return _DerivedCounts(
        vectors=sum(vectors.values()),
        sentence_vectors=sentence_bytes // vector_bytes if vector_bytes else 0,
        tokens=token_bytes // _TOKEN_BYTES,
        terms=sum(len(terms(passage.text)) for passage in passages),
    )


def _files(folder: Path) -> Mapping[str, tuple[int, int, int]]:
    """Every file of a corpus by its name, with what tells whether it is still the same."""
    files = {}
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except FileNotFoundError:  # another process is at work
            continue
        if path.is_file() and path.name not in _NOT_REPORTED and not path.name.startswith("."):
            files[path.relative_to(folder).as_posix()] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return files
