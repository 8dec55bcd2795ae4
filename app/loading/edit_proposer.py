"""Who proposes likely edits of a text under correction: what the setting ``edit_proposer`` names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.settings import BUNDLED, NONE, Settings
from app.errors import ModelError, no_file
from app.loading.bundled import EDITS

if TYPE_CHECKING:
    from app.generation.tokenizer import Encoded
    from app.likely_edits.proposer import LikelyEdits
    from decoding.interfaces import Edit


class EditProposer:
    """Likely edits of a file, which is read with the first text: questions do without it. Any thread may use it."""

    def __init__(self, file: Path = EDITS) -> None:
        """Raises ModelError for a named file that is missing; the bundled one is looked for when it is first used."""
        self._file = file
        self._lock = threading.Lock()
        self._read: LikelyEdits | None = None
        if file != EDITS and not file.is_file():
            raise ModelError(
                f"the edit proposer {no_file(file)}", hint="check the path of edit_proposer, or leave it out"
            )

    def edits(self, text: str, ids: Sequence[int], encode: Callable[[str], Encoded]) -> tuple[Edit, ...]:
        """Edits of ``ids``, which are those of ``text``. Raises ModelError for a damaged file."""
        with self._lock:
            if self._read is None:
                from app.likely_edits.proposer import LikelyEdits

                hint = "install Spandraft again" if self._file == EDITS else "name a file that training wrote"
                self._read = LikelyEdits.read(self._file, hint=hint)
        return self._read.edits(text, ids, encode)


def edit_proposer(settings: Settings) -> EditProposer | None:
    """The edit proposer that the settings name, None for none. Raises ModelError for a file that is missing."""
    if settings.edit_proposer == NONE:
        return None
    is_bundled = settings.edit_proposer in (None, BUNDLED)
    return EditProposer(EDITS if is_bundled else Path(str(settings.edit_proposer)).expanduser())
