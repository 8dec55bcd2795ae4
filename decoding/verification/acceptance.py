"""The walk down a verified tree, and the criteria that choose: which token follows each node, given what was drafted.

``sample_and_match`` chooses a token after each node and follows it while the tree holds it. Logits processors see the
hypothetical history of each node, because their states advance along the walk. A criterion knows one node at a time
and nothing of trees:

    exact-match           the target's own draw, whatever was drafted                       lossless, the default
    speculative-sampling  a sampled draft by min(1, p/q), else the residual                 lossless in distribution
    typical               a draft that the target finds likely for its uncertainty          LOSSY
    top-beta-tau          a draft near the top of the target's logits                       LOSSY

With exact-match nothing about drafts enters the choice, so the committed tokens are those of plain decoding whatever
was drafted. N nodes, V vocabulary; in ``TypicalAcceptance`` K tokens that the target holds possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidRequest
from decoding.interfaces import AcceptanceCriterion, SamplingPosition
from decoding.tree import ROOT, TokenTree
from decoding.verification import sampling
from decoding.verification.sampling import Stream


@dataclass(frozen=True, slots=True)
class Walk:
    """Accepted nodes in order, and the committed tokens: those of the nodes, then mostly one bonus token."""

    path: tuple[int, ...]
    tokens: tuple[int, ...]

    @property
    def last(self) -> int:
        """The node after which the last token was chosen."""
        return (ROOT, *self.path)[len(self.tokens) - 1]


def sample_and_match(tree: TokenTree, draw: Callable[[int], int], ended: Callable[[int], bool]) -> Walk:
    """Walk down the tree. ``draw(node)`` is the target's token after ``node``; ``ended(token)`` stops the walk.

    ``draw`` is called for the root and for each accepted node in order, never for others. A token for which
    ``ended`` is true is committed and nothing after it; if it was drafted its node counts as accepted.
    """
    path: list[int] = []
    tokens: list[int] = []
    node: int | None = ROOT
    while node is not None:
        token = draw(node)
        tokens.append(token)
        node = tree.child(node, token)
        if node is not None:
            path.append(node)
        if ended(token):
            break
    return Walk(tuple(path), tuple(tokens))


Offers = Mapping[int, NDArray[np.floating] | None]


@dataclass(frozen=True, slots=True)
class ExactMatch:
    """Draws the target's own next token; drafts only save time. Equal to plain decoding token for token."""

    name = "exact-match"
    lossless = True

    def choose(self, logits_V: NDArray[np.floating], offered: Offers, position: SamplingPosition) -> int:
        """The token after a node."""
        return sampling.choose(logits_V, position.sampling, position=position.index)


@dataclass(frozen=True, slots=True)
class SpeculativeSampling:
    """Accepts a token sampled from q with min(1, p/q), else draws from the residual (Leviathan et al. 2023, Chen et al.
    2023). The output is distributed as the target's, though not equal to plain decoding with the same seed.

    That holds only if a token is offered whichever it is: the length of a chain may not depend on its last token.
    """

    name = "speculative-sampling"
    lossless = True

    def choose(self, logits_V: NDArray[np.floating], offered: Offers, position: SamplingPosition) -> int:
        """The token after a node. Raises InvalidRequest for several tokens and for a token without distribution."""
        if not offered:
            return sampling.choose(logits_V, position.sampling, position=position.index)
        ((token, draft_V),) = _single(offered).items()
        if draft_V is None:
            raise _cannot_judge("a draft that was not sampled from a distribution")
        target_V = sampling.distribution(logits_V, position.sampling)
        chosen_N = accept_or_redraw(
            target_V[None],
            draft_V[None],
            np.array([token]),
            seed=position.sampling.seed,
            positions_N=np.array([position.index]),
        )
        return int(chosen_N[0])


@dataclass(frozen=True, slots=True)
class TypicalAcceptance:
    """LOSSY. Accepts a draft with p > min(epsilon, delta * exp(-entropy of p)) (Medusa, Cai et al. 2024).

    Of several such drafts it takes the likeliest; without one, the target's own draw. (Medusa takes the longest
    accepted path of a tree, and the likeliest token where none is accepted.) Greedy decoding, where p is one token,
    loses nothing.
    """

    epsilon: float = 0.3
    delta: float = 0.09
    name = "typical"
    lossless = False

    def __post_init__(self) -> None:
        for option in ("epsilon", "delta"):
            if not 0 < getattr(self, option) <= 1:
                raise InvalidRequest(
                    f"{option} of typical acceptance is {getattr(self, option)}",
                    hint="give a number above 0 and at most 1; a smaller one accepts more",
                )

    def choose(self, logits_V: NDArray[np.floating], offered: Offers, position: SamplingPosition) -> int:
        """The token after a node."""
        if offered:
            target_V = sampling.distribution(logits_V, position.sampling)
            likely_K = target_V[target_V > 0]
            entropy = -float((likely_K * np.log(likely_K)).sum())
            token = max(offered, key=lambda draft: (target_V[draft], -draft))
            if target_V[token] > min(self.epsilon, self.delta * math.exp(-entropy)):
                return token
        return sampling.choose(logits_V, position.sampling, position=position.index)


