"""The picture of a replay: mean acceptance length against the budget, a panel a file, a line a method.

Needs matplotlib, which Spandraft itself does not; a method keeps its colour, its marker and its line in every panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.bench.picture import blank, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which eyes of every kind tell apart; markers tell the lines apart in grey, too.
_OURS, _PLAIN = "spandraft", "autoregressive"
_STYLES: dict[str, tuple[str, str, str]] = {
    _OURS: ("#D55E00", "o", "-"),
    _PLAIN: ("#9A9A9A", "", ":"),
    "prompt-lookup": ("#0072B2", "s", "-"),
    "llma": ("#56B4E9", "^", "-"),
    "sad": ("#CC79A7", "v", "-"),
    "rest": ("#8A6D00", "P", "--"),
    "pia": ("#009E73", "D", "-"),
    "sam": ("#000000", "X", "--"),
    "suffix": ("#E69F00", "<", "-"),
    "token-recycling": ("#5E4FA2", ">", "--"),
    "draft-model": ("#7F3B08", "h", "--"),
    "speculative-sampling": ("#636363", "*", "--"),
    "blockwise": ("#B2182B", "d", "--"),
    "specdec": ("#01A0A0", "p", "--"),
    "layer-skip": ("#999933", "8", "--"),
}
_LABEL_GAP = 0.042  # Of the height of a panel.


@dataclass(frozen=True, slots=True)
class Line:
    """One method: mean acceptance length at each budget."""

    method: str
    lengths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One file of records."""

    title: str
    lines: tuple[Line, ...]


def draw(file: Path, budgets: Sequence[int], panels: Sequence[Panel]) -> None:
    """Write the picture. Raises MissingPartError without matplotlib, InputError where nothing can be written."""
    figure = blank(4.6 * len(panels) + 0.4, 4.4)
    for at, panel in enumerate(panels, start=1):
        _draw_panel(figure.add_subplot(1, len(panels), at), budgets, panel)
    figure.supxlabel("draft nodes a step at most", fontsize=10)
    figure.supylabel("tokens per target forward", fontsize=10)
    save(figure, file)


def _draw_panel(axes: Axes, budgets: Sequence[int], panel: Panel) -> None:
    for line in panel.lines:
        colour, marker, dash = _STYLES.get(line.method, ("#444444", ".", "-"))
        width, order = (2.6, 3) if line.method == _OURS else (1.4, 2)
        drawn = axes.plot(budgets, line.lengths, color=colour, marker=marker, linestyle=dash, linewidth=width)
        drawn[0].set(markersize=4, zorder=order)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(budgets), [str(budget) for budget in budgets])
    axes.minorticks_off()
    highest = max((max(line.lengths) for line in panel.lines), default=1.0)
    axes.set_ylim(0.9, 1.04 * highest)
    axes.set_xlim(budgets[0] * 0.9, budgets[-1] * 1.1)
    axes.set_title(panel.title, fontsize=11, loc="left")
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    _label(axes, budgets[-1], panel.lines, 0.9, 1.04 * highest)


def _label(axes: Axes, right: int, lines: Sequence[Line], low: float, high: float) -> None:
    """The name of each line at its right end; names that would overlap are moved apart."""
    gap = _LABEL_GAP * (high - low)
    ordered = sorted(lines, key=lambda line: line.lengths[-1])
    heights = spread([line.lengths[-1] for line in ordered], gap=gap, low=low + gap / 2)
    for line, height in zip(ordered, heights, strict=True):
        colour = _STYLES.get(line.method, ("#444444", ".", "-"))[0]
        weight = "bold" if line.method == _OURS else "normal"
        axes.annotate(
            f"{line.method} {line.lengths[-1]:.2f}",
            xy=(right * 1.04, line.lengths[-1]),
            xytext=(right * 1.35, height),
            fontsize=8,
            color=colour,
            fontweight=weight,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )


def spread(heights: Sequence[float], *, gap: float, low: float) -> list[float]:
    """Rising heights moved as little as need be, so that neighbours are ``gap`` apart and none is below ``low``."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _bottom(groups[-1], gap, low) < _top(groups[-2], gap, low) + gap:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_bottom(group, gap, low) + at * gap for group in groups for at in range(len(group))]


def _bottom(group: Sequence[float], gap: float, low: float) -> float:
    """Where the lowest of a group stands that is centred on the mean of its heights."""
    return max(sum(group) / len(group) - (len(group) - 1) * gap / 2, low)


def _top(group: Sequence[float], gap: float, low: float) -> float:
    return _bottom(group, gap, low) + (len(group) - 1) * gap
