"""Books come back along their spine, with the chapters that their tables of contents name."""

from __future__ import annotations

import pytest

from corpora.documents import Document, describe_location
from corpora.errors import DamagedFile, EmptyFile, EncryptedFile
from corpora.loaders.sandboxed_loader import load_bytes
from tests.support.zip_files import epub, zipped

CHAPTERS = {
    "b%20c.xhtml": "<p>It begins.</p>",
    "a.xhtml": "<h2>Second <em>part</em></h2><p>Text of two.</p><h3>Inside</h3><p>More.</p>",
    "last.xhtml": "<p>No name.</p><script>never()</script>",
}


def marked(document: Document, kind: str) -> list[tuple[str, str]]:
    return [(mark.label, document.text[mark.start : mark.end]) for mark in document.marks if mark.kind == kind]


def test_a_book() -> None:
    document = load_bytes(epub(CHAPTERS, toc='<a href="b%20c.xhtml#top">The Opening</a>', title="A Book"), "b.epub")
    assert document.text == "It begins.\n\nSecond part\n\nText of two.\n\nInside\n\nMore.\n\nNo name."
    assert document.metadata["title"] == "A Book"
    assert marked(document, "chapter") == [
        ("The Opening", "It begins."),
        ("Second part", "Second part\n\nText of two.\n\nInside\n\nMore."),
        ("3", "No name."),
    ]
    assert marked(document, "heading") == [
        ("Second part", "Second part\n\nText of two.\n\nInside\n\nMore."),
        ("Inside", "Inside\n\nMore."),
    ]
    assert describe_location(document.marks, document.text.index("More"), len(document.text) - 10) == "Inside"
    assert describe_location(document.marks, 0, 5) == "The Opening"


def test_chapters_of_an_old_book() -> None:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest>'
        '<item id="x" href="t/x.html" media-type="application/xhtml+xml"/>'
        '<item id="n" href="t/toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
        '<spine toc="n"><itemref idref="x"/><itemref idref="missing"/></spine></package>'
    )
    contents = (
        '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">'
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint>'
        "<navLabel><text>Chapter  I</text></navLabel>"
        '<content src="x.html#a"/></navPoint></navMap></ncx>'
    )
    parts = {
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>',
        "book.opf": package,
        "t/toc.ncx": contents,
        "t/x.html": '<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>Déjà vu.</p></body></html>'.encode(
            "latin-1"
        ),
    }
    document = load_bytes(zipped(parts), "old.epub")
    assert marked(document, "chapter") == [("Chapter I", "Déjà vu.")]
    assert document.metadata["title"] == "old.epub"


def test_protected_books_are_named_and_scrambled_fonts_are_no_protection() -> None:
    cipher = (
        '<encryption><EncryptedData><CipherData><CipherReference URI="{}"/></CipherData></EncryptedData></encryption>'
    )
    with pytest.raises(EncryptedFile, match="protected"):
        load_bytes(epub(CHAPTERS, **{"META-INF__encryption_xml": cipher.format("OEBPS/a.xhtml")}), "b.epub")
    book = epub(CHAPTERS, **{"META-INF__encryption_xml": cipher.format("OEBPS/font.otf")})
    assert load_bytes(book, "b.epub").text.startswith("It begins.")


def test_broken_books_are_named() -> None:
    with pytest.raises(DamagedFile, match=r"container\.xml is missing"):
        load_bytes(zipped({"mimetype": "application/epub+zip"}), "b.epub")
    with pytest.raises(DamagedFile, match="missing"):
        load_bytes(zipped({"META-INF/container.xml": '<a><rootfile full-path="../../etc/passwd"/></a>'}), "b.epub")
    with pytest.raises(EmptyFile):
        load_bytes(epub({}), "b.epub")
    assert load_bytes(epub({"a.xhtml": "<div>" * 20_000 + "x"}), "b.epub").text == "x"


def book(items: str, spine: str, **parts: str | bytes) -> bytes:
    """A book of these items and this spine; ``parts`` are its files, ``_`` for the dot."""
    package = f"<package><metadata/><manifest>{items}</manifest><spine>{spine}</spine></package>"
    container = '<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>'
    return zipped(
        {"META-INF/container.xml": container, "b.opf": package}
        | {name.replace("_", "."): text for name, text in parts.items()}
    )


@pytest.mark.parametrize(
    "kind", ["text/x-oeb1-document", "text/html", "application/xhtml+xml; charset=utf-8", "TEXT/XML", "application/odd"]
)
def test_pages_of_all_kinds_of_books(kind: str) -> None:
    data = book(f'<item id="a" href="a.html" media-type="{kind}"/>', '<itemref idref="a"/>', a_html="<p>The mill.</p>")
    assert load_bytes(data, "b.epub").text == "The mill."


def test_pages_are_xml_in_their_own_encoding() -> None:
    page = (
        '<?xml version="1.0" encoding="{}"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>'
        '<p><![CDATA[Zażółć < 3]]> <a id="x"/>jaźń</p></body></html>'
    )
    item = '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    for encoding in ("iso-8859-2", "windows-1250", "utf-8", "utf-16"):
        data = book(item, '<itemref idref="a"/>', a_xhtml=page.format(encoding).encode(encoding))
        assert load_bytes(data, "b.epub").text == "Zażółć < 3 jaźń"


def test_notes_and_fallbacks_of_books() -> None:
    page = (
        '<html xmlns:epub="http://www.idpf.org/2007/ops"><body><p>In 1742<a epub:type="noteref" href="#n">1</a> it '
        'burnt.</p><aside epub:type="footnote" id="n"><p>Archive.</p></aside></body></html>'
    )
    data = book(
        '<item id="a" href="a.pdf" media-type="application/pdf" fallback="b"/>'
        '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="c" href="c.pdf" media-type="application/pdf"/><item id="d" href="d.xhtml" media-type="text/html"/>',
        '<itemref idref="a"/><itemref idref="c"/><itemref idref="d"/>',
        b_xhtml=page,
    )
    document = load_bytes(data, "b.epub")
    assert document.text == "In 1742[1] it burnt.\n\nArchive."
    assert document.notes == "a chapter that is no text was not read; a chapter is missing in the book"
