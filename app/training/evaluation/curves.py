"""The losses of a run as one picture: a panel a stage, a line a part of its loss.

Knows the log of the training loop. Must not know what the parts mean. Needs matplotlib, which training does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bench.picture import blank, save
from app.training.errors import DataMissingError
from app.training.loop.progress import NAME, lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "curves.png"

# Okabe and Ito's colours, which eyes of every kind tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A6D00")
_COLUMNS = 3


def draw(run: Path) -> Path:
    """Write `curves.png` into the run's folder. Raises DataMissingError, and MissingPartError without matplotlib."""
    logs = sorted(run.glob(f"*/{NAME}"), key=lambda path: path.stat().st_mtime)
    stages = [(path.parent.name, logged) for path in logs if (logged := lines(path.parent))]
    if not stages:
        raise DataMissingError(f"there is nothing to draw in {run}", hint="train a stage first: it writes a log")
    columns = min(_COLUMNS, len(stages))
    rows = -(-len(stages) // columns)
    figure = blank(4.4 * columns, 3.2 * rows)
    for number, (name, logged) in enumerate(stages, start=1):
        _panel(figure.add_subplot(rows, columns, number), name, logged)
    figure.supxlabel("steps", fontsize=10)
    save(figure, run / FILE)
    return run / FILE


def _panel(axes: Axes, name: str, logged: list[dict[str, Any]]) -> None:
    parts = sorted({part for line in logged for part in line["loss"]})
    for part, colour in zip(parts, _COLOURS * len(parts), strict=False):
        points = [(line["step"], line["loss"][part]) for line in logged if part in line["loss"]]
        axes.plot([step for step, _ in points], [loss for _, loss in points], color=colour, linewidth=1.2, label=part)
    axes.set_title(f"{name}, {logged[-1]['tokens'] / 1e6:.1f} million tokens", fontsize=10, loc="left")
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
