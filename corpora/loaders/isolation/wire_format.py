"""The wire format between us and a worker process: a task (JSON), its answer, and how the worker ended.

An answer consists of frames of a head (small JSON) and a body, and an end frame that proves that nothing is missing.
The decoding half trusts nothing, since a worker may have been taken over by its file: types, sizes and offsets are
checked, and no answer becomes objects of more than a small multiple of its bytes. Knows nothing of processes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from corpora import errors
from corpora.documents import Document, Mark, MarkKind, Metadata
from corpora.loaders.registry import Limits

Kind: TypeAlias = Literal["document", "members"]
_EXIT = struct.Struct("<i?ddQ")
_MARKS_LIMIT = 1_000_000
_FRAME = struct.Struct("<cLQ")  # kind, bytes of the head, bytes of the body
_ERROR, _TEXT, _MARKS, _MEMBER, _END = b"E", b"T", b"M", b"F", b"Z"
_MARK = struct.Struct("<QQBH")  # start, end, kind, bytes of the label
_KINDS: tuple[MarkKind, ...] = get_args(MarkKind)
_HEAD_LIMIT = 4 * 2**20
_LABEL_CHARACTERS = 200
_MESSAGE_CHARACTERS = 2000
_CONTROL_CHARACTERS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "�")


@dataclass(frozen=True, slots=True)
class Task:
    """One file for the function called ``loader`` (``module:function``); ``kind`` says what the answer holds."""

    kind: Kind
    loader: str
    name: str
    limits: Limits

    def to_json(self) -> str:
        """As JSON, for ``from_json``."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Task:
        """The task that ``to_json`` encoded."""
        fields = json.loads(text)
        return cls(fields["kind"], fields["loader"], fields["name"], Limits(**fields["limits"]))

    @property
    def answer_bytes(self) -> int:
        """The longest answer that is read."""
        limits = self.limits
        return limits.output_bytes if self.kind == "document" else limits.archive_bytes + 4096 * limits.archive_members


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """How a worker ended: its status as ``Popen`` gives it, whether it ran out of time, and what it cost."""

    status: int
    is_late: bool
    wall_s: float
    cpu_s: float
    peak_bytes: int

    def to_bytes(self) -> bytes:
        """As bytes, for ``from_bytes``."""
        return _EXIT.pack(self.status, self.is_late, self.wall_s, self.cpu_s, self.peak_bytes)

    @classmethod
    def from_bytes(cls, packed: bytes) -> WorkerExit:
        """The value that ``to_bytes`` encoded."""
        return cls(*_EXIT.unpack(packed))


WORKER_EXIT_BYTES = _EXIT.size


class InvalidAnswer(Exception):
    """The answer is not one that a worker writes, or it is incomplete."""


def encode_document(document: Document) -> bytes:
    """A document as an answer, without its name and id. Raises ``TooLarge`` if it has too many marks or metadata."""
    head = json.dumps(dict(document.metadata)).encode("ascii")
    if len(head) > _HEAD_LIMIT or len(document.marks) > _MARKS_LIMIT:
        raise errors.TooLarge(
            f"{document.name} has more pages, headings and rows than {_MARKS_LIMIT:,}",
            hint="split the file and add the parts",
        )
    marks, labels = bytearray(), bytearray()
    for mark in document.marks:
        label = mark.label[:_LABEL_CHARACTERS].encode("utf-8", "replace")
        marks += _MARK.pack(mark.start, mark.end, _KINDS.index(mark.kind), len(label))
        labels += label
    count = struct.pack("<L", len(document.marks))
    return b"".join(
        [_frame(_TEXT, head, document.text.encode("utf-8")), _frame(_MARKS, count, bytes(marks + labels)), encode_end()]
    )


def encode_error(error: errors.LoaderError) -> bytes:
    """A loader's error as an answer."""
    return _frame(_ERROR, _error_head(error), b"") + encode_end()


def encode_member(name: str, data: bytes | errors.LoaderError) -> bytes:
    """One member of an archive, or its error, as a frame of an answer; ``encode_end`` comes after the last."""
    if isinstance(data, errors.LoaderError):
        return _frame(_MEMBER, _error_head(data, name=name), b"")
    return _frame(_MEMBER, json.dumps({"name": name}).encode("ascii"), data)


def encode_end() -> bytes:
    """The end frame of an answer."""
    return _frame(_END, b"", b"")


