"""The rows of ``bench criteria`` for people: a line a rule and a temperature, both tasks side by side.

``--json`` has all figures, and the intervals on both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from app.bench.report import Row

Figures: TypeAlias = Mapping[str, Any]

HEAD = ("criterion", "T", "output", "right, %", "GLEU", "distinct-2", "tokens/forward", "times plain")
EXPLAINED = (
    "Two figures in a cell: of answers / of corrections. Quality: the figure, what it gained or lost against plain, "
    "and half of the 95 % interval of that (plain: of the figure). LOSSY: the share of outputs that changed."
)


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """Head and cells."""
    return [list(HEAD), *(_cells(*key, tasks) for key, tasks in by_rule(rows).items())]


def by_rule(rows: Sequence[Row]) -> dict[tuple[str, float], dict[str, Figures]]:
    """The rows of each rule and temperature by task, in their order."""
    found: dict[tuple[str, float], dict[str, Figures]] = {}
    for row in rows:
        one: Figures = row
        found.setdefault((one["method"], one["temperature"]), {})[one["task"]] = one
    return found


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
    if all(one["lossless"] for one in tasks):
        if all(one["equal"] for one in tasks):
            return "equal"
        return "distribution" if method == "speculative-sampling" else "NOT EQUAL"
    outputs = [one["items"] * one["seeds"] for one in tasks]
    changed = sum(one["changed"] * count for one, count in zip(tasks, outputs, strict=True))
    return f"LOSSY {changed / sum(outputs):.0%}"


def _quality(figures: Figures | None, measure: str, *, scale: int) -> str:
    if figures is None or figures[measure] is None:
        return ""
    value, is_plain = f"{scale * figures[measure]:.1f}", figures["method"] == "plain"
    change = "" if is_plain else f" {scale * figures['change']:+.1f}"
    low, high = figures["interval"] if is_plain else figures["change_interval"]
    return f"{value}{change} ±{scale * (high - low) / 2:.1f}"


def _both(tasks: Mapping[str, Figures], key: str, form: str) -> str:
    return " / ".join("-" if one[key] is None else format(one[key], form) for one in tasks.values())
