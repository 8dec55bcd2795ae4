"""The order in which a slide is read: that of the file, but what lies above or to the left of another comes before it.

Authors move boxes without changing their order in the file, so that alone does not do; neither does sorting by position
alone, which tears cards apart that stand in columns. Knows shapes and their places only, not what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from corpora.loaders.formats.opc_package import attribute, child, chosen_alternative, local

_MOST_ORDERED = 150
_OVERLAP, _SLACK = 0.3, 0.1


@dataclass(frozen=True, slots=True)
class Box:
    """Where a shape lies on its slide, in any unit."""

    left: float
    top: float
    width: float
    height: float

    def is_before(self, other: Box) -> bool:
        """Whether this box lies above the other in its column, or to the left of it in its row."""
        in_column = _overlap(self.left, self.width, other.left, other.width)
        in_row = _overlap(self.top, self.height, other.top, other.height)
        if in_column and not in_row:
            return self.top + self.height <= other.top + _SLACK * min(self.height, other.height)
        return in_row and not in_column and self.left + self.width <= other.left + _SLACK * min(self.width, other.width)


@dataclass(frozen=True, slots=True)
class Placed:
    """A shape, frame or picture, and its place; None if that is not known."""

    shape: Element
    box: Box | None


def in_reading_order(tree: Element | None, layout: Element | None) -> list[Element]:
    """The shapes of a slide, those in groups included; ``layout`` places the placeholders that have no place."""
    inherited = {key: placed.box for placed in _placed(layout, None) if (key := _key(placed.shape))}
    placed = [
        place if place.box is not None else Placed(place.shape, inherited.get(_key(place.shape) or ("", "")))
        for place in _placed(tree, None)
    ]
    if len(placed) > _MOST_ORDERED:
        return [place.shape for place in placed]
    return [place.shape for place in _sorted(placed)]


def placeholder(shape: Element) -> str | None:
    """The kind of placeholder that this shape fills; None for free shapes."""
    filled = _filled(shape)
    return None if filled is None else _kind(filled)


def _sorted(placed: Sequence[Placed]) -> Iterator[Placed]:
    """The first in the file before which nothing else lies, then the first of the others, and so on."""
    waiting = list(range(len(placed)))
    before = [
        {j for j, other in enumerate(placed) if other.box and place.box and other.box.is_before(place.box)}
        for place in placed
    ]
    while waiting:
        left = set(waiting)
        following = next((i for i in waiting if not before[i] & left), waiting[0])
        waiting.remove(following)
        yield placed[following]


def _placed(tree: Element | None, outer: tuple[float, float, float, float] | None) -> Iterator[Placed]:
    """Shapes, frames and pictures; ``outer`` is how places in a group become those on the slide: scales, offsets."""
    for element in tree if tree is not None else ():
        tag = local(element.tag)
        if tag in ("sp", "graphicFrame", "pic"):
            place = child(element, "xfrm") if tag == "graphicFrame" else child(element, "spPr", "xfrm")
            box = _box(place, "off", "ext")
            yield Placed(element, _moved(box, outer) if box is not None else None)
        elif tag == "grpSp":
            yield from _placed(element, _inner(child(element, "grpSpPr", "xfrm"), outer))
        elif tag == "AlternateContent":
            yield from _placed(chosen_alternative(element), outer)


def _inner(
    place: Element | None, outer: tuple[float, float, float, float] | None
) -> tuple[float, float, float, float] | None:
    """How places inside a group become those on the slide."""
    box, inside = _box(place, "off", "ext"), _box(place, "chOff", "chExt")
    if box is None or inside is None or not inside.width or not inside.height:
        return outer
    box = _moved(box, outer)
    across, down = box.width / inside.width, box.height / inside.height
    return across, down, box.left - inside.left * across, box.top - inside.top * down


def _moved(box: Box, outer: tuple[float, float, float, float] | None) -> Box:
    if outer is None:
        return box
    across, down, left, top = outer
    return Box(box.left * across + left, box.top * down + top, box.width * across, box.height * down)


def _box(place: Element | None, offset: str, extent: str) -> Box | None:
    at, size = child(place, offset), child(place, extent)
    if at is None or size is None:
        return None
    numbers = [attribute(at, "x"), attribute(at, "y"), attribute(size, "cx"), attribute(size, "cy")]
    try:
        left, top, width, height = (int(number or "") for number in numbers)
    except ValueError:
        return None
    return Box(left, top, width, height)


def _key(shape: Element) -> tuple[str, str] | None:
    """What a placeholder and its model in the layout have in common: their number, or the kind if there is none."""
    if (filled := _filled(shape)) is None:
        return None
    number = attribute(filled, "idx")
    return ("", number) if number else (_kind(filled), "")


def _filled(shape: Element) -> Element | None:
    """What a shape says of the placeholder that it fills."""
    found = (child(properties, "nvPr", "ph") for properties in shape)
    return next((filled for filled in found if filled is not None), None)


def _kind(filled: Element) -> str:
    return attribute(filled, "type") or "obj"


def _overlap(start: float, length: float, other_start: float, other_length: float) -> bool:
    common = min(start + length, other_start + other_length) - max(start, other_start)
    return common > _OVERLAP * min(length, other_length)
