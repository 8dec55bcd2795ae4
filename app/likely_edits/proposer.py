"""Likely edits: which changes the correction of a text may make, as edits of its token ids.

``changes.py`` says what may be written instead; here the tokenizer gives its ids in context. Works for any tokenizer.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError

from app.errors import ModelError
from app.likely_edits.changes import Change, Changes
from app.likely_edits.tables import read_tables
from app.likely_edits.tagger import Tagger, read_network
from app.likely_edits.words import Word
from decoding.interfaces import Edit

_MOST = 64
_LEAST_DROP = 1e-4
_CERTAIN = 0.99


class Encoded(Protocol):
    """Token ids of a text, and for each token the characters ``[starts[i], ends[i])`` that it stands for."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids."""
        ...

    @property
    def ends(self) -> tuple[int, ...]:
        """Where each token ends."""
        ...


Encode = Callable[[str], Encoded]
_Span = tuple[int, int, tuple[int, ...]]


class LikelyEdits:
    """Proposes edits of a text's tokens. Reads only; one object serves every thread."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    @classmethod
    def read(cls, file: Path, *, hint: str = "name a file that training wrote") -> LikelyEdits:
        """Read the tables of a file, and the weights of the network from the ``.safetensors`` file beside it.

        Both are written by ``app/training/edit_tagger/train.py``. Raises ModelError with ``hint`` for damaged files.
        """
        weights = file.with_suffix(".safetensors")
        try:
            tables = read_tables(file)
            network = read_network(weights, tables)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, zipfile.BadZipFile, zlib.error) as error:
            if isinstance(error, FileNotFoundError):
                cause = f"{weights if file.exists() else file}, a part of the edit proposer, does not exist"
            elif isinstance(error, OSError):
                cause = f"{file} or {weights.name} cannot be read: {error.strerror}"
            else:
                cause = f"{file} with {weights.name} is not an edit proposer, or is damaged"
            raise ModelError(cause, hint=hint) from error
        return cls(Changes(tables, Tagger(tables, network)))

    def edits(self, text: str, ids: Sequence[int], encode: Encode) -> tuple[Edit, ...]:
        """Edits of ``ids``, which are those of ``text`` or of a space and ``text``; none if they are neither.

        Every word is also an edit without ids: it may be left out, and where words begin copying may resume.
        """
        for lead in (" ", ""):
            source = encode(lead + text)
            if source.ids == tuple(ids):
                return self._edits(lead + text, source, encode)
        return ()

    def _edits(self, text: str, source: Encoded, encode: Encode) -> tuple[Edit, ...]:
        words, dropped, changes = self._changes.of(text)
        borders = _borders(words, source)
        found: dict[_Span, float] = {}
        for at, chance in enumerate(dropped):
            if borders[at] < borders[at + 1]:
                found[borders[at], borders[at + 1], ()] = max(chance, _LEAST_DROP)
        changes.sort(key=lambda change: -change.chance)
        for change in changes[:_MOST]:
            span = _in_tokens(change, text, source, encode)
            if span is not None:
                found[span] = found.get(span, 0.0) + change.chance
        return tuple(Edit(start, end, ids, min(_CERTAIN, chance)) for (start, end, ids), chance in found.items())


def _borders(words: Sequence[Word], source: Encoded) -> list[int]:
    """For each word the first token that ends behind its start; at the end, how many tokens there are."""
    borders, token = [], 0
    for word in words:
        while token < len(source.ids) and source.ends[token] <= word.start:
            token += 1
        borders.append(token)
    return [*borders, len(source.ids)]


def _in_tokens(change: Change, text: str, source: Encoded, encode: Encode) -> _Span | None:
    """The change as (start, end, ids) of the source's tokens, from the words around it alone where these suffice."""
    start = max(0, text.rfind(" ", 0, max(0, change.start - 1)))
    stop = text.find(" ", change.end + 1)
    stop = len(text) if stop < 0 else stop
    old = encode(text[start:stop]).ids
    first = next((at for at, end in enumerate(source.ends) if end > start), 0)
    if old != source.ids[first : first + len(old)]:
        # This tokenizer writes the beginning of a text in another way than its middle.
        start, stop, first, old = 0, len(text), 0, source.ids
    new = encode(text[start : change.start] + change.new + text[change.end : stop]).ids
    if old == new:
        return None
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    # A part of a word that goes takes a neighbour along: only whole words are edits without ids.
    if head + tail == len(new) and head:
        head -= 1
    return first + head, first + len(old) - tail, new[head : len(new) - tail]
