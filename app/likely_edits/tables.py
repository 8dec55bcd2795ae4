"""The committed file of what was learned about corrections: words, their forms, misspellings, and the tagger's weights.

Knows the file only. Weights are stored as int8 with one scale a row. N names, E embedding, H hidden, T tags.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tables:
    """``vocabulary`` gives each word its rank by frequency, ``families`` its other forms, ``misspelt`` the right word
    of a known misspelling; all in small letters. ``weights`` are the tagger's.
    """

    vocabulary: Mapping[str, int]
    families: Mapping[str, tuple[str, ...]]
    misspelt: Mapping[str, str]
    weights: Mapping[str, NDArray[np.float32]]


def write_tables(file: Path, tables: Tables, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Write the file, compressed."""
    arrays: dict[str, NDArray[np.generic]] = {
        "vocabulary": _packed(sorted(tables.vocabulary, key=tables.vocabulary.__getitem__)),
        "families": _packed(" ".join((word, *others)) for word, others in sorted(tables.families.items())),
        "misspelt": _packed(f"{bad} {good}" for bad, good in sorted(tables.misspelt.items())),
    }
    for name, array in weights.items():
        if array.ndim == 1:
            arrays[name] = array.astype(np.float32)
            continue
        scale = np.abs(array).max(axis=1, keepdims=True) / 127 + 1e-12
        arrays[name] = np.rint(array / scale).astype(np.int8)
        arrays[f"{name}_scale"] = scale.astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    file.write_bytes(buffer.getvalue())


def read_tables(file: Path) -> Tables:
    """Read the file."""
    with np.load(file) as arrays:
        lines = {name: arrays[name].tobytes().decode().split("\n") for name in ("vocabulary", "families", "misspelt")}
        weights = {
            name: (arrays[name] * arrays[f"{name}_scale"] if f"{name}_scale" in arrays else arrays[name]).astype(
                np.float32
            )
            for name in arrays
            if name not in lines and not name.endswith("_scale")
        }
    return Tables(
        {word: rank for rank, word in enumerate(lines["vocabulary"])},
        {word: tuple(others) for word, *others in map(str.split, lines["families"])},
        dict(line.split(" ", 1) for line in lines["misspelt"]),
        weights,
    )


def _packed(lines: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)
