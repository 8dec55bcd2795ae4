"""The doctor's look at the library: which corpora there are, and whether each can be opened."""

from __future__ import annotations

from collections.abc import Iterator

from app.config.settings import Settings
from app.doctor.findings import Finding
from app.errors import as_user_error
from corpora.store.library import Library


def examine_corpora(settings: Settings) -> Iterator[Finding]:
    """One line a corpus."""
    library = Library(settings.home)
    names = library.names()
    if not names:
        hint = "run `spandraft corpus sample`, or `spandraft corpus create NAME`"
        yield Finding("corpora", "warn", f"none in {settings.home}", hint)
    for name in names:
        yield _examine(library, name)


def _examine(library: Library, name: str) -> Finding:
    """A damaged corpus must not hide the others."""
    try:
        infos = library.open(name).documents()
    except Exception as error:
        found = as_user_error(error)
        if found is None:
            raise
        cause, hint = found
        return Finding(f"corpus {name}", "fail", cause, hint)
    return Finding(f"corpus {name}", "ok", f"{len(infos)} documents, {sum(i.passages for i in infos)} passages")
