"""GGUF files become folders: exactly, with tokenizer and template; one that cannot is refused, and nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from safetensors.torch import load_file
from transformers import AutoTokenizer

from app.config.settings import Settings
from app.errors import SpandraftError
from app.loading.engine import request_builder
from app.model_store.gguf_file import read_gguf
from app.model_store.store import ModelStore
from decoding.errors import ModelTooLarge
from decoding.interfaces import Request
from tests.support.gguf_files import CHAT_TEMPLATE, HEADS, HIDDEN, write_gguf


def imported(store: ModelStore, file: Path, **options: Any) -> Path:
    record = store.add(file, origin="a test", report=lambda _: None, **options)
    return store.path(record.name)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "home")


@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_0, Kind.F16, Kind.BF16, Kind.F32])
def test_every_weight_is_the_file_s_own_exactly(tmp_path: Path, store: ModelStore, kind: Kind) -> None:
    """Unpacked by gguf's own rules here, by transformers there; rows of queries and keys stand in another order."""
    theirs = write_gguf(tmp_path / "small.gguf", kind=kind)
    ours = load_file(imported(store, tmp_path / "small.gguf") / "model.safetensors")
    assert {tensor.dtype for tensor in ours.values()} == {torch.float32}
    assert len(ours) == len(theirs), "the tied output matrix is not written twice"
    for name, mine in {
        "token_embd.weight": "model.embed_tokens.weight",
        "blk.1.ffn_down.weight": "model.layers.1.mlp.down_proj.weight",
        "blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight",
        "output_norm.weight": "model.norm.weight",
    }.items():
        assert np.array_equal(ours[mine].numpy(), theirs[name]), name
    # llama.cpp keeps the two halves of each head interleaved.
    size = HIDDEN // HEADS
    permuted = theirs["blk.0.attn_q.weight"].reshape(HEADS, size // 2, 2, HIDDEN).swapaxes(1, 2).reshape(HIDDEN, HIDDEN)
    assert np.array_equal(ours["model.layers.0.self_attn.q_proj.weight"].numpy(), permuted)


def test_tokenizer_template_and_licence_come_from_the_file(tmp_path: Path, store: ModelStore) -> None:
    write_gguf(tmp_path / "Small Model.Q8_0.gguf", licence="gpl-3.0")
    folder = imported(store, tmp_path / "Small Model.Q8_0.gguf")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.decode(tokenizer.encode("the theory and in")) == "the theory and in"
    assert tokenizer.eos_token == "<|im_end|>"
    (record,) = store.records()
    assert record.name.startswith("small-model.q8_0-") and record.source == "Small Model.Q8_0.gguf"
    assert (record.licence, record.architecture, record.quantization) == ("gpl-3.0", "llama", "Q8_0")
    assert "quantization_config" not in json.loads((folder / "config.json").read_text(encoding="utf-8"))


def test_what_is_converted_writes_with_drafts_as_without(tmp_path: Path) -> None:
    file = tmp_path / "small.gguf"
    write_gguf(file, kind=Kind.F32)
    builder = request_builder(Settings(home=tmp_path / "home", target=str(file), sources=("prompt-lookup",)))
    prompt = builder.tokens.plain("the theory and the theory and in the").ids
    written = [
        builder.engine.generate(Request(prompt=tuple(prompt), max_new_tokens=24), speculate=speculate).tokens
        for speculate in (True, False)
    ]
    assert written[0] == written[1] and len(written[0]) > 0


Damage = Callable[[Path], object]


def cut(share: float) -> Damage:
    return lambda file: os.truncate(file, int(file.stat().st_size * share))


def patched(place: int, data: bytes) -> Damage:
    def patch(file: Path) -> None:
        with file.open("r+b") as stream:
            stream.seek(place)
            stream.write(data)

    return patch


def garbage(file: Path) -> None:
    file.write_bytes(np.random.default_rng(0).bytes(4096))


def last_tensor_s_type(kind: int) -> Damage:
    """The header's last 12 bytes are the type and the place of the last tensor."""

    def patch(file: Path) -> None:
        data = file.read_bytes()
        name = b"blk.1.ffn_down.weight"
        place = data.index(name) + len(name) + 4 + 2 * 8
        file.write_bytes(data[:place] + struct.pack("<I", kind) + data[place + 4 :])

    return patch


NESTED = struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 20_000
BAD = {
    "empty": (lambda file: os.truncate(file, 0), {}, "is empty", "GGUF"),
    "encrypted": (garbage, {}, "encrypted, damaged or of another kind", "GGUF"),
    "cut in the header": (cut(0.01), {}, "cut short or damaged", "fetch the file again"),
    "cut in the weights": (cut(0.9), {}, r"cut short: it has [\d,]+ of [\d,]+ bytes", "fetch the file again"),
    "cut by a byte": (
        lambda file: os.truncate(file, file.stat().st_size - 40),
        {},
        "cut short",
        "fetch the file again",
    ),
    "counts without sense": (
        patched(8, b"\xff" * 16),
        {},
        "its header is longer than the file",
        "fetch the file again",
    ),
    "arrays in arrays without end": (
        # The first key's value: arrays of one array each, deeper than any program would follow.
        lambda file: file.write_bytes(file.read_bytes()[:24] + NESTED),
        {},
        "cut short or damaged",
        "fetch the file again",
    ),
    "version 9": (patched(4, struct.pack("<I", 9)), {}, "GGUF of version 9", "version 3"),
    "big-endian": (patched(4, struct.pack(">I", 3)), {}, "big-endian", "newer"),
    "another architecture": (
        None,
        {"architecture": "rwkv7"},
        "architecture rwkv7, which transformers",
        "it can read .*llama",
    ),
    "unknown quantisation": (last_tensor_s_type(99), {}, "quantisation ggml's type 99", "Q8_0"),
    "unreadable quantisation": (last_tensor_s_type(int(Kind.I8)), {}, "quantisation I8", "Q8_0"),
    "no tokenizer": (None, {"tokenizer": False}, "has no tokenizer", "converted together with its tokenizer"),
    "a part of several": (None, {"extra": {"split.count": 3}}, "one of 3 parts", "--merge"),
    "an adapter": (None, {"extra": {"general.type": "adapter"}}, "of the type .adapter.", "the model itself"),
    "a weight lacks": (
        None,
        {"without": "blk.0.ffn_up.weight"},
        "lacks 1 of the weights .*mlp.up_proj",
        "fetch the file",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_cannot_be_converted_is_refused_and_leaves_nothing(
    tmp_path: Path, store: ModelStore, case: str
) -> None:
    damage, options, cause, hint = BAD[case]
    file = tmp_path / "small.gguf"
    write_gguf(file, **options)
    if damage is not None:
        damage(file)
    with pytest.raises(SpandraftError) as caught:
        imported(store, file)
    assert "\n" not in caught.value.cause + caught.value.hint
    assert str(file) in caught.value.cause
    assert re.search(cause, caught.value.cause), caught.value.cause
    assert re.search(hint, caught.value.hint), caught.value.hint
    assert store.records() == [] and store.leftovers() == []


def test_a_header_cut_anywhere_is_a_refusal_never_a_crash(tmp_path: Path) -> None:
    whole = tmp_path / "whole.gguf"
    write_gguf(whole)
    read_gguf(whole)
    data = whole.read_bytes()
    rng = np.random.default_rng(1)
    for place in [*range(64), *rng.integers(64, len(data) - 40, 200).tolist()]:
        piece = tmp_path / "piece.gguf"
        piece.write_bytes(data[:place])
        with pytest.raises(SpandraftError):
            read_gguf(piece)


def test_a_flipped_byte_of_the_header_is_a_refusal_or_harmless(tmp_path: Path) -> None:
    whole = tmp_path / "whole.gguf"
    write_gguf(whole)
    data = bytearray(whole.read_bytes())
    rng = np.random.default_rng(2)
    for place in rng.integers(0, 6000, 300).tolist():
        flipped = data.copy()
        flipped[place] ^= 1 << int(rng.integers(0, 8))
        whole.write_bytes(flipped)
        with contextlib.suppress(SpandraftError):  # Whatever else it raises fails the test.
            read_gguf(whole)


def test_a_model_larger_than_memory_is_refused_before_anything_is_read(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is sparse: 40 billion weights that nobody could hold, of which only the header is real."""
    file = tmp_path / "huge.gguf"
    write_gguf(file, kind=Kind.F16)
    data = bytearray(file.read_bytes())
    name = b"blk.1.ffn_down.weight"
    place = data.index(name) + len(name) + 4
    wide = 2**34
    data[place : place + 16] = struct.pack("<QQ", wide, 2**4)
    file.write_bytes(data)
    os.truncate(file, len(data) + wide * 2**4 * 2)
    with pytest.raises(ModelTooLarge) as caught:
        imported(store, file)
    assert "huge.gguf needs" in caught.value.cause and "GiB are free" in caught.value.cause
    assert store.leftovers() == []


def test_a_disk_without_room_is_refused_before_anything_is_written(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gguf(tmp_path / "small.gguf")
    usage = shutil.disk_usage(tmp_path)._replace(free=10 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SpandraftError) as caught:
        imported(store, tmp_path / "small.gguf")
    assert f"no room in {store.folder} for the" in caught.value.cause and "SPANDRAFT_HOME" in caught.value.hint
    assert list(store.folder.iterdir()) == []


LIMITED = """
import resource, sys
from pathlib import Path
from app.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
sys.exit(main(["models", "import", sys.argv[1], "--set", "home=" + sys.argv[2]]))
"""


def test_a_disk_that_fills_up_during_the_conversion_is_said_and_left_clean(tmp_path: Path, store: ModelStore) -> None:
    """A limit on the size of files breaks the weights in the middle, as a full disk does."""
    file = tmp_path / "small.gguf"
    write_gguf(file)
    home = store.folder.parent
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(file), str(home)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert f"error: there is no room in {store.folder}" in done.stderr
    assert "SPANDRAFT_HOME" in done.stderr.splitlines()[-1]
    assert [one.name for one in store.folder.iterdir()] == ["writer.lock"]


def test_gguf_knows_what_is_unpacked() -> None:
    """Which quantisations can be read is asked of the library, not listed here."""
    assert {Kind.Q4_K, Kind.Q6_K, Kind.IQ4_XS} <= set(gguf.quants._type_traits)
