"""One honest file of each suffix that a loader reads, made by the libraries that people make them with."""

from __future__ import annotations

import io
import json
from functools import cache
from typing import Any

import docx
import openpyxl
import pptx

from tests.support.pdf_bytes import Words, pdf
from tests.support.zip_files import packed

SENTENCES = [
    "The river is forty miles long, and it ends in the sea at Porto.",
    "Boats go up and down it every day; the fare is two crowns.",
    "In winter the ice is thick enough for carts: “nobody” swims then.",
]
CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
BOOK = (
    '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id"><metadata '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Rivers</dc:title></metadata><manifest>'
    '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
)


@cache
def all_specimens() -> dict[str, bytes]:
    """By suffix."""
    text, markdown, page, table = _text(), _markdown(), html_page(), _table(",")
    lines, word, slides, sheet = _json_lines(), _word(), _slides(), _sheet()
    return {
        ".txt": text, ".text": text, ".rst": text, ".log": text, ".srt": _subtitles(","), ".vtt": _subtitles("."),
        ".md": markdown, ".markdown": markdown,
        ".html": page, ".htm": page, ".xhtml": page, ".pdf": _pdf(), ".docx": word, ".docm": word,
        ".pptx": slides, ".pptm": slides, ".xlsx": sheet, ".xlsm": sheet, ".csv": table, ".tsv": _table("\t"),
        ".jsonl": lines, ".ndjson": lines, ".json": json.dumps([{"a": SENTENCES}]).encode(), ".epub": epub(),
    }  # fmt: skip


def _subtitles(point: str) -> bytes:
    cues = (f"{i}\n00:00:0{i}{point}000 --> 00:00:0{i}{point}900\n{said}\n" for i, said in enumerate(SENTENCES, 1))
    return ("WEBVTT\n\n" * (point == ".") + "\n".join(cues)).encode()


def html_page(more: str = "") -> bytes:
    rows = "".join(f"<tr><th>{i}<td>{sentence}" for i, sentence in enumerate(SENTENCES))
    head = "<!doctype html><html lang=en><head><meta charset=utf-8><title>Rivers</title></head>"
    items = "".join(f"<li>{sentence}" for sentence in SENTENCES)
    return f"{head}<body><h1>Rivers</h1><ul>{items}</ul><table>{rows}</table>{more}<pre>code</pre></body>".encode()


def epub(chapter: bytes | None = None, book: str = BOOK) -> bytes:
    pages = {"a.xhtml": chapter or html_page(), "b.xhtml": html_page("<h2>Lakes</h2>")}
    head = {"mimetype": b"application/epub+zip", "META-INF/container.xml": CONTAINER.encode()}
    return packed({**head, "book.opf": book.encode(), **pages})


def _text() -> bytes:
    return "\n\n".join(sentence * 5 for sentence in SENTENCES).encode()


def _markdown() -> bytes:
    rows = "".join(f"| {i} | {sentence} |\n" for i, sentence in enumerate(SENTENCES))
    items = "\n".join(f"{i}. {sentence}\n   - *inner* [link](x)" for i, sentence in enumerate(SENTENCES))
    return f"# Rivers\n\n{items}\n\n> quoted\n\n| n | text |\n|--|--|\n{rows}\n```\ncode\n```\n<b>html</b>\n".encode()


def _table(delimiter: str) -> bytes:
    rows = [delimiter.join(("name", "length", "remark"))]
    rows += [delimiter.join((f"River {i}", str(i), f'"{SENTENCES[i % 3]}"')) for i in range(20)]
    return "\r\n".join(rows).encode()


def _json_lines() -> bytes:
    return "\n".join(
        json.dumps({"id": i, "text": s, "more": {"deep": [i, None, s]}}) for i, s in enumerate(SENTENCES)
    ).encode()


def _pdf() -> bytes:
    lines = [
        Words(72, 720 - 14 * i, sentence.replace("“", "'").replace("”", "'")) for i, sentence in enumerate(SENTENCES)
    ]
    return pdf([lines, lines, [Words(72, 720, "code = 1", font="F2")]], title="Rivers")


def _word() -> bytes:
    document = docx.Document()
    document.add_heading("Rivers", 1)
    for sentence in SENTENCES:
        document.add_paragraph(sentence)
        document.add_paragraph(sentence, style="List Number")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(1, 1).text = "Name", "Porto"
    document.add_page_break()
    return _saved(document)


def _slides() -> bytes:
    presentation = pptx.Presentation()
    for sentence in SENTENCES:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = "Rivers"
        slide.placeholders[1].text = sentence
    slide.notes_slide.notes_text_frame.text = "Say this slowly."
    return _saved(presentation)


def _sheet() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["Name", "Length", "Remark"])
    for i, sentence in enumerate(SENTENCES):
        book.active.append([f"River {i}", i * 1.5, sentence])
    book.create_sheet("Lakes").append(["Lake", "=1+1"])
    return _saved(book)


def _saved(document: Any) -> bytes:
    whole = io.BytesIO()
    document.save(whole)
    return whole.getvalue()
