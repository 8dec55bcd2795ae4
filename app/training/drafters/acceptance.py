"""How far a drafter alone carries a target: mean acceptance length over prompts that training has not seen.

Knows the engine and requests. Must not know how drafters are trained. It is there to show what each step of an
alignment brings, also in the middle of a run; the figures that are published come from `spandraft bench drafters`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.training.errors import DataMissingError
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafters.parallel_model import ParallelModel
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared
from decoding.target.target import Target

_LIMIT = 16
"""Nodes of a tree at most: what pays on a CPU, too."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Counts over the requests of one task; the target wrote the same with drafts as it would without."""

    task: str
    requests: int
    tokens: int
    forwards: int
    drafted: int
    accepted: int

    @property
    def mean_length(self) -> float:
        """Tokens for each forward of the target, the one that it adds itself included."""
        return self.tokens / max(1, self.forwards)

    @property
    def rate(self) -> float:
        """The share of drafted tokens that were accepted."""
        return self.accepted / max(1, self.drafted)


def measure(
    target: Target, source: str, shared: Shared, requests: Iterable[Request], *, limit: int = _LIMIT
) -> list[Accepted]:
    """Run requests with `source` alone (`draft-chain`, `heads`, `parallel`, ...) and count, by task.

    Everything that it drafts, up to `limit` nodes, is verified: nothing depends on time or on earlier requests.
    """
    engine = Engine(
        target, sources=(source,), budget=Budget(limit=limit), calibration=Calibration(frozen=True), shared=shared
    )
    counts: dict[str, list[int]] = {}
    for request in requests:
        stats = engine.generate(request).stats
        found = (1, stats.tokens, stats.target_forwards, stats.drafted, stats.accepted)
        known = counts.setdefault(request.task, [0] * len(found))
        counts[request.task] = [a + b for a, b in zip(known, found, strict=True)]
    return [Accepted(task, *numbers) for task, numbers in sorted(counts.items())]


def load_drafter(folder: Path, target: Target) -> tuple[str, Shared]:
    """What lies in `folder` (heads, a parallel drafter or a draft model), and the source that drafts with it."""
    if (folder / "heads.json").is_file():
        return "heads", Shared(heads=MedusaHeads.load(folder, target=target))
    if (folder / "parallel.json").is_file():
        return "parallel", Shared(parallel=ParallelModel.load(folder, target=target, device=str(target.device)))
    if not (folder / "config.json").is_file():
        raise DataMissingError(f"there is no drafter at {folder}", hint="name the folder `model` of a finished stage")
    return "draft-chain", Shared(
        draft_model=DraftModel.of(Target.from_pretrained(str(folder), device=str(target.device)), target)
    )
