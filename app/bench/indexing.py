"""``spandraft bench indexing [FILE ...]``: how fast documents are embedded, and what the number format costs in recall.

Without files the documents of Python, which the sample corpus has. All methods take turns over the same passages and
compute what is stored with them: a vector a passage and one a sentence. ``float32-8`` takes eight texts at once, as
Spandraft did before it counted tokens. ``cosine`` is the smallest of a passage's vector to that in float32; ``same_5``
says how many of the five passages nearest to a sentence are the same as in float32. N passages, Q sentences, D
dimensions.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.bench.report import Report, Row, progress
from app.config.settings import Settings
from app.errors import InputError
from app.loading.search_models import documents_in_bfloat16, load_encoder
from corpora.documents import Passage
from corpora.loaders.sandboxed_loader import load_file
from corpora.sample import sample_documents
from corpora.text.chunking import passages, sentences
from retrieval.dense import VectorRows, read_vectors
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evidence.sentences import SentenceRows

_ROUNDS: Final = 3
_MOST_PASSAGES: Final = 400
_QUERIES: Final = 200
_NEAREST: Final = 5
_EIGHT: Final = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this bench takes."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="documents; without: those of Python")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="times each method runs (default: %(default)s)")
    parser.add_argument(
        "--passages",
        type=int,
        default=_MOST_PASSAGES,
        help="passages at most (default: %(default)s, some 0.3 MB)",
    )


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Embed the same passages by every method in turn. Raises InputError where nothing is asked for."""
    if min(args.rounds, args.passages) < 1:
        raise InputError("--rounds and --passages must be at least 1", hint="for example --rounds 1 --passages 40")
    documents = [load_file(file) for file in args.files] if args.files else sample_documents()
    cut = [passage for document in documents for passage in passages(document)][: args.passages]
    encoders = {f"float32-{_EIGHT}": _encoder("float32", texts=_EIGHT), "float32": _encoder("float32")}
    if documents_in_bfloat16(settings.encoder_dtype):
        encoders["bfloat16"] = _encoder("bfloat16")
    took_s: dict[str, list[float]] = {name: [] for name in encoders}
    vectors: dict[str, NDArray[np.float32]] = {}
    for encoder in encoders.values():
        encoder.encode_passages([cut[0].text])  # so that it is loaded
    for number in range(args.rounds):
        progress(f"round {number + 1} of {args.rounds}: {len(cut)} passages")
        for name, encoder in encoders.items():
            began_s = time.perf_counter()
            stored = VectorRows(encoder).compute(cut)
            SentenceRows(encoder).compute(cut)
            took_s[name].append(time.perf_counter() - began_s)
            vectors[name] = read_vectors(stored)
    queries_QD = _queries(encoders["float32"], cut)
    rows = [_row(name, cut, took_s, vectors, queries_QD) for name in encoders]
    return Report.of(f"spandraft bench indexing --passages {args.passages} --rounds {args.rounds}", rows)


def _encoder(dtype: str, *, texts: int | None = None) -> SentenceTransformerEncoder:
    load = partial(load_encoder, dtype=dtype)
    return SentenceTransformerEncoder(device="cpu", batch_size=texts, load=load)


def _queries(encoder: SentenceTransformerEncoder, cut: Sequence[Passage]) -> NDArray[np.float32]:
    """(Q, D): a sentence out of each of some passages, as a question."""
    texts = [passage.text for passage in cut[:: max(1, len(cut) // _QUERIES)]]
    return encoder.encode_queries([text[start:end] for text in texts for start, end in sentences(text)[1:2]] or texts)


def _row(
    name: str,
    cut: Sequence[Passage],
    took_s: Mapping[str, Sequence[float]],
    vectors: Mapping[str, NDArray[np.float32]],
    queries_QD: NDArray[np.float32],
) -> Row:
    exact_ND, own_ND = vectors["float32"], vectors[name]
    nearest, own = (_nearest(queries_QD, vectors_ND) for vectors_ND in (exact_ND, own_ND))
    same = [len(set(a) & set(b)) / len(a) for a, b in zip(nearest, own, strict=True)]
    seconds = statistics.median(took_s[name])
    return {
        "method": name,
        "seconds": round(seconds, 3),
        "passages_per_s": round(len(cut) / seconds, 1),
        "times_as_fast": round(statistics.median(took_s[f"float32-{_EIGHT}"]) / seconds, 2),
        "cosine": round(float((exact_ND * own_ND).sum(axis=1).min()), 6),
        f"same_{_NEAREST}": round(statistics.fmean(same), 4),
    }


def _nearest(queries_QD: NDArray[np.float32], vectors_ND: NDArray[np.float32]) -> list[list[int]]:
    order_QN = np.argsort(-(queries_QD @ vectors_ND.T), axis=1, kind="stable")
    nearest: list[list[int]] = order_QN[:, :_NEAREST].tolist()
    return nearest
