"""``spandraft bench methods``: every method that the other benches can run, its paper and its draft rule."""

from __future__ import annotations

import argparse

from app.bench.drafters.parts import PARTS
from app.bench.report import Report
from app.config.settings import Settings
from decoding.drafting.presets import PRESETS, Needs, Preset

_FLAGS = {
    Needs.NOTHING: "nothing",
    Needs.TARGET: "--model",
    **{needs: f"--model and {part.flag}" for needs, part in PARTS.items()},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """The table of presets."""
    return Report.of("spandraft bench methods", (row(one) for one in PRESETS.values()))


def row(one: Preset) -> dict[str, object]:
    """One method in words. ``needs`` is what ``bench replay`` must be given to run it."""
    return {
        "method": one.name,
        "paper": one.paper,
        "rule": one.rule,
        "drafts": f"{one.shape}, {one.criterion}",
        "needs": _FLAGS[one.needs],
    }
