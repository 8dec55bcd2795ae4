"""Loads the pipeline that a command works with, and says what makes the first use take long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.commands.terminal import Terminal
from app.config.settings import Settings
from app.loading.environment import is_compiled, resume_collection

if TYPE_CHECKING:
    from app.pipeline import Pipeline

_COMPILED_SOURCE: Final = "blend"  # the source whose inner loops are compiled


def load_pipeline(settings: Settings, terminal: Terminal, *, corpus: str | None) -> Pipeline:
    """The pipeline of the settings over ``corpus``, None for no corpus; a line says it if nothing is drafted.

    Raises what loading and opening raise.
    """
    from app.loading.sources import source_names
    from app.pipeline import Pipeline

    pipeline = Pipeline.from_pretrained(corpus=corpus, settings=settings)
    resume_collection()
    note = pipeline.target_note
    if note and note != pipeline.engine.target.note:  # What the target's self-check found, the log has said.
        terminal.note(f"note: {note}")
    # Loading the models has told numba where its machine code is.
    if settings.speculate and _COMPILED_SOURCE in source_names(settings) and not is_compiled():
        terminal.note("Compiling the draft kernels with the first draft, once for this machine (about 20 s) ...")
    return pipeline
