"""Packages of the Open Packaging Conventions and the like (docx, pptx, xlsx, epub): zips of XML parts with references.

The zip is checked before anything is read from it; XML that defines entities is refused. Knows no format.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring, iterparse

from corpora.errors import DamagedFile, EncryptedFile
from corpora.loaders.formats.zip_limits import checked_zip

_OLE = bytes.fromhex("D0CF11E0A1B11AE1")
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_OLD_SUFFIX = {".docx": ".doc", ".pptx": ".ppt", ".xlsx": ".xls"}


@dataclass(frozen=True, slots=True)
class Relation:
    """A reference from one part to another; ``kind`` is the last word of the relation's type, such as ``slide``."""

    kind: str
    part: str


@dataclass(slots=True)
class OpcPackage:
    """An open document; parts are named by their path in the zip."""

    name: str
    _zip: zipfile.ZipFile
    _paths: dict[str, str] = field(default_factory=dict)

    @classmethod
    def opened(cls, data: bytes, name: str) -> OpcPackage:
        """Open and check a package. Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``."""
        if data.startswith(_OLE):
            _refuse_ole(data, name)
        archive = checked_zip(data, name)
        return cls(name, archive, {path.casefold(): path for path in archive.namelist()})

    def has(self, part: str) -> bool:
        return part.casefold() in self._paths

    def bytes_of(self, part: str) -> bytes:
        """Raises ``DamagedFile`` if there is no such part."""
        if not self.has(part):
            raise self.damaged(f"{part} is missing in it")
        return self._zip.read(self._paths[part.casefold()])

    def xml(self, part: str) -> Element:
        """The root of a part. Raises ``DamagedFile``."""
        try:
            root: Element = fromstring(self.bytes_of(part))
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise self.damaged(f"{part} in it is no XML") from error
        return root

    def children(self, part: str, parent: str) -> Iterator[Element]:
        """The children of the first ``parent`` in a part, one at a time in memory. Raises ``DamagedFile``."""
        depth, inside = 0, 0
        try:
            for event, element in iterparse(io.BytesIO(self.bytes_of(part)), events=("start", "end")):
                depth += 1 if event == "start" else -1
                if not inside and event == "start" and local(element.tag) == parent:
                    inside, above = depth, element
                elif inside and depth == inside and event == "end":
                    yield element
                    above.clear()
                elif inside and depth < inside:
                    return
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise self.damaged(f"{part} in it is no XML") from error

    def relations(self, part: str) -> dict[str, Relation]:
        """The references from this part to others in the package, by id."""
        folder, base = posixpath.split(part)
        path = posixpath.join(folder, "_rels", f"{base}.rels")
        if not self.has(path):
            return {}
        return {
            relation.get("Id", ""): Relation(
                relation.get("Type", "").rpartition("/")[2], resolved(folder, relation.get("Target", ""))
            )
            for relation in self.xml(path)
            if relation.get("TargetMode") != "External"
        }

    def main_part(self) -> str:
        """The part where reading begins. Raises ``DamagedFile``."""
        for relation in self.relations("").values():
            if relation.kind == "officeDocument" and self.has(relation.part):
                return relation.part
        raise self.damaged("it does not say where its text is")

    def title(self) -> str | None:
        """The title in the package's properties; None if it is empty."""
        for relation in self.relations("").values():
            if relation.kind == "core-properties" and self.has(relation.part):
                texts = (child.text for child in self.xml(relation.part) if local(child.tag) == "title")
                return next((text.strip() for text in texts if text and text.strip()), None)
        return None

    def damaged(self, how: str) -> DamagedFile:
        return DamagedFile(
            f"{self.name} is damaged: {how}", hint="open it in its program, save it anew and add that file"
        )


def local(tag: str) -> str:
    """A tag or attribute without its namespace; transitional and strict files differ only in namespaces."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its local name."""
    for key, value in element.attrib.items():
        if local(key) == name:
            return value
    return None


def child(element: Element | None, *path: str) -> Element | None:
    """The first child of that local name, and its child, and so on; None if one of them is missing."""
    for name in path:
        if element is None:
            return None
        element = next((inner for inner in element if local(inner.tag) == name), None)
    return element


def children_of(element: Element | None, *path: str) -> tuple[Element, ...]:
    """The children of ``child(element, *path)``; none if that is missing."""
    parent = child(element, *path)
    return () if parent is None else tuple(parent)


def all_of(element: Element, name: str) -> Iterator[Element]:
    """The elements of that local name at any depth, the element itself included, in their order."""
    return (inner for inner in element.iter() if local(inner.tag) == name)


def chosen_alternative(element: Element) -> Element | None:
    """Of alternatives for several versions of a program (``AlternateContent``) the one that new versions show."""
    chosen = child(element, "Choice")
    return child(element, "Fallback") if chosen is None else chosen


def is_true(text: str | None) -> bool:
    """Whether an attribute says yes, as presentations and spreadsheets write it; a missing one does not."""
    return text in ("1", "true")


def whole_number(text: str | None, default: int) -> int:
    """The whole number in an attribute; ``default`` if it holds none."""
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]{1,6}", text) else default


def resolved(folder: str, target: str) -> str:
    """The part that a reference from ``folder`` means; it never leads out of the package."""
    target = unquote(target.partition("#")[0]).replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def _refuse_ole(data: bytes, name: str) -> NoReturn:
    """Refuse an OLE container, in which Office stores both its old formats and its encrypted files."""
    suffix = posixpath.splitext(name)[1].lower()
    if _ENCRYPTED_STREAM in data:
        raise EncryptedFile(
            f"{name} is encrypted and wants a password",
            hint="open it, remove the password (File, Info, Protect), save it and add that file",
        )
    old = _OLD_SUFFIX.get(suffix, "old Office")
    raise DamagedFile(
        f"{name} is a {old} file under another name", hint=f"open it in Office or LibreOffice and save it as {suffix}"
    )
