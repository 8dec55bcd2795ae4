"""Attention of a few queries over many cached keys, bit for bit the same for a query whatever else is computed.

A score is the sum of its products in order of the head's numbers. The largest score is exact. Weights, and values
times weights, are added in order of key, a masked key adding a zero, which changes no sum. So the output of a query
follows from its own numbers and from the keys that it sees, in their order: not from the number of queries, rows and
heads, from what stands between or behind these keys, or from threads.

A share is a block of neighbouring queries of one row of the cache, in all heads that have their keys in common: their
keys and values are loaded once. Scores are computed for a tile of keys at a time, one key a lane.
Imports numba; import it late.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decoding.target.kernels.arithmetic import exp, of_ordinal, ordinal
from decoding.target.kernels.memory import (
    bits_of,
    float32s,
    float_of,
    float_of_half,
    half_of_float,
    inlined,
    int16s,
    kernel,
    next_share,
)
from decoding.target.kernels.tiles import (
    BLOCK,
    LANES,
    SCORED,
    TILE,
    WEIGHED,
    accumulate_many,
    accumulate_narrow,
    accumulate_one,
    score_many,
    score_one,
    score_three,
    transpose,
)

FLOAT32, BFLOAT16, FLOAT16 = 0, 1, 2

_ZERO = np.float32(0)
_ONE = np.float32(1)
_NEVER = np.float32(-np.inf)


@inlined
def _widen(kind: int, source: int, size: int, out: Any) -> None:
    """Numbers of any kind at an address as float32."""
    if kind == FLOAT32:
        floats = float32s(source)
        for i in range(size):
            out[i] = floats[i]
    elif kind == BFLOAT16:
        halves = int16s(source)
        for i in range(size):
            out[i] = float_of(np.int32(np.int32(halves[i]) << np.int32(16)))
    else:
        halves = int16s(source)
        for i in range(size):
            out[i] = float_of_half(halves[i])


@inlined
def _widen_rows(kind: int, source: int, step: int, rows: int, size: int, width: int, out: int) -> None:
    """A tile of rows, ``step`` bytes apart, as ``width`` float32 each; zeros behind them and where there are none."""
    for t in range(rows):
        row = float32s(out + t * width * 4)
        _widen(kind, source + t * step, size, row)
        for d in range(size, width):
            row[d] = _ZERO
    rest = float32s(out)
    for j in range(rows * width, TILE * width):
        rest[j] = _ZERO


@inlined
def _narrow(kind: int, floats: Any, size: int, target: int) -> None:
    """float32 numbers as any kind at an address, rounded half to even."""
    if kind == FLOAT32:
        out = float32s(target)
        for i in range(size):
            out[i] = floats[i]
    elif kind == BFLOAT16:
        halves = int16s(target)
        for i in range(size):
            bits = bits_of(floats[i])
            odd = np.int32(bits >> np.int32(16)) & np.int32(1)
            rounded = np.int32(np.int32(bits + np.int32(0x7FFF)) + odd) >> np.int32(16)
            is_nan = np.int32(bits & np.int32(0x7FFFFFFF)) > np.int32(0x7F800000)
            halves[i] = np.int16(0x7FC0) if is_nan else np.int16(rounded)
    else:
        halves = int16s(target)
        for i in range(size):
            halves[i] = half_of_float(floats[i])


@inlined
def _as_tile(start: int, step: int, size: int, out: int) -> None:
    """TILE keys of ``size`` numbers, ``step`` bytes apart, as a tile: number d of key t at ``d * TILE + t``."""
    for t in range(0, TILE, LANES):
        for d in range(0, size, LANES):
            transpose(start + t * step + d * 4, step, out + (d * TILE + t) * 4)


@inlined
def _score(queries: int, count: int, size: int, tile: int, out: int, step: int) -> None:
    """The scores of queries, one after the other in memory, with a tile of keys."""
    done = 0
    while done + SCORED <= count:
        score_many(queries + done * size * 4, size, tile, out + done * step, step)
        done += SCORED
    while done + 3 <= count:
        score_three(queries + done * size * 4, size, tile, out + done * step, step)
        done += 3
    while done < count:
        score_one(queries + done * size * 4, size, tile, out + done * step, step)
        done += 1


@inlined
def _accumulate(
    weights: int, weight_step: int, count: int, values: int, step: int, size: int, sums: int, totals: int
) -> None:
    """Add the values of a tile times the weights of each query to its sums, and the weights to its total."""
    spare = totals + count * 4  # Totals are the same for every part of a value: only the first part's are kept.
    for d in range(0, size // BLOCK * BLOCK, BLOCK):
        target = totals if d == 0 else spare
        done = 0
        while done + WEIGHED <= count:
            accumulate_many(
                weights + done * weight_step,
                weight_step,
                values + d * 4,
                step,
                sums + (done * size + d) * 4,
                size * 4,
                target + done * 4,
            )
            done += WEIGHED
        while done < count:
            accumulate_one(
                weights + done * weight_step,
                weight_step,
                values + d * 4,
                step,
                sums + (done * size + d) * 4,
                size * 4,
                target + done * 4,
            )
            done += 1
    for d in range(size // BLOCK * BLOCK, size, LANES):
        target = totals if d == 0 else spare
        for q in range(count):
            accumulate_narrow(
                weights + q * weight_step,
                weight_step,
                values + d * 4,
                step,
                sums + (q * size + d) * 4,
                size * 4,
                target + q * 4,
            )


@inlined
def _weigh(scores: Any, bias: Any, tiles: Any, count: int) -> None:
    """Turn the scores of the tiles that are looked at, with what the mask adds, into weights; the largest is 1."""
    highest = ordinal(_NEVER)
    for i in range(count):
        tile = tiles[i] * TILE
        for t in range(TILE):
            score = scores[tile + t] + bias[tile + t]
            # A key that is not seen may have any score, even none.
            score = score if bias[tile + t] > _NEVER else _NEVER
            scores[tile + t] = score
            highest = max(highest, ordinal(score))
    most = _ZERO if highest == ordinal(_NEVER) else of_ordinal(highest)
    for i in range(count):
        tile = tiles[i] * TILE
        for t in range(TILE):
            scores[tile + t] = exp(scores[tile + t] - most)


@inlined
def _read_query(kind: int, source: int, scaling: Any, size: int, width: int, out: Any) -> None:
    """A query times the scaling of scores."""
    _widen(kind, source, size, out)
    for d in range(size):
        out[d] = out[d] * scaling
    for d in range(size, width):
        out[d] = _ZERO


@inlined
def _write(kind: int, sums: Any, total: Any, size: int, target: int) -> None:
    """The weighted mean of the values; zeros where nothing was seen.

    Adding zero makes a zero positive, whichever sign the products that vanished had.
    """
    divisor = total if total > _ZERO else _ONE
    for d in range(size):
        sums[d] = sums[d] / divisor + _ZERO
    _narrow(kind, sums, size, target)


@inlined
def _read_mask(kind: int, source: int, keys: int, padded: int, limit: Any, bias: Any, seen: Any) -> None:
    """What a mask adds to scores, minus infinity for keys that are not seen; note the tiles where any is."""
    _widen(kind, source, keys, bias)
    for j in range(keys):
        bias[j] = bias[j] if bias[j] > limit else _NEVER
    for j in range(keys, padded):
        bias[j] = _NEVER
    for tile in range(padded // TILE):
        visible = np.int32(0)
        for t in range(TILE):
            visible = np.int32(visible | np.int32(bias[tile * TILE + t] > _NEVER))
        if visible:
            seen[tile] = 1


@inlined
def _places(seen: Any, tiles: Any) -> int:
    """Note the tiles of which anything is seen, in order; how many."""
    count = 0
    for i in range(seen.size):
        if seen[i]:
            tiles[count] = i
            count += 1
    return count


@inlined
def _clear(numbers: Any, count: int) -> None:
    for i in range(count):
        numbers[i] = _ZERO


@kernel
def attend(orders: Any) -> None:
    """Orders: see ``decoding.target.attention``, which gives them. Steps are in bytes."""
    kind, heads, groups, queries, keys, size = orders[2], orders[3], orders[4], orders[5], orders[6], orders[7]
    block, scaling, limit = orders[8], float_of(np.int32(orders[9])), float_of(np.int32(orders[10]))
    key_step, value_step = orders[18], orders[22]
    item = 4 if kind == FLOAT32 else 2
    blocks = (queries + block - 1) // block
    shared = heads // groups
    width = (size + LANES - 1) // LANES * LANES
    padded = (keys + TILE - 1) // TILE * TILE
    most = block * shared
    # One piece of memory: tile, spare rows, queries, sums, scores, what masks add, totals and as many spare ones.
    memory = np.empty(2 * TILE * width + 2 * most * width + (most + block) * padded + 2 * most, np.float32)
    tile: Any = np.int64(memory.ctypes.data)  # Unsigned, as it is, it would turn sums with it to float64.
    spare = tile + TILE * width * 4
    query_rows = spare + TILE * width * 4
    sum_rows = query_rows + most * width * 4
    score_rows = sum_rows + most * width * 4
    bias_rows = score_rows + most * padded * 4
    totals = bias_rows + block * padded * 4
    seen = np.empty(padded // TILE, np.int32)
    tiles = np.empty(padded // TILE, np.int32)
    share = next_share(orders)
    while share < orders[1]:
        # The last queries of a prompt see the most keys: they come first, so that no thread begins with them last.
        first = (blocks - 1 - share % blocks) * block
        group = share // blocks % groups
        row = share // blocks // groups
        count = min(block, queries - first)
        key_start = orders[15] + row * orders[16] + group * orders[17]
        value_start = orders[19] + row * orders[20] + group * orders[21]
        seen[:] = 0
        for n in range(count):
            source = orders[23] + row * orders[24] + (first + n) * orders[25]
            _read_mask(kind, source, keys, padded, limit, float32s(bias_rows + n * padded * 4), seen)
            for g in range(shared):
                source = orders[11] + row * orders[12] + (group * shared + g) * orders[13] + (first + n) * orders[14]
                _read_query(kind, source, scaling, size, width, float32s(query_rows + (n * shared + g) * width * 4))
        looked = _places(seen, tiles)
        for i in range(looked):
            start = tiles[i] * TILE
            here, source, step = min(TILE, keys - start), key_start + start * key_step, key_step
            if kind != FLOAT32 or here < TILE or size < width:
                _widen_rows(kind, source, step, here, size, width, spare)
                source, step = spare, width * 4
            _as_tile(source, step, width, tile)
            _score(query_rows, count * shared, width, tile, score_rows + start * 4, padded * 4)
        for place in range(count * shared):
            bias = float32s(bias_rows + place // shared * padded * 4)
            _weigh(float32s(score_rows + place * padded * 4), bias, tiles, looked)
        _clear(float32s(totals), count * shared)
        _clear(float32s(sum_rows), count * shared * width)
        for i in range(looked):
            start = tiles[i] * TILE
            here, source, step = min(TILE, keys - start), value_start + start * value_step, value_step
            if kind != FLOAT32 or here < TILE or size < width:
                _widen_rows(kind, source, step, here, size, width, spare)
                source, step = spare, width * 4
            _accumulate(score_rows + start * 4, padded * 4, count * shared, source, step, width, sum_rows, totals)
        for place in range(count * shared):
            target = ((row * queries + first + place // shared) * heads + group * shared + place % shared) * size
            total = float32s(totals)[place]
            _write(kind, float32s(sum_rows + place * width * 4), total, size, orders[26] + target * item)
        share = next_share(orders)
    memory[0] = _ZERO  # numba frees an array after the last line that names it, whoever has its address.
