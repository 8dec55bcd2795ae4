"""Files made to harm their reader. Each is small on disk unless its name says otherwise."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from corpora import errors
from tests.support import zip_files
from tests.support.pdf_bytes import Words, pdf
from tests.support.specimens import all_specimens, epub, html_page

MIB = 2**20
LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
DOCTYPE_OF_LAUGHS = f'<!DOCTYPE r [<!ENTITY l0 "laugh ">{LAUGHS}]>'
QUADRATIC = f'<!DOCTYPE r [<!ENTITY q "{"x" * 60_000}">]>'
PARTS = {
    ".docx": ("word/document.xml", "<w:t>", "</w:t>"),
    ".pptx": ("ppt/slides/slide1.xml", "<a:t>", "</a:t>"),
    ".xlsx": ("xl/worksheets/sheet1.xml", "<v>", "</v>"),
    ".epub": ("book.opf", "<dc:title>", "</dc:title>"),
}


@dataclass(frozen=True, slots=True)
class Bomb:
    """A file; ``refused`` names the errors it may meet, or none if it is to be read, if only in part."""

    name: str
    data: bytes
    refused: tuple[type[errors.LoaderError], ...] = ()
    may_be_read: bool = False


_ANY = (errors.LoaderError,)
_REFUSED = (errors.DamagedFile, errors.HostileArchive)


def all_bombs(url: str, path: str, scale: int = 1) -> dict[str, Callable[[], Bomb]]:
    """Builders by name. Entities and links in them lead to ``url`` and ``path``; ``scale`` makes large ones larger."""
    found: dict[str, Callable[[], Bomb]] = {}
    for suffix in PARTS:
        found |= _of_package(suffix, url, path)
    return found | _of_text(url, path, scale) | _of_pdf(scale) | _of_records(scale) | _wrong_ones()


def with_part(suffix: str, part: str, data: bytes | None, **more: bytes) -> bytes:
    """The specimen of that suffix with one part replaced."""
    with zipfile.ZipFile(io.BytesIO(all_specimens()[suffix])) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members |= {name.replace("__", "/"): content for name, content in more.items()}
    if data is not None:
        members[part] = data
    return zip_files.packed(members)


def part_of(suffix: str, part: str) -> str:
    with zipfile.ZipFile(io.BytesIO(all_specimens()[suffix])) as archive:
        return archive.read(part).decode()


def with_entity(suffix: str, doctype: str, reference: str) -> bytes:
    """The specimen with a document type and a reference to an entity where readers would see it."""
    part, opening, closing = PARTS[suffix]
    xml = part_of(suffix, part)
    head, body = (xml[: xml.index("?>") + 2], xml[xml.index("?>") + 2 :]) if xml.startswith("<?xml") else ("", xml)
    body = body.replace(closing, reference + closing, 1)
    assert reference in body and opening.rstrip(">") in body
    return with_part(suffix, part, (head + doctype + body).encode())


def _of_package(suffix: str, url: str, path: str) -> dict[str, Callable[[], Bomb]]:
    part, _, closing = PARTS[suffix]
    name, kind = f"a{suffix}", suffix[1:]

    def deep() -> bytes:
        xml = part_of(suffix, part)
        return with_part(suffix, part, xml.replace(closing, "<x>" * 100_000 + "</x>" * 100_000 + closing, 1).encode())

    external = f'<!DOCTYPE r [<!ENTITY e SYSTEM "file://{path}">]>'
    parameter = f'<!DOCTYPE r [<!ENTITY % p SYSTEM "{url}">%p;<!ENTITY e "x">]>'
    return {
        f"{kind}: 1000 to 1": lambda: Bomb(name, with_part(suffix, part, b" " * (20 * MIB)), (errors.HostileArchive,)),
        f"{kind}: shared bytes": lambda: Bomb(name, zip_files.overlapping(2000, MIB), (errors.HostileArchive,)),
        f"{kind}: billion laughs": lambda: Bomb(name, with_entity(suffix, DOCTYPE_OF_LAUGHS, "&l9;"), _REFUSED),
        f"{kind}: quadratic": lambda: Bomb(name, with_entity(suffix, QUADRATIC, "&q;" * 20_000), _REFUSED),
        f"{kind}: entity of a file": lambda: Bomb(name, with_entity(suffix, external, "&e;"), _REFUSED),
        f"{kind}: entity from the net": lambda: Bomb(name, with_entity(suffix, parameter, "&e;"), _REFUSED),
        f"{kind}: nested tags": lambda: Bomb(name, deep(), _ANY, may_be_read=True),
        f"{kind}: a path out": lambda: Bomb(name, zip_files.packed({"../../x": b"x"}), (errors.HostileArchive,)),
        f"{kind}: encrypted": lambda: Bomb(name, zip_files.with_flag(part, 1), (errors.EncryptedFile,)),
        f"{kind}: liar": lambda: Bomb(name, zip_files.with_size(part, 9, b"x" * MIB), (errors.HostileArchive,)),
    }


def _of_text(url: str, path: str, scale: int) -> dict[str, Callable[[], Bomb]]:
    xxe = f'<!DOCTYPE html [<!ENTITY e SYSTEM "file://{path}">]><p>Words &e; <img src="{url}"><iframe src="{url}">'
    deep = 5_000 * scale

    def read(name: str, data: str | bytes) -> Bomb:
        return Bomb(name, data if isinstance(data, bytes) else data.encode(), _ANY, may_be_read=True)

    return {
        "html: entity of a file": lambda: Bomb("a.html", xxe.encode(), may_be_read=True),
        "html: billion laughs": lambda: Bomb("a.html", f"{DOCTYPE_OF_LAUGHS}<p>&l9;".encode(), may_be_read=True),
        "html: nested divs": lambda: read("a.html", "<div>" * deep + "words"),
        "html: nested lists": lambda: read("a.html", "<ul><li>" * deep + "words"),
        "html: nested tables": lambda: read("a.html", "<table><tr><td>" * deep + "words"),
        "html: open tags": lambda: read("a.html", "<" * (200_000 * scale)),
        "html: attributes": lambda: read("a.html", "<p " + "a=b " * (50_000 * scale) + ">words"),
        "epub: nested divs": lambda: read("a.epub", epub(html_page("<div>" * deep + "words"))),
        "md: nested quotes": lambda: read("a.md", ">" * deep + "words"),
        "md: nested brackets": lambda: read("a.md", "[" * (20_000 * scale) + "words"),
        "md: nested lists": lambda: read("a.md", "".join(" " * (2 * i) + "- x\n" for i in range(200 * scale))),
        "md: emphasis": lambda: read("a.md", "*a **b " * (5_000 * scale)),
        "md: backticks": lambda: read("a.md", "".join("`" * i + "x" for i in range(500))),
        "txt: one line": lambda: read("a.txt", "word " * (MIB * scale)),
        "txt: no spaces": lambda: read("a.txt", "x" * (4 * MIB * scale)),
        "txt: blank lines": lambda: read("a.txt", "\n" * (4 * MIB * scale) + "x"),
        "txt: combining marks": lambda: read("a.txt", "e" + "\u0301" * (MIB * scale)),
        "txt: bad UTF-8": lambda: read("a.txt", b"words \xed\xa0\x80 \xf8\x88 \xc0\xaf words" * 20),
        "txt: marks of order": lambda: read("a.txt", b"\xff\xfe\xef\xbb\xbf\0\0\xfe\xff" * 99),
        "txt: half of UTF-16": lambda: read("a.txt", "\ufeffwords \ud83d words".encode("utf-16-le", "surrogatepass")),
        "txt: odd UTF-32": lambda: read("a.txt", b"\xff\xfe\0\0" + b"\xff" * 4001),
    }


def _of_pdf(scale: int) -> dict[str, Callable[[], Bomb]]:
    honest = pdf([[Words(72, 720, "Some words of text.")]])

    def replaced(old: bytes, new: bytes) -> Bomb:
        assert old in honest
        return Bomb("a.pdf", honest.replace(old, new), _ANY, may_be_read=True)

    def looping_table() -> Bomb:
        start = honest.rindex(b"xref\n0")
        return replaced(b"/Root 1 0 R", b"/Prev %d /Root 1 0 R" % start)

    def many_pages() -> Bomb:
        kids = b" ".join([b"6 0 R"] * (100_000 * scale))
        return replaced(b"/Kids [6 0 R] /Count 1 ", b"/Kids [%s] /Count %d " % (kids, 100_000 * scale))

    def content_of(content: bytes) -> Bomb:
        stream = zlib.compress(content, 9)
        start = honest.index(b"7 0 obj")
        head = b"7 0 obj\n<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream\n" % (len(stream), stream)
        return Bomb("a.pdf", honest[:start] + head + honest[honest.index(b"endobj", start) :], _ANY, may_be_read=True)

    def looping_form() -> Bomb:
        form = b"8 0 obj\n<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F 8 0 R >> >> "
        form += b"/Length 10 >>\nstream\n/F Do /F Do\nendstream\nendobj\nxref"
        return Bomb("a.pdf", honest.replace(b"xref", form, 1), _ANY, may_be_read=True)

    return {
        "pdf: table of places that leads to itself": looping_table,
        "pdf: page tree that holds itself": lambda: replaced(b"/Kids [6 0 R]", b"/Kids [2 0 R 2 0 R]"),
        "pdf: a million pages claimed": lambda: replaced(b"/Count 1 ", b"/Count 1000000 "),
        "pdf: one page many times": many_pages,
        "pdf: deep arrays": lambda: replaced(b"/MediaBox [0 0 612 792]", b"/MediaBox " + b"[" * 200_000),
        "pdf: contents 1000 to 1": lambda: content_of(b" " * (100 * MIB * scale)),
        "pdf: endless text": lambda: content_of(
            b"BT /F1 9 Tf 72 720 Td " + b"(words ) Tj " * (500_000 * scale) + b"ET"
        ),
        "pdf: saved states": lambda: content_of(b"q " * (MIB * scale)),
        "pdf: form that shows itself": looping_form,
        "pdf: encrypted": lambda: Bomb("a.pdf", pdf([[Words(9, 9, "x")]], password="p"), (errors.EncryptedFile,)),
    }


def _of_records(scale: int) -> dict[str, Callable[[], Bomb]]:
    deep = 100_000 * scale

    def read(name: str, data: str) -> Bomb:
        return Bomb(name, data.encode(), _ANY, may_be_read=True)

    return {
        "json: deep arrays": lambda: Bomb("a.json", b"[" * deep, (errors.DamagedFile,)),
        "json: deep objects": lambda: Bomb("a.jsonl", b'{"a":' * deep + b"1" + b"}" * deep, (errors.DamagedFile,)),
        "json: long number": lambda: read("a.json", '{"a": ' + "9" * (MIB * scale) + "}"),
        "json: many fields": lambda: read("a.json", json.dumps({f"k{i}": i for i in range(50_000 * scale)})),
        "json: empty arrays": lambda: read("a.json", "[" + "[]," * (MIB * scale) + "[]]"),
        "csv: one long line": lambda: read("a.csv", "a,b\n" + "word," * (2 * MIB * scale)),
        "csv: one long field": lambda: read("a.csv", 'a,b\n"' + "word " * (2 * MIB * scale)),
        "csv: many rows": lambda: read("a.csv", "a,b\n" + "1,2\n" * (100_000 * scale)),
        "csv: many columns": lambda: read("a.csv", "\n".join([",".join(f"c{i}" for i in range(10_000))] * 3 * scale)),
        "csv: quotes": lambda: read("a.csv", '"' * (MIB * scale)),
        "xlsx: far cell": lambda: read_sheet('<c r="XFD1048576"><v>1</v></c>'),
    }


def read_sheet(cell: str) -> Bomb:
    """A sheet that claims to be as large as sheets can be."""
    xml = part_of(".xlsx", "xl/worksheets/sheet1.xml")
    row = f'<row r="1048576">{cell}</row></sheetData>'
    return Bomb(
        "a.xlsx", with_part(".xlsx", "xl/worksheets/sheet1.xml", xml.replace("</sheetData>", row).encode()), _ANY, True
    )


def _wrong_ones() -> dict[str, Callable[[], Bomb]]:
    """Every specimen under every other suffix that is read in another way, and nothing at all under each."""
    specimens = all_specimens()
    suffixes = [".txt", ".md", ".html", ".pdf", ".docx", ".pptx", ".xlsx", ".csv", ".jsonl", ".epub"]

    def pairs() -> Iterator[tuple[str, str]]:
        for own in suffixes:
            yield from ((own, other) for other in suffixes if other != own)

    def wrong(own: str, other: str) -> Callable[[], Bomb]:
        return lambda: Bomb(f"a{other}", specimens[own], _ANY, may_be_read=True)

    def empty(suffix: str) -> Callable[[], Bomb]:
        return lambda: Bomb(f"a{suffix}", b"", (errors.EmptyFile,))

    found = {f"{own[1:]} as {other[1:]}": wrong(own, other) for own, other in pairs()}
    return found | {f"{suffix[1:]} of no bytes": empty(suffix) for suffix in suffixes}
