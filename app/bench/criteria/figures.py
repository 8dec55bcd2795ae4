"""The rows of ``bench criteria`` for people: a table, a picture, and the published table.

The table has a line for each rule and temperature, both tasks side by side; ``--json`` has all figures and the
intervals on both sides. The picture shows quality and diversity against tokens per forward: a row of panels for each
measure, a column for each temperature. A criterion has one colour and one mark in all panels; a line joins its
thresholds, which are written beside the marks. The dotted line is plain decoding: what is below it was lost; a bar is
the 95 % interval of what was gained or lost.

Run by hand at the top of the repository, this module renews the block ``<!-- criteria -->`` of `app/bench/README.md`
and its picture from a report:

    spandraft bench criteria --json > report.json
    python -m app.bench.criteria.figures report.json

Of the temperatures the published table shows the lowest and the highest, the picture all of them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from app.bench import picture
from app.bench.report import PAGE, Row, renew_block

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Figures: TypeAlias = Mapping[str, Any]

HEAD = ("criterion", "T", "output", "right, %", "GLEU", "distinct-2", "tokens/forward", "times plain")
EXPLAINED = (
    "Two figures in a cell: of answers / of corrections. Quality: the figure, what it gained or lost against plain, "
    "and half of the 95 % interval of that (plain: of the figure). LOSSY: the share of outputs that changed."
)


def table(rows: Sequence[Row]) -> list[list[str]]:
    """Head and cells for a terminal."""
    return [list(HEAD), *(_cells(*key, tasks) for key, tasks in by_rule(rows).items())]


def by_rule(rows: Sequence[Row]) -> dict[tuple[str, float], dict[str, Figures]]:
    """The rows of each rule and temperature by task, in their order."""
    grouped: dict[tuple[str, float], dict[str, Figures]] = {}
    for row in rows:
        figures: Figures = row
        grouped.setdefault((figures["method"], figures["temperature"]), {})[figures["task"]] = figures
    return grouped


def _cells(method: str, temperature: float, tasks: Mapping[str, Figures]) -> list[str]:
    return [
        method,
        f"{temperature:g}",
        _output(method, tasks.values()),
        _quality(tasks.get("answers"), "answer_accuracy", scale=100),
        _quality(tasks.get("grammar"), "gleu", scale=1),
        _both(tasks, "distinct_2", ".2f"),
        _both(tasks, "mean_acceptance_length", ".2f"),
        _both(tasks, "speedup_vs_plain", ".2f"),
    ]


def _output(method: str, tasks: Collection[Figures]) -> str:
    """Whether the output is plain decoding's, or at least distributed as that."""
    if all(row["lossless"] for row in tasks):
        if all(row["equal"] for row in tasks):
            return "equal"
        return "distribution" if method == "speculative-sampling" else "NOT EQUAL"
    outputs = [row["items"] * row["seeds"] for row in tasks]
    changed = sum(row["changed"] * count for row, count in zip(tasks, outputs, strict=True))
    return f"LOSSY {changed / sum(outputs):.0%}"


def _quality(figures: Figures | None, measure: str, *, scale: int) -> str:
    if figures is None or figures[measure] is None:
        return ""
    value, is_plain = f"{scale * figures[measure]:.1f}", figures["method"] == "plain"
    change = "" if is_plain else f" {scale * figures['change']:+.1f}"
    low, high = figures["interval"] if is_plain else figures["change_interval"]
    return f"{value}{change} ±{scale * (high - low) / 2:.1f}"


def _both(tasks: Mapping[str, Figures], key: str, form: str) -> str:
    return " / ".join("-" if row[key] is None else format(row[key], form) for row in tasks.values())


_PLAIN = "plain"
# Okabe and Ito's colours, as in the picture of replays; hollow marks are lossy.
_STYLES: Mapping[str, tuple[str, str]] = {
    _PLAIN: ("#9A9A9A", "x"),
    "exact-match": ("#D55E00", "o"),
    "speculative-sampling": ("#000000", "*"),
    "typical": ("#0072B2", "s"),
    "top-beta-tau": ("#009E73", "^"),
}
_LOSSY = ("typical", "top-beta-tau")
_LABEL_ROOM = 0.06  # Of the width that the marks take.


