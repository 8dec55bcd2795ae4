"""What the sources of many sessions share: indexes, tables and models that outlive a request.

One object belongs to one engine. Sources that need a model which is None stay silent. What the blend shares is imported
when the first object is made: it brings the compiler along, which reads at its import where machine code is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafters.parallel_model import ParallelModel
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.published.pia import Trie
from decoding.sources.published.suffix import Outputs
from decoding.sources.recycled import RecycledTable

if TYPE_CHECKING:
    from decoding.sources.blend.blend_state import BlendState


def _new_blend_state() -> BlendState:
    from decoding.sources.blend.blend_state import BlendState

    return BlendState()


@dataclass(slots=True)
class Shared:
    """What draft sources are made with."""

    pia_tries: dict[str, Trie] = field(default_factory=dict)
    suffix_outputs: dict[str, Outputs] = field(default_factory=dict)
    recycled: RecycledTable = field(default_factory=RecycledTable)
    draft_model: DraftModel | None = None
    heads: MedusaHeads | None = None
    parallel: ParallelModel | None = None
    layer_skip: DraftModel | None = None
    blend: BlendState = field(default_factory=_new_blend_state)

    def forget(self, scope: str | None = None) -> None:
        """Draft nothing any more that was written in ``scope``; None: nothing that was written at all."""
        if scope is None:
            self.recycled.forget()
        known = {*self.pia_tries, *self.suffix_outputs, *self.blend.history.scopes}
        for name in known if scope is None else {scope}:
            self.blend.history.forget(name)
            self.pia_tries.pop(name, None)
            self.suffix_outputs.pop(name, None)
