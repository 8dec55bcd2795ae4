"""The vectors of units and their leads: computed once, cached in memory and stored with the passages.

A list has no vector of its own but that of its parts' middle. Knows passages and an encoder, not questions. U units,
S stored vectors, D dimensions.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from corpora.documents import Passage
from corpora.text.sentences import RULE as SENTENCE_RULE
from retrieval.evidence.leads import folded
from retrieval.evidence.units import RULE as UNIT_RULE
from retrieval.evidence.units import TextUnit, units_of
from retrieval.interfaces import Encoder

StoredRows: TypeAlias = Callable[[Sequence[Passage]], Mapping[str, bytes]]

SENTENCES: Final = "sentences:"
"""What the kinds of all sentence vectors begin with; those of an older rule of sentences are not read."""

_LITTLE_ENDIAN = np.dtype("<f4")


@dataclass(frozen=True, slots=True, eq=False)
class PassageUnits:
    """The units of a passage, as ``units_of`` has them, and the vectors of their texts and leads."""

    units: tuple[TextUnit, ...]
    leads: tuple[str, ...]
    vectors_SD: NDArray[np.float32]
    """Of the units that are no lists, in order, and then of ``leads``."""

    @property
    def is_scrap(self) -> bool:
        """Whether nothing in it says anything."""
        return all(unit.is_scrap for unit in self.units)

    def similarities(self, query_D: NDArray[np.float32]) -> list[tuple[float, float]]:
        """The cosine of each unit, and the best of those of its near leads, to a unit vector."""
        if not self.units:
            return []
        cosines_S = self.vectors_SD @ query_D
        singles = len(cosines_S) - len(self.leads)
        by_lead = dict(zip(self.leads, cosines_S[singles:].tolist(), strict=True))
        best = [max((by_lead[lead] for lead in unit.near), default=0.0) for unit in self.units]
        own = [float(cosine) for cosine in cosines_S[:singles]]
        return list(zip([*own, *(self._of_list(unit, query_D) for unit in self.units[singles:])], best, strict=True))

    def _of_list(self, unit: TextUnit, query_D: NDArray[np.float32]) -> float:
        middle_D = self.vectors_SD[list(unit.parts)].sum(axis=0)
        return float(middle_D @ query_D / max(float(np.linalg.norm(middle_D)), 1e-6))


class SentenceCache:
    """A least-recently-used cache of the units of ``capacity`` passages, shared by threads.

    No entry goes stale, because the id of a passage names its text. ``stored`` finds rows that ``SentenceRows``
    computed earlier, by passage id; what it does not find is encoded now.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        capacity: int = 4096,
        stored: StoredRows | None = None,
    ) -> None:
        self._encoder = encoder
        self._stored = stored
        self._capacity = capacity
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, PassageUnits] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cached)

    def lookup(self, passages: Sequence[Passage]) -> list[PassageUnits]:
        """The units of each passage; those of all unknown passages are encoded together."""
        with self._lock:
            known = {passage.id: self._cached[passage.id] for passage in passages if passage.id in self._cached}
        known |= self._encode({passage.id: passage for passage in passages if passage.id not in known})
        with self._lock:
            for passage in passages:
                self._cached[passage.id] = known[passage.id]
                self._cached.move_to_end(passage.id)
            while len(self._cached) > self._capacity:
                self._cached.popitem(last=False)
        return [known[passage.id] for passage in passages]

    def _encode(self, passages: dict[str, Passage]) -> dict[str, PassageUnits]:
        rows = self._stored(list(passages.values())) if self._stored is not None and passages else {}
        texts = {key: _texts(passage) for key, passage in passages.items()}
        known: dict[str, PassageUnits] = {}
        for key, of_passage in texts.items():
            vectors_SD = _read(rows[key], len(of_passage.all), self._encoder.dimension) if key in rows else None
            if vectors_SD is not None:
                known[key] = PassageUnits(of_passage.units, of_passage.leads, vectors_SD)
        missing = [key for key in texts if key not in known]
        # Neighbouring passages share sentences and headings, and documents repeat some: each text is encoded once.
        distinct = dict.fromkeys(chain.from_iterable(texts[key].all for key in missing))
        places = {text: place for place, text in enumerate(distinct)}
        vectors_SD = self._encoder.encode_passages(list(places)) if places else np.zeros((0, 0), dtype=np.float32)
        for key in missing:
            own = [places[text] for text in texts[key].all]
            known[key] = PassageUnits(texts[key].units, texts[key].leads, vectors_SD[own])
        return known


class SentenceRows:
    """A ``corpora.interfaces.Derived``: vectors of a passage's units and leads, so that no question waits for them."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def kind(self) -> str:
        """``sentences:``, the numbers of the rules by which they are cut, and the encoder's name."""
        return sentences_kind(self._encoder.name)

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        """(S, D) little-endian float32 for each passage, in order."""
        sentences = SentenceCache(self._encoder, capacity=len(passages)).lookup(passages)
        return [of_passage.vectors_SD.astype(_LITTLE_ENDIAN).tobytes() for of_passage in sentences]


def sentences_kind(encoder_name: str) -> str:
    """The kind under which the library keeps the sentence vectors of an encoder, cut by today's rule."""
    return f"{SENTENCES}{SENTENCE_RULE}.{UNIT_RULE}:{encoder_name}"


def _read(row: bytes, count: int, dimension: int) -> NDArray[np.float32] | None:
    """(S, D): what ``SentenceRows`` wrote for ``count`` texts; None if it was for another number of them."""
    if not count or len(row) != count * dimension * _LITTLE_ENDIAN.itemsize:
        return None
    return np.frombuffer(row, dtype=_LITTLE_ENDIAN).astype(np.float32).reshape(count, dimension)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The units of a passage, its distinct leads, and all texts that have a vector: units without lists, then leads."""

    units: tuple[TextUnit, ...]
    leads: tuple[str, ...]
    all: tuple[str, ...]


def _texts(passage: Passage) -> _Texts:
    units = units_of(passage)
    leads = tuple(dict.fromkeys(chain.from_iterable(unit.near for unit in units)))
    singles = (passage.text[unit.start : unit.end] for unit in units if not unit.parts)
    return _Texts(units, leads, tuple(map(folded, chain(singles, leads))))
