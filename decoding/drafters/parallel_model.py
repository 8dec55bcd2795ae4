"""Parallel drafter: a small causal LM that fills several masked positions in one forward (SpecDec, Xia et al. 2023).

Its vocabulary is the target's V ids and k more for the masks: the text is followed by mask 0 to mask k - 1, and the
predictions at the last text token and at each mask are the next k + 1 tokens. Knows neither drafts nor training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decoding.drafters.draft_cost import PromptCost, average_cost
from decoding.errors import ModelNotFound, UnsupportedModel
from decoding.target.capability import Capability

if TYPE_CHECKING:
    from decoding.target.target import Target

FORMAT: Final = "spandraft-parallel-1"
FACTS: Final = "parallel.json"


@dataclass(slots=True)
class ParallelModel:
    """A model that drafts ``masks`` + 1 tokens at once for a target of ``vocab_size`` tokens.

    ``cost_s``: seconds of a draft, a moving average. Sessions share the model; each has a cache of its own.
    """

    model: Target
    vocab_size: int
    masks: int
    cost_s: float = 0.0
    prompts: PromptCost = field(default_factory=PromptCost)

    @property
    def mask_ids(self) -> tuple[int, ...]:
        """The ids that follow the text."""
        return tuple(range(self.vocab_size, self.vocab_size + self.masks))

    @classmethod
    def of(cls, model: Target, target: Target) -> ParallelModel:
        """``model`` as the parallel drafter of ``target``: the ids beyond the target's vocabulary are masks.

        Raises UnsupportedModel if there are none, or if the model cannot take drafts back from its state.
        """
        if model.capability is not Capability.TREE:
            raise UnsupportedModel(
                f"the parallel drafter {model.name} keeps a state that masks cannot be taken back from",
                hint="choose one with attention in all its layers",
            )
        if model.vocab_size <= target.vocab_size:
            raise UnsupportedModel(
                f"{model.name} has {model.vocab_size} tokens, the target {target.vocab_size}: it has none for masks",
                hint="give a parallel drafter made for this target; `spandraft train` makes it",
            )
        return cls(model, target.vocab_size, model.vocab_size - target.vocab_size)

    @classmethod
    def load(
        cls, folder: Path, *, target: Target, dtype: str = "float32", device: str = "auto", **hf_options: Any
    ) -> ParallelModel:
        """The drafter of a folder with ``parallel.json``. Raises UnsupportedModel, ModelNotFound and what
        ``load_target`` raises.
        """
        from decoding.target.loading import load_target  # Late: transformers, which sources do without.

        facts = _facts(folder)
        if facts.get("format") != FORMAT:
            raise UnsupportedModel(
                f"{folder / FACTS} is of format {facts.get('format')!r}, not {FORMAT!r}",
                hint="make the parallel drafter with this version of `spandraft train`",
            )
        drafter = cls.of(load_target(str(folder), dtype=dtype, device=device, **hf_options), target)
        if (facts.get("vocabulary"), facts.get("masks")) != (drafter.vocab_size, drafter.masks):
            raise UnsupportedModel(
                f"the parallel drafter in {folder} is for {facts.get('vocabulary')} tokens and {facts.get('masks')} "
                f"masks, the target leaves it {drafter.vocab_size} and {drafter.masks}",
                hint="give a parallel drafter made for this target; `spandraft train` makes it",
            )
        return drafter

    def spent(self, seconds: float) -> None:
        """Take a measured time into the moving average."""
        self.cost_s = average_cost(self.cost_s, seconds)


def _facts(folder: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"there is no parallel drafter in {folder}: {FACTS} is missing or broken",
            hint=f"give a folder with a model and its {FACTS}; `spandraft train` makes it",
        ) from error
    return facts if isinstance(facts, dict) else {}
