"""What this floor is given, asked and returns: an encoder and a store, a question, passages and the sentences in them.

``Encoder`` turns texts into vectors, ``PassageStore`` has the passages, and a ``Retriever`` finds them for questions. A
``Query`` is embedded at most once and its language is guessed at most once: search and evidence selection both need the
vector, relevance scorer and user both need the language. ``Retrieved`` has the passages with the reason they were
chosen, and the sentences of them that may answer. N texts, D dimensions.

Loads no library, so that commands which only name the scale of relevance start fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from retrieval.language import guess_language, is_foreign

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from corpora.documents import Passage
    from corpora.store.records import StoredPassage

UnitKind: TypeAlias = Literal["sentence", "row", "list"]
"""What a piece of text is that can be quoted: a sentence or a short line, a row of a table, a list with its lead-in."""

_COSINE_SLOPE: Final = 20.0
_EVEN_COSINE: Final = 0.5
_ONLY_PART: Final = frozenset({0})


class Encoder(Protocol):
    """Turns texts into unit vectors, so that an inner product is a cosine."""

    @property
    def name(self) -> str:
        """Names the model and its revision; vectors of different names must not be mixed."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of its vectors."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Questions to (N, D) unit vectors."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages or sentences to (N, D) unit vectors."""
        ...


class PassageStore(Protocol):
    """The part of ``corpora.store.store.CorpusStore`` that searching needs. Rows only grow and never come back.

    Every method sees what is committed when it is called, by this process or another, and the visible generation only.
    """

    name: str
    folder: Path

    def version(self) -> int:
        """Grows with every committed change."""
        ...

    def generation(self) -> int:
        """Which chunking and encoding of the texts is visible; when it changes, all rows are replaced by others."""
        ...

    def snapshot(self) -> AbstractContextManager[int]:
        """While inside, this thread reads one version of the corpus; yields that version."""
        ...

    def passage_ids(self) -> list[tuple[int, str]]:
        """The row and the id of every passage, in the order of rows."""
        ...

    def passages_after(self, row: int) -> Iterator[StoredPassage]:
        """All passages with a larger row, in the order of rows; 0 for all."""
        ...

    def passages(self, rows: Sequence[int]) -> list[StoredPassage]:
        """The passages of these rows, in the order asked for; rows that are gone are left out."""
        ...

    def removed_since(self, version: int) -> list[int]:
        """Rows that were removed after ``version``."""
        ...

    def derived(self, kind: str, after_row: int = 0) -> Iterator[tuple[int, bytes]]:
        """(row, value) of one kind for rows larger than ``after_row``, in order."""
        ...

    def derived_of(self, kind: str, passages: Sequence[Passage]) -> dict[str, bytes]:
        """Values of one kind by passage id; passages that have none, or are gone, are left out."""
        ...

    def derived_kinds(self) -> list[str]:
        """All kinds of which rows are stored."""
        ...


class Retriever(Protocol):
    """Finds passages for questions. `retrieval.hybrid.HybridRetriever` is the default."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query the at most ``k`` best hits, best first, ties by the older passage."""
        ...

    def spelled(self, question: str) -> Spelled:
        """The question in the spelling of the passages."""
        ...

    def find(self, query: Query, k: int) -> list[Hit]:
        """The at most ``k`` best hits of one question; it is embedded only if it was not before."""
        ...

    def write_files(self, *, after_removal: bool = False) -> None:
        """Write what makes the next opening fast. ``after_removal``: nothing that was removed stays in a file."""
        ...


@dataclass(frozen=True, slots=True)
class Mended:
    """A word of a question as it was written, and the words of the corpus that it most likely stands for.

    Either may be several words, with spaces between them: what was run together or apart is mended, too.
    """

    written: str
    meant: str


@dataclass(frozen=True, slots=True)
class Spelled:
    """A question in the spelling of a corpus, and what of it is written otherwise than it was."""

    text: str
    mended: tuple[Mended, ...] = ()


