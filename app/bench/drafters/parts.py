"""What methods draft with beside text: which model each needs, the option that names it, and models without memory.

Knows the parts of an engine by name, and no method's rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.config.settings import Settings
from app.loading.sources import asked_for, flag
from decoding.drafters.parallel_model import ParallelModel
from decoding.drafting.presets import Needs, Preset
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared


@dataclass(frozen=True, slots=True)
class Part:
    """A part of ``Shared`` by its name, and the setting that makes it."""

    name: str
    setting: str

    @property
    def flag(self) -> str:
        """The option that gives it."""
        return flag(self.setting)


PARTS: Mapping[Needs, Part] = MappingProxyType(
    {
        Needs.DRAFT_MODEL: Part("draft_model", "draft_model"),
        Needs.HEADS: Part("heads", "heads"),
        Needs.PARALLEL: Part("parallel", "parallel_model"),
        Needs.LAYERS: Part("layer_skip", "skipped_layers"),
    }
)


def lacking(one: Preset, shared: Shared) -> str | None:
    """The option that names what a method drafts with, if ``shared`` does not have it."""
    part = PARTS.get(one.needs)
    return part.flag if part is not None and getattr(shared, part.name) is None else None


def fresh(shared: Shared) -> Shared:
    """The same models with nothing learned yet: neither what was written, nor how long they take."""
    parallel = shared.parallel
    return Shared(
        draft_model=_fresh_model(shared.draft_model),
        heads=shared.heads,
        parallel=ParallelModel(parallel.model, parallel.vocab_size, parallel.masks) if parallel is not None else None,
        layer_skip=_fresh_model(shared.layer_skip),
        blend=shared.blend.fresh(),
    )


def words(settings: Settings) -> list[str]:
    """The options that name the drafters again, for the line that repeats a run."""
    shown = {row.key: row.text for row in settings}
    return [f"{flag(key)} {shown[key]}" for key in asked_for(settings)]


def _fresh_model(one: DraftModel | None) -> DraftModel | None:
    return DraftModel(one.model, one.vocab_size) if one is not None else None
