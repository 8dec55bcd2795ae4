"""The cross-encoder scores as the network that was learned, each pair by itself; what it cannot use it says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from app.config.settings import Settings
from app.loading import search_models
from app.loading.bundled import CROSS_ENCODER, RELEVANCE
from app.loading.minilm import read_weights
from app.loading.minilm_bfloat16 import has_packed_products
from app.loading.minilm_cross_encoder import CrossEncoderFile, MiniLMCrossEncoder
from app.loading.pair_tokens import LONGEST, pair_tokenizer, pair_tokens
from app.loading.search_models import SearchModels, bundled_reranker
from app.model_store.checksum import sha256
from app.training.cross_encoder.export import write_cross_encoder
from app.training.cross_encoder.network import CrossNetwork
from app.training.cross_encoder.train import scores_of
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.errors import DamagedRelevance
from retrieval.evidence.cross_encoder import Blend
from retrieval.evidence.relevance import CosineRelevance, LearnedRelevance

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
    """One with everything changed, by chance."""
    torch.manual_seed(3)
    made = CrossNetwork(read_weights(FOLDER), rank=2)
    with torch.no_grad():
        for name, one in made.named_parameters():
            one.add_(torch.randn_like(one) * (0.5 if name == "last.weight" else 0.05))
    return made


@pytest.fixture(scope="module")
def file(network: CrossNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("written") / "cross_encoder.safetensors"
    write_cross_encoder(network.state_dict(), sha256(RELEVANCE), BLEND, written)
    return written


def model(file: Path, *, in_bfloat16: bool = False) -> MiniLMCrossEncoder:
    tokenizer = pair_tokenizer(FOLDER)
    return MiniLMCrossEncoder(CrossEncoderFile.read(file), read_weights(FOLDER), tokenizer, in_bfloat16=in_bfloat16)


def test_what_is_served_is_what_was_learned(network: CrossNetwork, file: Path) -> None:
    rows = pair_tokens(pair_tokenizer(FOLDER), QUESTION, UNITS)
    with torch.inference_mode():
        learned_P = scores_of(network, [ids for ids, _ in rows], [types for _, types in rows], part=2).numpy()
    assert np.ptp(learned_P) > 0.3
    np.testing.assert_allclose(model(file).scores(QUESTION, UNITS), learned_P, atol=0.06)
    assert CrossEncoderFile.read(file).blend == BLEND


@pytest.mark.parametrize(
    "in_bfloat16",
    [False, pytest.param(True, marks=pytest.mark.skipif(not has_packed_products(), reason="needs bfloat16"))],
)
def test_a_pair_scores_the_same_alone_and_among_others(file: Path, in_bfloat16: bool) -> None:
    own = model(file, in_bfloat16=in_bfloat16)
    alone_P = np.concatenate([own.scores(QUESTION, [unit]) for unit in UNITS])
    near = 0.06 if in_bfloat16 else 1e-4
    np.testing.assert_allclose(own.scores(QUESTION, UNITS), alone_P, atol=near)
    np.testing.assert_allclose(own.scores(QUESTION, UNITS[::-1])[::-1], alone_P, atol=near)
    with ThreadPoolExecutor(4) as pool:
        for found_P in pool.map(lambda _: own.scores(QUESTION, UNITS), range(8)):
            np.testing.assert_allclose(found_P, alone_P, atol=near)


def test_leads_tell(file: Path) -> None:
    own = model(file)
    without, other, led = own.scores(
        QUESTION, [("", "Two years."), ("Blades", "Two years."), ("Warranty", "Two years.")]
    )
    assert len({round(float(one), 3) for one in (without, other, led)}) == 3


def test_a_row_keeps_the_end_of_its_leads_and_is_never_too_long() -> None:
    tokenizer = pair_tokenizer(FOLDER)
    ((ids, types),) = pair_tokens(tokenizer, "why " * 90, [("far " * 50 + "\nnear", "text " * 200)])
    assert len(ids) == len(types) == LONGEST
    words = tokenizer.decode(ids, skip_special_tokens=False)
    assert words.startswith("[CLS] why")
    assert "near : text" in words
    assert words.endswith("text [SEP]")
    assert types.index(1) == ids.index(102) + 1


def test_what_is_no_cross_encoder_is_said(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(file.read_bytes()[:-100])
    for bad, said in (
        (broken, "is damaged"),
        (FOLDER / "model.safetensors", "of this version"),
        (tmp_path / "missing", "is missing"),
    ):
        with pytest.raises(DamagedRelevance, match=said):
            CrossEncoderFile.read(bad)


def _changed(file: Path, out: Path, *, without: str = "", nan: str = "", **facts: str) -> Path:
    with safe_open(file, "pt") as stored:
        metadata = stored.metadata() | facts
        tensors = {name: stored.get_tensor(name) for name in stored.keys() if name != without}  # noqa: SIM118
    if nan:
        tensors[nan] = torch.full_like(tensors[nan], torch.nan)
    save_file(tensors, out, metadata)
    return out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"without": "classifier.out.bias"}, "does not fit"),
        ({"without": "encoder.layer.3.output.lora_A"}, "does not fit"),
        ({"nan": "encoder.layer.5.output.LayerNorm.weight"}, "does not fit"),
        ({"blend": "nan 1 0"}, "is damaged"),
        ({"scorer": "0" * 64}, "another relevance scorer"),
        ({"encoder": "other"}, "was made of the encoder other"),
    ],
)
def test_a_file_that_does_not_belong_to_the_others_is_said_before_any_question(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    bad = _changed(CROSS_ENCODER, tmp_path / "cross_encoder.safetensors", **change)
    monkeypatch.setattr(search_models, "CROSS_ENCODER", bad)
    with pytest.raises(DamagedRelevance, match=said) as caught:
        SearchModels(Settings()).relevance()
    assert caught.value.hint == "install Spandraft again"


def test_the_bundled_scorer_has_a_second_stage_and_others_have_none(tmp_path: Path) -> None:
    copy = tmp_path / "relevance.npz"
    copy.write_bytes(RELEVANCE.read_bytes())
    for setting, has_one in ((None, True), ("bundled", True), (str(copy), False)):
        found = SearchModels(Settings(relevance=setting)).relevance()
        assert isinstance(found, LearnedRelevance)
        assert (found.reranker is not None) is has_one
    assert isinstance(SearchModels(Settings(relevance="none")).relevance(), CosineRelevance)


def test_it_reads_in_float32_where_the_processor_has_no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.loading.minilm_bfloat16.has_packed_products", lambda: False)
    encoder = LearnedRelevance.read(RELEVANCE).encoder
    reranker = bundled_reranker(encoder, read_weights, "bfloat16")
    assert np.isfinite(reranker.cross_encoder.scores(QUESTION, UNITS)).all()
