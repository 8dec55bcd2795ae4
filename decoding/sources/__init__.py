"""The table of draft sources by name, and how to make them. One source object serves one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from decoding.errors import InvalidRequest
from decoding.interfaces import DraftSource
from decoding.sources.corpus import CorpusPlaces
from decoding.sources.evidence import EvidenceStarts
from decoding.sources.neural.draft_model import DraftModelSource
from decoding.sources.neural.heads import MedusaSource
from decoding.sources.neural.parallel import ParallelSource
from decoding.sources.published.first_chain import FirstChain
from decoding.sources.published.llma import Llma
from decoding.sources.published.pia import Pia
from decoding.sources.published.prompt_lookup import PromptLookup
from decoding.sources.published.rest import Rest
from decoding.sources.published.sad import AggressiveDecoding
from decoding.sources.published.sam import Sam
from decoding.sources.published.suffix import SuffixDecoding
from decoding.sources.recycled import Recycled
from decoding.sources.rewrite.cursor import Cursor
from decoding.sources.rewrite.edits import Edits
from decoding.sources.shared import Shared
from decoding.sources.spans import Spans


def _blend(shared: Shared) -> DraftSource:
    # Its kernels are compiled when first needed: importing the compiler takes a while.
    from decoding.sources.blend.blend import Blend

    return Blend(shared.blend)


SOURCES: Mapping[str, Callable[[Shared], DraftSource]] = MappingProxyType(
    {
        "blend": _blend,
        "spans": lambda shared: Spans(),
        "cursor": lambda shared: Cursor(),
        "edits": lambda shared: Edits(),
        "evidence": lambda shared: EvidenceStarts(),
        "corpus": lambda shared: CorpusPlaces(),
        "recycled": lambda shared: Recycled(shared.recycled),
        "draft-model": lambda shared: DraftModelSource(shared.draft_model),
        "draft-tree": lambda shared: DraftModelSource(shared.draft_model, width=4),
        "draft-chain": lambda shared: FirstChain(DraftModelSource(shared.draft_model)),
        "heads": lambda shared: MedusaSource(shared.heads),
        "heads-chain": lambda shared: FirstChain(MedusaSource(shared.heads)),
        "parallel": lambda shared: ParallelSource(shared.parallel),
        "parallel-chain": lambda shared: FirstChain(ParallelSource(shared.parallel)),
        "layer-skip": lambda shared: DraftModelSource(shared.layer_skip, name="layer-skip"),
        "layer-skip-chain": lambda shared: FirstChain(DraftModelSource(shared.layer_skip, name="layer-skip")),
        "prompt-lookup": lambda shared: PromptLookup(),
        "llma": lambda shared: Llma(),
        "sad": lambda shared: AggressiveDecoding(),
        "rest": lambda shared: Rest(),
        "pia": lambda shared: Pia(shared.pia_tries),
        "sam": lambda shared: Sam(Recycled(shared.recycled)),
        "suffix": lambda shared: SuffixDecoding(shared.suffix_outputs),
    }
)
DEFAULT_SOURCES = ("blend", "edits", "evidence")


def make_sources(names: Sequence[str], shared: Shared | None = None) -> list[DraftSource]:
    """Fresh sources for one session on what all sessions share. Raises InvalidRequest for an unknown name."""
    common = shared if shared is not None else Shared()
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise InvalidRequest(f"There is no draft source {unknown[0]!r}.", hint=f"Known: {', '.join(SOURCES)}.")
    return [SOURCES[name](common) for name in names]
