"""The app floor: the only one that knows both text and token ids. ``from app import Pipeline, Corpus``.

The two names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.loading.openmp import wait_passively

if TYPE_CHECKING:
    from app.library.corpus import Corpus
    from app.pipeline import Pipeline

__all__ = ["Corpus", "Pipeline"]


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name == "Pipeline":
        wait_passively()
        from app.pipeline import Pipeline

        return Pipeline
    if name == "Corpus":
        from app.library.corpus import Corpus

        return Corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
