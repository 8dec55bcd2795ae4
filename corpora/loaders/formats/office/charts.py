"""Charts of Office as text: their titles, and what they show as a table, a row a category and a column a series.

Reads the values that the chart itself keeps, which are those that it shows, and not the workbook behind it. Charts of
the older kind (``c:chartSpace``) and of the newer (``cx:chartSpace``: waterfalls, treemaps).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from xml.etree.ElementTree import Element

from corpora.loaders.formats.office.number_formats import GENERAL, NumberFormat
from corpora.loaders.formats.opc_package import all_of, attribute, child, children_of, is_true, local, whole_number
from corpora.loaders.formats.tables.rows import write_table
from corpora.text.reading_text import ReadingText, in_one_line

_MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class _Series:
    """Some points under one name: their labels and values, by the number of the point; what both are called."""

    name: str
    labels: dict[int, str]
    values: dict[int, str]
    sizes: dict[int, str]
    label_name: str = "Category"
    value_name: str = "Value"


def write_chart(reading: ReadingText, root: Element) -> None:
    """Add a chart: its title and those of its axes as a paragraph, its points as a table."""
    charted = _charted(root)
    titles = [title for element in all_of(root, "title") if (title := _words(element))]
    chart_title, axes = (titles[0], titles[1:]) if _has_title(root) else ("", titles)
    if not chart_title and len(charted) == 1:
        chart_title = charted[0].name
    about = f" ({', '.join(dict.fromkeys(axes))})" if axes else ""
    if chart_title or axes or charted:
        reading.paragraph(f"Chart: {chart_title}{about}" if chart_title or axes else "Chart")
    if charted:
        write_table(reading, _table(charted), header_rows=1)


def series_names(root: Element) -> list[str]:
    """What the series of a chart are called, for who has the values elsewhere; of no chart none."""
    return list(dict.fromkeys(series.name for series in _charted(root) if series.name))


def _charted(root: Element) -> list[_Series]:
    """The series of a chart of either kind."""
    return _newer_series(root) if child(root, "chartData") is not None else list(_series(root))


def _has_title(root: Element) -> bool:
    return any(local(inner.tag) == "title" and _words(inner) for inner in children_of(root, "chart"))


def _table(charted: Sequence[_Series]) -> Iterator[list[str]]:
    """The header, then a row a category; series whose categories differ have rows of their own below each other."""
    if any(series.sizes for series in charted) or len({tuple(series.labels.items()) for series in charted}) > 1:
        sized = any(series.sizes for series in charted)
        yield ["Series", charted[0].label_name, charted[0].value_name, *(["Size"] if sized else [])]
        for series in charted:
            for point in _points(series):
                row = [series.name, series.labels.get(point, ""), series.values.get(point, "")]
                yield [*row, series.sizes[point]] if point in series.sizes else row
        return
    yield [charted[0].label_name, *(series.name or "Value" for series in charted)]
    for point in sorted({point for series in charted for point in _points(series)}):
        yield [charted[0].labels.get(point, str(point + 1)), *(series.values.get(point, "") for series in charted)]


def _points(series: _Series) -> list[int]:
    return sorted({*series.labels, *series.values})[:_MOST_POINTS]


def _series(root: Element) -> Iterator[_Series]:
    date_system = child(root, "date1904")
    is_1904 = date_system is not None and is_true(attribute(date_system, "val"))
    for element in all_of(root, "ser"):
        labels = _cached(child(element, "cat"), is_1904) or _cached(child(element, "xVal"), is_1904)
        values = _cached(child(element, "val"), is_1904) or _cached(child(element, "yVal"), is_1904)
        sizes = _cached(child(element, "bubbleSize"), is_1904)
        name = " ".join(_cached(child(element, "tx"), is_1904).values()) or _words(child(element, "tx"))
        names = ("x", "y") if child(element, "yVal") is not None else ("Category", "Value")
        if values or labels:
            yield _Series(in_one_line(name), labels, values, sizes, *names)


def _cached(holder: Element | None, is_1904: bool) -> dict[int, str]:
    """The texts or numbers that the chart keeps, by the number of the point; those of several levels are joined."""
    found: dict[int, str] = {}
    for cache in holder.iter() if holder is not None else ():
        tag = local(cache.tag)
        if tag in ("strCache", "strLit", "numCache", "numLit"):
            pattern = next((code.text or "" for code in cache if local(code.tag) == "formatCode"), "")
            for point in cache:
                if local(point.tag) == "pt" and len(found) < _MOST_POINTS:
                    own = attribute(point, "formatCode") or pattern
                    text = _point(point)
                    shown = text if tag.startswith("str") else _number(text, own, since_1904=is_1904)
                    found[whole_number(attribute(point, "idx"), 0)] = shown
        elif tag == "multiLvlStrCache":
            return _levels([level for level in cache if local(level.tag) == "lvl"])
    if not found and holder is not None and (direct := child(holder, "v")) is not None:
        found[0] = direct.text or ""
    return found


def _levels(levels: Sequence[Element]) -> dict[int, str]:
    """Labels of several levels, the outermost first; one stands for all points up to the next of its level."""
    if not levels:
        return {}
    points = ((point for point in level if local(point.tag) == "pt") for level in levels)
    innermost, *outer = ({whole_number(attribute(p, "idx"), 0): _point(p) for p in level} for level in points)
    begun = [(sorted(level), level) for level in reversed(outer)]

    def above(point: int) -> Iterator[str]:
        for starts, level in begun:
            if at := bisect_right(starts, point):
                yield level[starts[at - 1]]

    return {point: ", ".join([*above(point), text]) for point, text in sorted(innermost.items())}


def _point(point: Element) -> str:
    held = child(point, "v")
    return in_one_line((held.text if held is not None else point.text) or "")


def _number(text: str, code: str, *, since_1904: bool = False) -> str:
    """A number as its format shows it; what is none as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    return NumberFormat.of(code or GENERAL).number(number, since_1904=since_1904) if isfinite(number) else text


def _newer_series(root: Element) -> list[_Series]:
    """The series of the newer kind, whose data stand apart from them."""
    data = {attribute(element, "id"): element for element in children_of(root, "chartData")}
    found = []
    for element in all_of(root, "series"):
        named = child(element, "dataId")
        points = data.get(attribute(named, "val") if named is not None else None)
        labels: dict[int, str] = {}
        values: dict[int, str] = {}
        for dimension in points if points is not None else ():
            levels = [level for level in dimension if local(level.tag) == "lvl"]
            if local(dimension.tag) == "strDim":
                labels = _levels(levels)
            elif local(dimension.tag) == "numDim" and levels:
                pattern = attribute(levels[0], "formatCode") or ""
                values = {point: _number(text, pattern) for point, text in _levels(levels).items()}
        found.append(_Series(_words(child(element, "tx")), labels, values, {}))
    return found


def _words(element: Element | None) -> str:
    """The words of a title or name: of its paragraphs, or those that it takes from a cell."""
    if element is None:
        return ""
    parts = list(all_of(element, "t")) or all_of(element, "v")
    return in_one_line("".join(part.text or "" for part in parts))
