"""What a GGUF file says of itself: architecture, quantisation, licence, and whether all its bytes are there.

Reads the header only, trusts nothing in it, and refuses what could not be converted before any work begins. Knows
neither transformers nor torch. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from app.errors import ModelError, no_file

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_STRING, _ARRAY = 8, 9
_NUMBERS: Final[Mapping[int, str]] = MappingProxyType(
    {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
)
_MOST_DIMENSIONS: Final = 8
_LEAST_PAIR_BYTES: Final = 12  # a length, a type: a header cannot hold more pairs than that
_ALIGNMENT: Final = 32
_DOWNLOAD_AGAIN: Final = "fetch the file again, and compare its size with that of its source"

Value: TypeAlias = int | float | bool | str | None
"""A scalar of the header. An array is only told by its length, as an int."""


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor: name, number of weights, ggml's number of its type, where its bytes begin behind the header."""

    name: str
    weights: int
    type: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFile:
    """The header of a file that is whole."""

    path: Path
    size_bytes: int
    values: Mapping[str, Value]
    tensors: tuple[GgufTensor, ...]
    quantization: str

    @property
    def architecture(self) -> str:
        """What llama.cpp calls the family of models."""
        return str(self.values["general.architecture"])

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.weights for tensor in self.tensors)

    @property
    def licence(self) -> str | None:
        """The licence that the file names; None if it names none."""
        named = self.values.get("general.license")
        return named if isinstance(named, str) and named.strip() else None


def read_gguf(path: Path) -> GgufFile:
    """The header of a GGUF file, all of whose tensors are there. Raises ModelError, whose hint says what to do."""
    if not path.is_file():
        raise ModelError(no_file(path), hint="name a GGUF file: FILE.gguf")
    try:
        with path.open("rb") as stream:
            _require_magic(path, stream.read(8))
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                values, tensors, end = _header(path, data)
                size_bytes = len(data)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", hint="check its permissions and the disk"
        ) from error
    except (struct.error, UnicodeDecodeError, IndexError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path} is cut short or damaged: its header has no end", hint=_DOWNLOAD_AGAIN) from error
    _require_model(path, values, tensors)
    quantization = _require_whole(path, values, tensors, end=end, size_bytes=size_bytes)
    return GgufFile(path=path, size_bytes=size_bytes, values=values, tensors=tensors, quantization=quantization)


def _require_magic(path: Path, start: bytes) -> None:
    if start[:4] != _MAGIC or len(start) < 8:
        what = "empty" if not start else "no GGUF file: it is encrypted, damaged or of another kind"
        raise ModelError(
            f"{path} is {what}", hint='name a file of a model as Ollama or LM Studio keep it: it begins "GGUF"'
        )
    version = int.from_bytes(start[4:8], "little")
    if version not in _VERSIONS:
        is_swapped = int.from_bytes(start[4:8], "big") in _VERSIONS
        what = "written for big-endian machines" if is_swapped else f"GGUF of version {version}"
        raise ModelError(f"{path} is {what}, which cannot be read", hint="fetch a newer file, of GGUF version 3")


def _header(path: Path, data: mmap.mmap) -> tuple[Mapping[str, Value], tuple[GgufTensor, ...], int]:
    """Values, tensors, and where the header ends. Raises struct.error and others where the bytes end too soon."""
    tensor_count, pair_count = struct.unpack_from("<QQ", data, 8)
    if (tensor_count + pair_count) * _LEAST_PAIR_BYTES > len(data):
        raise ModelError(f"{path} is cut short or damaged: its header is longer than the file", hint=_DOWNLOAD_AGAIN)
    place = 24
    values: dict[str, Value] = {}
    for _ in range(pair_count):
        key, place = _text(data, place)
        (kind,) = struct.unpack_from("<I", data, place)
        values[key], place = _value(data, place + 4, kind)
    tensors = []
    for _ in range(tensor_count):
        name, place = _text(data, place)
        (dimensions,) = struct.unpack_from("<I", data, place)
        if dimensions > _MOST_DIMENSIONS:
            raise IndexError(name)
        shape = struct.unpack_from(f"<{dimensions}Q", data, place + 4)
        place += 4 + 8 * dimensions
        kind, offset = struct.unpack_from("<IQ", data, place)
        place += 12
        tensors.append(GgufTensor(name, prod(shape), kind, offset))
    return MappingProxyType(values), tuple(tensors), place


