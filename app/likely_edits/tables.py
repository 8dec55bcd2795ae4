"""The committed file of what is known about words: how frequent they are, their forms, misspellings.

Knows the file only.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpora.store.atomic_write import write_file


@dataclass(frozen=True, slots=True)
class Tables:
    """``vocabulary`` gives each word its rank by frequency, ``families`` its other forms, ``misspelt`` the right word
    of a known misspelling, ``rare`` are words too rare for the vocabulary; all in small letters.
    """

    vocabulary: Mapping[str, int]
    families: Mapping[str, tuple[str, ...]]
    misspelt: Mapping[str, str]
    rare: frozenset[str] = frozenset()


def write_tables(file: Path, tables: Tables) -> None:
    """Write the file, compressed."""
    arrays: dict[str, NDArray[np.generic]] = {
        "vocabulary": _packed(sorted(tables.vocabulary, key=tables.vocabulary.__getitem__)),
        "families": _packed(" ".join((word, *others)) for word, others in sorted(tables.families.items())),
        "misspelt": _packed(f"{bad} {good}" for bad, good in sorted(tables.misspelt.items())),
        "rare": _packed(sorted(tables.rare)),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_file(file, [buffer.getbuffer()])


def read_tables(file: Path) -> Tables:
    """Read the file."""
    with np.load(io.BytesIO(file.read_bytes())) as arrays:
        names = ("vocabulary", "families", "misspelt", "rare")
        lines = {name: arrays[name].tobytes().decode().split("\n") for name in names if name in arrays}
    return Tables(
        {word: rank for rank, word in enumerate(lines["vocabulary"])},
        {word: tuple(others) for word, *others in map(str.split, lines["families"])},
        dict(line.split(" ", 1) for line in lines["misspelt"]),
        frozenset(lines.get("rare", ())) - {""},
    )


def _packed(lines: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)
