"""The key-value cache of a small model, kept in step with the output, one forward at a time.

Before each forward the cache is rewound to what it has in common with the text; what is missing is read in the same
forward. Knows nothing of how drafts are chosen. V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from decoding.drafters.draft_cost import PromptCost
from decoding.tree import ROOT, DraftTree, TokenTree

if TYPE_CHECKING:
    from decoding.target.target import Target
    from decoding.verification.logits import Chances, TreeLogits

_CATCH_UP: Final = 16  # Missing tokens that are read together with the chains; more are prefilled first.


class DraftModelCache:
    """One session of a small model: a prompt, and an output that may change between two calls."""

    def __init__(self, model: Target, prompt: Sequence[int], prompts: PromptCost) -> None:
        self._model = model
        self._prompt = tuple(prompt)
        self._prompts = prompts
        self._cache = model.new_cache()
        self._output: list[int] = []  # What stands in the cache after the prompt.

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return self._cache.length

    @property
    def room(self) -> int:
        """Tokens that fit the model's context after the prompt."""
        return self._model.context_length - len(self._prompt)

    def catch_up(self, output: Sequence[int]) -> None:
        """Prefill what is missing if it is much, as the prompt is at first; a little is left to ``read``."""
        self._rewind(output)
        missing = self._text(output, self._cache.length)
        if len(missing) > _CATCH_UP:
            started, is_first = time.perf_counter(), not self._cache.length
            self._model.prefill(missing[:-1], self._cache)
            if is_first:
                self._prompts.read(len(missing) - 1, time.perf_counter() - started)
            self._output = list(output[:-1])

    def read(self, output: Sequence[int], chains: Sequence[tuple[int, ...]] = ((),)) -> Reading:
        """One forward over the text's end and over ``chains`` after it. The first chain stays in the cache."""
        self.catch_up(output)
        base = self._cache.length
        missing = self._text(output, base)
        tree = TokenTree.of(missing[0])
        for chain in chains:
            ids = (*missing[1:], *chain)
            tree.graft("", DraftTree.chain(ids, 1.0), max_depth=len(ids))
        logits = self._model.verify(tree, self._cache)
        reading = Reading(tree, logits, missing[1:])
        self._cache.keep(base, reading.path(chains[0]))
        self._output = [*output, *chains[0]]
        return reading

    def _rewind(self, output: Sequence[int]) -> None:
        """Back to the longest common prefix of cache and text, at most to the text's last token but one."""
        if self._cache.length >= len(self._prompt):
            common = _common(self._output, output)
            del self._output[common:]
            length = min(len(self._prompt) + common, len(self._prompt) + len(output) - 1)
            self._cache.rewind(length)
            del self._output[max(0, length - len(self._prompt)) :]

    def _text(self, output: Sequence[int], start: int) -> tuple[int, ...]:
        written = start - len(self._prompt)
        return tuple(output[written:]) if written >= 0 else (*self._prompt[start:], *output)


class Reading:
    """What the small model said in one forward: logits after every chain that was read."""

    def __init__(self, tree: TokenTree, logits: TreeLogits, before: tuple[int, ...]) -> None:
        self._tree, self._logits, self._before = tree, logits, before

    def path(self, chain: Sequence[int]) -> list[int]:
        """The nodes of the missing text and of ``chain`` after it."""
        nodes: list[int] = []
        for token in (*self._before, *chain):
            node = self._tree.child(nodes[-1] if nodes else ROOT, token)
            assert node is not None, "only what was read can be asked for"
            nodes.append(node)
        return nodes

    def after(self, chain: Sequence[int] = ()) -> NDArray[np.floating]:
        """(V) logits of the token after ``chain``, which was read."""
        return self._logits.row([ROOT, *self.path(chain)][-1])

    def chances(
        self,
        chains: Sequence[tuple[int, ...]],
        asked: Sequence[int] | None = None,
        *,
        k: int,
        below: int | None = None,
    ) -> Chances:
        """After each of ``chains`` the ``k`` likeliest tokens, and the probability of the token ``asked`` there.

        ``below``: of the ids below it alone.
        """
        nodes = [[ROOT, *self.path(chain)][-1] for chain in chains]
        return self._logits.chances(nodes, asked if asked is not None else [0] * len(nodes), k=k, below=below)


def _common(known: Sequence[int], output: Sequence[int]) -> int:
    size = min(len(known), len(output))
    if list(known[:size]) == list(output[:size]):
        return size
    return next(length for length in range(size) if known[length] != output[length])
