"""Runs all checks of the doctor, cheap ones first, and examines the corpora.

A check may fail, it never raises: one that breaks is a finding, too.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator

from app.config.settings import Settings
from app.doctor.drafting import examine_drafting
from app.doctor.installation import (
    Finding,
    examine_chromium,
    examine_devices,
    examine_disk,
    examine_installation,
    examine_memory,
)
from app.doctor.models import examine_models
from app.errors import as_user_error
from app.output.formatting import count
from corpora.store.library import Library


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check, cheap ones first. Raises nothing: a check that breaks is a finding."""
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "installation": lambda: examine_installation(importlib.metadata.packages_distributions()),
        "memory": lambda: [examine_memory()],
        "disk": lambda: [examine_disk(settings.home)],
        "chromium": lambda: [examine_chromium()],
        "device": examine_devices,
        "models": lambda: examine_models(settings),
        "drafting": lambda: examine_drafting(settings),
        "corpora": lambda: examine_corpora(settings),
    }
    for name, check in checks.items():
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001  # the doctor reports what is broken, whatever it is
            cause, hint = as_user_error(error) or (f"{type(error).__name__}: {error}", "please report this as a bug")
            yield Finding(name, "fail", cause, hint)


def examine_corpora(settings: Settings) -> Iterator[Finding]:
    """Report each corpus, and whether it can be opened."""
    library = Library(settings.home)
    names = library.names()
    if not names:
        hint = "run `spandraft corpus sample`, or `spandraft corpus create NAME`"
        yield Finding("corpora", "warn", f"none in {settings.home}", hint)
    for name in names:
        yield _examine(library, name)


def _examine(library: Library, name: str) -> Finding:
    """One finding a corpus: a damaged one hides none of the others."""
    try:
        infos = library.open(name).documents()
    except Exception as error:
        user_error = as_user_error(error)
        if user_error is None:
            raise
        cause, hint = user_error
        return Finding(f"corpus {name}", "fail", cause, hint)
    return Finding(
        f"corpus {name}",
        "ok",
        f"{count(len(infos), 'document')}, {count(sum(info.passages for info in infos), 'passage')}",
    )
