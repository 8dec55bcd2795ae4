"""Everything that training draws from, in one file that may travel to a machine with only torch and transformers.

Knows the file. Must not know where its parts come from or what is drawn from them. Texts are stored as compressed
text, which is smaller than token ids, and each part is unpacked when it is asked for.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import BPE

from app.training.corruption.word_forms import WordForms
from app.training.data.candidates import Candidates
from app.training.data.records import Split
from app.training.errors import DataMissingError, MaterialError
from corpora.store.atomic_write import replace_file

LARGEST_BYTES = 45 * 2**20
"""The largest file that may be copied to a GPU machine in one piece."""

_VERSION = "spandraft-material-1"
_ARRAYS = {"starts": "int32", "passages": "int32", "cosines": "uint8"}


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a file of material is written from; texts are paragraphs, each a list of clean sentences."""

    tokenizer: Tokenizer
    texts: Mapping[Split, list[list[str]]]
    misspelt: Mapping[str, list[str]]
    forms: WordForms
    answers: Mapping[Split, Candidates]


class Material:
    """An opened file of material. Raises DataMissingError, and MaterialError where it is damaged."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DataMissingError(f"there is no material at {path}", hint="make it with `spandraft train prepare`")
        self.path = path
        try:
            if not zipfile.is_zipfile(path):
                raise self._damaged()
            with np.load(path) as stored:
                self._packed: dict[str, NDArray[np.uint8]] = {name: stored[name] for name in stored.files}
            self.about: dict[str, Any] = json.loads(self._bytes("about"))
        except (OSError, ValueError, KeyError, EOFError, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise self._damaged() from error
        if self.about.get("format") != _VERSION:
            raise self._damaged()
        self.about["digest"] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    def require(self) -> None:
        """Raise DataMissingError if there is no material."""

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of all models."""
        return Tokenizer.from_str(self._bytes("tokenizer").decode())

    @cached_property
    def misspelt(self) -> dict[str, list[str]]:
        """Right word -> its known misspellings."""
        words: dict[str, list[str]] = json.loads(self._bytes("misspelt"))
        return words

    @cached_property
    def forms(self) -> WordForms:
        """Which words are forms of one another."""
        stored = json.loads(self._bytes("forms"))
        verbs = {word: tuple(forms) for word, forms in stored["verbs"].items()}
        return WordForms(verbs=verbs, nouns=stored["nouns"], adverbs=stored["adverbs"])

    def texts(self, split: Split) -> list[list[str]]:
        """Paragraphs of clean sentences."""
        text = self._bytes(f"texts_{split}").decode()
        return [paragraph.split("\t") for paragraph in text.split("\n") if paragraph]

    def answers(self, split: Split) -> Candidates:
        """Questions with their candidates."""
        stored: dict[str, Any] = {"lists": json.loads(self._bytes(f"lists_{split}"))}
        stored |= {name: np.frombuffer(self._bytes(f"{name}_{split}"), kind) for name, kind in _ARRAYS.items()}
        rows = len(stored["lists"]["questions"])
        stored["passages"] = stored["passages"].reshape(rows, -1) if rows else stored["passages"].reshape(0, 1)
        return Candidates.read(stored)

    def _bytes(self, name: str) -> bytes:
        try:
            return lzma.decompress(self._packed[name].tobytes())
        except (KeyError, lzma.LZMAError) as error:
            raise self._damaged() from error

    def _damaged(self) -> MaterialError:
        return MaterialError(
            f"{self.path} is damaged, or is no material of this version",
            hint="make it anew with `spandraft train prepare`",
        )


class NoMaterial(Material):
    """Stands for material in stages over prompts of the user's own: nothing can be drawn from it."""

    def __init__(self) -> None:
        self.path, self._packed, self.about = Path(), {}, {"digest": "none"}

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """An empty tokenizer: a drafter for a target of one's own gets the files of that target's tokenizer."""
        return Tokenizer(BPE())

    def _bytes(self, name: str) -> bytes:
        raise self._missing()

    def require(self) -> None:
        """Raise DataMissingError."""
        raise self._missing()

    def _missing(self) -> DataMissingError:
        return DataMissingError(
            "this stage draws from material, and none is named",
            hint="name the file of `spandraft train prepare` with --material, or prompts with options.prompts_file",
        )


def write(parts: Parts, path: Path, *, most_bytes: int = LARGEST_BYTES) -> int:
    """Write the file, whole or not at all, and return its bytes. Raises MaterialError if it would be too large."""
    about = {
        "format": _VERSION,
        "sentences": {split: sum(len(p) for p in texts) for split, texts in parts.texts.items()},
        "questions": {split: len(candidates) for split, candidates in parts.answers.items()},
    }
    forms = {"verbs": parts.forms.verbs, "nouns": parts.forms.nouns, "adverbs": parts.forms.adverbs}
    blobs = {
        "about": _json(about),
        "tokenizer": parts.tokenizer.to_str().encode(),
        "misspelt": _json(parts.misspelt),
        "forms": _json(forms),
    }
    for split, texts in parts.texts.items():
        blobs[f"texts_{split}"] = "\n".join("\t".join(paragraph) for paragraph in texts).encode()
    for split, candidates in parts.answers.items():
        stored = candidates.arrays()
        blobs[f"lists_{split}"] = _json(stored["lists"])
        blobs |= {f"{name}_{split}": stored[name].astype(kind).tobytes() for name, kind in _ARRAYS.items()}
    packed = io.BytesIO()
    arrays: dict[str, Any] = {name: np.frombuffer(lzma.compress(blob), np.uint8) for name, blob in blobs.items()}
    np.savez(packed, **arrays)
    size = packed.tell()
    if size > most_bytes:
        raise MaterialError(
            f"the material would have {size / 2**20:.1f} MiB, and {most_bytes / 2**20:.0f} may travel",
            hint="take less prose with --prose, or fewer passages with --passages",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda part: part.write_bytes(packed.getvalue()))
    return size


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
