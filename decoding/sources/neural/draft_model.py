"""The draft model: a small causal LM that writes ahead of the target, or reads over what the other sources copied.

Where nothing can be copied it writes a chain, with its runners-up as side branches (``write``; Leviathan et al. 2023),
or grows a tree level by level (``grow``; EAGLE-2's rule, Li et al. 2024). For speculative sampling (Chen et al. 2023)
it samples one chain and says from which distributions (``sample``).

Where a chain was copied, one forward over it marks the positions at which the small model would deviate, and with what
(``mark``). A deviation becomes a branch: its token instead of the copied one, before it, or with the copied one left
out; then the copying goes on. So the copy becomes a tree with its likely changes. V vocabulary.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from decoding.drafters.draft_cost import PromptCost, average_cost
from decoding.errors import UnsupportedModel
from decoding.interfaces import NO_ORIGIN, Commit, Origin, Request
from decoding.sources.base import UNTRIED_S, DraftContext, DraftSource
from decoding.sources.neural.draft_cache import DraftModelCache
from decoding.target.capability import Capability
from decoding.tree import ROOT, DraftTree, TokenTree
from decoding.verification import sampling
from decoding.verification.sampling import Stream

if TYPE_CHECKING:
    from decoding.target.target import Target
    from decoding.verification.logits import Chances

Mode = Literal["write", "mark", "sample"]
# The bucket of calibration that each mode's drafts belong to.
WRITTEN: Final = 0
SAMPLED: Final = 1
MARKED: Final = 2

_SAMPLING_CRITERION: Final = "speculative-sampling"
# Tokens of a session's first written chain; what is accepted makes the next ones longer or shorter.
_FIRST_LENGTH: Final = 5
# What the counts of tokens tried, expected and agreed on keep with each further token, and how many they begin with.
_FADE: Final = 0.99
_PRIOR: Final = 16.0

# Writing ends before a token after a path less likely than this, which would cost a forward of its own.
_GO_ON: Final = 0.25
# The runners-up of each written position that may be drafted, and the path probability from which on one is.
_RUNNERS_UP: Final = 2
_WORTH: Final = 0.03
# The estimate for a token that was sampled; calibration makes a probability of it.
_SAMPLED_CHANCE: Final = 0.7
# Marking: of a copied chain at least so many tokens must be expected to be accepted, and it is cut where its path is
# less likely than this. No branch is drafted on a less likely path, either.
_LEAST_EXPECTED: Final = 1.0
_LEAST_PATH: Final = 0.02
# How many of the small model's own tokens, beside the copied one, are considered as deviations at each position.
_ALTERNATIVES: Final = 2
# The small model's probability of a deviation is multiplied by 1 minus this part of the copied token's probability: by
# a part only, because that one is an average over many positions and knows nothing of this one.
_STANDS: Final = 0.7
# After a deviation the copy resumes with its next token. The probability of that token, if the deviation replaces a
# copied token, stands before it (an insertion), or comes after copied tokens that are left out; the probability of each
# further token that is copied then; and how many are copied at most.
_REPLACED, _INSERTED, _LEFT_OUT, _THEN, _RESUMED = 0.5, 0.3, 0.6, 0.85, 5
# How far ahead in the copy a deviating token is looked for: if it stands there, the tokens before it were left out.
_LOOK_AHEAD: Final = 3

_Path = tuple[float, tuple[int, ...], tuple[float, ...]]


@dataclass(slots=True)
class DraftModel:
    """A small model that drafts for a target of ``vocab_size`` tokens, with the seconds that each mode takes, and how
    often the target agreed with what it wrote, beside how sure it was. Old counts fade.

    Sessions share it, one step at a time; each has a cache of its own.
    """

    model: Target
    vocab_size: int
    cost_s: dict[Mode, float] = field(default_factory=dict)
    prompts: PromptCost = field(default_factory=PromptCost)
    tried: float = _PRIOR
    expected: float = _PRIOR / 2
    agreed: float = _PRIOR / 2

    @classmethod
    def of(cls, model: Target, target: Target, *, tokens: int | None = None) -> DraftModel:
        """``model`` as the drafter of ``target``. ``tokens`` is the size of the tokenizer that both are known to
        share; embeddings may then be padded to different sizes. Raises UnsupportedModel for another vocabulary, and
        for a model with a recurrent state, which cannot be taken back to where the target disagreed.
        """
        if model.capability is not Capability.TREE:
            raise UnsupportedModel(
                f"the draft model {model.name} keeps a state that drafts cannot be taken back from",
                hint="choose a draft model with attention in all its layers",
            )
        fits = min(model.vocab_size, target.vocab_size) >= tokens if tokens else model.vocab_size == target.vocab_size
        if not fits:
            raise UnsupportedModel(
                f"the draft model {model.name} has {model.vocab_size} tokens, the target {target.vocab_size}",
                hint="choose a smaller model of the target's own family: both must have one tokenizer",
            )
        return cls(model, target.vocab_size)

    def spent(self, mode: Mode, seconds: float) -> None:
        """Take a measured time into the moving average of its mode."""
        self.cost_s[mode] = average_cost(self.cost_s.get(mode, 0.0), seconds)

    def learn(self, chance: float, agreed: bool) -> None:
        """A written token of probability ``chance`` was reached: everything before it was accepted."""
        self.tried = self.tried * _FADE + 1.0
        self.expected = self.expected * _FADE + chance
        self.agreed = self.agreed * _FADE + agreed

    @property
    def odds(self) -> float:
        """The factor on the odds of the model's own probabilities that makes them the target's agreement."""
        least = 0.01 * self.tried
        agreed = min(max(self.agreed, least), self.tried - least)
        expected = min(max(self.expected, least), self.tried - least)
        return agreed / (self.tried - agreed) * (self.tried - expected) / expected


class DraftModelSource(DraftSource):
    """One session's drafts of a small model, which reads the prompt when it is first asked. Silent without a model.

    ``width`` 1 writes chains; a larger one grows trees, that many nodes a level. It samples if the request's criterion
    is speculative sampling. ``name`` is that of the source, if it is not told by ``width``.
    """

    def __init__(self, shared: DraftModel | None, *, width: int = 1, name: str | None = None) -> None:
        self._shared, self._width = shared, width
        self.name = name if name is not None else "draft-model" if width == 1 else "draft-tree"
        self._request: Request | None = None
        self._cache: DraftModelCache | None = None
        self._samples = False
        self._length = _FIRST_LENGTH
        self._steps = 0
        self._written = DraftTree()  # The chain whose length is learned from.

    def start(self, request: Request) -> None:
        """Remember the request; nothing is computed yet."""
        self.finish()
        self._request = request
        self._samples = request.criterion is not None and request.criterion.name == _SAMPLING_CRITERION

    def cost_s(self, context: DraftContext) -> float:
        """Seconds that a draft takes in the mode that suits ``context.drafted``, lately; before the prompt is read,
        with a step's share of reading it.
        """
        if self._shared is None or self._request is None:
            return 0.0
        known_s = self._shared.cost_s.get(self._mode(context.drafted))
        if not known_s:
            return UNTRIED_S
        return known_s + (self._shared.prompts.share_s(len(self._request.prompt)) if self._cache is None else 0.0)

    def propose(self, context: DraftContext) -> DraftTree:
        """The copied chain with its likely changes, or what the model writes by itself."""
        self._written = DraftTree()
        if self._shared is None or self._request is None:
            return DraftTree()
        if self._cache is None:
            self._cache = DraftModelCache(self._shared.model, self._request.prompt, self._shared.prompts)
        output, room = context.output, min(context.limit, self._cache.room - len(context.output) - 1)
        if room < 1:
            return DraftTree()
        self._cache.catch_up(output)
        chain = None if self._samples else copied_chain(context.drafted)
        started = time.perf_counter()
        if chain is not None:
            mode: Mode = "mark"
            draft = mark(self._cache, output, chain, limit=room)
        else:
            mode = "sample" if self._samples else "write"
            draft = self._write(self._cache, self._request, output, room)
            self._written = draft.subtree(draft.path(_deepest(draft)))
        self._shared.spent(mode, time.perf_counter() - started)
        return draft

    def observe(self, commit: Commit) -> None:
        """A chain that was accepted whole makes the next one longer, another one shorter."""
        self._steps += 1
        written, self._written = self._written, DraftTree()
        if not written or self._shared is None:
            return
        whole = commit.tokens[: len(written.tokens)] == written.tokens
        self._length = self._length + 2 if whole else max(1, self._length - 1)
        for token, chance, right in zip(written.tokens, written.probabilities, commit.tokens, strict=False):
            self._shared.learn(chance, token == right)
            if token != right:
                break

    def finish(self) -> None:
        """Drop the session's cache."""
        if self._shared is not None and self._steps:
            self._shared.prompts.ended(self._steps)
        self._request, self._cache, self._written, self._length, self._steps = None, None, DraftTree(), _FIRST_LENGTH, 0

    def _mode(self, tree: TokenTree) -> Mode:
        if self._samples:
            return "sample"
        return "mark" if copied_chain(tree) is not None else "write"

    def _write(self, cache: DraftModelCache, request: Request, output: Sequence[int], limit: int) -> DraftTree:
        assert self._shared is not None
        length, odds = min(limit, self._length), self._shared.odds
        if self._samples:
            return sample(cache, output, request, vocab_size=self._shared.vocab_size, length=length)
        if self._width > 1:
            return grow(cache, output, limit=limit, length=length, width=self._width, odds=odds)
        return write(cache, output, limit=limit, length=length, odds=odds)