@dataclass(frozen=True, slots=True)
class TopBetaTau:
    """LOSSY. Accepts a draft among the ``beta`` best whose logit is within ``tau`` of the best (SpecDec, Xia et al.
    2023). Of several such drafts it takes the best; without one, the target's own draw. Greedy decoding with ``beta``
    1 loses nothing. The paper decodes greedily; where tokens are drawn, temperature and top-k change the draw, not
    what is near the best.
    """

    beta: int = 3
    tau: float = 1.0
    name = "top-beta-tau"
    lossless = False

    def __post_init__(self) -> None:
        if not (isinstance(self.beta, int) and self.beta >= 1):
            raise InvalidRequest(f"beta of top-beta-tau is {self.beta}", hint="give a whole number from 1 on")
        if not 0 <= self.tau < math.inf:
            raise InvalidRequest(f"tau of top-beta-tau is {self.tau}", hint="give a finite number from 0 on")

    def choose(self, logits_V: NDArray[np.floating], offered: Offers, position: SamplingPosition) -> int:
        """The token after a node."""
        if offered:
            token = max(offered, key=lambda draft: (logits_V[draft], -draft))
            logit = logits_V[token]
            before = int((logits_V > logit).sum() + (logits_V[:token] == logit).sum())
            if before < self.beta and logits_V.max() - logit <= self.tau:
                return token
        return sampling.choose(logits_V, position.sampling, position=position.index)


CRITERIA: Mapping[str, type[ExactMatch | SpeculativeSampling | TypicalAcceptance | TopBetaTau]] = {
    kind.name: kind for kind in (ExactMatch, SpeculativeSampling, TypicalAcceptance, TopBetaTau)
}


def make_criterion(name: str, **options: Any) -> AcceptanceCriterion:
    """The criterion of that name. Raises InvalidRequest for an unknown name or option, or one out of range."""
    kind = CRITERIA.get(name)
    if kind is None:
        raise InvalidRequest(f"there is no criterion {name!r}", hint=f"there are: {', '.join(CRITERIA)}")
    known = [option.name for option in fields(kind)]
    for option in options:
        if option not in known:
            said = f"it has {' and '.join(known)}" if known else "it has no options"
            raise InvalidRequest(f"the criterion {name} has no option {option!r}", hint=said)
    return kind(**options)


def accept_or_redraw(
    target_NV: NDArray[np.floating],
    draft_NV: NDArray[np.floating],
    drafted_N: NDArray[np.integer],
    *,
    seed: int,
    positions_N: NDArray[np.integer],
) -> NDArray[np.int64]:
    """(N) the chosen token of each of N nodes by the rule of speculative sampling.

    ``target_NV`` is the target's distribution p after each node, ``draft_NV`` the distribution q that the token
    ``drafted_N`` was drawn from there. A drafted token is accepted with probability min(1, p/q) of that token, else
    another is drawn from the residual of p and q. M nodes whose token is rejected, K ids that have a residual in any of
    them. The noise is a hash of seed and position (``positions_N``), in streams apart from those of the target's and
    the draft's draws.
    """
    rows_N = np.arange(len(drafted_N))
    p_N, q_N = target_NV[rows_N, drafted_N], draft_NV[rows_N, drafted_N]
    # u < p/q, without the division: q is above 0 for a token that was drawn from it.
    accepted_N = sampling.uniform(seed, positions_N, stream=Stream.ACCEPT) * q_N < p_N
    chosen_N = np.array(drafted_N, dtype=np.int64)
    rejected_M = np.flatnonzero(~accepted_N)
    if rejected_M.size:
        left_MV = residual(target_NV[rejected_M], draft_NV[rejected_M])
        ids_K = np.flatnonzero(left_MV.any(0))
        noise_MK = sampling.gumbel(seed, positions_N[rejected_M, None], ids_K, stream=Stream.RESIDUAL)
        with np.errstate(divide="ignore"):
            chosen_N[rejected_M] = ids_K[(np.log(left_MV[:, ids_K]) + noise_MK).argmax(-1)]
    return chosen_N


def residual(target_NV: NDArray[np.floating], draft_NV: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N, V) weights of the tokens that are drafted too rarely: p - q where it is above 0.

    Where the two are equal up to rounding it is p: such a row is hardly ever rejected.
    """
    left_NV = np.maximum(target_NV - draft_NV, 0.0)
    return np.where(left_NV.sum(-1, keepdims=True) > 0, left_NV, target_NV)


def _single(offered: Offers) -> Offers:
    if len(offered) > 1:
        raise _cannot_judge(f"{len(offered)} drafts at one position")
    return offered


def _cannot_judge(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"speculative sampling cannot judge {what}",
        hint="use the criterion exact-match, or let a sampling draft model be the only draft source",
    )
