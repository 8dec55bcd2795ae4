"""The table of draft sources by name, and how to make them. One source object serves one session.

The blend and the sources with a model are imported when the first source is made: they bring the compiler and PyTorch
along, which a command that only looks a name up can do without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from decoding.errors import InvalidRequest
from decoding.sources.base import DraftSource, FirstChain
from decoding.sources.corpus import CorpusContinuations
from decoding.sources.evidence import EvidenceStarts
from decoding.sources.published.llma import Llma
from decoding.sources.published.pia import Pia
from decoding.sources.published.prompt_lookup import PromptLookup
from decoding.sources.published.rest import Rest
from decoding.sources.published.sad import AggressiveDecoding
from decoding.sources.published.sam import Sam
from decoding.sources.published.suffix import SuffixDecoding
from decoding.sources.recycled import Recycled
from decoding.sources.rewrite.cursor import Cursor, Edits

if TYPE_CHECKING:
    from decoding.sources.neural.draft_model import DraftModel
    from decoding.sources.shared import Shared


def _blend(shared: Shared) -> DraftSource:
    from decoding.sources.blend.blend import Blend

    return Blend(shared.blend)


def _draft_model(model: DraftModel | None, *, width: int = 1, name: str | None = None) -> DraftSource:
    from decoding.sources.neural.draft_model import DraftModelSource

    return DraftModelSource(model, width=width, name=name)


def _heads(shared: Shared) -> DraftSource:
    from decoding.sources.neural.multi_position import MedusaSource

    return MedusaSource(shared.heads)


def _parallel(shared: Shared) -> DraftSource:
    from decoding.sources.neural.multi_position import ParallelSource

    return ParallelSource(shared.parallel)


SOURCES: Final[Mapping[str, Callable[[Shared], DraftSource]]] = MappingProxyType(
    {
        "blend": _blend,
        "cursor": lambda shared: Cursor(),
        "edits": lambda shared: Edits(),
        "evidence": lambda shared: EvidenceStarts(),
        "corpus": lambda shared: CorpusContinuations(),
        "recycled": lambda shared: Recycled(shared.recycled),
        "draft-model": lambda shared: _draft_model(shared.draft_model),
        "draft-tree": lambda shared: _draft_model(shared.draft_model, width=4),
        "draft-chain": lambda shared: FirstChain(_draft_model(shared.draft_model)),
        "heads": _heads,
        "heads-chain": lambda shared: FirstChain(_heads(shared)),
        "parallel": _parallel,
        "parallel-chain": lambda shared: FirstChain(_parallel(shared)),
        "layer-skip": lambda shared: _draft_model(shared.layer_skip, name="layer-skip"),
        "layer-skip-chain": lambda shared: FirstChain(_draft_model(shared.layer_skip, name="layer-skip")),
        "prompt-lookup": lambda shared: PromptLookup(),
        "llma": lambda shared: Llma(),
        "sad": lambda shared: AggressiveDecoding(),
        "rest": lambda shared: Rest(),
        "pia": lambda shared: Pia(shared.pia_tries),
        "sam": lambda shared: Sam(Recycled(shared.recycled)),
        "suffix": lambda shared: SuffixDecoding(shared.suffix_outputs),
    }
)
DEFAULT_SOURCES: Final = ("blend", "edits", "evidence")


def make_sources(names: Sequence[str], shared: Shared | None = None) -> list[DraftSource]:
    """Fresh sources for one session, on what all sessions share. Raises InvalidRequest for an unknown name."""
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise InvalidRequest(f"there is no draft source {unknown[0]!r}", hint=f"choose one of {', '.join(SOURCES)}")
    if shared is None:
        from decoding.sources.shared import Shared

        shared = Shared()
    return [SOURCES[name](shared) for name in names]
