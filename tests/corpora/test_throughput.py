"""Ingest keeps the encoder busy: the whole way from files to a stored corpus, beside the encoder alone.

The figure is a product: the share of the ingest's time in which the encoder was at work, and what the same rows cost
the processor in the batches that suit the encoder best, over what they cost in those that ingest made. The two costs
are measured in turn, on one thread, so that other work on the machine does not touch them. ``--n`` is the number of
passages, about.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from corpora.documents import Passage
from corpora.interfaces import Derived
from corpora.jobs.ingest import ingest
from corpora.store.library import Library
from retrieval.dense import VectorRows
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evidence.sentences import SentenceRows

_ROUNDS = 2
_SIZES = (8, 16, 32)  # texts that the encoder takes at once
_WANTED = 0.9
_FORMATS = (("txt", "", ""), ("md", "", ""), ("html", "<html><body><pre>", "</pre></body></html>"))


class Watched:
    """A ``Derived`` that notes what it was given at once, and for how long it was at work."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived
        self.kind = derived.kind
        self.busy_s = 0.0
        self.batches: list[Sequence[Passage]] = []

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        began_s = time.perf_counter()
        rows = self._derived.compute(passages)
        self.busy_s += time.perf_counter() - began_s
        self.batches.append(passages)
        return rows


def write_files(folder: Path, passages: int) -> None:
    """Files of all sizes: the language reference as text, as Markdown and as HTML."""
    folder.mkdir()
    chars = passages * 700
    for number, (name, text) in enumerate(sorted(topics.items())):
        suffix, before, after = _FORMATS[number % len(_FORMATS)]
        (folder / f"{name}.{suffix}").write_text(before + text + after)
        chars -= len(text)
        if chars < 0:
            return


def rows_of(size: int | None) -> list[Derived]:
    """The rows of an encoder that is loaded and takes this many texts at once; None for as many as it likes."""
    encoder = SentenceTransformerEncoder(batch_size=size)
    encoder.encode_passages(["so that it is loaded"])
    return [VectorRows(encoder), SentenceRows(encoder)]


def cost_s(derived: Sequence[Derived], batches: Sequence[Sequence[Passage]]) -> float:
    """Processor seconds for the rows of these batches."""
    began_s = time.thread_time()
    for batch in batches:
        for one in derived:
            one.compute(batch)
    return time.thread_time() - began_s


@pytest.mark.timed
@pytest.mark.slow
def test_ingest_keeps_the_encoder_busy(tmp_path: Path, rounds: Callable[[int], int]) -> None:
    assert os.environ["OMP_NUM_THREADS"] == "1", "processor time is counted for one thread"
    derived = rows_of(None)
    write_files(tmp_path / "files", rounds(150))
    store = Library(tmp_path / "home").create("x")
    watched = [Watched(one) for one in derived]
    began_s = time.perf_counter()
    outcomes = ingest(store, [tmp_path / "files"], derived=watched)
    whole_s = time.perf_counter() - began_s
    passages = [one.passage for one in store.passages_after(0)]
    store.close()
    assert {outcome.status for outcome in outcomes} == {"added"}
    busy = sum(one.busy_s for one in watched) / whole_s

    made, alone = list[float](), {size: list[float]() for size in _SIZES}
    for _ in range(_ROUNDS):
        made.append(cost_s(derived, watched[0].batches))
        for size in _SIZES:
            alone[size].append(cost_s(rows_of(size), [passages]))
    best = min(_SIZES, key=lambda size: min(alone[size]))
    thrift = min(alone[best]) / min(made)
    print(  # noqa: T201
        f"\n{len(passages)} passages of {len(outcomes)} files: the encoder was busy for {busy:.1%} of {whole_s:.1f} s; "
        f"rows cost {min(made):.2f} s as it was fed, {min(alone[best]):.2f} s all at once in batches of {best}: "
        f"{busy * thrift:.1%} of its own throughput"
    )
    assert busy * min(thrift, 1.0) >= _WANTED