class Query:
    """A question with its vector and language, each computed when it is first needed. For one thread.

    ``text`` is the question as it was asked, ``spelled`` the same in the spelling of the corpus, which all of retrieval
    works with; ``mended`` says what differs, empty where nothing does.
    """

    def __init__(self, text: str, encoder: Encoder, *, spelled: Spelled | None = None) -> None:
        self.text = text
        self.spelled = text if spelled is None else spelled.text
        self.mended = () if spelled is None else spelled.mended
        self._encoder = encoder

    @cached_property
    def vector_D(self) -> NDArray[np.float32]:
        """(D,): its unit vector. Raises what the encoder raises."""
        vector_D: NDArray[np.float32] = self._encoder.encode_queries([self.spelled])[0]
        return vector_D

    @cached_property
    def language(self) -> str | None:
        """The language it seems to be in, None for English or where that is not sure."""
        return guess_language(self.spelled)

    @cached_property
    def is_foreign(self) -> bool:
        """Whether it is in another language than English, even where it is not sure in which."""
        return is_foreign(self.spelled)


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found for a question: hits and evidence, best first, and the language the question seems to be in.

    ``language`` is None for English, and where that is not sure; ``mended`` is what was searched for instead of words
    that no passage has; ``remark`` is why something that was asked of a table could not be computed, as
    ``the column Price has "on request" in row 7, which is no number``.
    ``unanswered`` are parts of the question for which nothing was found; ``missing`` is what the question names and
    nothing found has, where nothing is likely to answer.
    """

    hits: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]
    language: str | None = None
    mended: tuple[Mended, ...] = ()
    remark: str | None = None
    unanswered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its score: higher is better within one list; the scales of retrievers differ.

    ``chance`` is how likely something in it answers the question, 0 to 1; None where nobody has judged that.
    """

    passage: Passage
    score: float
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One unit of a hit that can be quoted: ``document.text[start:end] == text``, offsets in the document.

    ``hit`` is the index of its passage in the list of hits; ``similarity`` is the cosine to the question;
    ``relevance`` is the log-odds that it answers the question, against "no sentence does", which is 0. ``lead`` is what
    stands over it and leads to it: title, headings, the question that it answers, its label, one a line, the outermost
    first; ``lead_similarity`` is the cosine of the nearest of them to the question. ``parts`` are the numbers of the
    parts of the question that it answers.

    What was computed from a table (``is_computed``) has a ``text`` that stands in no document: a sentence of our own
    such as ``3 rows have Status open.``; ``rows`` are the characters of all rows that it was computed from, rows right
    behind each other as one span, ``[start, end)`` reaches from the first to the last of them, and ``place`` is what a
    person calls them, such as ``rows 2-13``. ``along`` is what answers only together with it, in this order: whoever
    quotes it quotes all of them.
    """

    hit: int
    start: int
    end: int
    text: str
    similarity: float
    relevance: float
    lead: str = ""
    lead_similarity: float = 0.0
    kind: UnitKind = "sentence"
    rows: tuple[tuple[int, int], ...] = ()
    place: str = ""
    along: tuple[Evidence, ...] = ()
    parts: frozenset[int] = _ONLY_PART

    @property
    def is_computed(self) -> bool:
        """Whether its text is a sentence of our own about ``rows``, and stands in no document."""
        return bool(self.rows)

    @property
    def is_likely(self) -> bool:
        """Whether it answers more likely than not."""
        return self.relevance > 0

    @property
    def chance(self) -> float:
        """The relevance as a probability, between 0 and 1."""
        return 1 / (1 + exp(-max(-700.0, self.relevance)))


def log_odds(similarity: float) -> float:
    """The relevance that a cosine alone stands for: as likely as not (0) at 0.5; 3 is 95 %."""
    return _COSINE_SLOPE * (similarity - _EVEN_COSINE)
