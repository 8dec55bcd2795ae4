"""Finds the document that somebody means: by its id, its name, or the last part of its name; never by a guess.

Knows the list of documents and their passages, nothing of what is done with them.
"""

from __future__ import annotations

from collections.abc import Sequence

from corpora.documents import Passage
from corpora.errors import DocumentNotFound, nearest
from corpora.store.corpus_names import in_shell
from corpora.store.records import DocumentInfo
from corpora.store.store import CorpusStore


def find_document(wanted: str, documents: Sequence[DocumentInfo], *, corpus: str, parts: bool = False) -> DocumentInfo:
    """The document of that id or name, else the only one whose name ends in ``/wanted``.

    ``parts``: else the only one whose name contains ``wanted``, ignoring case. Raises ``DocumentNotFound``, which names
    those that may be meant.
    """
    exact = [info for info in documents if wanted in (info.id, info.name)]
    if exact:
        return exact[0]
    ending = [info for info in documents if info.name.endswith(f"/{wanted}")]
    containing = [info for info in documents if wanted and wanted.casefold() in info.name.casefold()]
    matches = ending or (containing if parts else [])
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise DocumentNotFound(
            f"{wanted} may be any of {len(matches)} documents",
            hint=f"name one of them: {_listed(matches)}",
        )
    near = nearest(wanted, [info.name for info in documents])
    if near is None and containing:
        raise DocumentNotFound(f'there is no document called "{wanted}"', hint=f"did you mean {_listed(containing)}?")
    raise DocumentNotFound(
        f'there is no document called "{wanted}"',
        hint=f"did you mean {near}?" if near else f"see its documents: spandraft corpus list {in_shell(corpus)}",
    )


def passages_of(store: CorpusStore, document_id: str) -> list[Passage]:
    """The passages of a document, in order."""
    rows = [row for row, owner in store.owners() if owner == document_id]
    return [stored.passage for stored in store.passages(rows)]


def _listed(documents: Sequence[DocumentInfo]) -> str:
    return ", ".join(info.name for info in documents[:8]) + (", ..." if len(documents) > 8 else "")
