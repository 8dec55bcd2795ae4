"""Writes documents that are zips of XML inside, part by part, as no library would let one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from urllib.parse import unquote

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OLE = bytes.fromhex("D0CF11E0A1B11AE1")


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip of these parts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return data.getvalue()


def relations(**targets: str) -> str:
    """A part of relations: id -> "kind target"."""
    listed = "".join(
        f'<Relationship Id="{id_}" Type="{OFFICE}/{target.split()[0]}" Target="{target.split()[1]}"/>'
        for id_, target in targets.items()
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{listed}</Relationships>'
    )


def docx(body: str, *, before: str = "", **parts: str) -> bytes:
    """A Word document with this body; ``parts`` are others of the folder ``word``: name -> XML inside its root."""
    every = {
        "_rels/.rels": relations(r1="officeDocument word/document.xml"),
        "word/_rels/document.xml.rels": relations(**{name: f"{name} {name}.xml" for name in parts}),
        "word/document.xml": f'{before}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
    }
    every |= {f"word/{name}.xml": f'<w:{name} xmlns:w="{WORD}">{inside}</w:{name}>' for name, inside in parts.items()}
    return zipped(every)


def epub(chapters: Mapping[str, str], *, toc: str = "", title: str = "", **more: str) -> bytes:
    """A book with these pages (href -> body) in order; ``toc`` is its table of contents, ``more`` other parts."""
    items = "".join(
        f'<item id="c{n}" href="{href}" media-type="application/xhtml+xml"/>' for n, href in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>{title}</dc:title></metadata><manifest>{items}"
        f'<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest>'
        f'<spine><itemref idref="nav"/>{spine}</spine></package>'
    )
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    pages = {f"OEBPS/{unquote(href)}": f"<html><body>{body}</body></html>" for href, body in chapters.items()}
    nav = f'<html><body><nav epub:type="toc">{toc}</nav></body></html>'
    parts = {"META-INF/container.xml": container, "OEBPS/book.opf": package, "OEBPS/nav.xhtml": nav, **pages}
    return zipped(parts | {name.replace("__", "/").replace("_xml", ".xml"): text for name, text in more.items()})