def _deepest(draft: DraftTree) -> int:
    """The first leaf of the deepest."""
    depths = draft.depths()
    return max(draft.leaf_order(), key=lambda node: depths[node])


def write(cache: DraftModelCache, output: Sequence[int], *, limit: int, length: int, odds: float = 1.0) -> DraftTree:
    """The greedy chain of at most ``length`` tokens, a forward each, for as long as it is likely enough.

    It comes first; then the runners-up beside it, which cost no forward of their own: ``limit`` tokens in all.
    ``odds`` is how much likelier the target agrees than the model is sure of itself, as a factor on the odds.
    """
    text, path = list(output), 1.0
    chain: tuple[int, ...] = ()
    chances: tuple[float, ...] = ()
    beside: list[_Path] = []
    while len(chain) < length and (not chain or _agreed(chances, odds) >= _GO_ON):
        best, *others = cache.read(text).chances([()], k=1 + _RUNNERS_UP).best[0]
        beside += [(path * chance, (*chain, token), (*chances, chance)) for token, chance in others]
        token, chance = best
        text.append(token)
        chain, chances, path = (*chain, token), (*chances, chance), path * chance
    likely = [each for each in sorted(beside, reverse=True) if each[0] >= _WORTH]
    paths = {chain[: depth + 1]: chance for depth, chance in enumerate(chances)}
    paths |= {tokens: each[-1] for _, tokens, each in likely[: limit - len(chain)]}
    return DraftTree.from_paths(paths, bucket=WRITTEN)


