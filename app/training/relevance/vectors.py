"""Unit vectors of texts by the encoder of serving, each computed once and kept in a folder.

Knows the encoder and the two files. T texts, E embedding size.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Embed: TypeAlias = Callable[[Sequence[str]], NDArray[np.float32]]
_A_BATCH = 2048


class Vectors:
    """The vectors of a folder: ``texts.jsonl`` and, a row each, ``vectors.f16``; ``add`` adds what is missing."""

    def __init__(self, folder: Path, embed: Embed, dimension: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._texts_file, self._vectors_file = folder / "texts.jsonl", folder / "vectors.f16"
        self._embed = embed
        lines = self._texts_file.read_text(encoding="utf-8").splitlines() if self._texts_file.is_file() else []
        numbers = np.fromfile(self._vectors_file, np.float16) if self._vectors_file.is_file() else np.zeros(0)
        stored_TE = numbers.astype(np.float16).reshape(-1, dimension)
        count = min(len(lines), len(stored_TE))  # A run that was broken off may have written one file only.
        self._row: dict[str, int] = {json.loads(line): row for row, line in enumerate(lines[:count])}
        self._parts = [stored_TE[:count]]
        self._dimension = dimension
        if count < max(len(lines), len(stored_TE)):
            self._write(lines[:count], stored_TE[:count], "w")

    def add(self, texts: Iterable[str]) -> None:
        """Compute what is missing of these."""
        missing = sorted({text for text in texts if text not in self._row}, key=lambda text: (len(text), text))
        for start in range(0, len(missing), _A_BATCH):
            batch = missing[start : start + _A_BATCH]
            new_TE = self._embed(batch).astype(np.float16)
            self._write([json.dumps(text) for text in batch], new_TE, "a")
            for text in batch:
                self._row[text] = len(self._row)
            self._parts.append(new_TE)
            sys.stderr.write(f"\rembedded {start + len(batch)} of {len(missing)}")
        self._parts = [np.concatenate(self._parts)]

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(T, E) of texts that were added."""
        return self._parts[0][[self._row[text] for text in texts]].astype(np.float32)

    def _write(self, lines: Sequence[str], vectors_TE: NDArray[np.float16], mode: str) -> None:
        with self._texts_file.open(mode, encoding="utf-8") as texts:
            texts.writelines(line.rstrip("\n") + "\n" for line in lines)
        with self._vectors_file.open(mode + "b") as vectors:
            vectors.write(vectors_TE.tobytes())
