"""Word documents and presentations, as their programs and libraries write them, become reading text with marks."""

from __future__ import annotations

import io
import zipfile

import docx as python_docx
import pytest
from docx.enum.text import WD_BREAK
from pptx import Presentation
from pptx.util import Inches

from corpora.documents import Document, describe_location
from corpora.errors import DamagedFile, EmptyFile, EncryptedFile, HostileArchive, UnknownSuffix
from corpora.loaders.sandboxed_loader import load_bytes
from tests.support.zip_files import OFFICE, OLE, docx, relations, zipped


def marked(document: Document, kind: str) -> list[tuple[str, str]]:
    return [(mark.label, document.text[mark.start : mark.end]) for mark in document.marks if mark.kind == kind]


def paragraph(*runs: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(f'<w:r>{run}</w:r>' for run in runs)}</w:p>"


def words(text: str) -> str:
    return f'<w:t xml:space="preserve">{text}</w:t>'


def test_a_word_document() -> None:
    book = python_docx.Document()
    book.core_properties.title = ""
    book.add_heading("Harbour report", 0)
    book.add_paragraph("The harbour was built by the town itself.")
    book.add_heading("Building", 1)
    for text, style in (("piers", "Bullet"), ("of oak", "Bullet 2"), ("dig", "Number"), ("wait", "Number")):
        book.add_paragraph(text, style=f"List {style}")
    table = book.add_table(2, 2)
    for cell, text in zip(table._cells, ("Name", "Age", "Ada", "36"), strict=True):
        cell.text = text
    run = book.add_paragraph("Before the break").add_run()
    run.add_break(WD_BREAK.PAGE)
    run.add_text("and after it.")
    book.add_heading("Cost", 2)
    book.add_page_break()
    book.add_paragraph("Third page.")
    data = io.BytesIO()
    book.save(data)
    document = load_bytes(data.getvalue(), "report.docx")
    assert document.text == (
        "Harbour report\n\nThe harbour was built by the town itself.\n\nBuilding\n\n"
        "- piers\n- of oak\n1. dig\n2. wait\n\nName | Age\nName: Ada | Age: 36\n\n"
        "Before the break\nand after it.\n\nCost\n\nThird page."
    )
    assert document.metadata == {"title": "Harbour report", "language": "en"}
    assert marked(document, "page") == []  # who breaks pages by hand does not know how many lie before
    assert [label for label, _ in marked(document, "heading")] == ["Harbour report", "Building", "Cost"]
    assert marked(document, "row") == [("1", "Name | Age"), ("2", "Name: Ada | Age: 36")]
    at = document.text.index("Third")
    assert describe_location(document.marks, at, at + 5) == "Cost"


def test_pages_are_those_that_word_saw() -> None:
    body = paragraph(words("One "), "<w:lastRenderedPageBreak/>" + words("two"), '<w:br w:type="page"/>')
    body += paragraph("<w:lastRenderedPageBreak/>" + words("three"))
    document = load_bytes(docx(body), "a.docx")
    assert document.text == "One two\n\nthree"
    assert marked(document, "page") == [("1", "One"), ("2", "two"), ("3", "three")]


@pytest.mark.parametrize(("said", "known"), [(1, True), (2, True), (3, True), (4, False)])
def test_pages_are_not_told_if_word_counted_more_than_it_recorded(said: int, known: bool) -> None:
    body = paragraph(words("One "), "<w:lastRenderedPageBreak/>" + words("two"))
    body += paragraph("<w:lastRenderedPageBreak/>" + words("three"))
    properties = f'<Properties xmlns="{OFFICE}/extended-properties"><Pages>{said}</Pages></Properties>'
    with zipfile.ZipFile(io.BytesIO(docx(body))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["_rels/.rels"] = relations(r1="officeDocument word/document.xml", r2="extended-properties app.xml").encode()
    document = load_bytes(zipped({**parts, "app.xml": properties}), "a.docx")
    assert document.text == "One two\n\nthree"
    assert len(marked(document, "page")) == (3 if known else 0)
    assert bool(describe_location(document.marks, 0, 3)) == known


def test_changes_controls_boxes_and_notes() -> None:
    body = f"<w:p><w:r>{words('kept ')}</w:r><w:ins><w:r>{words('new')}</w:r></w:ins>"
    body += "<w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>"
    body += f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph(words('in a control'))}</w:sdtContent></w:sdt>"
    cited = '<w:{}Reference w:id="2"/>'.format
    body += paragraph(words("a claim"), cited("footnote"), words(", another"), cited("endnote"))
    box = f"<w:drawing><w:txbxContent>{paragraph(words('in a box'))}</w:txbxContent></w:drawing>"
    either = f"<AlternateContent><Choice>{box}</Choice><Fallback>{box}</Fallback></AlternateContent>"
    body += paragraph(words("beside "), either)
    body += paragraph(words("page "), "<w:instrText>PAGE</w:instrText>", words("seven"), "<w:br/>" + words("eight"))
    body += "<w:sectPr/>"
    note = '<w:{0} w:id="2">' + paragraph(words("the {0}")) + "</w:{0}>"
    data = docx(body, footnotes=note.format("footnote"), endnotes=note.format("endnote"))
    assert load_bytes(data, "a.docx").text == (
        "kept new\n\nin a control\n\na claim, another\n\nNote: the footnote\n\nNote: the endnote\n\n"
        "beside\n\nin a box\n\npage seven\neight"
    )