def grow(
    cache: DraftModelCache, output: Sequence[int], *, limit: int, length: int, width: int, odds: float = 1.0
) -> DraftTree:
    """A tree of at most ``limit`` nodes and ``length`` levels: the ``width`` likeliest paths of each level are gone on
    with, in one forward a level. A parent is never less likely than its child, so the best nodes are a tree.
    """
    grown: list[_Path] = []
    level: list[_Path] = [(1.0, (), ())]
    for _ in range(length):
        chains = [tokens for _, tokens, _ in level]
        best = cache.read(output, chains).chances(chains, k=width).best
        ahead = [
            (path * chance, (*tokens, token), (*chances, chance))
            for (path, tokens, chances), likely in zip(level, best, strict=True)
            for token, chance in likely
        ]
        grown += ahead
        level = sorted(ahead, reverse=True)[:width]
        if _agreed(level[0][2], odds) < _GO_ON:
            break
    # Sorted by path, then by depth: of equals the parent comes first.
    chosen = sorted(grown, key=lambda path: (-path[0], len(path[1])))[:limit]
    return DraftTree.from_paths({tokens: chances[-1] for _, tokens, chances in chosen}, bucket=WRITTEN)


def sample(
    cache: DraftModelCache, output: Sequence[int], request: Request, *, vocab_size: int, length: int
) -> DraftTree:
    """One chain of exactly ``length`` tokens drawn from the model's own distributions, (``vocab_size``) each.

    The noise is a hash of (seed, position) of its own stream. How long the chain is does not depend on its tokens.
    """
    text, chain, drawn = list(output), [], []
    for offset in range(length):
        logits_V = _fitted(cache.read(text).after(), vocab_size)
        position = len(request.prompt) + len(output) + offset
        drawn.append(sampling.distribution(logits_V, request.sampling))
        token = sampling.choose(logits_V, request.sampling, position=position, stream=Stream.DRAFT)
        chain.append(token)
        text.append(token)
    drafted = DraftTree.chain(chain, _SAMPLED_CHANCE, bucket=SAMPLED)
    return replace(drafted, distributions=dict(enumerate(drawn)))


def _agreed(chances: Sequence[float], odds: float) -> float:
    """The probability that the target agrees with a whole path."""
    return math.prod(odds * chance / (1 - chance + odds * chance) for chance in chances)


