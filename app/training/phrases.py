"""Builds the table of common phrases: what follows one or two pieces of English prose, counted and cut to size.

    python -m app.training.phrases OUT FILE.jsonl ...

A piece is a word with the space before it, a number, or punctuation; no tokenizer decides it. Written with the
standard library's xz around numpy's own format.
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = re.compile(r"'(?:s|t|re|ve|m|ll|d)\b| ?[^\W\d_]+| ?\d+| ?[^\s\w]+|\n")
_VOCABULARY = 30_000
# Least count of a context, least count and least share of a successor, most successors.
_ONE = (8, 3, 0.002, 12)
_TWO = (8, 3, 0.02, 8)
_MOST_TEXT = 1_500_000


def main() -> None:
    """Count the files and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    args = parser.parse_args()
    ids, pieces = numbered(texts(args.files))
    tables: dict[str, Any] = {}
    for order, limits in ((1, _ONE), (2, _TWO)):
        contexts, successors, levels = counted(ids, len(pieces), order, limits)
        # Sorted, so that differences are small, and small numbers compress.
        tables |= {f"contexts{order}": np.diff(contexts, prepend=0), f"successors{order}": successors}
        tables |= {f"levels{order}": levels}
    buffer = io.BytesIO()
    np.savez(buffer, pieces=np.frombuffer("\x00".join(pieces).encode(), np.uint8), **tables)
    args.out.write_bytes(lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, {len(pieces):,} pieces")


def texts(files: Iterable[Path]) -> Iterator[str]:
    """The texts (or contexts of questions) of JSON Lines files, each once, cut to the first 1,500,000 letters."""
    for file in files:
        seen: set[str] = set()
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                text = record["text"] if "text" in record else record["context"]
                if text not in seen:
                    seen.add(text)
                    yield text[:_MOST_TEXT]


def numbered(parts: Iterable[str]) -> tuple[NDArray[np.int64], list[str]]:
    """The pieces of all texts as numbers, and the piece of each number. 0 is a rare piece or the border of a text."""
    numbers: dict[str, int] = {}
    stream: list[NDArray[np.int32]] = []
    for part in parts:
        piece_ids = [numbers.setdefault(piece, len(numbers) + 1) for piece in PIECE.findall(part)]
        stream.append(np.array([0, *piece_ids], np.int32))
    ids = np.concatenate(stream)
    often = Counter(dict(enumerate(np.bincount(ids).tolist())))
    often[0] = 0
    kept = [number for number, _ in often.most_common(_VOCABULARY)]
    rank = np.zeros(len(numbers) + 1, np.int64)
    rank[kept] = np.arange(1, len(kept) + 1)
    names = {number: piece for piece, number in numbers.items()}
    return rank[ids], ["", *(names[number] for number in kept)]


def counted(
    ids: NDArray[np.int64], size: int, order: int, limits: tuple[int, int, float, int]
) -> tuple[NDArray[np.int64], NDArray[np.uint16], NDArray[np.uint8]]:
    """Contexts, successors and levels (eighths of the binary log of the count) of the kept pairs.

    Successor 0 stands for all successors that are left out.
    """
    least_context, least, share, most = limits
    contexts = ids[:-1] if order == 1 else ids[:-2] * size + ids[1:-1]
    following = ids[order:]
    whole = (contexts > 0) if order == 1 else (ids[:-2] > 0) & (ids[1:-1] > 0)
    pairs, counts = np.unique(contexts[whole] * size + following[whole], return_counts=True)
    contexts, following = pairs // size, pairs % size
    fresh = np.flatnonzero(np.r_[True, contexts[1:] != contexts[:-1]])
    repeats = np.diff(np.r_[fresh, contexts.size])
    totals = np.repeat(np.add.reduceat(counts, fresh), repeats)
    rank_order = np.lexsort((-counts, contexts))
    ranks = np.empty(contexts.size, np.int64)
    ranks[rank_order] = np.arange(contexts.size) - np.repeat(fresh, repeats)
    kept = (totals >= least_context) & (counts >= least) & (counts >= share * totals) & (ranks < most) & (following > 0)
    rest_contexts, rest_at = np.unique(contexts[kept], return_index=True)
    rest = totals[kept][rest_at] - np.add.reduceat(counts[kept], rest_at)
    all_contexts = np.r_[contexts[kept], rest_contexts]
    all_following = np.r_[following[kept], np.zeros(rest_contexts.size, np.int64)]
    all_counts = np.r_[counts[kept], rest]
    by = np.lexsort((all_following, all_contexts))
    levels = np.rint(8 * np.log2(np.maximum(all_counts[by], 1))).astype(np.uint8)
    print(f"order {order}: {rest_contexts.size:,} contexts, {int(kept.sum()):,} successors")
    return all_contexts[by], all_following[by].astype(np.uint16), levels


if __name__ == "__main__":
    main()
