"""The table of phrases in the tokens of a tokenizer, and which tokens are kin."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from app.bench.workload.traces import BUNDLED_TOKENIZER
from app.phrases import table
from app.phrases.table import blend_state, canonical_ids, phrases
from decoding.interfaces import Request
from decoding.sources.blend import phrases as phrases_module
from decoding.sources.blend.blend import Blend
from decoding.sources.blend.blend_state import BlendState
from tests.support.drafts import proposed


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(BUNDLED_TOKENIZER))


def test_prose_goes_on_as_prose(tokenizer: Tokenizer) -> None:
    source = Blend(BlendState(phrases=phrases(tokenizer)))
    source.start(Request(tuple(tokenizer.encode("It was one of", add_special_tokens=False).ids), 9))
    best = max(proposed(source, [], 16), key=lambda draft: draft.probabilities[0])
    assert tokenizer.decode(list(best.tokens)).split()[0] == "the"


def test_kin_differ_in_case_and_leading_space_only(tokenizer: Tokenizer) -> None:
    canonical_V = canonical_ids(tokenizer)
    assert canonical_V.size == tokenizer.get_vocab_size()
    assert all(canonical_V[kin] == kin for kin in set(canonical_V.tolist()))
    the, space_the, other = (
        tokenizer.encode(text, add_special_tokens=False).ids[-1] for text in ("The", "of the", "of a")
    )
    assert canonical_V[the] == canonical_V[space_the] != canonical_V[other]


def test_what_is_kept_is_what_is_made(tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = blend_state(tokenizer, folder=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(table, "phrases", None)  # Whoever makes it again, fails.
        kept = blend_state(tokenizer, folder=tmp_path)
    assert np.array_equal(kept.canonical_V, made.canonical_V)
    assert all(np.array_equal(*pair) for pair in zip(kept.phrases, made.phrases, strict=True))


def test_a_kept_file_that_is_damaged_or_in_the_way_costs_time_only(
    tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = blend_state(tokenizer, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1000])
    again = blend_state(tokenizer, folder=tmp_path)
    assert np.array_equal(again.phrases.keys_C, made.phrases.keys_C)
    assert "made again" in caplog.text
    assert blend_state(tokenizer, folder=file).phrases.keys_C.size, "a folder that is a file is no error"
    assert "not kept" in caplog.text


@pytest.mark.parametrize("place", [4, 40, -30, -300])
def test_a_flipped_byte_anywhere_costs_time_only(tokenizer: Tokenizer, tmp_path: Path, place: int) -> None:
    blend_state(tokenizer, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    for flip in (1, 8, 32):
        content = bytearray(file.read_bytes())
        content[place] ^= flip
        file.write_bytes(content)
        assert blend_state(tokenizer, folder=tmp_path).phrases.keys_C.size


def test_arrays_of_other_types_or_sizes_are_not_taken(tokenizer: Tokenizer, tmp_path: Path) -> None:
    made = blend_state(tokenizer, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    whole = {**made.phrases._asdict(), "canonical_V": made.canonical_V}
    for name, wrong in (("starts_C", made.phrases.starts_C[:-3]), ("keys_C", made.phrases.keys_C.astype(np.int32))):
        np.savez(file, **{**whole, name: wrong})
        assert np.array_equal(blend_state(tokenizer, folder=tmp_path).phrases.starts_C, made.phrases.starts_C)


def test_another_tokenizer_has_another_file(tokenizer: Tokenizer, tmp_path: Path) -> None:
    blend_state(tokenizer, folder=tmp_path)
    other = Tokenizer.from_str(tokenizer.to_str())
    other.add_tokens(["spandraft"])
    blend_state(other, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_only_the_latest_files_are_kept(tokenizer: Tokenizer, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.npz").write_bytes(b"old")
        os.utime(tmp_path / f"{number}.npz", ns=(number, number))
    blend_state(tokenizer, folder=tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert {"3.npz", "4.npz", "5.npz"} < names
    assert len(names) == 4


def test_code_that_changed_makes_another_file(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blend_state(tokenizer, folder=tmp_path)
    changed = tmp_path / "phrases.py"
    changed.write_bytes(Path(phrases_module.__file__).read_bytes() + b"# changed")
    monkeypatch.setattr(phrases_module, "__file__", str(changed))
    blend_state(tokenizer, folder=tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2
