"""The self-check at load: proves that a way of verifying drafts gives the model's own logits, but for rounding.

``first_proven`` takes the candidates in order (trees first, then chains, then plain decoding) and keeps why the better
ones were refused; each is compared with forwards of the model without any cache, past its sliding window. ``rounding``
says what passes for equal. T tokens, V vocabulary.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.errors import UnsupportedModel
from decoding.target.capability import Capability
from decoding.target.model_facts import unsupported
from decoding.target.rounding import Evidence, apart, bounds
from decoding.target.target import Target
from decoding.target.tree_trial import try_trees
from decoding.tree import DraftTree, TokenTree

log = logging.getLogger(__name__)

_CHECKED_WINDOW: Final = 4
_WINDOWS: Final = ("sliding_window", "sliding_window_size", "attention_window_size", "attention_chunk_size")
_TEXT: Final = tuple(5 + 6 * i % 53 for i in range(40))
# For each step: how many drafted tokens are right, and how many wrong ones follow them.
_STEPS: Final = ((0, 0), (2, 2), (3, 0), (0, 3), (1, 1), (4, 1), (0, 0), (2, 4), (3, 3), (0, 0))
# Where the deliberate mistakes are made in the text: a token too many, or one too few.
_PLACE: Final = 20
# Recurrent layers work in float32 whatever the weights are, and add up in another order for one token than for many.
_LEAST_OF_STATES: Final = 1e-5


@torch.inference_mode()
def first_proven(candidates: Iterable[Target]) -> Target:
    """The first candidate that passes, with the reasons of those before it; the log has them, too.

    Raises UnsupportedModel, with the reason of the first, if none does.
    """
    refused: list[UnsupportedModel] = []
    reasons: list[str] = []
    for target in candidates:
        try:
            self_check(target)
        except UnsupportedModel as error:
            refused.append(error)
            reasons.append(error.cause.removeprefix(f"{target.name} cannot be verified exactly: "))
            continue
        known = [target.shortfall] if target.shortfall else []
        proven = replace(target, shortfall="; ".join([*known, *dict.fromkeys(reasons)]))
        if proven.note:
            log.warning("%s: %s", target.name, proven.note)
        return proven
    raise refused[0]


@torch.inference_mode()
def self_check(target: Target) -> None:
    """Raise UnsupportedModel if logits differ by more than rounding from those of a forward without a cache.

    That happens where a model ignores a mask or a position, does not append to a cache, or cannot put a state back.
    """
    what = {Capability.TREE: "trees", Capability.CHAIN: "chains", Capability.PLAIN: "single steps"}[target.capability]
    try:
        if target.capability is Capability.TREE:
            evidence = _trees_past_the_window(target)
        else:
            with _narrow(target.model.config.get_text_config(), _WINDOWS):
                evidence = _try_steps(target, _STEPS if target.capability is Capability.CHAIN else [(0, 0)] * 16)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise unsupported(target.name, f"a forward over {what} failed: {reason}") from error
    log.debug("%s, %s: %s", target.name, what, evidence)
    if not evidence.is_right:
        raise unsupported(target.name, f"{what} and plain logits {evidence}")


def _trees_past_the_window(target: Target) -> Evidence:
    """Small trees, with a sliding window so narrow that they reach past it."""
    if target.attention.window is None:
        return try_trees(target)
    narrow = replace(target, attention=replace(target.attention, window=_CHECKED_WINDOW))
    with _narrow(target.model.config.get_text_config(), _WINDOWS[:1]):
        return try_trees(narrow)


def _try_steps(target: Target, steps: Sequence[tuple[int, int]]) -> Evidence:
    """Compare steps along a text, each with right drafts and then wrong ones, which must leave no trace.

    A second session reads the text backwards in between, and the first one moves to another cache after each step.
    """
    text = _ids(target, _TEXT)
    texts = (text, text[::-1])
    expected = [_whole(target, ids) for ids in texts]
    differences = []
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
            differences += [apart(expected_TV[start + node], logits.row(node)) for node in range(1 + right)]
            cache.keep(start, range(1, 1 + right))
        moved = target.new_cache(rows=0)
        moved.add_row(caches[0])
        caches[0] = moved
    return Evidence(
        float(np.max(differences)), _rounding(target, text, expected[0]), _mistakes(target, text, expected[0])
    )


def _rounding(target: Target, text: Sequence[int], expected_TV: NDArray[np.floating]) -> float:
    """What a shorter forward without a cache differs by, within what the weights' type can do."""
    least, most = bounds(target.model, target.dtype, is_quantized=target.is_quantized)
    shorter_TV = _whole(target, text[:-7])
    found = max(apart(expected_V, shorter_V) for expected_V, shorter_V in zip(expected_TV, shorter_TV, strict=False))
    # Four times the least: a state rounds at every token, which a shorter forward does not show.
    return max(min(max(4 * least, found), most), _LEAST_OF_STATES)


def _mistakes(target: Target, text: Sequence[int], expected_TV: NDArray[np.floating]) -> dict[str, float]:
    """What it changes if a rejected token stays in the states, or an accepted one is lost."""
    stays_TV = _whole(target, [*text[:_PLACE], text[_PLACE], *text[_PLACE:]])[1:]
    lost_TV = _whole(target, [*text[: _PLACE - 1], *text[_PLACE:]])
    after = range(_PLACE, _PLACE + 4)
    return {
        "a rejected token that stays": max(apart(expected_TV[at], stays_TV[at]) for at in after),
        "an accepted token that is lost": max(apart(expected_TV[at], lost_TV[at - 1]) for at in after),
    }


def _whole(target: Target, ids: Sequence[int]) -> NDArray[np.floating]:
    """(T, V) logits after each token, by a forward without a cache."""
    ids_1T = torch.tensor([[*ids]], device=target.device)
    logits_TV: torch.Tensor = target.model(input_ids=ids_1T, use_cache=False).logits[0]
    numbers_TV: NDArray[np.floating] = (
        (logits_TV if logits_TV.dtype is torch.float64 else logits_TV.float()).cpu().numpy()
    )
    return numbers_TV


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
