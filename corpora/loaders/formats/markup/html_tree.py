"""Bytes of a page to the tree that a browser builds of them: HTML by its standard's rules, XHTML as XML.

A page that calls itself XML and is none is read as HTML. Knows nothing of what is done with the tree.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from html.entities import html5

import turbohtml
from turbohtml import Document, Element, HTMLParseError

from corpora.loaders.formats.decoding import decoded

_CHARSET = re.compile(rb"<meta[^>]+?charset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w:.-]+)[\"']", re.IGNORECASE)
_HEAD_BYTES = 8192
_WIDE_STARTS = (
    (b"<\0?\0", codecs.BOM_UTF16_LE), (b"\0<\0?", codecs.BOM_UTF16_BE),
    (b"<\0!\0", codecs.BOM_UTF16_LE), (b"\0<\0!", codecs.BOM_UTF16_BE),
    (b"<\0h\0", codecs.BOM_UTF16_LE), (b"\0<\0h", codecs.BOM_UTF16_BE),
    (b"<\0H\0", codecs.BOM_UTF16_LE), (b"\0<\0H", codecs.BOM_UTF16_BE),
)  # fmt: skip
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*;)")
_OF_XML = frozenset(("lt;", "gt;", "amp;", "quot;", "apos;"))
_IS_XML = re.compile(r"\s*<\?xml\b")


def parsed(data: bytes, name: str, *, is_xml: bool = False, note: Callable[[str], None] | None = None) -> Document:
    """The tree of a page. ``is_xml``: it comes as XHTML; ``note`` is as in ``decoded``. Raises ``BinaryText``."""
    text = decoded(_marked(data), name, declared=declared_encoding(data), note=note)
    if is_xml or _IS_XML.match(text):
        try:
            return turbohtml.parse_xml(_without_names(text))
        except HTMLParseError:
            pass  # so it is read as a browser reads HTML, which nothing is too broken for
    return parsed_html(text)


def parsed_html(text: str) -> Document:
    """The tree of HTML."""
    return turbohtml.parse(text, positions=False, scripting=True, allow_declarative_shadow_roots=False)


def declared_encoding(data: bytes) -> str | None:
    """The encoding that a page names, in its XML declaration or a ``meta`` tag."""
    found = _XML_ENCODING.match(data[:_HEAD_BYTES].removeprefix(codecs.BOM_UTF8)) or _CHARSET.search(data[:_HEAD_BYTES])
    return found[1].decode("ascii", "replace") if found else None


def local_name(element: Element) -> str:
    """The name of an element in small letters, without the prefix that XML may give it."""
    tag = element.tag
    return tag.rpartition(":")[2].lower() if ":" in tag or not tag.islower() else tag


def _marked(data: bytes) -> bytes:
    """The bytes with a byte order mark if they are UTF-16 without one, as their first tag shows."""
    return next((mark + data for start, mark in _WIDE_STARTS if data.startswith(start)), data)


def _without_names(text: str) -> str:
    """XML whose entities of HTML are characters: only its document type, which is not read, declares them."""
    return _ENTITY.sub(lambda match: match[0] if match[1] in _OF_XML else html5.get(match[1], match[0]), text)