@dataclass(frozen=True, slots=True)
class _Measure:
    """A vertical axis that spans at least ``least_span``; ``with_interval`` if the rows have an interval."""

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
    temperatures = list(dict.fromkeys(row["temperature"] for row in figures))
    measures = [measure for measure in _MEASURES if any(_has(row, measure) for row in figures)]
    wide, high = len(temperatures), len(measures)
    canvas = picture.blank(3.6 * wide + 0.6, 2.5 * high + 0.8)
    for down, measure in enumerate(measures):
        for along, temperature in enumerate(temperatures):
            axes = canvas.add_subplot(high, wide, down * wide + along + 1)
            shown = [row for row in figures if row["temperature"] == temperature and _has(row, measure)]
            _draw_panel(axes, measure, shown)
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
    plain = measure.scale * next(row[measure.key] for row in figures if row["method"] == _PLAIN)
    axes.axhline(plain, color=_STYLES[_PLAIN][0], linestyle=":", linewidth=1.2, zorder=0, label=_PLAIN)
    for family, (colour, mark) in _STYLES.items():
        points = _points(measure, [row for row in figures if _family(row) == family], plain)
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
    across = [float(row["mean_acceptance_length"]) for row in figures if row["method"] != _PLAIN]
    return max(across, default=0.0) - min(across, default=0.0)


def _points(measure: _Measure, figures: Sequence[Figures], plain: float) -> list[_Point]:
    """The marks of one criterion from left to right."""
    points = []
    for row in figures:
        across, up = float(row["mean_acceptance_length"]), measure.scale * row[measure.key]
        ends = [plain + measure.scale * end for end in row["change_interval"]] if measure.with_interval else [up, up]
        points.append(_Point(across, up, (ends[0], ends[1]), str(row["method"]).partition("=")[2]))
    return sorted(points, key=lambda point: point.across)


def _neighbours(points: Sequence[_Point], *, room: float) -> list[list[_Point]]:
    """The points in groups: one that stands less than ``room`` behind the first of a group is in it."""
    groups: list[list[_Point]] = []
    for point in points:
        if groups and point.across - groups[-1][0].across < room:
            groups[-1].append(point)
        else:
            groups.append([point])
    return groups


PICTURE = Path("app/bench/criteria.png")
MARK = "criteria"


def main(argv: Sequence[str] | None = None) -> None:
    """Renew the table and the picture in the current folder."""
    parser = argparse.ArgumentParser(description=f"renew the table of criteria in {PAGE}, and its picture")
    parser.add_argument("report", type=Path, help="what `spandraft bench criteria --json` printed")
    rows: list[Figures] = json.loads(parser.parse_args(argv).report.read_text(encoding="utf-8"))["rows"]
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renew_block(text, MARK, markdown(rows)), encoding="utf-8", newline="\n")
    draw(PICTURE, rows)


def markdown(rows: Sequence[Figures]) -> str:
    """The table, and how much was written for it."""
    temperatures = sorted({row["temperature"] for row in rows})
    shown = [row for row in rows if row["temperature"] in (temperatures[0], temperatures[-1])]
    head, *body = table(shown)
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *body)]
    return "\n".join([*lines, "", _counted(shown)])


def _counted(rows: Sequence[Figures]) -> str:
    """Items and seeds in a sentence."""
    items = {row["task"]: (row["items"], row["judged"]) for row in rows}
    named = [
        f"{count} of {task}" + (f" ({judged} answerable)" if judged != count else "")
        for task, (count, judged) in items.items()
    ]
    return f"n: {', '.join(named)}; {max(row['seeds'] for row in rows)} seeds of each where tokens are drawn."


if __name__ == "__main__":
    main()
