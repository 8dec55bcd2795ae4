"""Zip files made in memory: honest ones, ones that no honest tool writes, and documents that are zips of XML inside."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from urllib.parse import unquote


def packed(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An ordinary zip. Names are written as they are, whatever they say."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.filename = name  # ZipInfo makes names safe
            info.compress_type = method
            archive.writestr(info, data)
    return whole.getvalue()


def with_kind(name: str, data: bytes, kind: int) -> bytes:
    """A zip of two files, one of which is of another kind: a link, a pipe, a device."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (kind | 0o644) << 16
        archive.writestr(info, data)
        archive.writestr("good.txt", "Some good words.")
    return whole.getvalue()


def with_name_twice() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("same.txt", "First words.")
        archive.writestr("same.txt", "Other words.")
    return whole.getvalue()


def with_flag(name: str, flag: int) -> bytes:
    """A zip of two files, one of which has this bit set in both of its headers, such as 1 for encrypted."""
    data = bytearray(packed({name: b"secret words " * 9, "good.txt": b"Some good words."}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + offset
        data[at : at + 2] = struct.pack("<H", struct.unpack_from("<H", data, at)[0] | flag)
    return bytes(data)


def with_size(name: str, said: int, data: bytes) -> bytes:
    """A zip whose member claims to be of another size than it is, with a checksum that fits the claim."""
    whole = bytearray(packed({name: data}))
    checksum = zlib.crc32(data[:said])
    for signature, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = whole.index(signature) + offset
        whole[at : at + 4] = struct.pack("<L", checksum)
        whole[at + 8 : at + 12] = struct.pack("<L", said)
    return bytes(whole)


def overlapping(count: int, inflated_bytes: int) -> bytes:
    """``count`` members that all point to the same packed bytes: a few kilobytes that claim to be gigabytes."""
    kernel = b"\0" * inflated_bytes
    compressor = zlib.compressobj(9, wbits=-15)
    content = compressor.compress(kernel) + compressor.flush()
    checksum, name = zlib.crc32(kernel), b"0000.txt"
    sizes = struct.pack("<LLL", checksum, len(content), len(kernel))
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 8, 0, 0x21) + sizes + struct.pack("<HH", len(name), 0) + name
    directory = b""
    for i in range(count):
        entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 0x21) + sizes
        entry += struct.pack("<HHHHHLL", len(name), 0, 0, 0, 0, 0, 0) + b"%04d.txt" % i
        directory += entry
    start = len(local) + len(content)
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), start, 0)
    return local + content + directory + end


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
