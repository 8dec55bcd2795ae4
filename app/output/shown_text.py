"""What of an answer's text is not shown: numbers that are said twice, and marks of lists that were copied along.

The text itself stays as the target wrote it, and so do citations: what is not shown is a span of it. A mark of a list
is one only if the passage has it at the front of a line and, if it counts, another item before or behind it, so that
"3. May" in a text of its own is none. Offsets are Unicode code points, half-open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.generation.events import SourcePassage
from app.output.links import Link

_NUMBER: Final = re.compile(r"\[(\d{1,4})\]")
_SIGN: Final = r"[-*•‣◦–]"
_COUNTED: Final = r"\d{1,3}[.)]|\(\d{1,3}\)|[a-z][.)]|\([a-z]\)"
_MARK: Final = re.compile(rf"\[(\d{{1,4}})\][ \t]+(?P<mark>(?:{_SIGN}|{_COUNTED})[ \t]+)(?=\S)")
_BEGUN: Final = re.compile(rf"\[(?:\d{{1,4}}(?:\](?:[ \t]+(?:(?:{_SIGN}|\(?(?:\d{{1,3}}|[a-z])[.)]?)[ \t]*|\()?)?)?)?$")


def unshown(text: str, linked: Sequence[Link], passages: Sequence[SourcePassage]) -> list[tuple[int, int]]:
    """The spans of ``text`` that are not shown where each linked run has the number of its source behind it."""
    return sorted([*_said_twice(text, linked), *list_marks(text, passages)])


def list_marks(text: str, passages: Sequence[SourcePassage]) -> list[tuple[int, int]]:
    """The marks of lists that stand behind a number ``[n]`` and were copied along from the passage of that number."""
    by_number = {passage.number: passage.text for passage in passages if passage.number is not None}
    return [
        found.span("mark")
        for found in _MARK.finditer(text)
        if _is_of_list(found["mark"].strip(), by_number.get(int(found[1]), ""))
    ]


class ShownText:
    """An answer's text as it is written, without marks of lists. For what shows text once and cannot take it back."""

    def __init__(self, passages: Sequence[SourcePassage]) -> None:
        self._passages = passages
        self._held = ""

    def push(self, new: str) -> str:
        """What can be shown of the text so far; what may still become a mark waits for what comes next."""
        text = self._held + new
        begun = _BEGUN.search(text)
        at = begun.start() if begun is not None else len(text)
        self._held = text[at:]
        return without(text[:at], list_marks(text, self._passages))

    def finish(self) -> str:
        """The rest, when nothing more comes."""
        rest, self._held = self._held, ""
        return rest


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """``text`` without these spans, which come in order and do not overlap."""
    parts, at = [], 0
    for start, end in spans:
        parts.append(text[at:start])
        at = end
    return "".join([*parts, text[at:]])


def _said_twice(text: str, linked: Sequence[Link]) -> Iterator[tuple[int, int]]:
    """Each written ``[n]`` with the space beside it, if the run next to it is linked to source n."""
    for found in _NUMBER.finditer(text):
        behind = re.compile(r"\s*").match(text, found.end())
        before = re.search(r"\s*$", text[: found.start()])
        assert behind is not None and before is not None  # both may be empty  # noqa: PT018
        labels_behind = [link.label for link in linked if link.answer_start == behind.end()]
        labels_before = [link.label for link in linked if link.answer_end == before.start()]
        if any(link.answer_start <= found.start() < link.answer_end for link in linked):
            continue  # Brackets of the document's own.
        if found[1] in labels_behind:
            yield found.start(), behind.end()
        elif found[1] in labels_before:
            yield before.start(), found.end()


def _is_of_list(mark: str, passage: str) -> bool:
    """Whether the passage has a list with this mark: at the front of a line, and not alone if it counts."""
    if not _at_front(mark, passage):
        return False
    counter = re.search(r"\d+|[a-z]", mark)
    if counter is None:
        return True
    one = counter[0]
    others = [str(int(one) - 1), str(int(one) + 1)] if one.isdigit() else [chr(ord(one) - 1), chr(ord(one) + 1)]
    return any(_at_front(mark.replace(one, other), passage) for other in others)


def _at_front(mark: str, passage: str) -> bool:
    return re.search(rf"^[ \t]*{re.escape(mark)}[ \t]", passage, re.MULTILINE) is not None
