"""Small operations on float32 rows between int8 matrix products, fused, each row rounded by itself on a CPU.

What a row becomes never depends on the rows beside it, on their number or on threads. Tensors are float32 and
contiguous unless said otherwise. N rows, D numbers a row, O outputs of a matrix product, R rotated numbers of a head.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

import torch

from decoding.target.kernels.calls import run

_SHARE = 16
# Below so many numbers a second thread takes longer to wake up than it saves.
_WORTH_THREADS = 1_000_000


@dataclass(frozen=True, slots=True)
class Int8Rows:
    """Rows as int8 ``values_ND``; row n is ``values_ND[n] * scales_N[n]``, and its largest magnitude is 127."""

    values_ND: torch.Tensor
    scales_N: torch.Tensor


def quantized(x_ND: torch.Tensor) -> Int8Rows:
    """Each row in int8 with a scale of its own, its largest magnitude over 127, half to even; a row of zeros has 1."""
    rows, size = x_ND.shape
    result = _empty(rows, size)
    _over_rows("quantize_rows", rows, size, size, _floats(x_ND), *_addresses(result))
    return result


def normed(x_ND: torch.Tensor, weight_D: torch.Tensor, *, epsilon: float) -> tuple[torch.Tensor, Int8Rows]:
    """Rows over the root of their mean square, times the weights: (N, D) float32, and the same in int8."""
    rows, size = x_ND.shape
    assert weight_D.shape == (size,)
    out_ND, result = torch.empty(rows, size, dtype=torch.float32), _empty(rows, size)
    orders = _floats(x_ND), _floats(weight_D), _bits(epsilon), _floats(out_ND)
    _over_rows("norm_rows", rows, size, size, *orders, *_addresses(result))
    return out_ND, result


def gated(gates_and_ups_N2D: torch.Tensor) -> Int8Rows:
    """``silu(gate) * up`` in int8 of rows that hold D gates and then D ups."""
    rows, width = gates_and_ups_N2D.shape
    result = _empty(rows, width // 2)
    _over_rows("gate_rows", rows, width * 2, width // 2, _floats(gates_and_ups_N2D), *_addresses(result))
    return result


def rotate(x_NO: torch.Tensor, cosines_NR: torch.Tensor, sines_NR: torch.Tensor, *, heads: int, size: int) -> None:
    """Turn the first ``heads`` heads of ``size`` numbers of each row in place, by half-split rotary embedding.

    R numbers of each head are turned, all or the first of them, as the tables of transformers have them.
    """
    (rows, width), rotary = x_NO.shape, cosines_NR.shape[1]
    assert cosines_NR.shape == sines_NR.shape == (rows, rotary)
    assert rotary <= size
    assert heads * size <= width
    orders = _floats(x_NO), _floats(cosines_NR), _floats(sines_NR)
    _over_rows("rotate_rows", rows, heads * size, heads, size, rotary, width, *orders)


def dequantized(
    sums_NO: torch.Tensor,
    scales_N: torch.Tensor,
    scales_O: torch.Tensor,
    *,
    bias_O: torch.Tensor | None = None,
    plus_NO: torch.Tensor | None = None,
) -> torch.Tensor:
    """int32 sums times the scales of their rows and of their columns, (N, O) float32; then bias and rows are added."""
    rows, size = sums_NO.shape
    assert sums_NO.dtype is torch.int32
    assert sums_NO.is_contiguous()
    assert (scales_N.numel(), scales_O.numel()) == (rows, size)
    bias = 0 if bias_O is None else _floats(bias_O)
    plus = 0 if plus_NO is None else _floats(plus_NO)
    out_NO = torch.empty(rows, size, dtype=torch.float32)
    orders = sums_NO.data_ptr(), _floats(scales_N), _floats(scales_O), bias, plus, _floats(out_NO)
    _over_rows("dequantize_rows", rows, size, size, *orders)
    return out_NO


@functools.cache
def _kernel(name: str) -> int:
    """The address of a kernel; the first one brings the compiler along."""
    from decoding.target.kernels import row_loops

    address = getattr(row_loops, name).address
    assert isinstance(address, int)
    return address


def _over_rows(kernel: str, rows: int, cost: int, /, *orders: int) -> None:
    """Run a kernel, by name, over all rows; ``cost``: about how many numbers it computes in a row."""
    if rows * cost > _WORTH_THREADS and (threads := torch.get_num_threads()) > 1:
        run(_kernel(kernel), -(-rows // _SHARE), (_SHARE, rows, *orders), threads=threads)
    else:
        run(_kernel(kernel), 1, (rows, rows, *orders))


def _floats(x: torch.Tensor) -> int:
    """The address of contiguous float32 numbers."""
    assert x.dtype is torch.float32
    assert x.is_contiguous()
    return x.data_ptr()


def _empty(rows: int, size: int) -> Int8Rows:
    return Int8Rows(torch.empty(rows, size, dtype=torch.int8), torch.empty(rows, dtype=torch.float32))


def _addresses(rows: Int8Rows) -> tuple[int, int]:
    return rows.values_ND.data_ptr(), rows.scales_N.data_ptr()


def _bits(number: float) -> int:
    (bits,) = struct.unpack("<i", struct.pack("<f", number))
    assert isinstance(bits, int)
    return bits
