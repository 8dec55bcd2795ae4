"""The biases of a target: what serving adds to its logits, in nats, found best for it on held-aside data.

They stand in the target's own ``spandraft.json``, written by training and read by serving.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from app.errors import ModelError
from retrieval.interfaces import log_odds

FILE: Final = "spandraft.json"
_FORMAT: Final = "spandraft-bundled-2"
_BY_COSINE: Final = "spandraft-bundled-1"
_DECIDES: Final = 1000.0
"""Nats beyond all that a target may prefer."""


@dataclass(frozen=True, slots=True)
class LogitBiases:
    """``copy_bias``: bonus on the token that the cursor over a text under correction expects. ``edit_weight``: how much
    the odds of a likely edit against copying count, and ``edit_bonus``: what the edit gets besides, see
    ``decoding.processors.copy_bias``.

    ``least_odds``: the log-odds of the best evidence below which it refuses, whatever it prefers itself: the odds are
    calibrated, and a target's own readiness to refuse says nothing about whether there is an answer (measured, see
    ``app/DECISIONS.md``). ``evidence_slope``: how much a quotation loses for evidence that is less likely to answer,
    nats for one of the log-odds. ``end_bonus``: added to the end after a quotation.
    """

    copy_bias: float = 0.0
    edit_weight: float = 0.0
    edit_bonus: float = 0.0
    least_odds: float = 0.0
    evidence_slope: float = 0.0
    end_bonus: float = 0.0

    def refuses(self, relevance: float | None) -> bool:
        """Whether the best evidence is too unlikely to answer, or there is none."""
        return (log_odds(0.0) if relevance is None else relevance) < self.least_odds

    def refusal_bonus(self, relevance: float | None) -> float:
        """Nats added to the refusal: so many that the evidence alone decides."""
        return _DECIDES if self.refuses(relevance) else -_DECIDES

    def refusal_chance(self, relevance: float | None, *, quotes: bool) -> float:
        """How likely the output is the refusal: of one that ``quotes`` it is settled, of any other by the evidence."""
        if quotes:
            return float(self.refuses(relevance))
        return _share(-(log_odds(0.0) if relevance is None else relevance))

    @classmethod
    def read(cls, folder: Path) -> LogitBiases:
        """What a target's folder says about its own biases; zeros for a target without that file. Raises ModelError."""
        file = folder / FILE
        if not file.is_file():
            return cls()
        try:
            return cls.of(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, AttributeError, TypeError) as error:
            raise ModelError(f"{file} does not hold logit biases", hint="write JSON with numbers in it") from error

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> LogitBiases:
        """What a file holds; the first form of it counted slopes for a whole cosine. Raises ValueError, TypeError."""
        values = {name: float(stored.get(name, field.default)) for name, field in cls.__dataclass_fields__.items()}
        if stored.get("format") == _BY_COSINE:
            cosine = log_odds(1.0) - log_odds(0.0)
            values["evidence_slope"] /= cosine
        return cls(**values)

    def stored(self) -> dict[str, Any]:
        """What ``of`` reads."""
        return {"format": _FORMAT, **asdict(self)}


def _share(odds: float) -> float:
    """A chance from its log-odds."""
    return 1.0 / (1.0 + math.exp(min(-odds, 700.0)))
