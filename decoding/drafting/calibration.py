"""Calibration: how often what a source drafts is accepted, learned from what happened.

A source's own number for a drafted token is its estimate; what calibration makes of it is the probability that the
token is accepted, given that everything before it was. A cell is (source, bucket, depth, estimate): the length of match
that an estimate rests on, how deep in the tree the token stands, and how sure the source was, because a source is
rarely as wrong about what it expects as about what it does not. A cell moves a source's estimate in log odds towards
what was accepted; the less it has seen, the less. Old counts fade. Knows no tokens. N nodes.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from decoding.stats import moving_average
from decoding.tree import DraftTree

# A count of 1 has faded to a half after 700 more in its cell; after 16 tokens a cell weighs as much as the source's own
# estimate.
_FADE: Final = 0.999
_TRUST: Final = 16.0
# Bounds of a probability: no token is certain, and odds stay finite.
_LEAST, _MOST = 0.001, 0.998
# The length of a saved row of the first version, which knew no bands of estimates.
_ROW_WITHOUT_ESTIMATES: Final = 6
# The share of the latest gain of a costly source in its average.
_SHARE = 0.15
# The last depth of each band of depths (all deeper ones are a further band), and where a band of estimates begins.
_DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16)
_ESTIMATES = (0.3, 0.8)

Key: TypeAlias = tuple[str, int, int, int]
"""A cell: source, bucket, band of depths, band of estimates."""


@dataclass(slots=True)
class _Cell:
    """Faded sums over drafted tokens that were reached, everything before them being accepted: how many, the sum of the
    source's estimates for them, how many were accepted.
    """

    tried: float = 0.0
    expected: float = 0.0
    accepted: float = 0.0
    _odds: float | None = None

    def add(self, expected: float, accepted: bool) -> None:
        self.tried = self.tried * _FADE + 1.0
        self.expected = self.expected * _FADE + expected
        self.accepted = self.accepted * _FADE + accepted
        self._odds = None

    def sums(self) -> tuple[float, float, float]:
        """What a saved cell holds."""
        return self.tried, self.expected, self.accepted

    @classmethod
    def of(cls, sums: Sequence[float]) -> _Cell:
        """A saved cell. Raises ValueError."""
        tried, expected, accepted = sums
        if not (0 <= expected <= tried and 0 <= accepted <= tried):
            raise ValueError(f"no counts of a calibration: {sums}")
        return cls(tried, expected, accepted)

    def odds(self) -> float:
        """The factor on the odds of an estimate; 1 for a cell that has seen nothing or what it expected."""
        if self._odds is None:
            self._odds = self._computed_odds()
        return self._odds

    def _computed_odds(self) -> float:
        mean = self.expected / self.tried if self.tried else 0.5
        mean = min(max(mean, _LEAST), _MOST)  # Estimates may be 0 or 1; the counts below must not be 0.
        prior_accepted, prior_rejected = _TRUST * mean, _TRUST * (1 - mean)
        accepted_odds = (self.accepted + prior_accepted) / (self.tried - self.accepted + prior_rejected)
        # Divided by the odds that the source expected.
        expected_rejected = max(self.tried - self.expected, 0.0) + prior_rejected
        return accepted_odds * expected_rejected / (self.expected + prior_accepted)


@dataclass(slots=True)
class TaskCalibration:
    """The cells of one kind of request, shared by its sessions. Only a step of the engine uses it, in whichever thread
    holds the scheduler's lock, so it needs no lock of its own.

    ``gains``: tokens that a costly source brought, by source and by how many were expected without it.
    ``exploration_s``: seconds by source that were allowed for asking it although it does not seem to pay, unused yet.
    """

    frozen: bool = False
    cells: dict[Key, _Cell] = field(default_factory=dict)
    gains: dict[tuple[str, int], float] = field(default_factory=dict)
    exploration_s: dict[str, float] = field(default_factory=dict)

    def apply(self, source: str, draft: DraftTree) -> list[float]:
        """(N) the calibrated probability that each node of a draft is accepted, given that its parent was."""
        buckets = draft.buckets or (0,) * len(draft)
        nodes = zip(buckets, draft.depths(), draft.probabilities, strict=True)
        return [self.probability(source, bucket, depth, estimate) for bucket, depth, estimate in nodes]

    def probability(self, source: str, bucket: int, depth: int, estimate: float) -> float:
        """The calibrated probability that a token at ``depth`` (from 1) is accepted, given that its parent was."""
        cell = self.cells.get(_key(source, bucket, depth, estimate))
        if cell is None:
            return estimate
        odds = cell.odds() * estimate / max(1 - estimate, 1 - _MOST)
        return min(max(odds / (1 + odds), _LEAST), _MOST)

    def learn(self, source: str, bucket: int, depth: int, *, estimate: float, accepted: bool) -> None:
        """A drafted token was reached: everything before it was accepted. ``estimate`` is the source's own."""
        if not self.frozen:
            self.cells.setdefault(_key(source, bucket, depth, estimate), _Cell()).add(estimate, accepted)

    def gain(self, source: str, without: float) -> float | None:
        """Tokens that a costly source brought when it was asked and about ``without`` were expected before, or fewer:
        where more is drafted already, it hardly brings more. None if it was never asked.
        """
        nearest = max((size for name, size in self.gains if name == source and size <= _size(without)), default=None)
        return None if nearest is None else self.gains[source, nearest]

    def expect_gain(self, source: str, without: float, gain: float) -> None:
        """A costly source was asked, and ``gain`` more tokens are expected: where its average begins."""
        if not self.frozen:
            self.gains.setdefault((source, _size(without)), gain)

    def learn_gain(self, source: str, without: float, gain: float) -> None:
        """Of what a costly source drafted, ``gain`` tokens were accepted that no other had drafted."""
        key = (source, _size(without))
        if not self.frozen:
            self.gains[key] = moving_average(self.gains.get(key), gain, share=_SHARE)

    def may_explore(self, source: str, allowed_s: float, *, cost_s: float) -> bool:
        """Whether a costly source that does not seem to pay is asked all the same, for ``cost_s``: once the seconds
        allowed for that, ``allowed_s`` more with each step, have added up to them.
        """
        unused_s = self.exploration_s.get(source, 0.0) + allowed_s
        may = unused_s >= cost_s
        self.exploration_s[source] = 0.0 if may else unused_s
        return may


