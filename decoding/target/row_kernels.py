"""Small operations on float32 rows between int8 matrix products, fused, each row rounded by itself on a CPU.

What a row becomes never depends on the rows beside it, on their number or on threads. Tensors are float32 and
contiguous unless said otherwise. N rows, D numbers a row, O outputs of a matrix product, R rotated numbers of a head;
P rows of digits: N, or 2 N where rows have second digits.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from typing import Final

import torch

from decoding.target.kernels.calls import run

ZERO_POINT: Final = 128
"""What stands for 0 in digits: unsigned bytes are what processors multiply with signed weights."""

_SHARE: Final = 16
# Below so many numbers a second thread takes longer to wake up than it saves.
_WORTH_THREADS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Int8Rows:
    """N rows in whole numbers, each with a scale of its own.

    Row n is ``(digits_PD[n] - 128) * scales_N[n]``, and its largest magnitude is 127 steps. Where P is 2 N, row N + n
    has what that leaves, in steps 254 times as fine: together they are some 15 bits.
    """

    digits_PD: torch.Tensor
    scales_N: torch.Tensor


def quantized(x_ND: torch.Tensor, *, digits: int = 1) -> Int8Rows:
    """Each row in whole numbers of its largest magnitude over 127, half to even; the scale of a row of zeros is 1."""
    rows, size = x_ND.shape
    result = _empty(rows, size, digits)
    _over_rows("quantize_rows", rows, size, size, _floats(x_ND), *_addresses(result))
    return result


def normed(x_ND: torch.Tensor, weight_D: torch.Tensor, *, epsilon: float, digits: int = 1) -> Int8Rows:
    """Rows over the root of their mean square, times the weights, quantised."""
    rows, size = x_ND.shape
    assert weight_D.shape == (size,)
    result = _empty(rows, size, digits)
    orders = _floats(x_ND), _floats(weight_D), _bits(epsilon)
    _over_rows("norm_rows", rows, size, size, *orders, *_addresses(result))
    return result


def gated(gates_and_ups_N2D: torch.Tensor, scales_N: torch.Tensor, *, digits: int = 1) -> Int8Rows:
    """``silu(gate) * up``, quantised, of rows that hold D gates and then D ups in steps of the given scales."""
    rows, width = gates_and_ups_N2D.shape
    assert scales_N.numel() == rows
    result = _empty(rows, width // 2, digits)
    orders = _floats(gates_and_ups_N2D), _floats(scales_N)
    _over_rows("gate_rows", rows, width * 2, width // 2, *orders, *_addresses(result))
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


def finished(
    products_PO: torch.Tensor,
    scales_N: torch.Tensor,
    *,
    bias_O: torch.Tensor | None = None,
    plus_NO: torch.Tensor | None = None,
) -> torch.Tensor:
    """(N, O): products of digits as numbers, by the scales of their rows; then bias and rows are added.

    Written over the products.
    """
    (all_rows, size), rows = products_PO.shape, scales_N.numel()
    assert all_rows in (rows, 2 * rows)
    bias = 0 if bias_O is None else _floats(bias_O)
    plus = 0 if plus_NO is None else _floats(plus_NO)
    first = _floats(products_PO)
    second = first + rows * size * 4 if all_rows > rows else 0
    _over_rows("finish_rows", rows, size, size, first, second, _floats(scales_N), bias, plus)
    return products_PO[:rows]


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


def _empty(rows: int, size: int, digits: int) -> Int8Rows:
    return Int8Rows(torch.empty((digits * rows, size), dtype=torch.uint8), torch.empty(rows, dtype=torch.float32))


def _addresses(rows: Int8Rows) -> tuple[int, int, int]:
    """Of the digits, of the second digits (0 if there are none) and of the scales."""
    (all_rows, size), number = rows.digits_PD.shape, rows.scales_N.numel()
    first = rows.digits_PD.data_ptr()
    return first, first + number * size if all_rows > number else 0, rows.scales_N.data_ptr()


def _bits(number: float) -> int:
    (bits,) = struct.unpack("<i", struct.pack("<f", number))
    assert isinstance(bits, int)
    return bits
