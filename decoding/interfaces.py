"""The protocols and the core types of the decoder: a request in, drafts between, commits out.

Works on token ids alone; never sees text, files or the web. N tree nodes, V vocabulary.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class OriginKind(enum.StrEnum):
    """Where a drafted token was copied from."""

    REFERENCE = "reference"
    OUTPUT = "output"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Origin:
    """The place a drafted token was copied from: token ``offset`` of reference ``index``, or of the output."""

    kind: OriginKind
    index: int = 0
    offset: int = 0


NO_ORIGIN = Origin(OriginKind.NONE)


@dataclass(frozen=True, slots=True)
class Reference:
    """Token ids that the answer may copy: a retrieved passage, an evidence sentence, the text under correction.

    ``prompt_start`` is where the ids stand in the prompt, None if they are not in it. ``cursor`` marks the text
    that the output rewrites from its beginning to its end (grammar correction). ``lead`` is what the output writes
    before it quotes the whole reference, such as the tokens of `` [1]``; what may be quoted stands best first.
    """

    ids: tuple[int, ...]
    prompt_start: int | None = None
    cursor: bool = False
    lead: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen from the logits, with Hugging Face's names. Greedy unless ``do_sample``.

    The noise is indexed by (``seed``, absolute position), so drafts cannot change what is drawn.
    """

    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0


class Processor(Protocol):
    """A target-side logits processor as an automaton over the output, so that each tree node has its own history.

    States are immutable; ``advance`` returns the state after one more output token. ``apply`` changes the
    float logits of one row in place, forbidden tokens to -inf.
    """

    def start(self) -> Hashable | object:
        """The state before the first output token."""
        ...

    def advance(self, state: object, token: int) -> object:
        """The state after ``token``."""
        ...

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Bias or forbid next tokens in place."""
        ...


class FinishReason(enum.StrEnum):
    """Why a session ended."""

    EOS = "eos"
    STOP = "stop"
    LENGTH = "length"
    CONTEXT = "context"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Request:
    """One generation. ``stop`` is made fresh for each session, is fed every output token in order, and says True
    on the token that completes a stop string: nothing after that token is committed.

    ``progress`` is called after each prefill chunk with (tokens done, tokens in all).
    """

    prompt: tuple[int, ...]
    max_new_tokens: int
    references: tuple[Reference, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    eos_ids: frozenset[int] = frozenset()
    processors: tuple[Processor, ...] = ()
    stop: Callable[[], Callable[[int], bool]] | None = None
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed chain of next tokens, right after the last committed one: ids, estimated acceptance of each given
    the ones before it, and origins.
    """

    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """What one step added: the tokens, and for each the sources that had drafted it (empty: the target's own)
    with its recorded origin. A source that wants to know what was rejected compares with what it proposed.
    """

    tokens: tuple[int, ...]
    sources: tuple[tuple[str, ...], ...]
    origins: tuple[Origin, ...]
    finish_reason: FinishReason | None = None


class DraftSource(Protocol):
    """Proposes what the target may write next. Deterministic given its state; wrong drafts cost time, never output.

    One object serves one session. ``propose`` may return several chains; chains may share prefixes.
    """

    @property
    def name(self) -> str:
        """The name that stats and presets use."""
        ...

    def start(self, request: Request) -> None:
        """A session begins; prompt and references are known."""
        ...

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """Chains that may follow the output ``tokens`` so far, of at most ``limit`` tokens in all."""
        ...

    def observe(self, commit: Commit) -> None:
        """A step has been committed."""
        ...

    def finish(self) -> None:
        """The session is over; drop what belongs to it."""
        ...
