"""The format of an export: its manifest, and one line of JSON for each document, checked when written and when read.

    {"id": "5d1f...", "name": "minutes/monday.txt", "text": "...", "metadata": {"language": "en"},
     "marks": [[0, 812, "page", "1"]], "passages": [[0, 655], [601, 1299]],
     "source": {"bytes": 1304, "sha256": "90c3..."}}

Writer and reader make the same checks, so that nothing is exported that could not be imported, and nothing imported
that could not be stored. Knows nothing of archives and databases.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args

from corpora.documents import Document, Mark, MarkKind, Passage
from corpora.errors import DamagedExport, UnstorableDocument
from corpora.text.chunking import Chunking

FORMAT: Final = "spandraft corpus"
VERSION: Final = 1
MOST_LINE_BYTES: Final = 256 * 2**20
MOST_MANIFEST_BYTES: Final = 64 * 2**10
# Of a line, what is not inside strings: it bounds how many objects its JSON can become.
_MOST_STRUCTURE_BYTES: Final = 16 * 2**20
_MOST_METADATA: Final = 1000
_MOST_COUNT: Final = 50_000_000
_LONGEST_NAME: Final = 4096
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_GET_AGAIN: Final = "get the file again from where it was exported"
_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")
_KEYS: Final = {"id", "name", "text", "metadata", "marks", "passages", "source"}
_KINDS: Final = frozenset(get_args(MarkKind))


@dataclass(frozen=True, slots=True)
class Part:
    """One file in the archive. ``kind`` and ``dimension`` are set for vectors only."""

    bytes: int
    sha256: str
    kind: str | None = None
    dimension: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of an export: what it holds, and its parts by their names in the archive."""

    name: str
    documents: int
    passages: int
    chunking: Chunking | None
    encoder: str | None
    parts: Mapping[str, Part]


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as JSON."""
    parts = {
        name: {key: value for key, value in asdict(part).items() if value is not None}
        for name, part in manifest.parts.items()
    }
    chunking = None if manifest.chunking is None else asdict(manifest.chunking)
    fields = {
        "format": FORMAT,
        "version": VERSION,
        "name": manifest.name,
        "documents": manifest.documents,
        "passages": manifest.passages,
        "chunking": chunking,
        "encoder": manifest.encoder,
        "parts": parts,
    }
    return json.dumps(fields, indent=1).encode()


def read_manifest(data: bytes) -> Manifest:
    """The manifest that ``manifest_bytes`` wrote. Raises ``DamagedExport``."""
    fields = _json(data, "its manifest")
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise DamagedExport("it is no export of a corpus", hint="make one with: spandraft corpus export NAME FILE")
    if fields.get("version") != VERSION:
        raise DamagedExport(
            f"it was written by another version of Spandraft (format {str(fields.get('version'))[:20]}, this one reads "
            f"{VERSION})",
            hint="upgrade spandraft, or export it again with this version",
        )
    parts = fields.get("parts")
    if not isinstance(parts, dict) or not 0 < len(parts) <= 8:
        raise DamagedExport("its manifest names no parts", hint=_GET_AGAIN)
    chunking, encoder = fields.get("chunking"), fields.get("encoder")
    require(encoder is None or (isinstance(encoder, str) and len(encoder) <= 1000), "its manifest names no encoder")
    return Manifest(
        name=_text(fields.get("name"), "the name of the corpus"),
        documents=_count(fields.get("documents"), "the number of documents"),
        passages=_count(fields.get("passages"), "the number of passages"),
        chunking=None if chunking is None else _chunking(chunking),
        encoder=encoder,
        parts={str(name): _part(part) for name, part in parts.items()},
    )


def document_line(document: Document, passages: Sequence[Passage], source: Mapping[str, str | int] | None) -> bytes:
    """A document with its marks and passages as a line. Raises ``UnstorableDocument`` if it could not be read back."""
    fields = {
        "id": document.id,
        "name": document.name,
        "text": document.text,
        "metadata": dict(document.metadata),
        "marks": [[mark.start, mark.end, mark.kind, mark.label] for mark in document.marks],
        "passages": [[passage.start, passage.end] for passage in passages],
        "source": None if source is None else dict(source),
    }
    try:
        # Half a surrogate pair, which only metadata and labels may hold, becomes JSON's own escape of it.
        line = json.dumps(fields, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace") + b"\n"
        read_document(line)
    except (ValueError, DamagedExport) as error:
        why = error.cause if isinstance(error, DamagedExport) else str(error)
        raise UnstorableDocument(
            f"{document.name} cannot be exported: {why}", hint="remove that document, or add it anew, and export again"
        ) from error
    return line


def read_document(line: bytes) -> tuple[Document, list[Passage]]:
    """The document and the passages that ``document_line`` wrote, every field checked. Raises ``DamagedExport``."""
    fields = _json(line, "a document")
    require(isinstance(fields, dict) and set(fields) == _KEYS, "a document has not the fields that it should have")
    name, text = _text(fields["name"], "a document's name"), fields["text"]
    require(_is_harmless(name), f"a document is called {name[:80]!r}, which could lead out of the library")
    require(isinstance(text, str) and _is_text(text), f"the text of {name} is no text")
    require(isinstance(fields["id"], str) and _ID.fullmatch(fields["id"]), f"the id of {name} is none")
    marks = tuple(_mark(mark, len(text), name) for mark in _list(fields["marks"], name))
    document = Document(fields["id"], name, text, _metadata(fields["metadata"], name), marks)
    spans = [_span(span, len(text), name) for span in _list(fields["passages"], name)]
    require(len(set(spans)) == len(spans), f"{name} has a passage twice")
    require(fields["source"] is None or isinstance(fields["source"], dict), f"the source of {name} is none")
    return document, [Passage.of(document, start, end) for start, end in spans]


def require(holds: object, otherwise: str) -> None:
    """Raise ``DamagedExport`` unless the condition holds."""
    if not holds:
        raise DamagedExport(otherwise, hint=_GET_AGAIN)


def _json(data: bytes, what: str) -> Any:
    size = end = 0
    for string in _STRING.finditer(data):
        size += string.start() - end
        end = string.end()
        require(size <= _MOST_STRUCTURE_BYTES, f"{what} holds too many values")
    require(size + len(data) - end <= _MOST_STRUCTURE_BYTES, f"{what} holds too many values")
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedExport(f"{what} is no JSON", hint=_GET_AGAIN) from error


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _text(value: object, what: str) -> str:
    require(isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and _is_text(value), f"{what} is none")
    return str(value)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_harmless(name: str) -> bool:
    """Whether a name leads out of no folder and controls no terminal, wherever it may be used."""
    parts = re.split(r"[/\\]", name)
    return name.isprintable() and parts[0] != "" and ".." not in parts


def _count(value: object, what: str) -> int:
    require(type(value) is int and 0 <= value <= _MOST_COUNT, f"{what} is none")
    assert isinstance(value, int)
    return value


def _list(value: object, name: str) -> list[Any]:
    require(isinstance(value, list), f"a list of {name} is none")
    assert isinstance(value, list)
    return value


def _span(value: Any, chars: int, name: str) -> tuple[int, int]:
    require(isinstance(value, list) and len(value) == 2, f"a passage of {name} is no span")
    start, end = value
    is_inside = type(start) is int and type(end) is int and 0 <= start < end <= chars
    require(is_inside, f"a passage of {name} lies outside of its text")
    return start, end


def _mark(value: Any, chars: int, name: str) -> Mark:
    require(isinstance(value, list) and len(value) == 4, f"a mark of {name} is none")
    start, end, kind, label = value
    is_inside = type(start) is int and type(end) is int and 0 <= start <= end <= chars
    is_named = isinstance(label, str) and _is_text(label) and isinstance(kind, str) and kind in _KINDS
    require(is_inside and is_named, f"a mark of {name} is none")
    return Mark(start, end, kind, label)


def _metadata(value: Any, name: str) -> dict[str, str | int | float | bool | None]:
    require(isinstance(value, dict) and len(value) <= _MOST_METADATA, f"the metadata of {name} are none")
    plain = all(entry is None or isinstance(entry, str | int | float) for entry in value.values())
    require(plain, f"the metadata of {name} hold more than texts and numbers")
    return dict(value)


def _chunking(value: Any) -> Chunking:
    is_known = isinstance(value, dict) and set(value) == {"target_chars", "overlap_sentences"}
    require(is_known and all(type(number) is int for number in value.values()), "its chunking is unknown")
    try:
        return Chunking(**value)
    except ValueError as error:
        raise DamagedExport(f"its chunking is impossible: {error}", hint="export it again") from error


def _part(value: Any) -> Part:
    is_known = isinstance(value, dict) and {"bytes", "sha256"} <= set(value) <= set(Part.__dataclass_fields__)
    require(is_known, "its manifest describes a part that is unknown")
    kind, dimension = value.get("kind"), value.get("dimension")
    require(type(value["bytes"]) is int and 0 <= value["bytes"] < 2**50, "a part has no size")
    require(re.fullmatch("[0-9a-f]{64}", str(value["sha256"])), "a part has no checksum")
    require(kind is None or (isinstance(kind, str) and 0 < len(kind) <= 1000), "vectors are of no kind")
    require(dimension is None or (type(dimension) is int and 0 < dimension <= 65536), "vectors have no dimension")
    return Part(value["bytes"], str(value["sha256"]), kind, dimension)
