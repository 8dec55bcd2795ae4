"""Which document is meant: by its id, its name, or the last part of its name; never by a guess.

Knows the list of documents, nothing of what is done with the one that is found.
"""

from __future__ import annotations

from collections.abc import Sequence

from corpora.errors import DocumentNotFound, nearest
from corpora.store.records import DocumentInfo


def meant(wanted: str, documents: Sequence[DocumentInfo], *, corpus: str, parts: bool = False) -> DocumentInfo:
    """The document of that id or name, else the only one whose name ends in ``/wanted``.

    ``parts``: else the only one in whose name it stands, letters' case aside. Raises ``DocumentNotFound``, which names
    those that may be meant.
    """
    exact = [info for info in documents if wanted in (info.id, info.name)]
    if exact:
        return exact[0]
    ending = [info for info in documents if info.name.endswith(f"/{wanted}")]
    holding = [info for info in documents if wanted and wanted.casefold() in info.name.casefold()]
    found = ending or (holding if parts else [])
    if len(found) == 1:
        return found[0]
    if found:
        raise DocumentNotFound(
            f"{wanted} may be any of {len(found)} documents",
            hint=f"name one of them: {_listed(found)}",
        )
    near = nearest(wanted, [info.name for info in documents])
    if near is None and holding:
        raise DocumentNotFound(f"there is no document called {wanted}", hint=f"did you mean {_listed(holding)}?")
    raise DocumentNotFound(
        f"there is no document called {wanted}",
        hint=f"did you mean {near}?" if near else f"see its documents: spandraft corpus list {corpus}",
    )


def _listed(documents: Sequence[DocumentInfo]) -> str:
    return ", ".join(info.name for info in documents[:8]) + (", ..." if len(documents) > 8 else "")
