"""What is said when something takes long because it is done for the first time."""

from __future__ import annotations

from typing import Final

from app.commands.terminal import Terminal
from app.config.settings import Settings
from app.loading.kernel_cache import is_compiled

_COMPILED: Final = "blend"  # the source whose inner loops are compiled


def tell_compiling(settings: Settings, terminal: Terminal) -> None:
    """Say that the first drafts compile their inner loops, if they will. The models must have been loaded."""
    from app.loading.sources import source_names

    if settings.speculate and _COMPILED in source_names(settings) and not is_compiled():
        terminal.note("Compiling the draft kernels with the first draft, once for this machine (about 20 s) ...")
