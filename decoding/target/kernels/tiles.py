"""The innermost steps of attention in vector instructions, for tiles of 32 keys and several queries at once.

They are written as LLVM's vector operations: what a compiler makes of such loops by itself runs at a third of the
speed, because it cannot keep the sums of several queries in registers. Every sum is one chain of fused products in
order, the same however many queries are computed together. Imports numba; import it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Of numba, without types.
_declared: Any = cgutils.get_or_insert_function
_variable: Any = cgutils.alloca_once

TILE: Final = 32
LANES: Final = 16

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INDEX = ir.IntType(64)
# Where a vector of 16 fills one register there are 32 of them; elsewhere it fills two or four of 16.
_WIDE: Final = bool(binding.get_host_cpu_features().get("avx512f"))
# Queries at once, and vectors of a value at once, so that all sums stay in registers.
SCORED: Final = 6 if _WIDE else 3
WEIGHED: Final = 3 if _WIDE else 1
BLOCK: Final = 4 * LANES


def _scoring(queries: int) -> Any:
    """Scores of neighbouring queries with a tile: (query, size, tile, out, step of out), addresses and bytes."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        query, size, tile, out, step = arguments
        vectors = range(TILE // LANES)
        sums = [[_zero(builder) for _ in vectors] for _ in range(queries)]
        with cgutils.for_range(builder, size, intp=_INDEX) as loop:
            offset = builder.mul(loop.index, _constant(TILE * 4))
            keys = [_load(builder, tile, offset, LANES * 4 * v) for v in vectors]
            here = builder.mul(loop.index, _constant(4))
            row = builder.mul(size, _constant(4))
            for sum_ in sums:
                number = _splat(builder, builder.load(_pointer(builder, query, here, _FLOAT)))
                here = builder.add(here, row)
                _add_products(builder, sum_, number, keys)
        offset = _constant(0)
        for sum_ in sums:
            for v in vectors:
                _store(builder, builder.load(sum_[v]), out, offset, LANES * 4 * v)
            offset = builder.add(offset, step)
        return context.get_dummy_value()

    def typed(context: Any, query: Any, size: Any, tile: Any, out: Any, step: Any) -> Any:
        return types.void(*[types.int64] * 5), emit

    return intrinsic(typed)


def _accumulation(queries: int, vectors: int) -> Any:
    """Add the values of a tile times weights to the sums of neighbouring queries.

    (weights, step of weights, values, step of values, sums, step of sums, totals): addresses and bytes. The totals of
    the weights are added to as well where their address is not 0.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        weights, weight_step, values, value_step, sums, sum_step, totals = arguments
        zero, every = _constant(0), range(vectors)
        kept, running = [], []
        offset = zero
        for q in range(queries):
            kept.append([_kept(builder, _load(builder, sums, offset, LANES * 4 * v)) for v in every])
            running.append(_kept(builder, builder.load(_pointer(builder, totals, _constant(4 * q), _FLOAT))))
            offset = builder.add(offset, sum_step)
        with cgutils.for_range(builder, _constant(TILE), intp=_INDEX) as loop:
            start = builder.mul(loop.index, value_step)
            value = [_load(builder, values, start, LANES * 4 * v) for v in every]
            here = builder.mul(loop.index, _constant(4))
            for sum_, total in zip(kept, running, strict=True):
                weight = builder.load(_pointer(builder, weights, here, _FLOAT))
                here = builder.add(here, weight_step)
                _add_products(builder, sum_, _splat(builder, weight), value)
                builder.store(builder.fadd(builder.load(total), weight), total)
        offset = zero
        for q, (sum_, total) in enumerate(zip(kept, running, strict=True)):
            for v in every:
                _store(builder, builder.load(sum_[v]), sums, offset, LANES * 4 * v)
            builder.store(builder.load(total), _pointer(builder, totals, _constant(4 * q), _FLOAT))
            offset = builder.add(offset, sum_step)
        return context.get_dummy_value()

    def typed(context: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> Any:
        return types.void(*[types.int64] * 7), emit

    return intrinsic(typed)


def _transpose(context: Any, source: Any, step: Any, target: Any) -> Any:
    """16 numbers of 16 keys, ``step`` bytes apart, become 16 rows of a tile. Four rounds of zipping are a transpose."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, step, target = arguments
        half = LANES // 2
        low = _lanes([lane for i in range(half) for lane in (i, LANES + i)])
        high = _lanes([lane for i in range(half, LANES) for lane in (i, LANES + i)])
        offset, rows = _constant(0), []
        for _ in range(LANES):
            rows.append(_load(builder, source, offset, 0))
            offset = builder.add(offset, step)
        for _ in range(4):
            pairs = list(zip(rows[:half], rows[half:], strict=True))
            rows = [builder.shuffle_vector(a, b, lanes) for a, b in pairs for lanes in (low, high)]
        for d, row in enumerate(rows):
            _store(builder, row, target, _constant(0), d * TILE * 4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit


def _add_products(builder: Any, sums: Sequence[Any], number: Any, vectors: Sequence[Any]) -> None:
    fused = _declared(builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fmuladd.v{LANES}f32")
    for sum_, vector in zip(sums, vectors, strict=True):
        builder.store(builder.call(fused, [number, vector, builder.load(sum_)]), sum_)


def _zero(builder: Any) -> Any:
    return _kept(builder, ir.Constant(_VECTOR, None))


def _kept(builder: Any, value: Any) -> Any:
    """A variable, which LLVM keeps in a register."""
    place = _variable(builder, value.type)
    builder.store(value, place)
    return place


def _pointer(builder: Any, base: Any, offset: Any, item: Any) -> Any:
    return builder.inttoptr(builder.add(base, offset), ir.PointerType(item))


def _load(builder: Any, base: Any, offset: Any, more: int) -> Any:
    return builder.load(_pointer(builder, base, builder.add(offset, _constant(more)), _VECTOR), align=4)


def _store(builder: Any, value: Any, base: Any, offset: Any, more: int) -> None:
    builder.store(value, _pointer(builder, base, builder.add(offset, _constant(more)), _VECTOR), align=4)


def _splat(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), _lanes([0] * LANES))


def _lanes(lanes: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))


def _constant(value: int) -> Any:
    return ir.Constant(_INDEX, value)


transpose: Any = intrinsic(_transpose)
score_many: Any = _scoring(SCORED)
score_three: Any = _scoring(3)
score_one: Any = _scoring(1)
accumulate_many: Any = _accumulation(WEIGHED, BLOCK // LANES)
accumulate_one: Any = _accumulation(1, BLOCK // LANES)
accumulate_narrow: Any = _accumulation(1, 1)
