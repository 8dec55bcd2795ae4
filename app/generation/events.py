"""What a pipeline tells its caller while it works: the events of a stream, and the finished answer.

These are the only types that the web page, the command line and the servers need to know. Offsets are Unicode
code points, half-open: ``source_*`` in the document, ``answer_*`` in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from corpora.documents import Mark, describe_location

REFUSAL: Final = "The documents do not answer this."
CitationKind: TypeAlias = Literal["copied", "marked", "computed"]


@dataclass(frozen=True, slots=True)
class SourcePassage:
    """A retrieved passage as shown to the user; ``number`` is the ``[n]`` of the answer, None if not in the prompt.

    ``place`` is what a person calls the place in the document, such as ``page 7, Installation``; empty if the file has
    no such thing. ``marks`` are the pages, headings and rows it touches. ``chance`` is how likely something in it
    answers the question, 0 to 1; None where nobody has judged that.
    """

    passage_id: str
    document: str
    start: int
    end: int
    text: str
    score: float
    number: int | None = None
    place: str = ""
    marks: tuple[Mark, ...] = ()
    chance: float | None = None

    def place_of(self, start: int, end: int) -> str:
        """What a person calls the document's characters ``[start, end)``, which lie in this passage."""
        return describe_location(self.marks, start, end)


@dataclass(frozen=True, slots=True)
class Citation:
    """Characters of the answer and the characters of a document they came from.

    ``copied``: identical text, character for character. ``marked``: the answer wrote ``[n]`` for text that is
    not a verbatim copy; the source span is the whole passage. ``computed``: a sentence about rows of a table, such as
    a sum; ``rows`` are the characters of all rows that it was computed from, in order, rows right behind each other as
    one span, and the source span reaches from the first to the last. ``place`` is that of the source span.
    """

    passage_id: str
    document: str
    source_start: int
    source_end: int
    answer_start: int
    answer_end: int
    kind: CitationKind
    place: str = ""
    rows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Computation:
    """A sentence that was computed from ``rows`` of a table, and may be written into the answer word for word.

    ``passage_id`` is the passage in which the first of the rows stands; the others need not be in any that was found.
    """

    text: str
    passage_id: str
    document: str
    rows: tuple[tuple[int, int], ...]
    place: str = ""


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """Tokens a draft source offered to the target, and how many of them the target accepted."""

    drafted: int
    accepted: int


@dataclass(frozen=True, slots=True)
class RunStats:
    """One request in figures. ``tokens_per_s`` is decode only; ``stages_s`` has retrieve, prompt, prefill, decode.

    ``failed_sources``: draft sources that were switched off, with what they raised. ``drafting_note``: why there were
    no drafts, or no trees of them; empty if there were. Both cost speed, never the output.
    """

    tokens: int
    target_forwards: int
    mean_acceptance_length: float
    by_source: Mapping[str, SourceCounts]
    ttft_s: float
    tokens_per_s: float
    stages_s: Mapping[str, float]
    failed_sources: Mapping[str, str] = field(default_factory=dict)
    drafting_note: str = ""


NO_STATS: Final = RunStats(
    tokens=0, target_forwards=0, mean_acceptance_length=0.0, by_source={}, ttft_s=0.0, tokens_per_s=0.0, stages_s={}
)
"""The stats of what was stopped before it was measured."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """First event: the passages found; ``notice`` says in one line what was left out of the prompt, if anything.

    ``computed`` is what was computed of tables for this question.
    """

    passages: tuple[SourcePassage, ...]
    notice: str | None = None
    computed: tuple[Computation, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer. Concatenated deltas are the answer; nothing is ever taken back."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """Last event: the whole answer with its final citations and stats."""

    answer: Answer


UNFINISHED: Final = "unfinished"
"""The ``finish_reason`` of an answer whose stream was broken off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. ``finish_reason``: ``eos``, ``stop``, ``length``, ``context``, ``cancelled``, or ``unfinished``."""

    question: str
    text: str
    citations: tuple[Citation, ...]
    passages: tuple[SourcePassage, ...]
    stats: RunStats
    finish_reason: str
    notice: str | None = None

    @property
    def is_refusal(self) -> bool:
        """Whether it says that the documents do not answer."""
        return self.text.strip() == REFUSAL

    @property
    def nearest(self) -> tuple[SourcePassage, ...]:
        """The few passages that came nearest: those with a chance, the best first, then in the order of the search."""

        def chance(passage: SourcePassage) -> float:
            return passage.chance if passage.chance is not None and passage.chance >= _TELLING_CHANCE else 0.0

        return tuple(sorted(self.passages, key=lambda passage: -chance(passage))[:NEAREST])


NEAREST: Final = 3
"""How many passages a refusal shows."""
_TELLING_CHANCE: Final = 0.05  # below it the order of the search says more

Event: TypeAlias = Retrieval | TextDelta | Citation | Done


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace ``source[start:end]`` by ``replacement``."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected text: applying ``edits`` to ``source`` gives ``corrected``."""

    source: str
    corrected: str
    edits: tuple[Edit, ...]
    stats: RunStats
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class CorrectionDone:
    """Last event of a correction."""

    correction: Correction
