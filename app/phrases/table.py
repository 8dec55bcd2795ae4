"""Common phrases for the tokenizer at hand: the table of English pieces, as counts over its token ids; and its
canonical ids.

The table knows no tokenizer (see app.training.phrases); a piece becomes the ids that the tokenizer makes of it behind
other text. That takes most of a second, so the result is kept in the home folder, a file for each tokenizer, whose name
is a digest of all that it was made of, this code included. N rows of the table.
"""

from __future__ import annotations

import hashlib
import io
import logging
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from corpora.store.atomic_write import remove_file, write_file
from decoding.sources.blend import phrases as phrases_module
from decoding.sources.blend.blend_state import BlendState
from decoding.sources.blend.phrases import Phrases, context_key, phrases_of

log = logging.getLogger(__name__)

TABLE = Path(__file__).parent / "phrases.xz"
_LEVELS = 8
_NO_TOKEN = -1
_KEPT = 4  # files, the latest
_TYPES = (np.int64, np.int32, np.float32, np.int32, np.float32, np.int32)  # of ``Phrases``, then the canonical ids
# Something before a piece, so that it is encoded as the middle of a text: a letter before what is no letter.
_BEFORE = ("a", '"')


def blend_state(tokenizer: Tokenizer, table: Path = TABLE, *, folder: Path | None = None) -> BlendState:
    """What the blend may know about a vocabulary before it has seen any request.

    ``folder`` is where it is kept for the next time, None for nowhere. A file that cannot be read is made again;
    one that cannot be written costs the time only.
    """
    if folder is None:
        return BlendState(canonical_V=canonical_ids(tokenizer), phrases=phrases(tokenizer, table))
    file = folder / f"{_digest(tokenizer, table)}.npz"
    state = _read(file, tokenizer.get_vocab_size())
    if state is None:
        state = blend_state(tokenizer, table)
        _write(file, state)
    return state


def _digest(tokenizer: Tokenizer, table: Path) -> str:
    whole = hashlib.sha256(tokenizer.to_str().encode())
    for file in (table, Path(__file__), Path(phrases_module.__file__)):
        whole.update(file.read_bytes())
    return whole.hexdigest()[:32]


def _read(file: Path, vocabulary: int) -> BlendState | None:
    """What ``file`` keeps; None if it keeps nothing, or not what the kernels may be given."""
    if not file.exists():
        return None
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            kept = Phrases(**{name: arrays[name] for name in Phrases._fields})
            canonical_V = arrays["canonical_V"]
    except Exception as error:  # noqa: BLE001  # A zip that is damaged anywhere; the file is a cache.
        log.warning("%s is made again, it cannot be read: %r", file, error)
        return None
    types = (*(array.dtype for array in kept), canonical_V.dtype)
    sizes = (kept.starts_C.shape, kept.rest_C.shape, kept.tokens_S.shape, kept.chances_S.shape, canonical_V.shape)
    contexts = kept.keys_C.size
    successors = kept.starts_C.flat[-1] if kept.starts_C.size else -1
    if types != _TYPES or sizes != ((contexts + 1,), (contexts,), (successors,), (successors,), (vocabulary,)):
        log.warning("%s is made again, it holds arrays of other types or sizes", file)
        return None
    return BlendState(canonical_V=canonical_V, phrases=kept)


def _write(file: Path, state: BlendState) -> None:
    whole = io.BytesIO()
    assert state.canonical_V is not None
    np.savez(whole, allow_pickle=False, canonical_V=state.canonical_V, **state.phrases._asdict())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, [whole.getbuffer()])
        for old in sorted(file.parent.glob("*.npz"), key=lambda other: other.stat().st_mtime_ns)[:-_KEPT]:
            remove_file(old)
    except OSError as error:
        log.warning("the phrase table is not kept for the next start: %s", error)


def canonical_ids(tokenizer: Tokenizer) -> NDArray[np.int32]:
    """(V) for each id the canonical one of those that differ in case or in the space before them only."""
    first: dict[str, int] = {}
    texts = tokenizer.decode_batch([[at] for at in range(tokenizer.get_vocab_size())], skip_special_tokens=False)
    folded = [text.strip().casefold() for text in texts]
    # Bytes that are no text alone, and mere spaces, are canonical themselves.
    return np.array(
        [first.setdefault(text, at) if text and "\ufffd" not in text else at for at, text in enumerate(folded)],
        np.int32,
    )


