"""The loops over rows of float32 numbers that stand between the matrix products of an int8 layer.

Every row is computed by itself and always by the same instructions, whatever stands beside it. A share is a run of
rows; the orders begin with the rows in a share and in all. Imports numba; import it late.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decoding.target.kernels.arithmetic import exp
from decoding.target.kernels.memory import (
    bits_of,
    float32s,
    float_of,
    inlined,
    kernel,
    next_share,
    reordered,
    uint8s,
)

_ZERO = np.float32(0)
_ONE = np.float32(1)
_LIMIT = np.float32(127)
_ZERO_POINT = np.int32(128)
# How much finer the second digits of a row are than its first: half a step of those, in 127 steps.
_FINER = np.float32(1 / 254)


@inlined
def _largest(row: Any, size: int) -> Any:
    """The largest magnitude. Without its sign a float orders as an integer, and a NaN is larger than any number."""
    most = np.int32(0)
    for i in range(size):
        most = max(most, np.int32(bits_of(row[i]) & np.int32(0x7FFFFFFF)))
    return float_of(most)


@inlined
def _quantize(row: Any, size: int, digits: Any) -> Any:
    """Write a row as whole numbers of its scale, which is returned, half to even. A scale of 0 counts as 1."""
    scale = _largest(row, size) / _LIMIT
    if scale == np.float32(0):
        scale = _ONE
    for i in range(size):
        digits[i] = np.uint8(np.int32(np.rint(row[i] / scale)) + _ZERO_POINT)
    return scale


@inlined
def _quantize_rest(row: Any, size: int, scale: Any, digits: Any, finer: Any) -> None:
    """Write what ``digits`` leave of a row as whole numbers of the finer scale."""
    step = scale * _FINER
    for i in range(size):
        rest = row[i] - np.float32(np.int32(digits[i]) - _ZERO_POINT) * scale
        number = min(max(np.rint(rest / step), -_LIMIT), _LIMIT)
        finer[i] = np.uint8(np.int32(number) + _ZERO_POINT)


@inlined
def _sum_of_products(sums: Any, finer: Any, scale: Any, size: int, out: Any) -> None:
    """What the products of a row's digits add up to. ``finer`` are those of its second digits."""
    step = scale * _FINER
    for i in range(size):
        out[i] = sums[i] * scale + finer[i] * step


@inlined
def _scaled_products(sums: Any, scale: Any, size: int, out: Any) -> None:
    for i in range(size):
        out[i] = sums[i] * scale


@reordered
def _sum_of_squares(row: Any, size: int) -> Any:
    total = np.float32(0)
    for i in range(size):
        total += row[i] * row[i]
    return total


@inlined
def _scaled(row: Any, weights: Any, factor: Any, size: int, out: Any) -> None:
    for i in range(size):
        out[i] = weights[i] * (row[i] * factor)


@inlined
def _gated(gates: Any, ups: Any, scale: Any, size: int, out: Any) -> None:
    for i in range(size):
        gate = gates[i] * scale
        out[i] = gate / (_ONE + exp(-gate)) * (ups[i] * scale)


@inlined
def _rotated(head: Any, cosines: Any, sines: Any, half: int) -> None:
    for i in range(half):
        first, second = head[i], head[half + i]
        head[i] = first * cosines[i] - second * sines[i]
        head[half + i] = second * cosines[half + i] + first * sines[half + i]


@inlined
def _added(terms: Any, size: int, out: Any) -> None:
    for i in range(size):
        out[i] = out[i] + terms[i]


@kernel
def quantize_rows(orders: Any) -> None:
    """Orders: rows a share, rows, size, x, digits, second digits or 0, scales."""
    share, rows, size = orders[2], orders[3], orders[4]
    scales = float32s(orders[8])
    while True:
        first = next_share(orders) * share
        if first >= rows:
            return
        for n in range(first, min(first + share, rows)):
            row, digits = float32s(orders[5] + n * size * 4), uint8s(orders[6] + n * size)
            scales[n] = _quantize(row, size, digits)
            if orders[7]:
                _quantize_rest(row, size, scales[n], digits, uint8s(orders[7] + n * size))


@kernel
def norm_rows(orders: Any) -> None:
    """Orders: rows a share, rows, size, x, weights, bits of epsilon, digits, second digits or 0, scales."""
    share, rows, size = orders[2], orders[3], orders[4]
    weights, scales = float32s(orders[6]), float32s(orders[10])
    epsilon = float_of(np.int32(orders[7]))
    space = np.empty(size, np.float32)
    normed = float32s(space.ctypes.data)
    first = next_share(orders) * share
    while first < rows:
        for n in range(first, min(first + share, rows)):
            row, digits = float32s(orders[5] + n * size * 4), uint8s(orders[8] + n * size)
            factor = _ONE / np.sqrt(_sum_of_squares(row, size) / np.float32(size) + epsilon)
            _scaled(row, weights, factor, size, normed)
            scales[n] = _quantize(normed, size, digits)
            if orders[9]:
                _quantize_rest(normed, size, scales[n], digits, uint8s(orders[9] + n * size))
        first = next_share(orders) * share
    space[0] = _ZERO  # numba frees an array after the last line that names it, whoever has its address.


@kernel
def gate_rows(orders: Any) -> None:
    """Orders: rows a share, rows, size, gates and ups, their scales, digits, second digits or 0, scales."""
    share, rows, size = orders[2], orders[3], orders[4]
    given, scales = float32s(orders[6]), float32s(orders[9])
    space = np.empty(size, np.float32)
    product = float32s(space.ctypes.data)
    first = next_share(orders) * share
    while first < rows:
        for n in range(first, min(first + share, rows)):
            gates, digits = orders[5] + n * size * 8, uint8s(orders[7] + n * size)
            _gated(float32s(gates), float32s(gates + size * 4), given[n], size, product)
            scales[n] = _quantize(product, size, digits)
            if orders[8]:
                _quantize_rest(product, size, scales[n], digits, uint8s(orders[8] + n * size))
        first = next_share(orders) * share
    space[0] = _ZERO  # numba frees an array after the last line that names it, whoever has its address.


@kernel
def rotate_rows(orders: Any) -> None:
    """Orders: rows a share, rows, heads, head size, rotated size, size of a row, x, cosines, sines."""
    share, rows, heads, head_size, rotary = orders[2], orders[3], orders[4], orders[5], orders[6]
    while True:
        first = next_share(orders) * share
        if first >= rows:
            return
        for n in range(first, min(first + share, rows)):
            cosines, sines = float32s(orders[9] + n * rotary * 4), float32s(orders[10] + n * rotary * 4)
            for h in range(heads):
                head = float32s(orders[8] + (n * orders[7] + h * head_size) * 4)
                _rotated(head, cosines, sines, rotary // 2)


@kernel
def finish_rows(orders: Any) -> None:
    """Orders: rows a share, rows, size, products, those of second digits or 0, scales, bias or 0, added rows or 0.

    In place: a row of products becomes what it adds up to.
    """
    share, rows, size = orders[2], orders[3], orders[4]
    scales = float32s(orders[7])
    while True:
        first = next_share(orders) * share
        if first >= rows:
            return
        for n in range(first, min(first + share, rows)):
            out = float32s(orders[5] + n * size * 4)
            if orders[6]:
                _sum_of_products(out, float32s(orders[6] + n * size * 4), scales[n], size, out)
            else:
                _scaled_products(out, scales[n], size, out)
            if orders[8]:
                _added(float32s(orders[8]), size, out)
            if orders[9]:
                _added(float32s(orders[9] + n * size * 4), size, out)
