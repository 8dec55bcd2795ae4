"""Books (epub) to reading text, along their spine: a mark a chapter, named as the table of contents names it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from bs4 import BeautifulSoup

from corpora.documents import Document
from corpora.errors import EncryptedFile
from corpora.loaders.formats.decoding import decoded
from corpora.loaders.formats.html import write_page
from corpora.loaders.formats.opc_package import OpcPackage, attribute, child, children_of, local, resolved
from corpora.text.reading_text import ReadingText, in_one_line

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/xml", "text/xml")


def load(data: bytes, name: str) -> Document:
    """Load a book. Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``."""
    package = OpcPackage.opened(data, name)
    root_file = next(_all(package.xml(_CONTAINER), "rootfile"), None)
    if root_file is None:
        raise package.damaged("it does not say where its text is")
    part = resolved("", attribute(root_file, "full-path") or "")
    book, folder = package.xml(part), posixpath.dirname(part)
    pages = list(_pages(book, folder))
    _refuse_protected(package, set(pages))
    names = _chapter_names(package, book, folder)
    reading = ReadingText(title=_title(book))
    for number, page in enumerate(pages, 1):
        if package.has(page):
            soup = BeautifulSoup(decoded(package.bytes_of(page), f"{page} in {name}"), "html.parser")
            heading = soup.find(["h1", "h2", "h3"])
            title = names.get(page) or (in_one_line(heading.get_text(" ")) if heading is not None else "")
            reading.section("chapter", title or str(number))
            write_page(soup, reading, name)
    return reading.document(name)


def _pages(book: Element, folder: str) -> Iterator[str]:
    """The parts of the book in the order of reading."""
    items = {attribute(item, "id"): item for item in children_of(book, "manifest")}
    for reference in children_of(book, "spine"):
        item = items.get(attribute(reference, "idref"))
        if item is None or attribute(item, "media-type") not in _PAGES or _is_contents(item):
            continue
        yield resolved(folder, attribute(item, "href") or "")


def _is_contents(item: Element) -> bool:
    return "nav" in (attribute(item, "properties") or "").split()


def _title(book: Element) -> str | None:
    titles = (in_one_line(entry.text or "") for entry in children_of(book, "metadata") if local(entry.tag) == "title")
    return next(filter(None, titles), None)


def _chapter_names(package: OpcPackage, book: Element, folder: str) -> dict[str, str]:
    """What the table of contents calls each part; of several entries for one the first."""
    names: dict[str, str] = {}
    for item in children_of(book, "manifest"):
        part = resolved(folder, attribute(item, "href") or "")
        if not package.has(part):
            continue
        if _is_contents(item):
            entries = _of_nav(decoded(package.bytes_of(part), part))
        elif attribute(item, "media-type") == "application/x-dtbncx+xml":
            entries = _of_ncx(package.xml(part))
        else:
            continue
        for target, name in entries:
            if name:
                names.setdefault(resolved(posixpath.dirname(part), target), name)
    return names


def _of_nav(page: str) -> Iterator[tuple[str, str]]:
    """(target, name) of the entries of an epub 3."""
    for nav in BeautifulSoup(page, "html.parser").find_all("nav"):
        if nav.get("epub:type", "toc") == "toc":
            for link in nav.find_all("a", href=True):
                yield str(link["href"]), in_one_line(link.get_text(" "))


def _of_ncx(root: Element) -> Iterator[tuple[str, str]]:
    """(target, name) of the entries of an epub 2."""
    for point in _all(root, "navPoint"):
        content, label = child(point, "content"), child(point, "navLabel", "text")
        if content is not None and label is not None:
            yield attribute(content, "src") or "", in_one_line(label.text or "")


def _refuse_protected(package: OpcPackage, pages: set[str]) -> None:
    """Refuse a book with encrypted text; encrypted fonts are common and harmless. Raises ``EncryptedFile``."""
    if not package.has(_ENCRYPTION):
        return
    for reference in _all(package.xml(_ENCRYPTION), "CipherReference"):
        if resolved("", attribute(reference, "URI") or "") in pages:
            raise EncryptedFile(
                f"{package.name} is protected against copying", hint="get it without protection and add that"
            )


def _all(element: Element, name: str) -> Iterator[Element]:
    return (inner for inner in element.iter() if local(inner.tag) == name)
