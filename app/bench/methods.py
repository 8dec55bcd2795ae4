"""``spandraft bench methods``: every method that the other benches can run, its paper and its draft rule.

A method is a preset of `decoding.drafting.presets`. This module also knows which drafter a method needs besides text,
the option that loads it, and how to copy loaded drafters without what they have learned. It must not know what a
bench measures.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.bench.report import Report
from app.config.settings import Settings
from app.loading.sources import asked_for, flag
from decoding.drafters.parallel_model import ParallelModel
from decoding.drafting.presets import PRESETS, Needs, Preset
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared


@dataclass(frozen=True, slots=True)
class DrafterPart:
    """A drafter by its field in ``Shared``, and the setting that loads it."""

    name: str
    setting: str

    @property
    def flag(self) -> str:
        """The command-line option of the setting."""
        return flag(self.setting)


PARTS: Mapping[Needs, DrafterPart] = MappingProxyType(
    {
        Needs.DRAFT_MODEL: DrafterPart("draft_model", "draft_model"),
        Needs.HEADS: DrafterPart("heads", "heads"),
        Needs.PARALLEL: DrafterPart("parallel", "parallel_model"),
        Needs.LAYERS: DrafterPart("layer_skip", "skipped_layers"),
    }
)

_FLAGS = {
    Needs.NOTHING: "nothing",
    Needs.TARGET: "--model",
    **{needs: f"--model and {part.flag}" for needs, part in PARTS.items()},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add none: the table has no options."""


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Return the table of presets."""
    return Report.of("spandraft bench methods", (method_row(preset) for preset in PRESETS.values()))


def method_row(preset: Preset) -> dict[str, object]:
    """Describe one method in words. ``needs`` is what ``bench replay`` must be given to run it."""
    return {
        "method": preset.name,
        "paper": preset.paper,
        "rule": preset.rule,
        "drafts": f"{preset.shape}, {preset.criterion}",
        "needs": _FLAGS[preset.needs],
    }


def missing_flag(preset: Preset, shared: Shared) -> str | None:
    """The option that loads the drafter of a method; None if ``shared`` has it or the method needs none."""
    part = PARTS.get(preset.needs)
    return part.flag if part is not None and getattr(shared, part.name) is None else None


def without_history(shared: Shared) -> Shared:
    """The same models with nothing learned yet: neither from earlier outputs, nor how long a draft takes."""
    parallel = shared.parallel
    return Shared(
        draft_model=_fresh_model(shared.draft_model),
        heads=shared.heads,
        parallel=ParallelModel(parallel.model, parallel.vocab_size, parallel.masks) if parallel is not None else None,
        layer_skip=_fresh_model(shared.layer_skip),
        blend=shared.blend.fresh(),
    )


def drafter_flags(settings: Settings) -> list[str]:
    """The options that name the drafters of ``settings``, for the command that repeats a run."""
    texts = {row.key: row.text for row in settings}
    return [f"{flag(key)} {texts[key]}" for key in asked_for(settings)]


def _fresh_model(drafter: DraftModel | None) -> DraftModel | None:
    return DraftModel(drafter.model, drafter.vocab_size) if drafter is not None else None
