"""Elementary functions in plain float32 arithmetic, so that they round alike in every lane of every loop.

Libraries have several versions of ``exp`` that differ in the last bit, and a compiler takes one for the body of a loop
and another for its end. Imports numba; import it late.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decoding.target.kernels.memory import bits_of, float_of, inlined

_LOG2_E = np.float32(1.44269504088896341)
# ln 2 in two parts, the first with few enough bits that a product with an exponent is exact.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_LEAST = np.float32(-87.3)
_MOST = np.float32(88.3)
_ZERO = np.float32(0)
_ONE = np.float32(1)
_HALF = np.float32(0.5)
# Minimax polynomial of (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2.
_C0 = np.float32(5.0000001201e-1)
_C1 = np.float32(1.6666665459e-1)
_C2 = np.float32(4.1665795894e-2)
_C3 = np.float32(8.3334519073e-3)
_C4 = np.float32(1.3981999507e-3)
_C5 = np.float32(1.9875691500e-4)


@inlined
def exp(x: Any) -> Any:
    """e to the power of a float32, within 2 units in the last place; 0 below -87.3, at most e to the power of 88.3."""
    bounded = min(max(x, _LEAST), _MOST)
    n = np.rint(bounded * _LOG2_E)
    r = (bounded - n * _LN2_HIGH) - n * _LN2_LOW
    p = ((((_C5 * r + _C4) * r + _C3) * r + _C2) * r + _C1) * r + _C0
    y = (p * (r * r) + r) + _ONE
    power = float_of(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))
    return _ZERO if x < _LEAST else y * power


@inlined
def ordinal(x: Any) -> Any:
    """An int32 that orders as the float32 does; the largest of many is found in any order, and a NaN is not lost."""
    bits = bits_of(x)
    return np.int32(bits ^ np.int32(np.int32(bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@inlined
def of_ordinal(number: Any) -> Any:
    """The float32 of that ordinal."""
    return float_of(np.int32(number ^ np.int32(np.int32(number >> np.int32(31)) & np.int32(0x7FFFFFFF))))
