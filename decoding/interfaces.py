"""The core types of the decoder and the protocols of what plugs in: a request in, commits out.

Works on token ids alone; never sees text, files or the web. T tokens, P passages, N tree nodes, D hidden size,
V vocabulary.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class OriginKind(enum.StrEnum):
    """Where a drafted token was copied from."""

    REFERENCE = "reference"
    OUTPUT = "output"
    CORPUS = "corpus"
    HISTORY = "history"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a drafted token was copied from: token ``offset`` of reference ``index``, of the output, of the corpus
    (``index`` is then the number of the passage in it) or of an earlier output.
    """

    kind: OriginKind
    index: int = 0
    offset: int = 0


NO_ORIGIN = Origin(OriginKind.NONE)


@dataclass(frozen=True, slots=True)
class Edit:
    """A likely change of a reference: its tokens ``start`` to ``end`` (exclusive) become ``ids``, with the probability
    ``chance``.

    Without ids the tokens are deleted. Such an edit for every word that may be deleted also shows where words begin
    and end.
    """

    start: int
    end: int
    ids: tuple[int, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Reference:
    """Token ids that the answer may copy: a retrieved passage, an evidence sentence, the text under correction.

    ``prompt_start`` is the index of its first token in the prompt, None if it is not in it. ``cursor`` marks the text
    that the output rewrites from its beginning to its end (grammar correction). ``lead`` is what the output writes
    before it quotes the whole reference, such as the tokens of `` [1]``; references that may be quoted are ordered
    best first. ``edits`` are likely changes of a rewritten text.
    """

    ids: tuple[int, ...]
    prompt_start: int | None = None
    cursor: bool = False
    lead: tuple[int, ...] = ()
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """Fixed token ids, such as a refusal. The output begins with all of them with probability ``chance``, else likely
    with none of them.
    """

    ids: tuple[int, ...]
    chance: float


@dataclass(frozen=True, slots=True, eq=False)
class TokenIndex:
    """All token ids of a corpus with their suffix array, both usually memory-mapped: a draft index as open arrays.

    ``tokens_T`` holds the passages one after the other, -1 after each; ``suffixes_T`` the positions in it, sorted by
    the tokens that follow; ``starts_P`` the position where each passage begins, for origins.
    """

    tokens_T: NDArray[np.int32]
    suffixes_T: NDArray[np.integer]
    starts_P: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen from the logits, with Hugging Face's names. Greedy unless ``do_sample``.

    The noise is indexed by (``seed``, absolute position), so drafts cannot change what is drawn.
    """

    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
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


@dataclass(frozen=True, slots=True)
class SamplingPosition:
    """How a token is sampled, and the absolute position of it, which indexes the noise."""

    sampling: Sampling
    index: int


class AcceptanceCriterion(Protocol):
    """Chooses the committed token after each node in turn; the walk follows it while the tree holds it.

    ``lossless``: the committed tokens are distributed as plain decoding's. ``name`` is its name in options.
    """

    @property
    def name(self) -> str:
        """The name that options use."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether the output is the target's own."""
        ...

    def choose(
        self,
        logits_V: NDArray[np.floating],
        offered: Mapping[int, NDArray[np.floating] | None],
        position: SamplingPosition,
    ) -> int:
        """The token after a node, from its processed logits and the tokens that were drafted after it.

        ``offered`` maps each drafted token to the distribution (V) it was sampled from, None for a deterministic
        draft. Raises InvalidRequest for offers that the criterion cannot judge.
        """
        ...


class FinishReason(enum.StrEnum):
    """Why a session ended."""

    EOS = "eos"
    STOP = "stop"
    LENGTH = "length"
    CONTEXT = "context"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Request:
    """One generation: a prompt, how to choose tokens, when to stop, and what may be copied.

    ``stop`` makes the stop condition of a session: a function that is given every output token in order and returns
    True on the token that completes a stop string; nothing after that token is committed. ``progress`` is called
    after each prefill chunk with (tokens done, tokens in all). ``criterion``: None is exact-match. ``scope`` names
    whose earlier outputs may be drafted, and who may draft this one later (None: nobody's, nobody). ``task`` names the
    kind of request, for which acceptance is calibrated. ``corpus`` may be drafted beside the references, ``openings``
    instead of any of them.
    """

    prompt: tuple[int, ...]
    max_new_tokens: int
    references: tuple[Reference, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    eos_ids: frozenset[int] = frozenset()
    processors: tuple[Processor, ...] = ()
    stop: Callable[[], Callable[[int], bool]] | None = None
    progress: Callable[[int, int], None] | None = None
    criterion: AcceptanceCriterion | None = None
    scope: str | None = None
    task: str = ""
    corpus: TokenIndex | None = None
    openings: tuple[Opening, ...] = ()


class Verified(Protocol):
    """What the target computed for every node of a tree, rejected ones included."""

    @property
    def tokens(self) -> Sequence[int]:
        """(N) ids of the nodes, the root first."""
        ...

    def top(self, k: int) -> NDArray[np.int64]:
        """(N, k) likeliest next tokens after each node before processors, best first."""
        ...

    def hidden(self, node: int) -> torch.Tensor | None:
        """(D) last hidden state at ``node``, on the target's device; None where the target keeps none."""
        ...


@dataclass(frozen=True, slots=True)
class Commit:
    """What one step added to the output: tokens, and for each the sources that drafted it and its origin.

    No source means that the target chose the token itself. ``verified`` is what the target computed for the whole
    tree, and ``last_node`` the node after which the last token was chosen.
    """

    tokens: tuple[int, ...]
    sources: tuple[tuple[str, ...], ...]
    origins: tuple[Origin, ...]
    finish_reason: FinishReason | None = None
    verified: Verified | None = None
    last_node: int = 0
