"""The picture of ``bench criteria``: quality and diversity against tokens per forward, panel by panel.

A row of panels is a measure, a column a temperature. A criterion has one colour and one mark everywhere; its thresholds
are joined by a line and written beside the marks. The dotted line is plain decoding: what is below it was lost; a bar
is the 95 % interval of what was gained or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.bench import picture
from app.bench.criteria.table import Figures
from app.bench.report import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLAIN = "plain"
# Okabe and Ito's colours, as in the picture of replays; hollow marks are lossy.
_STYLES: Mapping[str, tuple[str, str]] = {
    _PLAIN: ("#9A9A9A", "x"),
    "one-draw": ("#D55E00", "o"),
    "speculative-sampling": ("#000000", "*"),
    "typical": ("#0072B2", "s"),
    "top-beta-tau": ("#009E73", "^"),
}
_LOSSY = ("typical", "top-beta-tau")
_LABEL_ROOM = 0.06  # Of the width that the marks take.


@dataclass(frozen=True, slots=True)
class _Measure:
    """What stands on the vertical axis, which spans at least ``least_span``; ``with_interval`` if the rows have one."""

    task: str
    key: str
    title: str
    least_span: float
    scale: float = 1.0
    with_interval: bool = False


@dataclass(frozen=True, slots=True)
class _Point:
    """A mark, the ends of its interval, and its thresholds."""

    across: float
    up: float
    ends: tuple[float, float]
    label: str


_MEASURES = (
    _Measure("answers", "answer_accuracy", "right answers, %", least_span=10.0, scale=100.0, with_interval=True),
    _Measure("grammar", "gleu", "GLEU of corrections", least_span=10.0, with_interval=True),
    _Measure("answers", "distinct_2", "distinct-2 of answers", least_span=0.2),
    _Measure("grammar", "distinct_2", "distinct-2 of corrections", least_span=0.2),
)


def draw(file: Path, rows: Sequence[Row]) -> None:
    """Write the picture. Raises MissingPartError without matplotlib, InputError where nothing can be written."""
    figures: list[Figures] = list(rows)
    temperatures = list(dict.fromkeys(one["temperature"] for one in figures))
    measures = [measure for measure in _MEASURES if any(_has(one, measure) for one in figures)]
    wide, high = len(temperatures), len(measures)
    canvas = picture.blank(3.6 * wide + 0.6, 2.5 * high + 0.8)
    for down, measure in enumerate(measures):
        for along, temperature in enumerate(temperatures):
            axes = canvas.add_subplot(high, wide, down * wide + along + 1)
            here = [one for one in figures if one["temperature"] == temperature and _has(one, measure)]
            _draw_panel(axes, measure, here)
            if along == 0:
                axes.set_ylabel(measure.title, fontsize=9)
            if down == 0:
                axes.set_title(_title(temperature), fontsize=10, loc="left")
    canvas.supxlabel("tokens per target forward", fontsize=10)
    marks = {label: mark for axes in canvas.axes for mark, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    known = [name for name in _STYLES if name in marks]
    names = [f"{name} (lossy)" if name in _LOSSY else name for name in known]
    canvas.legend(
        [marks[name] for name in known], names, loc="outside upper center", ncols=5, fontsize=8, frameon=False
    )
    picture.save(canvas, file)


def _has(figures: Figures, measure: _Measure) -> bool:
    return bool(figures["task"] == measure.task) and figures.get(measure.key) is not None


def _title(temperature: float) -> str:
    return "greedy" if temperature == 0 else f"temperature {temperature:g}"


def _draw_panel(axes: Axes, measure: _Measure, figures: Sequence[Figures]) -> None:
    plain = measure.scale * next(one[measure.key] for one in figures if one["method"] == _PLAIN)
    axes.axhline(plain, color=_STYLES[_PLAIN][0], linestyle=":", linewidth=1.2, zorder=0, label=_PLAIN)
    for family, (colour, mark) in _STYLES.items():
        points = _points(measure, [one for one in figures if _family(one) == family], plain)
        if not points or family == _PLAIN:
            continue
        across, up = [point.across for point in points], [point.up for point in points]
        fill = "none" if family in _LOSSY else colour
        axes.plot(
            across, up, color=colour, marker=mark, markerfacecolor=fill, linewidth=0.8, markersize=6, label=family
        )
        for point in points:
            axes.plot([point.across] * 2, point.ends, color=colour, linewidth=0.8, alpha=0.5, zorder=1)
        for group in _neighbours(points, room=_LABEL_ROOM * max(_span(figures), 0.1)):
            _label(axes, group, colour, is_above=family == "typical")
    axes.margins(x=0.15, y=0.3)
    low, high = axes.get_ylim()
    missing = max(measure.least_span - (high - low), 0.0)
    axes.set_ylim(low - missing / 2, high + missing / 2)
    axes.tick_params(labelsize=8)
    axes.grid(color="#E4E4E4", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: Axes, points: Sequence[_Point], colour: str, *, is_above: bool) -> None:
    """The thresholds of neighbouring marks beside the last, slanted, so that the next ones have room."""
    axes.annotate(
        ", ".join(point.label for point in points),
        (points[-1].across, points[-1].up),
        xytext=(1, 5) if is_above else (1, -5),
        textcoords="offset points",
        rotation=40 if is_above else -40,
        rotation_mode="anchor",
        va="center",
        fontsize=6.5,
        color=colour,
    )


def _family(figures: Figures) -> str:
    return str(figures["method"]).partition("=")[0]


def _span(figures: Sequence[Figures]) -> float:
    """How far the marks of a panel stand apart; plain decoding has none."""
    across = [float(one["mean_acceptance_length"]) for one in figures if one["method"] != _PLAIN]
    return max(across, default=0.0) - min(across, default=0.0)


def _points(measure: _Measure, figures: Sequence[Figures], plain: float) -> list[_Point]:
    """The marks of one criterion from left to right."""
    found = []
    for one in figures:
        across, up = float(one["mean_acceptance_length"]), measure.scale * one[measure.key]
        ends = [plain + measure.scale * end for end in one["change_interval"]] if measure.with_interval else [up, up]
        found.append(_Point(across, up, (ends[0], ends[1]), str(one["method"]).partition("=")[2]))
    return sorted(found, key=lambda point: point.across)


def _neighbours(points: Sequence[_Point], *, room: float) -> list[list[_Point]]:
    """The points in groups: one that stands less than ``room`` behind the first of a group is in it."""
    groups: list[list[_Point]] = []
    for point in points:
        if groups and point.across - groups[-1][0].across < room:
            groups[-1].append(point)
        else:
            groups.append([point])
    return groups