def phrases(tokenizer: Tokenizer, table: Path = TABLE) -> Phrases:
    """The table in token ids."""
    with np.load(io.BytesIO(lzma.decompress(table.read_bytes())), allow_pickle=False) as arrays:
        pieces = arrays["pieces"].tobytes().decode().split("\x00")
        rows = {name: arrays[name] for name in arrays.files if name != "pieces"}
    ids = _Ids.of(_encoded(tokenizer, pieces))
    keys, tokens, counts = [], [], []
    for order in (1, 2):
        contexts = np.cumsum(rows[f"contexts{order}"])
        successors = rows[f"successors{order}"].astype(np.int64)
        last = contexts % len(pieces)
        before = contexts // len(pieces) if order == 2 else np.zeros_like(contexts)
        key, known = ids.keys(before, last, order)
        keys.append(key[known])
        tokens.append(np.where(successors > 0, ids.first_P[successors], _NO_TOKEN)[known])
        counts.append(2.0 ** (rows[f"levels{order}"][known] / _LEVELS))
    often_P = np.zeros(len(pieces))
    np.add.at(often_P, rows["successors1"], 2.0 ** (rows["levels1"] / _LEVELS))
    inner = ids.inner(often_P)
    parts = [np.concatenate([*made, more]) for made, more in zip((keys, tokens, counts), inner, strict=True)]
    return phrases_of(parts[0], parts[1].astype(np.int32), parts[2])


def _encoded(tokenizer: Tokenizer, pieces: Sequence[str]) -> list[tuple[int, ...]]:
    """The ids of each piece in the middle of a text; none if it has none of its own."""
    heads = [tokenizer.encode(before, add_special_tokens=False).ids for before in _BEFORE]
    kinds = [piece[:1].isalnum() for piece in pieces]
    texts = [_BEFORE[kind] + piece for kind, piece in zip(kinds, pieces, strict=True)]
    encoded = [one.ids for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    return [
        tuple(ids[len(heads[kind]) :]) if ids[: len(heads[kind])] == heads[kind] else ()
        for kind, ids in zip(kinds, encoded, strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Ids:
    """The ids of P pieces: the first, the last, the one before the last (-1 where there is none), and all."""

    first_P: NDArray[np.int64]
    last_P: NDArray[np.int64]
    second_last_P: NDArray[np.int64]
    all: Sequence[tuple[int, ...]]

    @classmethod
    def of(cls, ids: Sequence[tuple[int, ...]]) -> _Ids:
        return cls(
            np.array([one[0] if one else _NO_TOKEN for one in ids]),
            np.array([one[-1] if one else _NO_TOKEN for one in ids]),
            np.array([one[-2] if len(one) > 1 else _NO_TOKEN for one in ids]),
            ids,
        )

    def keys(
        self, before_N: NDArray[np.int64], last_N: NDArray[np.int64], order: int
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Context keys of pieces, and which of them are known: of two pieces, or of the last one alone."""
        last_ids_N = self.last_P[last_N]
        known_N = last_ids_N != _NO_TOKEN
        if order == 1:
            return last_ids_N + 1, known_N
        inside_N = self.second_last_P[last_N]
        before_ids_N = np.where(inside_N != _NO_TOKEN, inside_N, self.last_P[before_N])
        return context_key(before_ids_N, last_ids_N), known_N & (before_ids_N != _NO_TOKEN)

    def inner(self, often_P: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Counts inside pieces of several ids: each id behind the one, and the two, before it."""
        rows = [
            (before, last, token, often)
            for ids, often in zip(self.all, often_P.tolist(), strict=True)
            for before, last, token in zip((_NO_TOKEN, *ids), ids, ids[1:], strict=False)
            if often
        ]
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        before_N, last_N, token_N, often_N = (np.array(column) for column in zip(*rows, strict=True))
        pairs_N = before_N != _NO_TOKEN
        keys_N = np.r_[last_N + 1, context_key(before_N, last_N)[pairs_N]]
        return keys_N, np.r_[token_N, token_N[pairs_N]], np.r_[often_N, often_N[pairs_N]]
