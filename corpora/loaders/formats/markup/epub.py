"""Books (epub) to reading text, along their spine: a mark a chapter, named as the table of contents names it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from corpora.documents import Document
from corpora.errors import EncryptedFile
from corpora.loaders.formats.markup.html_survey import elements_of
from corpora.loaders.formats.markup.html_tree import parsed
from corpora.loaders.formats.markup.html_writer import first_heading, write_page
from corpora.loaders.formats.opc_package import OpcPackage, attribute, child, children_of, local, resolved
from corpora.text.reading_text import ReadingText, in_one_line, words

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = words(
    "application/xhtml+xml text/html application/xml text/xml text/x-oeb1-document text/x-oeb-document "
    "application/xhtml text/xhtml application/x-dtbook+xml image/svg+xml"
)
_SUFFIXES_OF_PAGES = (".xhtml", ".html", ".htm", ".xht")
_MOST_FALLBACKS = 8


def load(data: bytes, name: str) -> Document:
    """Load a book. Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``."""
    package = OpcPackage.opened(data, name)
    root_file = next(_all(package.xml(_CONTAINER), "rootfile"), None)
    if root_file is None:
        raise package.damaged("it does not say where its text is")
    part = resolved("", attribute(root_file, "full-path") or "")
    book, folder = package.xml(part), posixpath.dirname(part)
    reading = ReadingText(title=_title(book))
    pages = list(_pages(book, folder, reading))
    _refuse_protected(package, set(pages))
    names = _chapter_names(package, book, folder)
    for number, page in enumerate(pages, 1):
        if not package.has(page):
            reading.note("a chapter is missing in the book")
            continue
        tree = parsed(package.bytes_of(page), f"{page} in {name}", is_xml=True, note=reading.note)
        reading.section("chapter", names.get(page) or first_heading(tree) or str(number))
        write_page(tree, reading)
    return reading.document(name)


def _pages(book: Element, folder: str, reading: ReadingText) -> Iterator[str]:
    """The parts of the book in the order of reading."""
    items = {attribute(item, "id"): item for item in children_of(book, "manifest")}
    for reference in children_of(book, "spine"):
        item = items.get(attribute(reference, "idref"))
        if item is None or _is_contents(item):
            continue
        for _ in range(_MOST_FALLBACKS):
            if item is None or _is_page(item):
                break
            item = items.get(attribute(item, "fallback"))
        if item is not None and _is_page(item):
            yield resolved(folder, attribute(item, "href") or "")
        else:
            reading.note("a chapter that is no text was not read")


def _is_page(item: Element) -> bool:
    kind = (attribute(item, "media-type") or "").partition(";")[0].strip().lower()
    return kind in _PAGES or (attribute(item, "href") or "").partition("#")[0].lower().endswith(_SUFFIXES_OF_PAGES)


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
            entries = _of_nav(package.bytes_of(part), part)
        elif attribute(item, "media-type") == "application/x-dtbncx+xml":
            entries = _of_ncx(package.xml(part))
        else:
            continue
        for target, name in entries:
            if name:
                names.setdefault(resolved(posixpath.dirname(part), target), name)
    return names


def _of_nav(page: bytes, part: str) -> Iterator[tuple[str, str]]:
    """(target, name) of the entries of an epub 3."""
    for nav in elements_of(parsed(page, part, is_xml=True), "nav"):
        if (nav.attr("epub:type") or "toc") == "toc":
            for link in elements_of(nav, "a"):
                yield link.attr("href") or "", in_one_line(link.text)


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
