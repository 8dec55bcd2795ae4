"""A text cut into the segments that are corrected one by one, and which of them are better left alone.

Works on strings only. Segments are sentences; a sentence that runs on over a wrapped line is one segment. Between them
lies nothing but white space and the marks of headings and items of lists, which nobody touches. Offsets are Unicode
code points, half-open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from corpora.text.code_detection import may_be_code
from corpora.text.sentences import units

_BREAK: Final = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_FENCE: Final = re.compile(r"^[ \t]*(```|~~~).*?(^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_FRONT_MATTER: Final = re.compile(r"(---|\+\+\+)\s*?\n(?:[\w-]+[ \t]*[:=].*\n|[ \t#-].*\n)+\1[ \t\r]*(?:\n|\Z)")
_INDENT: Final = re.compile(r"[ \t]*")
_WRAPPED_FROM_CHARS: Final = 40  # a line as long as this may be one that an editor has wrapped
_FILE_OR_SITE: Final = (
    "org|com|net|edu|gov|io|dev|info|uk|de|fr|eu|es|it|nl|ca|au|jp|py|js|ts|c|h|cpp|java|rs|go|sh|txt|md|rst|csv|json|"
    "ya?ml|toml|xml|html?|css|pdf|docx?|xlsx?|pptx?|epub|png|jpe?g|gif|svg|mp[34]|zip|exe"
)
_KEPT: Final = re.compile(
    r"\w+://\S*\w|\S+@\S+\.\w+|`[^`]+`"
    r"|(?:[~.]{0,2}/|\bwww\.|\b[A-Z]:\\)\S*\w|(?<![\w.])[@#]\w+"
    rf"|\w+(?:[/\\_]\w+)+(?:\.(?:{_FILE_OR_SITE})\b)?"
    rf"|\b[\w-]+(?:\.[\w-]+)*\.(?:{_FILE_OR_SITE})\b(?:/\S*\w)?|\b[a-z]+[A-Z]\w*"
    r"|\w*\d[\w.,:/-]*\w|\d"
)
_MARKER: Final = re.compile(r"(?:#{1,6}|[-*+•‣–>]|\(?\d{1,3}[.)]|\(?[a-z]\)|\[[ xX]\])[ \t]+(?=\S)")
# "Name: Nora", "Date of birth: ..."; no label is "He said: ...".
_LABEL: Final = re.compile(r"(?:[^\W\d_][\w'’.-]*[ \t]){0,2}[^\W\d_][\w'’-]*:[ \t]+(?=\S)")
_OF_CLAUSES: Final = frozenset(
    "i you he she it we they who what that this there is are was were be am has have had do does did can could will "
    "would shall should may might must".split()
)
_CELL: Final = re.compile(r"[^|\s](?:[^|\n]*[^|\s])?")


@dataclass(frozen=True, slots=True)
class Segment:
    """``text[start:end]``; ``is_code`` says that it does not read like prose, ``is_item`` that it is a heading, or
    stands behind the mark of a heading or an item, which is no part of it.
    """

    start: int
    end: int
    is_code: bool
    is_item: bool = False


def segments(text: str) -> list[Segment]:
    """The segments of a text, in order, not overlapping; all that is not white space lies in one."""
    found: list[Segment] = []
    at = 0
    if front := _FRONT_MATTER.match(text):
        at = len(front[0].rstrip())
        found.append(Segment(0, at, is_code=True))
    for fence in _FENCE.finditer(text, at):
        found += _prose(text, at, fence.start())
        found.append(Segment(fence.start(), fence.end(), is_code=True))
        at = fence.end()
    return found + _prose(text, at, len(text))


def fixed_parts(text: str) -> list[str]:
    """What no correction may change: numbers, addresses, names of files and sites, user names and tags behind ``@`` or
    ``#``, names with a capital inside, and quoted code, in order of the alphabet.
    """
    return sorted(_KEPT.findall(text))


def line_breaks(text: str) -> list[str]:
    """The line breaks of a text, as they are written."""
    return _BREAK.findall(text)


def _prose(text: str, start: int, end: int) -> list[Segment]:
    """Sentences between two blocks of code. Wrapped lines are read as one, at unchanged offsets."""
    flat = list(text[start:end])
    for found in _BREAK.finditer(text, start, end):
        wrapped = _is_wrapped(text, found.start(), found.end())
        for at in range(found.start(), found.end()):
            flat[at - start] = " " if wrapped else "\n"
    cut = []
    for unit in units("".join(flat)):
        begin, stop = start + unit.start, start + unit.end
        if cells := _cells(text, begin, stop):
            cut += cells
            continue
        is_code, first = unit.is_code or may_be_code(text[begin:stop]), begin
        while not is_code and (mark := _MARKER.match(text, first, stop)) and _begins_line(text, begin):
            first = mark.end()
        if not is_code and _begins_line(text, begin):
            first = _behind_label(text, first, stop)
        cut.append(Segment(first, stop, is_code, is_item=unit.is_heading or first > begin))
    return cut


def _cells(text: str, start: int, end: int) -> list[Segment]:
    """The cells of a row of a table in Markdown, each an item; none where the text is no such row."""
    if text[start] != "|" or text.count("|", start, end) < 2:
        return []
    row = _CELL.finditer(text, start, end)
    return [Segment(cell.start(), cell.end(), may_be_code(cell[0]), is_item=True) for cell in row]


def _behind_label(text: str, start: int, end: int) -> int:
    label = _LABEL.match(text, start, end)
    if label is None or not _OF_CLAUSES.isdisjoint(re.findall(r"\w+", label[0].casefold())):
        return start
    return label.end()


def _begins_line(text: str, at: int) -> bool:
    while at and text[at - 1] in " \t":
        at -= 1
    return at == 0 or _BREAK.match(text, at - 1) is not None


def _is_wrapped(text: str, before: int, behind: int) -> bool:
    """Whether a line break stands inside a sentence: behind a long line of prose, before a small letter."""
    line_start = max((found.end() for found in _BREAK.finditer(text, max(0, before - 400), before)), default=0)
    line = text[line_start:before]
    indent, next_indent = _INDENT.match(line), _INDENT.match(text, behind)
    assert indent is not None
    assert next_indent is not None
    follows = text[next_indent.end() : next_indent.end() + 1]
    same_indent = len(indent[0]) == next_indent.end() - behind < 4
    is_long = len(line) >= _WRAPPED_FROM_CHARS
    return same_indent and is_long and line[-1].isalpha() | (line[-1] == ",") and follows.islower()