@dataclass(slots=True)
class Calibration:
    """Every task's cells, shared by the sessions of an engine.

    ``frozen``: nothing is learned, so that the same requests draft the same trees again, in any order.
    """

    frozen: bool = False
    _tasks: dict[str, TaskCalibration] = field(default_factory=dict)

    def of(self, task: str) -> TaskCalibration:
        """The cells of ``task`` (Request.task)."""
        return self._tasks.setdefault(task, TaskCalibration(self.frozen))

    def state(self) -> dict[str, dict[str, list[list[object]]]]:
        """Everything learned, as JSON can hold it: by task the ``cells`` as rows of their key and three sums,
        and the ``gains`` as rows of source, size and gain.
        """
        return {
            task: {
                "cells": [[*key, *(round(x, 3) for x in cell.sums())] for key, cell in sorted(cells.cells.items())],
                "gains": [[*key, round(gain, 4)] for key, gain in sorted(cells.gains.items())],
            }
            for task, cells in sorted(self._tasks.items())
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Mapping[str, Sequence[Sequence[object]]]], *, frozen: bool = False
    ) -> Calibration:
        """What ``state`` gave. Raises ValueError, TypeError, KeyError or AttributeError for anything else."""
        made = cls(frozen)
        for task, rows in state.items():
            calibration = made.of(task)
            for row in rows["cells"]:
                if len(row) == _ROW_WITHOUT_ESTIMATES:
                    continue
                source, bucket, depths, estimates, *sums = row
                key = str(source), int(str(bucket)), int(str(depths)), int(str(estimates))
                calibration.cells[key] = _Cell.of([float(str(x)) for x in sums])
            for source, size, gain in rows["gains"]:
                calibration.gains[str(source), int(str(size))] = float(str(gain))
        return made


def _size(expected: float) -> int:
    """Expected tokens in steps of a factor of 1.4."""
    return round(2 * math.log2(max(expected, 1.0)))


def _key(source: str, bucket: int, depth: int, estimate: float) -> Key:
    """The cell of a token: what is counted together."""
    band = bisect.bisect_left(_DEPTHS, depth)
    depths = _DEPTHS[band] if band < len(_DEPTHS) else _DEPTHS[-1] + 1
    return source, bucket, depths, bisect.bisect_right(_ESTIMATES, estimate)
