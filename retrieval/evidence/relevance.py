"""Scores how likely each sentence is to answer a question: log-odds against "none of them does", which is 0.

Knows texts and cosines, and the file format of a learned scorer; not hits, prompts or where the file is. All scorers
have this one scale, so that a threshold holds for each of them: 0 is as likely as not, 3 is 95 %.

S sentences, F features, H hidden.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from corpora.store.atomic_write import write_file
from retrieval.errors import DamagedRelevance
from retrieval.evidence.anchors import NOWHERE, Anchor, Words
from retrieval.evidence.cross_encoder import Reranker
from retrieval.evidence.lexical_relevance import LexicalRelevance
from retrieval.evidence.meanings import Meanings
from retrieval.evidence.relevance_features import Candidate, Lexicon, anchor_levels, anchors, features, stem
from retrieval.interfaces import log_odds
from retrieval.language import is_foreign as is_foreign_text

_FORMAT = "spandraft-relevance-2"
_UNREADABLE = (
    OSError, ValueError, LookupError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_LATIN = re.compile(r"[A-Za-z]{2}")
_IN_VAIN = 6.0
"""Nats that all lose where an anchor stands nowhere; none of them stays above even."""


class Relevance(Protocol):
    """Scores sentences that were found for a question."""

    def scores(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        is_foreign: bool | None = None,
        passages: Sequence[str] = (),
    ) -> list[float]:
        """The log-odds of each candidate, judged among the others. Those of one passage come in its order.

        ``is_foreign``: whether the question seems to be in another language than English, None where nobody has looked.
        ``passages``: the whole texts of the passages, by the candidates' numbers; empty where the candidates are all.
        """
        ...

    def missing(self, question: str, texts: Sequence[str], *, is_foreign: bool | None = None) -> tuple[str, ...]:
        """What a question names that must stand in what answers it, and stands in none of the texts."""
        ...


class CosineRelevance:
    """Scores by the encoder alone, for encoders and languages of which nothing was learned."""

    def scores(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        is_foreign: bool | None = None,
        passages: Sequence[str] = (),
    ) -> list[float]:
        """A linear function of the cosine."""
        return [log_odds(candidate.similarity) for candidate in candidates]

    def missing(self, question: str, texts: Sequence[str], *, is_foreign: bool | None = None) -> tuple[str, ...]:
        """Nothing: it knows no words."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """A perceptron: a hidden layer, a residual layer, and beside them a linear map from features to score."""

    first_FH: NDArray[np.float32]
    first_bias_H: NDArray[np.float32]
    second_HH: NDArray[np.float32]
    second_bias_H: NDArray[np.float32]
    last_H: NDArray[np.float32]
    direct_F: NDArray[np.float32]
    last_bias: NDArray[np.float32]

    def __call__(self, features_SF: NDArray[np.float32]) -> NDArray[np.float32]:
        """(S,) scores."""
        hidden_SH = np.maximum(features_SF @ self.first_FH + self.first_bias_H, 0)
        hidden_SH = hidden_SH + np.maximum(hidden_SH @ self.second_HH + self.second_bias_H, 0)
        scores_S: NDArray[np.float32] = hidden_SH @ self.last_H + features_SF @ self.direct_F + self.last_bias
        return scores_S


@dataclass(frozen=True, slots=True, eq=False)
class LearnedRelevance:
    """A small network over features of question and units, learned with the cosines of one ``encoder``.

    Questions that seem to be in another language than English are scored by ``foreign``. Whoever scores: where a strict
    anchor of the question stands nowhere, nothing answers.
    """

    encoder: str
    rarity: Lexicon
    layers: Layers
    foreign: Relevance = field(default_factory=LexicalRelevance)
    reranker: Reranker | None = None
    """Who judges the best of English questions anew; not part of the file."""

    def scores(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        is_foreign: bool | None = None,
        passages: Sequence[str] = (),
    ) -> list[float]:
        """The scores of the network."""
        if not candidates:
            return []
        if is_foreign is None:
            is_foreign = is_foreign_text(question)
        is_foreign = is_foreign or not _LATIN.search(question)
        asked = anchors(question, self.rarity)
        levels_SA = anchor_levels(asked, candidates, passages)
        in_vain = is_in_vain(asked, levels_SA, is_foreign=is_foreign)
        if is_foreign:
            scores_S = np.array(self.foreign.scores(question, candidates, is_foreign=True, passages=passages))
        else:
            scores_S = self.layers(features(question, candidates, self.rarity, asked=asked, levels_SA=levels_SA))
            if self.reranker is not None and not in_vain:
                scores_S = self.reranker(question, candidates, scores_S)
        if in_vain:
            scores_S = np.minimum(scores_S, 0) - _IN_VAIN
        return [float(score) for score in scores_S]

    def first_stage(
        self, question: str, candidates: Sequence[Candidate], passages: Sequence[str] = ()
    ) -> tuple[NDArray[np.float32], bool]:
        """(S,) scores of the network alone for a question in English, and whether it is asked in vain."""
        asked = anchors(question, self.rarity)
        levels_SA = anchor_levels(asked, candidates, passages)
        features_SF = features(question, candidates, self.rarity, asked=asked, levels_SA=levels_SA)
        return self.layers(features_SF), is_in_vain(asked, levels_SA)

    def missing(self, question: str, texts: Sequence[str], *, is_foreign: bool | None = None) -> tuple[str, ...]:
        """The strict anchors of the question that no text has."""
        if is_foreign is None:
            is_foreign = is_foreign_text(question)
        asked = [one for one in anchors(question, self.rarity) if _is_held_against(one, is_foreign=is_foreign)]
        read = [Words(text, stem) for text in texts] if asked else []
        return tuple(anchor.text for anchor in asked if not any(anchor.stands_in(words) for words in read))

    def write(self, file: Path) -> None:
        """Write the file, compressed."""
        words = sorted(self.rarity.known)
        arrays: dict[str, NDArray[np.generic]] = {
            "format": _packed(_FORMAT),
            "encoder": _packed(self.encoder),
            "words": _packed("\n".join(words)),
            "rarity": np.array([self.rarity.known[word] for word in words], np.float16),
            "unknown": np.array(self.rarity.unknown, np.float16),
            "meant": _packed("\n".join(self.rarity.meanings.rows)),
            "meanings": self.rarity.meanings.vectors_VD,
            "names": np.packbits([word in self.rarity.names for word in words]),
        }
        arrays |= {name: getattr(self.layers, name) for name in Layers.__dataclass_fields__}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_file(file, [buffer.getbuffer()])

    @classmethod
    def read(cls, file: Path) -> LearnedRelevance:
        """Read the file. Raises ``DamagedRelevance``."""
        try:
            with np.load(io.BytesIO(file.read_bytes())) as arrays:
                if _text(arrays["format"]) != _FORMAT:
                    raise DamagedRelevance(file, "is a relevance scorer of another version")
                words, rarity = _text(arrays["words"]).split("\n"), arrays["rarity"].astype(float).tolist()
                is_name = np.unpackbits(arrays["names"], count=len(words)).astype(bool).tolist()
                names = frozenset(word for word, one in zip(words, is_name, strict=True) if one)
                known = dict(zip(words, rarity, strict=True))
                lexicon = Lexicon(known, float(arrays["unknown"]), names, _meanings(arrays))
                weights = {name: arrays[name].astype(np.float32) for name in Layers.__dataclass_fields__}
                scorer = cls(_text(arrays["encoder"]), lexicon, Layers(**weights))
            scorer.scores("Who is it?", [Candidate("It is Ann.", 0, 0.5)], is_foreign=False)  # the shapes fit
        except _UNREADABLE as error:
            if isinstance(error, OSError) and error.strerror:
                raise DamagedRelevance(file, f"cannot be read: {error.strerror}") from error
            raise DamagedRelevance(file, "is not a relevance scorer, or is damaged") from error
        return scorer


def is_in_vain(asked: Sequence[Anchor], levels_SA: NDArray[np.int8], *, is_foreign: bool = False) -> bool:
    """Whether something is asked for that must stand in the hits and stands in none.

    Of other languages, of which no ordinary words are known and some write every noun with a capital, names are not
    held against what was found.
    """
    nowhere_A = (levels_SA == NOWHERE).all(axis=0)
    return any(
        nowhere and _is_held_against(anchor, is_foreign=is_foreign)
        for anchor, nowhere in zip(asked, nowhere_A.tolist(), strict=True)
    )


def _is_held_against(anchor: Anchor, *, is_foreign: bool) -> bool:
    return anchor.strict and not (is_foreign and anchor.kind in ("name", "word"))


def _meanings(arrays: Mapping[str, NDArray[np.generic]]) -> Meanings:
    """Raises ValueError, LookupError."""
    words, vectors_VD = _text(arrays["meant"]), arrays["meanings"].astype(np.int8)
    rows = {word: row for row, word in enumerate(words.split("\n"))} if words else {}
    if vectors_VD.ndim != 2 or len(rows) != len(vectors_VD):
        raise ValueError("as many words as vectors")
    return Meanings(rows, vectors_VD)


def _packed(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _text(packed: NDArray[np.generic]) -> str:
    return packed.tobytes().decode()