def _text(data: mmap.mmap, place: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", data, place)
    start, end = place + 8, place + 8 + length
    if end > len(data):
        raise IndexError(place)
    return data[start:end].decode("utf-8"), end


def _value(data: mmap.mmap, place: int, kind: int) -> tuple[Value, int]:
    if kind == _STRING:
        return _text(data, place)
    if kind != _ARRAY:
        form = "<" + _number(kind)
        return struct.unpack_from(form, data, place)[0], place + struct.calcsize(form)
    kind, length = struct.unpack_from("<IQ", data, place)
    place += 12
    if kind == _STRING:  # Of any length each: there is nothing to do but to walk along them.
        for _ in range(length):
            place += 8 + struct.unpack_from("<Q", data, place)[0]
    elif kind == _ARRAY:
        for _ in range(length):
            _, place = _value(data, place, _ARRAY)
    else:
        place += length * struct.calcsize("<" + _number(kind))
    if place > len(data):
        raise IndexError(place)
    return length, place


def _number(kind: int) -> str:
    if kind not in _NUMBERS:
        raise IndexError(kind)
    return _NUMBERS[kind]


def _require_model(path: Path, values: Mapping[str, Value], tensors: tuple[GgufTensor, ...]) -> None:
    """Raise ModelError for a file that is no whole model with its tokenizer."""
    parts = values.get("split.count")
    if isinstance(parts, int) and parts > 1:
        raise ModelError(
            f"{path} is one of {parts} parts of a model", hint="join them first: llama-gguf-split --merge FIRST OUT"
        )
    if not isinstance(values.get("general.architecture"), str):
        raise ModelError(f"{path} does not say its architecture", hint=_DOWNLOAD_AGAIN)
    kind = values.get("general.type", "model")
    if kind != "model" or not tensors:
        what = f'of the type "{kind}"' if kind != "model" else "without weights"
        raise ModelError(f"{path} is {what}: no model that writes", hint="name the file of the model itself")
    if "tokenizer.ggml.tokens" not in values:
        raise ModelError(f"{path} has no tokenizer", hint="name a file that was converted together with its tokenizer")


def _require_whole(
    path: Path, values: Mapping[str, Value], tensors: tuple[GgufTensor, ...], *, end: int, size_bytes: int
) -> str:
    """The name of the quantisation that most weights have. Raises ModelError for an unknown one, and for a file that
    ends before its last tensor does.
    """
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    names = {int(kind): kind.name for kind in GGMLQuantizationType}
    sizes = {int(kind): size for kind, size in GGML_QUANT_SIZES.items()}
    weights: Counter[str] = Counter()
    for tensor in tensors:
        if tensor.type not in sizes:
            raise unknown_quantization(path, f"ggml's type {tensor.type}", tensor.name)
        weights[names[tensor.type]] += tensor.weights
    alignment = values.get("general.alignment", _ALIGNMENT)
    alignment = alignment if isinstance(alignment, int) and alignment > 0 else _ALIGNMENT
    begin = -(-end // alignment) * alignment
    wanted_bytes = begin + max(_ends(tensors, sizes))
    if wanted_bytes > size_bytes:
        raise ModelError(f"{path} is cut short: it has {size_bytes:,} of {wanted_bytes:,} bytes", hint=_DOWNLOAD_AGAIN)
    return weights.most_common(1)[0][0]


def _ends(tensors: tuple[GgufTensor, ...], sizes: Mapping[int, tuple[int, int]]) -> Iterator[int]:
    for tensor in tensors:
        block, block_bytes = sizes[tensor.type]
        yield tensor.offset + tensor.weights // block * block_bytes


def unknown_quantization(path: Path, name: str, tensor: str) -> ModelError:
    """The error for a tensor that nobody here can unpack."""
    return ModelError(
        f"{path} has the quantisation {name}, which cannot be read (tensor {tensor})",
        hint="fetch the same model as Q8_0, Q4_K_M or another common quantisation",
    )
