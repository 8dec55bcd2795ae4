"""The reader of pairs scores as the network that was learned, each pair by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from app.loading.minilm import encoder_weights
from app.loading.minilm_bfloat16 import has_packed_products
from app.loading.pair_reader import LONGEST, MiniLMPairReader, PairChanges
from app.loading.pair_tokens import pair_tokenizer, pair_tokens
from app.training.cross_encoder.export import write_reader
from app.training.cross_encoder.network import CrossNetwork
from app.training.cross_encoder.train import scores_of
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.errors import DamagedRelevance
from retrieval.evidence.cross_encoder import Blend

FOLDER = find_encoder(DEFAULT_ENCODER).folder
BLEND = Blend(0.25, 0.75, -0.125)
QUESTION = "how long is the warranty"
UNITS = (
    ("Lawn mowers\nWarranty", "Two years from the day of purchase."),
    ("", "It is 24 months."),
    ("Lawn mowers\nBlades", "Blades are sharpened " + "again and again " * 60 + "once a year."),
    ("", "No."),
    ("Contact", "Call us between nine and five, Monday to Friday, and have the number of your order at hand."),
)


@pytest.fixture(scope="module")
def network() -> CrossNetwork:
    """One that reads: every change and the head are there, by chance."""
    torch.manual_seed(3)
    made = CrossNetwork(encoder_weights(FOLDER), rank=2)
    with torch.no_grad():
        for name, one in made.named_parameters():
            if name.endswith("up_OR") or name == "last.weight":
                one.normal_(std=0.1 if one.shape[0] > 1 else 0.5)
    return made


@pytest.fixture(scope="module")
def file(network: CrossNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("reader") / "reader.safetensors"
    write_reader(network.state_dict(), BLEND, written)
    return written


def reader(file: Path, *, in_bfloat16: bool = False) -> MiniLMPairReader:
    return MiniLMPairReader.of(PairChanges.read(file), FOLDER, in_bfloat16=in_bfloat16)


def test_what_is_read_is_what_was_learned(network: CrossNetwork, file: Path) -> None:
    rows = pair_tokens(pair_tokenizer(FOLDER), QUESTION, UNITS, LONGEST)
    with torch.inference_mode():
        learned_P = scores_of(network, [ids for ids, _ in rows], [sides for _, sides in rows], part=2).numpy()
    assert np.ptp(learned_P) > 0.3
    np.testing.assert_allclose(reader(file).scores(QUESTION, UNITS), learned_P, atol=0.05)
    assert PairChanges.read(file).blend == BLEND


@pytest.mark.parametrize(
    "in_bfloat16",
    [False, pytest.param(True, marks=pytest.mark.skipif(not has_packed_products(), reason="needs bfloat16"))],
)
def test_a_pair_scores_the_same_alone_and_among_others(file: Path, in_bfloat16: bool) -> None:
    own = reader(file, in_bfloat16=in_bfloat16)
    alone_P = np.concatenate([own.scores(QUESTION, [unit]) for unit in UNITS])
    np.testing.assert_allclose(own.scores(QUESTION, UNITS), alone_P, atol=0.05 if in_bfloat16 else 1e-4)
    np.testing.assert_allclose(own.scores(QUESTION, UNITS[::-1])[::-1], alone_P, atol=0.05 if in_bfloat16 else 1e-4)


def test_leads_tell(file: Path) -> None:
    own = reader(file)
    without, other, led = own.scores(
        QUESTION, [("", "Two years."), ("Blades", "Two years."), ("Warranty", "Two years.")]
    )
    assert len({round(float(one), 3) for one in (without, other, led)}) == 3


def test_a_row_keeps_the_end_of_its_leads_and_is_never_too_long() -> None:
    tokenizer = pair_tokenizer(FOLDER)
    ((ids, sides),) = pair_tokens(tokenizer, "why " * 90, [("far " * 50 + "\nnear", "text " * 200)], LONGEST)
    assert len(ids) == len(sides) == LONGEST
    words = tokenizer.decode(ids, skip_special_tokens=False)
    assert words.startswith("[CLS] why")
    assert "near : text" in words
    assert words.endswith("text [SEP]")
    assert sides.index(1) == ids.index(102) + 1


def test_what_is_no_reader_is_said(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(file.read_bytes()[:-100])
    for bad in (broken, FOLDER / "model.safetensors", tmp_path / "missing"):
        with pytest.raises(DamagedRelevance):
            PairChanges.read(bad)
