"""What loops compiled by numba need to work on the memory of tensors: pointers from addresses, and shares of the work.

A kernel is a function of one argument, the address of its ``int64`` orders: two counters first (the next share and how
many there are), then what it was asked for. Several threads may run it on the same orders: each takes shares until
there are none, so a thread that comes late delays nobody. Imports numba; import it late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

_pointer_to: Any = types.CPointer
_ORDERS = _pointer_to(types.int64)


def kernel(function: Callable[[Any], None]) -> Any:
    """``function`` of orders as machine code with an ``address``, kept on disk between runs."""
    return numba.cfunc(types.void(_ORDERS), cache=True, error_model="numpy")(function)


def inlined(function: Function) -> Function:
    """A function that kernels call. Products and sums fuse where the processor can; nothing is reordered."""
    return cast(Function, numba.njit(function, error_model="numpy", fastmath={"contract"}))


def reordered(function: Function) -> Function:
    """A function that kernels call, whose sums are added in the order that suits the processor."""
    return cast(Function, numba.njit(function, error_model="numpy", fastmath={"contract", "reassoc", "nsz"}))


def _pointer(item: Any) -> Any:
    """A function of an address: a pointer to items there, which can be indexed."""

    def cast_address(context: Any, address: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return _pointer_to(item)(types.int64), emit

    return intrinsic(cast_address)


float32s = _pointer(types.float32)
int32s = _pointer(types.int32)
int16s = _pointer(types.int16)
uint8s = _pointer(types.uint8)


def _next_share(context: Any, orders: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", arguments[0], one, "monotonic")

    return types.int64(_ORDERS), emit


# Counts up the first of the orders, whoever else does so at the same time; what it was.
next_share: Any = intrinsic(_next_share)


def _bitcast(item: Any, to: Any) -> Any:
    """A function of a number: the number of another type that has its bits."""

    def cast_bits(context: Any, number: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

        return to(item), emit

    return intrinsic(cast_bits)


bits_of = _bitcast(types.float32, types.int32)
float_of = _bitcast(types.int32, types.float32)


def _float_of_half(context: Any, half: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.int16), emit


def _half_of_float(context: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return types.int16(types.float32), emit


# Between the bits of a float16 and a float32, rounded half to even.
float_of_half: Any = intrinsic(_float_of_half)
half_of_float: Any = intrinsic(_half_of_float)
