"""The self-check at load: proves that a way of verifying drafts gives the model's own logits.

``first_proven`` takes the candidates in order (trees first, then chains, then plain decoding); each is compared with
forwards of the model without any cache, past its sliding window. T tokens, V vocabulary.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import torch

from decoding.errors import UnsupportedModel
from decoding.target.capability import Capability
from decoding.target.model_facts import unsupported
from decoding.target.target import Target
from decoding.tree import DraftTree, TokenTree
from decoding.verification.logits import TreeLogits

log = logging.getLogger(__name__)

_COARSE: Final = 0.25
_TOLERANCE: Final = {torch.float64: 1e-9, torch.float32: 1e-3, torch.bfloat16: _COARSE, torch.float16: 0.05}
_CHECKED_WINDOW: Final = 4
_WINDOWS: Final = ("sliding_window", "sliding_window_size", "attention_window_size", "attention_chunk_size")
_TEXT: Final = tuple(5 + 6 * i % 53 for i in range(40))
# For each step: how many drafted tokens are right, and how many wrong ones follow them.
_STEPS: Final = ((0, 0), (2, 2), (3, 0), (0, 3), (1, 1), (4, 1), (0, 0), (2, 4), (3, 3), (0, 0))


@torch.inference_mode()
def first_proven(candidates: Iterable[Target]) -> Target:
    """The first candidate that passes. Raises UnsupportedModel, with the reason of the first, if none does."""
    reasons: list[UnsupportedModel] = []
    for target in candidates:
        try:
            self_check(target)
        except UnsupportedModel as error:
            reasons.append(error)
            continue
        if target.capability is not Capability.TREE:
            log.warning("%s: %s", target.name, target.capability.description)
        return target
    raise reasons[0]


@torch.inference_mode()
def self_check(target: Target) -> None:
    """Raise UnsupportedModel if any logit differs by more than rounding from that of a forward without a cache.

    That happens where a model ignores a mask or a position, does not append to a cache, or cannot put a state back.
    """
    what = {Capability.TREE: "a tree", Capability.CHAIN: "a chain", Capability.PLAIN: "a step"}
    try:
        if target.capability is Capability.TREE:
            _check_tree_past_the_window(target)
        else:
            with _narrow(target.model.config.get_text_config(), _WINDOWS):
                _check_steps(target, _STEPS if target.capability is Capability.CHAIN else [(0, 0)] * 16)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise unsupported(target.name, f"{what[target.capability]} forward failed: {reason}") from error


def _check_tree_past_the_window(target: Target) -> None:
    """A small tree, with a sliding window so narrow that it reaches past it."""
    if target.attention.window is None:
        _check_tree(target)
        return
    narrow = replace(target, attention=replace(target.attention, window=_CHECKED_WINDOW))
    with _narrow(target.model.config.get_text_config(), _WINDOWS[:1]):
        _check_tree(narrow)


def _check_tree(target: Target) -> None:
    """Compare a small tree with a plain forward over each of its paths."""
    prompt = _ids(target, _TEXT[:6])
    tree = TokenTree.of(prompt[-1])
    for chain in ((7, 8, 9), (7, 12), (13, 14)):
        _draft(tree, _ids(target, chain))
    cache = target.new_cache()
    target.prefill(prompt[:-1], cache)
    logits = target.verify(tree, cache)
    for node in range(len(tree)):
        path = [tree.tokens[ancestor] for ancestor in _path(tree, node)]
        _compare(target, _whole(target, prompt[:-1] + path)[-1:], logits, node)


def _check_steps(target: Target, steps: Sequence[tuple[int, int]]) -> None:
    """Compare steps along a text, each with right drafts and then wrong ones, which must leave no trace.

    A second session reads the text backwards in between, and the first one moves to another cache after each step.
    """
    text = _ids(target, _TEXT)
    texts = (text, text[::-1])
    expected = [_whole(target, ids) for ids in texts]
    caches = [target.new_cache(), target.new_cache()]
    lengths = [4, 7]
    for ids, cache, length in zip(texts, caches, lengths, strict=True):
        target.prefill(ids[:length], cache)
        if not target.reads_whole:
            target.prefill(ids[length : length + 3], cache)
    for right, wrong in steps:
        for ids, cache, expected_TV in zip(texts, caches, expected, strict=True):
            start = cache.length
            tree = TokenTree.of(ids[start])
            drafts = ids[start + 1 : start + 1 + right]
            _draft(tree, [*drafts, *((token + 1) % target.vocab_size for token in ids[start + 1 + right :][:wrong])])
            logits = target.verify(tree, cache)
            for node in range(1 + right):
                _compare(target, expected_TV[start + node : start + node + 1], logits, node)
            cache.keep(start, range(1, 1 + right))
        moved = target.new_cache(rows=0)
        moved.add_row(caches[0])
        caches[0] = moved


def _whole(target: Target, ids: Sequence[int]) -> torch.Tensor:
    """(T, V) logits after each token, by a forward without a cache."""
    ids_1T = torch.tensor([[*ids]], device=target.device)
    logits: torch.Tensor = target.model(input_ids=ids_1T, use_cache=False).logits[0]
    return logits


def _compare(target: Target, expected_1V: torch.Tensor, logits: TreeLogits, node: int) -> None:
    """Compare relative to the logits' spread: those of a random model are tiny, as is what an ignored mask changes."""
    expected_V = expected_1V[0].double().cpu().numpy()
    spread = float(expected_V.std()) or 1.0
    difference = float(abs(expected_V - logits.row(node)).max()) / spread
    if not difference <= _tolerance(target):
        way = "tree" if target.capability is Capability.TREE else "cached"
        raise unsupported(target.name, f"{way} and plain logits differ by {difference:.1e} of their size")


def _tolerance(target: Target) -> float:
    """Recurrent layers work in float32 whatever the weights are; quantised ones may round by what else is computed."""
    tolerance = _TOLERANCE.get(target.dtype, _COARSE)
    if target.capability is not Capability.TREE:
        tolerance = max(tolerance, _TOLERANCE[torch.float32])
    return max(tolerance, _COARSE) if target.is_quantized else tolerance


@contextlib.contextmanager
def _narrow(config: Any, names: Iterable[str]) -> Iterator[None]:
    """Make windows so small that a short text reaches past them, while the context lasts."""
    windows = {name: getattr(config, name, None) for name in names}
    windows = {name: window for name, window in windows.items() if isinstance(window, int)}
    for name in windows:
        setattr(config, name, _CHECKED_WINDOW)
    try:
        yield
    finally:
        for name, window in windows.items():
            setattr(config, name, window)


def _ids(target: Target, tokens: Iterable[int]) -> list[int]:
    return [token % target.vocab_size for token in tokens]


def _draft(tree: TokenTree, ids: Sequence[int]) -> None:
    tree.graft("check", DraftTree.chain(ids, 1.0), max_depth=len(ids))


def _path(tree: TokenTree, node: int) -> list[int]:
    nodes = []
    while node >= 0:
        nodes.append(node)
        node = tree.parents[node]
    return nodes[::-1]
