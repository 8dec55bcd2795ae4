"""The attention of a target on a CPU: exact by query, over the cache as it stands.

Registered with transformers as an attention function, so that model code stays as it is. The output of a query is bit
for bit a function of the query and of the keys and values that it sees: a token verified in a tree attends exactly as
it would alone. Keys are not repeated for grouped queries and nothing of the cache is copied.
What it does not know (see ``_is_known``) goes to transformers' own function, as it is.
B rows, Hq and Hk heads of queries and of keys, N queries a row, K keys, D head size.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import platform
import struct
from collections.abc import Mapping
from typing import Any, Final

import torch

from decoding.target.kernels.calls import run

NAME: Final = "spandraft"

log = logging.getLogger(__name__)

_FLOAT: Final = struct.Struct("<f")
_INTEGER: Final = struct.Struct("<i")
# Queries whose keys are loaded together; more would not fit the nearest memory beside them.
_QUERIES: Final = 48
# Products of a query with a key below which a second thread takes longer to wake up than it saves.
_WORTH_THREADS: Final = 1_000_000
_SET_ASIDE: Final = frozenset({"softcap", "s_aux", "position_bias", "cache", "sinks", "head_mask"})


def _bits(number: float) -> int:
    """The bits of a float32."""
    (bits,) = _INTEGER.unpack(_FLOAT.pack(number))
    assert isinstance(bits, int)
    return bits


# As the loops know each type, and what a mask adds at most where a key is not seen.
_KINDS: Final = {
    dtype: (kind, _bits(torch.finfo(dtype).min / 2))
    for kind, dtype in enumerate((torch.float32, torch.bfloat16, torch.float16))
}


def use_attention(model: Any) -> bool:
    """Let a loaded model attend by this function where it can; whether it does."""
    if not _has_vectors() or not _attends_by_sdpa(model) or why_no_machine_code():
        return False
    register()
    model.set_attn_implementation(NAME)
    return True


def register() -> None:
    """Make the function known to transformers. Masks of four dimensions reach it as they are, others as for sdpa."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """(B, N, Hq, D) outputs of (B, Hq, N, D) queries over (B, Hk, K, D) keys and values."""
    mask = attention_mask
    if mask is not None and mask.dtype is torch.bool:  # As transformers makes them, for chains.
        mask = torch.zeros(mask.shape, dtype=query.dtype).masked_fill_(~mask, torch.finfo(query.dtype).min)
    if mask is None and query.is_cpu and _is_causal(module, query, key, kwargs):
        mask = _causal(query, keys=key.shape[2])
    if mask is None or dropout or not _is_known(query, key, value, mask, kwargs):
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    rows, heads, queries, size = query.shape
    _, groups, keys, _ = key.shape
    kind, least = _KINDS[query.dtype]
    item = query.element_size()
    block, threads = _blocks(rows * groups, queries, heads // groups, rows * heads * queries * keys * size)
    out = torch.empty(rows, queries, heads, size, dtype=query.dtype)
    mask_start, mask_row, _, mask_query = _place(mask, item)
    orders = (
        kind, heads, groups, queries, keys, size, block, _bits(size**-0.5 if scaling is None else scaling), least,
        *_place(query, item), *_place(key, item), *_place(value, item),
        mask_start, mask_row, mask_query, out.data_ptr(),
    )  # fmt: skip
    run(_kernel(), rows * groups * -(-queries // block), orders, threads=threads)
    return out, None


@functools.cache
def why_no_machine_code() -> str:
    """What keeps kernels from being compiled here, in one line; empty if nothing does. This brings the compiler along.

    Finding numba is not enough: it may not know the NumPy beside it, or find no folder to keep its code in.
    """
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed"
    try:
        _kernel()
    except Exception as error:  # noqa: BLE001  # whatever numba, llvmlite and the disk may raise
        said = str(error).strip().splitlines()
        reason = f"numba does not work ({said[0][:160] if said else type(error).__name__})"
        log.warning("%s: the target attends by transformers' own function, which is slower", reason)
        return reason
    return ""


@functools.cache
def _kernel() -> int:
    """The address of the machine code; this brings the compiler along."""
    from decoding.target.kernels.attention_loops import attend as loops

    address = loops.address
    assert isinstance(address, int)
    return address


def _is_causal(module: Any, query: torch.Tensor, key: torch.Tensor, options: Mapping[str, Any]) -> bool:
    """Whether a call without a mask says that every query sees the keys up to its own.

    transformers leaves the mask out where there is one query or as many as keys; other calls are not ours to read.
    """
    asked = options.get("is_causal")
    causal = getattr(module, "is_causal", True) if asked is None else asked
    return bool(causal) and query.shape[2] in (1, key.shape[2])


def _causal(query: torch.Tensor, *, keys: int) -> torch.Tensor:
    """(1, 1, N, K): what the last N of K tokens see where nobody says it: themselves and what is before them."""
    queries = query.shape[2]
    hidden_NK = torch.ones((queries, keys), dtype=torch.bool).triu_(keys - queries + 1)
    mask_NK = torch.zeros((queries, keys), dtype=query.dtype).masked_fill_(hidden_NK, torch.finfo(query.dtype).min)
    return mask_NK[None, None]


def _blocks(parts: int, queries: int, shared: int, products: int) -> tuple[int, int]:
    """Queries a block, and threads, for ``parts`` heads of keys that each ``queries`` times ``shared`` queries see."""
    block = max(1, min(queries, _QUERIES // shared))
    threads = torch.get_num_threads() if products > _WORTH_THREADS else 1
    if threads > 1 and parts % threads:
        block = min(block, max(1, -(-queries // 2)))
    return block, threads


def _is_known(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, options: Mapping[str, Any]
) -> bool:
    """Whether a call is known: plain attention of one type on a CPU, with an additive mask for all heads alike.

    Written for speed: it is asked in every layer of every step.
    """
    dtype, shape, mask_shape = query.dtype, query.shape, mask.shape
    if not query.is_cpu or dtype not in _KINDS or not (key.dtype is value.dtype is mask.dtype is dtype):
        return False
    if key.shape != value.shape or key.shape[3] != shape[3] or key.shape[0] != shape[0] or shape[1] % key.shape[1]:
        return False
    if mask_shape[2:] != (shape[2], key.shape[2]) or mask_shape[1] != 1 or mask_shape[0] not in (1, shape[0]):
        return False
    if not (query.stride(3) == key.stride(3) == value.stride(3) == mask.stride(3) == 1):
        return False
    if not _SET_ASIDE.isdisjoint(options) and any(options.get(name) is not None for name in _SET_ASIDE):
        return False
    return not (torch.is_grad_enabled() and (query.requires_grad or key.requires_grad or value.requires_grad))


def _has_vectors() -> bool:
    """Whether the processor has fused products and converts float16 by itself, without which the loops do not run."""
    return torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") or platform.machine() in ("aarch64", "arm64")


def _attends_by_sdpa(model: Any) -> bool:
    """Whether a model on a CPU asks transformers for its attention function, and for sdpa."""
    asks = model.config._attn_implementation == model.config.get_text_config()._attn_implementation == "sdpa"
    return bool(asks and model.device.type == "cpu" and model._can_set_attn_implementation())


def _place(x: torch.Tensor, item: int) -> tuple[int, int, int, int]:
    """The address, and bytes from one to the next in each dimension but the last; 0 where there is only one."""
    first, second, third, _ = x.stride()
    return x.data_ptr(), first * item if x.shape[0] > 1 else 0, second * item, third * item