def test_headings_by_style_by_outline_and_numbered() -> None:
    styles = (
        '<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/><w:pPr><w:numPr>'
        '<w:numId w:val="7"/></w:numPr></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="berschrift1"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="Verzeichnis1"><w:name w:val="toc 1"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>'
    )
    levels = (
        '<w:lvl w:ilvl="0"><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1%2)"/></w:lvl>'
    )
    numbering = f'<w:abstractNum w:abstractNumId="3">{levels}</w:abstractNum>'
    numbering += '<w:num w:numId="7"><w:abstractNumId w:val="3"/></w:num>'
    styled = '<w:pStyle w:val="{}"/>'.format
    item = '<w:numPr><w:ilvl w:val="1"/><w:numId w:val="7"/></w:numPr>'
    body = "".join(
        paragraph(words(text), properties=properties)
        for text, properties in (
            ("First, on page 1", styled("Verzeichnis1")),
            ("First", styled("berschrift1")),
            ("x", styled("Loop")),
            ("inner", item),
            ("again", item),
            ("Second", styled("Mine")),
            ("fresh", item),
            ("Third", '<w:outlineLvl w:val="1"/>'),
        )
    )
    document = load_bytes(docx(body, styles=styles, numbering=numbering), "a.docx")
    assert document.text == "I. First\n\nx\n\n  Ia) inner\n  Ib) again\n\nII. Second\n\n  IIa) fresh\n\nThird"
    assert [label for label, _ in marked(document, "heading")] == ["I. First", "II. Second", "Third"]
    assert document.metadata["title"] == "I. First"


def presentation() -> bytes:
    show = Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "Harbour plan"
    frame = first.placeholders[1].text_frame
    frame.text = "Dig it out"
    deeper = frame.add_paragraph()
    deeper.text, deeper.level = "by hand", 1
    first.notes_slide.notes_text_frame.text = "Greet the mayor.\nThen go on."
    second = show.slides.add_slide(show.slide_layouts[5])
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(4), Inches(4), Inches(1)).text_frame.text = "A box\vof two lines."
    second.shapes.title.text = "Costs"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for cell, text in zip(table.iter_cells(), ("Item", "Euro", "Pier", "300"), strict=True):
        cell.text = text
    data = io.BytesIO()
    show.save(data)
    return data.getvalue()


def test_a_presentation() -> None:
    document = load_bytes(presentation(), "plan.pptx")
    assert document.text == (
        "Harbour plan\n\n- Dig it out\n  - by hand\n\nNotes: Greet the mayor.\n\nThen go on.\n\n"
        "Costs\n\nItem | Euro\nPier | 300\n\nA box\nof two lines."
    )
    assert document.metadata["title"] == "Harbour plan"
    one, two = marked(document, "slide")
    assert (one[0], two[0]) == ("1", "2")
    assert one[1].endswith("Then go on.") and two[1].startswith("Costs")
    at = document.text.index("Pier")
    assert describe_location(document.marks, at, at + 4) == "slide 2, row 2, Costs"


@pytest.mark.parametrize(("name", "old"), [("a.docx", ".doc"), ("a.pptx", ".ppt"), ("a.xlsx", ".xls")])
def test_encrypted_and_old_files_are_told_apart(name: str, old: str) -> None:
    with pytest.raises(EncryptedFile, match="password") as caught:
        load_bytes(OLE + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 500, name)
    assert "password" in caught.value.hint
    with pytest.raises(DamagedFile, match=f"{name} is a {old} file under another name") as damaged:
        load_bytes(OLE + b"\0" * 2000, name)
    assert "save it as ." in damaged.value.hint
    with pytest.raises(UnknownSuffix) as unknown:
        load_bytes(OLE, f"a{old}")
    assert unknown.value.hint == f"save it as {old}x in the program that opens it, and add that file"


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.epub"])
def test_what_is_no_document_is_named(name: str) -> None:
    for data in (b"plain text", b"PK\x03\x04 nothing", zipped({"x.txt": "words"}), zipped({"_rels/.rels": "<a"})):
        with pytest.raises(DamagedFile, match=name):
            load_bytes(data, name)


def test_a_document_without_words_is_named() -> None:
    with pytest.raises(EmptyFile, match="no text"):
        load_bytes(docx(paragraph(words("  "))), "a.docx")


def test_a_document_that_would_swell_is_refused() -> None:
    swollen = docx(paragraph(words("a" * 64)) * 100_000)
    assert len(swollen) < 2**16
    with pytest.raises(HostileArchive, match="as bombs do"):
        load_bytes(swollen, "a.docx")


def test_a_large_document_takes_little_more_than_its_text() -> None:
    numbers = (f"{n * 7919 % 1_000_003:06d} {n * 104729 % 999_983:06d}" for n in range(20_000))
    document = load_bytes(docx("".join(paragraph(words(number)) for number in numbers)), "a.docx")
    assert document.text.count("\n\n") == 19_999


@pytest.mark.parametrize(
    "before",
    [
        '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE w [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]>',
    ],
)
def test_entities_of_ones_own_are_refused(before: str) -> None:
    for entity in ("&b;", "&e;", "&amp;"):
        with pytest.raises(DamagedFile, match="no XML"):
            load_bytes(docx(paragraph(words(entity)), before=before), "a.docx")


def test_tags_nested_beyond_reason_are_named() -> None:
    deep = "<w:sdt>" * 30_000 + paragraph(words("deep")) + "</w:sdt>" * 30_000
    with pytest.raises(DamagedFile, match="nested too deeply"):
        load_bytes(docx(deep), "a.docx")


def test_references_that_lead_nowhere_are_harmless() -> None:
    parts = {
        "_rels/.rels": relations(r1="officeDocument ../../ppt/presentation.xml"),
        "ppt/presentation.xml": '<p xmlns:r="r"><sldIdLst><sldId id="1" r:id="r9"/><sldId id="2"/></sldIdLst></p>',
    }
    with pytest.raises(EmptyFile):
        load_bytes(zipped(parts), "a.pptx")
