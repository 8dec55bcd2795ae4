"""Word documents written by hand: paragraphs, runs, lists and other parts as XML, in a package with their relations."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from corpora.documents import Document
from corpora.loaders.formats.word.docx import load
from tests.support.zip_files import OFFICE, WORD, relations, zipped

_NAMESPACES = {
    "w": WORD,
    "r": OFFICE,
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
    "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
}
SPACES = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in _NAMESPACES.items())


def text(words: str) -> str:
    """Words inside a run."""
    return f'<w:t xml:space="preserve">{escape(words)}</w:t>'


def run(words: str = "", properties: str = "", *, more: str = "") -> str:
    """A run of words; ``more`` is what stands in it besides."""
    return f"<w:r><w:rPr>{properties}</w:rPr>{text(words) if words else ''}{more}</w:r>"


def paragraph(words: str = "", properties: str = "", *, more: str = "") -> str:
    """A paragraph of words, and of what stands behind them in it."""
    return f"<w:p><w:pPr>{properties}</w:pPr>{run(words) if words else ''}{more}</w:p>"


def numbered(words: str, numbering: object, depth: int | None = None) -> str:
    """A paragraph in a list."""
    level = "" if depth is None else f'<w:ilvl w:val="{depth}"/>'
    return paragraph(words, f'<w:numPr>{level}<w:numId w:val="{numbering}"/></w:numPr>')


def level(depth: int, look: str, shown: str, more: str = "", *, start: int | None = 1) -> str:
    """One level of the definition of a list."""
    begin = "" if start is None else f'<w:start w:val="{start}"/>'
    return (
        f'<w:lvl w:ilvl="{depth}">{begin}<w:numFmt w:val="{look}"/>{more}<w:lvlText w:val="{escape(shown)}"/></w:lvl>'
    )


def definition(name: object, *levels: str) -> str:
    """The definition of a list."""
    return f'<w:abstractNum w:abstractNumId="{name}">{"".join(levels)}</w:abstractNum>'


def listed(name: object, of: object, overrides: str = "") -> str:
    """A list with that definition."""
    return f'<w:num w:numId="{name}"><w:abstractNumId w:val="{of}"/>{overrides}</w:num>'


def starting(depth: int, start: int) -> str:
    """What a list overrides to start a level at a number."""
    return f'<w:lvlOverride w:ilvl="{depth}"><w:startOverride w:val="{start}"/></w:lvlOverride>'


def table(*rows: str) -> str:
    """A table of rows."""
    return f"<w:tbl><w:tblPr/>{''.join(rows)}</w:tbl>"


def row(*cells: str, properties: str = "") -> str:
    """A row of cells; a cell that is plain words is made one."""
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(c if c.startswith('<') else cell(c) for c in cells)}</w:tr>"


def cell(words: str = "", properties: str = "", *, more: str = "") -> str:
    """A cell of one paragraph, or of the blocks in ``more``."""
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(words) if words or not more else ''}{more}</w:tc>"


def word_file(body: str, files: Mapping[str, str | bytes] | None = None, **parts: str) -> bytes:
    """A Word document. ``parts`` are XML inside their roots, by their kind, ``files`` whole ones by ``kind path``.

    The relation of a part has its kind as its id, that of a file its path.
    """
    whole: dict[str, str | bytes] = {
        f"{kind} {kind}.xml": f"<w:{kind} {SPACES}>{inside}</w:{kind}>" for kind, inside in parts.items()
    }
    whole |= dict(files or {})
    targets = {name.split()[1].removesuffix(f"{name.split()[0]}.xml") or name.split()[0]: name for name in whole}
    inside = {f"word/{name.split()[1]}": content for name, content in whole.items()}
    return zipped(
        {
            "_rels/.rels": relations(r1="officeDocument word/document.xml"),
            "word/_rels/document.xml.rels": relations(**{id_.replace("/", "-"): to for id_, to in targets.items()}),
            "word/document.xml": f"<w:document {SPACES}><w:body>{body}</w:body></w:document>",
            **inside,
        }
    )


def read(body: str, files: Mapping[str, str | bytes] | None = None, **parts: str) -> Document:
    """The document that the loader makes of it, in this process."""
    return load(word_file(body, files, **parts), "a.docx")
