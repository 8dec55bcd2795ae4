"""SmartArt, the diagrams of Office, as a list: its points in their order, each below the one that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from corpora.loaders.formats.opc_package import all_of, attribute, children_of, whole_number
from corpora.text.reading_text import ReadingText, in_one_line, item_line

_DEEPEST = 8


def write_diagram(reading: ReadingText, root: Element) -> None:
    """Add the texts of a part ``diagramData``."""
    points = {attribute(point, "modelId") or "": point for point in children_of(root, "ptLst")}
    below: dict[str, list[tuple[int, str]]] = {}
    for relation in children_of(root, "cxnLst"):
        if attribute(relation, "type") in (None, "parOf"):
            order = whole_number(attribute(relation, "srcOrd"), 0)
            parent, point = attribute(relation, "srcId") or "", attribute(relation, "destId") or ""
            below.setdefault(parent, []).append((order, point))
    tops = [name for name, point in points.items() if attribute(point, "type") == "doc"]
    written: set[str] = set(tops)
    lines = [line for top in tops for line in _lines(points, below, top, 0, written)]
    for name, unreached in points.items():
        if name not in written and (text := _text(unreached)):
            lines.append(item_line(text, depth=0))
    reading.items(lines)


def _lines(
    points: dict[str, Element], below: dict[str, list[tuple[int, str]]], name: str, depth: int, written: set[str]
) -> Iterator[str]:
    for _, inner in sorted(below.get(name, ())):
        if inner in points and inner not in written:
            written.add(inner)
            text = _text(points[inner])
            if text:
                yield item_line(text, depth=min(depth, _DEEPEST))
            yield from _lines(points, below, inner, depth + 1 if text else depth, written)


def _text(point: Element) -> str:
    paragraphs = ("".join(part.text or "" for part in all_of(one, "t")) for one in all_of(point, "p"))
    return in_one_line(" ".join(paragraphs))
