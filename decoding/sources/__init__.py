"""The table of draft sources by name, and how to make them. One source object serves one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from decoding.errors import InvalidRequest
from decoding.interfaces import DraftSource
from decoding.sources.cursor import Cursor
from decoding.sources.evidence import EvidenceStarts
from decoding.sources.prompt_lookup import PromptLookup
from decoding.sources.spans import Spans

SOURCES: Mapping[str, Callable[[], DraftSource]] = MappingProxyType(
    {"spans": Spans, "cursor": Cursor, "evidence": EvidenceStarts, "prompt-lookup": PromptLookup}
)
DEFAULT_SOURCES = ("spans", "cursor", "evidence")


def make_sources(names: Sequence[str]) -> list[DraftSource]:
    """Fresh sources for one session. Raises InvalidRequest for a name that is not in the table."""
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise InvalidRequest(f"There is no draft source {unknown[0]!r}.", hint=f"Known: {', '.join(SOURCES)}.")
    return [SOURCES[name]() for name in names]