def _fitted(logits_V: NDArray[np.floating], vocab_size: int) -> NDArray[np.floating]:
    """Padding of another size taken away, or put on as tokens that are never drawn."""
    missing = max(0, vocab_size - logits_V.size)
    return np.pad(logits_V[:vocab_size], (0, missing), constant_values=-np.inf)


@dataclass(frozen=True, slots=True)
class CopiedChain:
    """The likeliest path of a merged tree, with the probability of each token given the ones before it, and its
    origin.
    """

    tokens: tuple[int, ...]
    chances: tuple[float, ...]
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class _Branch:
    """``length`` tokens of the chain, then ``token``, then the chain again from ``resume`` on; ``first`` is the
    probability of its first token there.
    """

    path: float
    length: int
    token: int
    chance: float
    resume: int
    first: float


def copied_chain(tree: TokenTree) -> CopiedChain | None:
    """The likeliest path, cut where it is hardly likely; None if less than a token of it is expected to be accepted."""
    node, path = ROOT, 1.0
    tokens: list[int] = []
    chances: list[float] = []
    origins: list[Origin] = []
    expected = 0.0
    while tree.children[node]:
        node = max(tree.children[node].values(), key=tree.probabilities.__getitem__)
        reached = min(path, tree.probabilities[node])
        if reached < _LEAST_PATH:
            break
        tokens.append(tree.tokens[node])
        origins.append(tree.origins[node])
        chances.append(reached / path)
        path = reached
        expected += reached
    if expected < _LEAST_EXPECTED:
        return None
    return CopiedChain(tuple(tokens), tuple(chances), tuple(origins))


def mark(cache: DraftModelCache, output: Sequence[int], chain: CopiedChain, *, limit: int) -> DraftTree:
    """The chain with the small model's probabilities, then its branches, best first: at most ``limit`` beside it."""
    ids = chain.tokens[: max(1, limit)]
    reading = cache.read(output, [ids])
    # After the chain's last token nothing was copied: any id will do.
    prefixes = [ids[:length] for length in range(len(ids) + 1)]
    said = reading.chances(prefixes, [*ids, ids[-1]], k=1 + _ALTERNATIVES)
    own = said.asked[:-1]
    trusted = [max(pair) for pair in zip(own, chain.chances, strict=False)]
    drafts, left = [DraftTree.chain(ids, own, origins=chain.origins[: len(ids)], bucket=MARKED)], limit
    for branch in _branches(ids, chain.chances, trusted, said):
        again = slice(branch.resume, min(branch.resume + _RESUMED, len(ids)))
        resumed = ids[again]
        if left <= len(resumed):
            break
        left -= 1 + len(resumed)
        goes_on = (branch.first, *[_THEN] * (len(resumed) - 1))[: len(resumed)]
        chances = (*trusted[: branch.length], branch.chance, *goes_on)
        origins = (*chain.origins[: branch.length], NO_ORIGIN, *chain.origins[again])
        path = (*ids[: branch.length], branch.token, *resumed)
        drafts.append(DraftTree.chain(path, chances, origins=origins, bucket=MARKED))
    return DraftTree.side_by_side(drafts)


def _branches(
    ids: tuple[int, ...],
    copied: Sequence[float],
    trusted: Sequence[float],
    said: Chances,
) -> list[_Branch]:
    branches: list[_Branch] = []
    path = 1.0
    for length, best in enumerate(said.best):
        stands = copied[length] if length < len(ids) else 0.0
        next_copied = ids[length] if length < len(ids) else None
        for token, likely in best:
            chance = likely * (1 - _STANDS * stands)
            if token != next_copied and path * chance >= _LEAST_PATH:
                branches += [
                    _Branch(path * chance * first, length, token, chance, resume, first)
                    for resume, first in _resumptions(ids, length, token)
                ]
        if length < len(ids):
            path *= trusted[length]
    return sorted(branches, key=lambda branch: (-branch.path, branch.length, branch.token))


def _resumptions(ids: tuple[int, ...], length: int, token: int) -> list[tuple[int, float]]:
    """Where the copy may go on after ``token``, which stands in the place of ``ids[length]``: the index of the copied
    token that comes next, and its probability.
    """
    ahead = ids[length + 1 : length + 1 + _LOOK_AHEAD]
    if token in ahead:
        return [(length + 2 + ahead.index(token), _LEFT_OUT)]
    return [(length + 1, _REPLACED), (length, _INSERTED)] if length < len(ids) else [(length, 1.0)]
