"""A trial of token trees: the same trees by the target's masks, positions and cache, and by forwards without a cache.

Each text is a prompt, a tree, one of its paths that is committed, and a tree after that. The trial verifies them as a
session would. Beside them the texts are read behind some padding, which shows rounding, and the trees are verified with
one deliberate mistake each, which shows what a mistake changes. P paths, W tokens of the longest,
N nodes, V vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.target.masks import attention_masks
from decoding.target.rounding import Evidence, apart, bounds
from decoding.target.session_cache import SessionCache
from decoding.target.target import Target
from decoding.tree import ROOT, DraftTree, TokenTree
from decoding.verification.logits import TreeLogits

# Texts of a round, and the contrast from which no further round is needed. One text is enough in float32; in bfloat16
# a mistake in one place of a tree shows in the largest of several.
_ROUNDS: Final = ((1, 24.0), (4, 5.0), (8, 0.0))
# All texts begin alike, then have tokens of their own. They are short, so that every key counts.
_SHARED: Final = 3
_OWN: Final = 2
_PAD: Final = 3
# Paths of the first tree: two that part after their first node, and another. The right one is committed.
_LEFT: Final = [ROOT, 1, 2, 3]
_RIGHT: Final = [ROOT, 1, 4]
_OTHER: Final = [ROOT, 5, 6]


@dataclass(frozen=True, slots=True)
class _Text:
    """``own`` is read after what all texts share; ``first`` is the tree after it, ``second`` the one after its right
    path.
    """

    own: tuple[int, ...]
    first: TokenTree
    second: TokenTree

    @classmethod
    def drawn(cls, rng: random.Random, vocab_size: int) -> _Text:
        """A random one; siblings have different tokens in any vocabulary."""
        own = tuple(rng.choices(range(vocab_size), k=_OWN))
        a, b, c, d, e, f, g = rng.choices(range(vocab_size), k=7)
        first, second = TokenTree.of(a), TokenTree.of(e)
        for chain in ((b, c, d), (b, (c + 1) % vocab_size), ((b + 1) % vocab_size, e)):
            _draft(first, chain)
        for shorter in ((f, g), ((f + 1) % vocab_size,)):
            _draft(second, shorter)
        return cls(own, first, second)

    def paths(self) -> list[list[int]]:
        """The tokens of each path, from the root of the first tree on."""
        first, second = self.first.tokens, self.second.tokens
        left, right, other = ([first[node] for node in path] for path in (_LEFT, _RIGHT, _OTHER))
        return [left, other, [*right, *second[:3]], [*right, second[0], second[3]]]


_PATHS: Final = 4
# Where each node of the two trees stands among the paths of its text: the number of the path, and the depth in it.
_FIRST: Final = ((0, 0), (0, 1), (0, 2), (0, 3), (2, 2), (1, 1), (1, 2))
_SECOND: Final = ((2, 3), (2, 4), (2, 5), (3, 4))


class _Mistaken(TokenTree):
    """A tree that lets its nodes see what ``mask_NN`` says, whatever is right."""

    __slots__ = ("mask_NN",)

    mask_NN: NDArray[np.bool_]

    def ancestor_mask(self) -> NDArray[np.bool_]:
        return self.mask_NN


def try_trees(target: Target) -> Evidence:
    """Measure one text, and more of them as long as rounding and mistakes are not clearly apart."""
    rng = random.Random(13)
    shared = rng.choices(range(target.vocab_size), k=_SHARED)
    evidence: Evidence | None = None
    for texts, enough in _ROUNDS:
        found = _Trial(target, shared, [_Text.drawn(rng, target.vocab_size) for _ in range(texts)], rng).evidence()
        evidence = found if evidence is None else evidence.joined(found)
        if evidence.contrast >= enough:
            break
    assert evidence is not None
    return evidence


class _Trial:
    """Some texts, with the logits of their paths by one forward without a cache."""

    def __init__(self, target: Target, shared: Sequence[int], texts: Sequence[_Text], rng: random.Random) -> None:
        self._target, self._shared, self._texts, self._rng = target, shared, texts, rng
        self._prompt = _SHARED + _OWN
        self._paths = [text.paths() for text in texts]
        whole = [[*shared, *text.own, *path] for text, paths in zip(texts, self._paths, strict=True) for path in paths]
        width = max(map(len, whole))
        # What follows a path changes nothing before it.
        self._ids_PW = torch.tensor([[*ids, *ids[-1:] * (width - len(ids))] for ids in whole], device=target.device)
        self._expected_PWV: torch.Tensor = target.model(input_ids=self._ids_PW, use_cache=False).logits

    def evidence(self) -> Evidence:
        """What the trees, the padded texts and the deliberate mistakes differ by from the expected logits."""
        target = self._target
        least, most = bounds(target.model, target.dtype, is_quantized=target.is_quantized)
        start = target.new_cache()
        target.prefill(self._shared, start)
        rounding = min(max(least, self._rounding()), most)
        right = [text.first for text in self._texts]
        mistaken = {
            "a sibling seen": [self._seeing(tree) for tree in right],
            "an ancestor hidden": [self._hiding(tree) for tree in right],
            "a position shifted": [self._shifting(tree) for tree in right],
        }
        rows = [right, right, *mistaken.values()]
        cache = self._copies(start, len(rows))
        first, _, *others = self._verified(target, rows, cache, _FIRST)
        mistakes = dict(zip(mistaken, others, strict=True))
        # The second rows do as if a key were not moved: they commit the node that stands where the right one goes.
        cache.keep_rows([_RIGHT[1:]] * len(right) + [_LEFT[1:3]] * len(right))
        after = [text.second for text in self._texts]
        second, mistakes["a stale key"] = self._verified(target, [after, after], cache, _SECOND)
        if target.attention.window is not None:
            wide = replace(target, attention=replace(target.attention, window=target.attention.window + 1))
            (mistakes["a window too wide"],) = self._verified(wide, [right], self._copies(start, 1), _FIRST)
        return Evidence(float(np.max([first, second])), rounding, mistakes)

    def _verified(
        self,
        target: Target,
        rows: Sequence[Sequence[TokenTree]],
        cache: SessionCache,
        places: Sequence[tuple[int, int]],
    ) -> list[float]:
        """The largest difference in each of ``rows``, which have a tree for each text, by one forward."""
        trees = [tree for row in rows for tree in row]
        unread = [text.own for text in self._texts] * len(rows) if cache.length == _SHARED else None
        logits, count = target.verify_rows(trees, cache, unread=unread), len(self._texts)
        return [
            float(np.max([self._difference(at, logits[row * count + at], places) for at in range(count)]))
            for row in range(len(rows))
        ]

    def _rounding(self) -> float:
        """The largest difference of a forward, without a cache either, over the same texts behind some padding.

        Sums over keys are then taken in another order, as they are where nodes that are not seen stand between.
        """
        target = self._target
        ids_PW = torch.cat([self._ids_PW[:, :_PAD], self._ids_PW], dim=1)
        (paths, width), device = ids_PW.shape, ids_PW.device
        positions_PW = torch.arange(-_PAD, width - _PAD, device=device).clamp(min=0).expand(paths, -1)
        visible_WW = torch.ones((width, width), dtype=torch.bool, device=device).tril()
        visible_WW[_PAD:, :_PAD] = False
        masks = attention_masks(
            target.attention,
            torch.zeros(paths, dtype=torch.long, device=device),
            positions_PW,
            visible_WW.expand(paths, -1, -1),
            keys=width,
            dtype=target.dtype,
        )
        padded_PWV = target.model(
            input_ids=ids_PW, attention_mask=masks, position_ids=positions_PW, use_cache=False
        ).logits
        return float(
            np.max(
                [
                    apart(self._expected(text, path, depth), self._at(padded_PWV[:, _PAD:], text, path, depth))
                    for text in range(len(self._texts))
                    for path, depth in (*_FIRST, *_SECOND)
                ]
            )
        )

    def _difference(self, text: int, logits: TreeLogits, places: Sequence[tuple[int, int]]) -> float:
        """The largest over the nodes of a tree, of which ``places`` says where they stand among the paths."""
        return float(
            np.max(
                [
                    apart(self._expected(text, path, depth), logits.row(node))
                    for node, (path, depth) in enumerate(places)
                ]
            )
        )

    def _expected(self, text: int, path: int, depth: int) -> NDArray[np.floating]:
        return self._at(self._expected_PWV, text, path, depth)

    def _at(self, logits_PWV: torch.Tensor, text: int, path: int, depth: int) -> NDArray[np.floating]:
        row_V = logits_PWV[_PATHS * text + path, self._prompt + depth]
        numbers_V: NDArray[np.floating] = (row_V if row_V.dtype is torch.float64 else row_V.float()).cpu().numpy()
        return numbers_V

    def _copies(self, start: SessionCache, times: int) -> SessionCache:
        """``times`` rows for each text, which have read what all texts share."""
        cache = self._target.new_cache(rows=0)
        for _ in range(times * len(self._texts)):
            cache.add_row(start)
        return cache

    def _seeing(self, tree: TokenTree) -> TokenTree:
        mask_NN = tree.ancestor_mask()
        mask_NN[self._chosen(~mask_NN)] = True
        return _mistaken(tree, mask_NN)

    def _hiding(self, tree: TokenTree) -> TokenTree:
        mask_NN = tree.ancestor_mask()
        mask_NN[self._chosen(mask_NN & ~np.eye(len(tree), dtype=np.bool_))] = False
        return _mistaken(tree, mask_NN)

    def _shifting(self, tree: TokenTree) -> TokenTree:
        wrong = _mistaken(tree, tree.ancestor_mask())
        wrong.depths[self._rng.randrange(1, len(tree))] += 1
        return wrong

    def _chosen(self, places_NN: NDArray[np.bool_]) -> tuple[int, int]:
        """One of the places that are True: a node, not the root, and a key of its."""
        node, key = self._rng.choice(np.argwhere(places_NN[1:]).tolist())
        return node + 1, key


def _mistaken(tree: TokenTree, mask_NN: NDArray[np.bool_]) -> _Mistaken:
    wrong = _Mistaken(list(tree.tokens), list(tree.parents), list(tree.depths))
    wrong.mask_NN = mask_NN
    return wrong


def _draft(tree: TokenTree, tokens: Sequence[int]) -> None:
    tree.graft("trial", DraftTree.chain(tokens, 1.0), max_depth=len(tokens))