def decode_document(answer: bytes | bytearray, name: str) -> Document:
    """The document in an answer. Raises the ``LoaderError`` that the answer holds, or ``InvalidAnswer``."""
    text: str | None = None
    metadata: Metadata = {}
    marks: list[Mark] = []
    for kind, head, body in _frames(answer):
        if kind == _ERROR:
            raise _read_error(_json_object(head))
        if kind == _TEXT and text is None:
            metadata, text = _read_metadata(head), _decoded(body)
        elif kind == _MARKS and text is not None and not marks:
            marks = _read_marks(head, body, len(text))
        else:
            raise InvalidAnswer("parts out of order")
    if text is None or not text.strip():
        raise InvalidAnswer("no text")
    return Document.of(name, text, metadata, marks)


def decode_members(answer: bytes | bytearray) -> Iterator[tuple[str, bytes | errors.LoaderError]]:
    """Name and bytes of the members in an answer. Raises the ``LoaderError`` that it holds, or ``InvalidAnswer``."""
    for kind, head, body in _frames(answer):
        fields = _json_object(head)
        if kind == _ERROR:
            raise _read_error(fields)
        name = fields.get("name")
        if kind != _MEMBER or not isinstance(name, str):
            raise InvalidAnswer("parts out of order")
        yield name, _read_error(fields) if "type" in fields else bytes(body)


def _frame(kind: bytes, head: bytes, body: bytes) -> bytes:
    return _FRAME.pack(kind, len(head), len(body)) + head + body


def _frames(answer: bytes | bytearray) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Kind, head and body of each frame before the end frame, behind which nothing may follow."""
    view, offset = memoryview(answer), 0
    while offset + _FRAME.size <= len(view):
        kind, head_bytes, body_bytes = _FRAME.unpack_from(view, offset)
        offset += _FRAME.size
        if head_bytes > _HEAD_LIMIT or offset + head_bytes + body_bytes > len(view):
            raise InvalidAnswer("a part is longer than the whole")
        if kind == _END:
            if offset != len(view):
                raise InvalidAnswer("something follows the end")
            return
        yield kind, view[offset : offset + head_bytes], view[offset + head_bytes : offset + head_bytes + body_bytes]
        offset += head_bytes + body_bytes
    raise InvalidAnswer("no end")


def _error_head(error: errors.LoaderError, **more: str) -> bytes:
    fields = {"type": type(error).__name__, "cause": error.cause, "hint": error.hint}
    return json.dumps({key: value[:_MESSAGE_CHARACTERS] for key, value in fields.items()} | more).encode("ascii")


def _read_error(fields: Mapping[str, Any]) -> errors.LoaderError:
    """The loader error of that name; an answer can name no other class."""
    known = {cls.__name__: cls for cls in errors.LoaderError.__subclasses__()}
    kind, cause, hint = fields.get("type"), fields.get("cause"), fields.get("hint")
    if not isinstance(kind, str) or not isinstance(cause, str) or not isinstance(hint, str) or kind not in known:
        raise InvalidAnswer("an error without a name")
    return known[kind](cause[:_MESSAGE_CHARACTERS], hint=hint[:_MESSAGE_CHARACTERS])


def _json_object(head: memoryview) -> dict[str, Any]:
    try:
        value = json.loads(bytes(head), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer("a head that is no JSON") from error
    if not isinstance(value, dict):
        raise InvalidAnswer("a head that is no object")
    return value


def _read_metadata(head: memoryview) -> dict[str, str | int | float | bool | None]:
    metadata = _json_object(head)
    for key, value in metadata.items():
        if isinstance(value, str):
            metadata[key] = _decoded(value.encode("utf-8", "surrogatepass")).translate(_CONTROL_CHARACTERS)
        elif value is not None and not isinstance(value, (bool, int, float)):
            raise InvalidAnswer("metadata of a kind that there is none of")
        elif isinstance(value, (int, float)) and not -(2**63) <= value < 2**63:  # which no NaN is
            raise InvalidAnswer("a number that cannot be stored")
        if not key.isprintable():
            raise InvalidAnswer("metadata without a name")
    return metadata


def _read_marks(head: memoryview, body: memoryview, characters: int) -> list[Mark]:
    count = struct.unpack("<L", head)[0] if len(head) == 4 else -1
    if not 0 <= count <= _MARKS_LIMIT or count * _MARK.size > len(body):
        raise InvalidAnswer("marks that are not there")
    marks: list[Mark] = []
    offset = count * _MARK.size
    for start, end, kind, label_bytes in _MARK.iter_unpack(body[:offset]):
        if not start <= end <= characters or kind >= len(_KINDS) or offset + label_bytes > len(body):
            raise InvalidAnswer("a mark outside of the text")
        label = _decoded(body[offset : offset + label_bytes])[:_LABEL_CHARACTERS]
        if not label.isprintable():
            label = " ".join("".join(ch if ch.isprintable() else " " for ch in label).split())
        marks.append(Mark(start, end, _KINDS[kind], label))
        offset += label_bytes
    return marks


def _decoded(data: bytes | memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidAnswer("text that is no UTF-8") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
