"""The table of draft sources by name, and how to make them. One source object serves one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from decoding.errors import InvalidRequest
from decoding.interfaces import DraftSource
from decoding.sources.corpus import CorpusPlaces
from decoding.sources.cursor import Cursor
from decoding.sources.evidence import EvidenceStarts
from decoding.sources.prompt_lookup import PromptLookup
from decoding.sources.shared import Shared
from decoding.sources.spans import Spans

SOURCES: Mapping[str, Callable[[Shared], DraftSource]] = MappingProxyType(
    {
        "spans": lambda shared: Spans(),
        "cursor": lambda shared: Cursor(),
        "evidence": lambda shared: EvidenceStarts(),
        "corpus": lambda shared: CorpusPlaces(),
        "prompt-lookup": lambda shared: PromptLookup(),
    }
)
DEFAULT_SOURCES = ("spans", "cursor", "evidence")


def make_sources(names: Sequence[str], shared: Shared | None = None) -> list[DraftSource]:
    """Fresh sources for one session on what all sessions share. Raises InvalidRequest for an unknown name."""
    common = shared if shared is not None else Shared()
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise InvalidRequest(f"There is no draft source {unknown[0]!r}.", hint=f"Known: {', '.join(SOURCES)}.")
    return [SOURCES[name](common) for name in names]
