"""``--dtype auto`` on a CPU: int8 for large models that are exact in it, float32 with the reason for others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transformers as hf

from app.config.settings import Settings
from app.loading.models import choose_dtype
from decoding.target import quantized
from tests.support.broken_numba import broken

LARGE: dict[str, Any] = {"hidden_size": 2048, "num_hidden_layers": 16}
CPU = {"device": "cpu"}


@pytest.fixture(autouse=True)
def fast_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantized, "has_int8", lambda: True)


@pytest.fixture
def broken_numba(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with broken(monkeypatch, imports=False) as said:
        yield said


def saved(folder: Path, config: Any) -> str:
    config.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("config", [hf.LlamaConfig(**LARGE), hf.Qwen3Config(**LARGE), hf.Phi3Config(**LARGE)])
def test_large_models_that_are_exact_in_int8_take_it(tmp_path: Path, config: Any) -> None:
    assert choose_dtype(saved(tmp_path, config), Settings(**CPU)).name == "int8"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (hf.LlamaConfig(hidden_size=256, num_hidden_layers=4), "so small"),
        (hf.Gemma2Config(**LARGE), "not known to be exact for models of the type gemma2"),
        (hf.LlamaConfig(**LARGE, hidden_act="gelu_pytorch_tanh"), "activation gelu_pytorch_tanh"),
        (hf.MixtralConfig(**LARGE), "type mixtral"),
        (hf.MambaConfig(**LARGE), "type mamba"),
        (hf.Qwen3NextConfig(**LARGE), "type qwen3_next"),
    ],
)
def test_others_stay_in_float32_and_it_is_said_why(tmp_path: Path, config: Any, reason: str) -> None:
    chosen = choose_dtype(saved(tmp_path, config), Settings(**CPU))
    assert chosen.name == "float32"
    assert reason in chosen.reason


def test_where_numba_does_not_work_models_stay_in_float32(tmp_path: Path, broken_numba: str) -> None:
    chosen = choose_dtype(saved(tmp_path, hf.LlamaConfig(**LARGE)), Settings(**CPU))
    assert chosen.name == "float32"
    assert "int8 needs machine code" in chosen.reason
    assert broken_numba in chosen.reason


def test_what_others_quantise_or_place_is_left_to_them(tmp_path: Path) -> None:
    path = saved(tmp_path / "plain", hf.LlamaConfig(**LARGE))
    assert choose_dtype(path, Settings(device_map="auto")).name == "float32"
    assert choose_dtype(path, Settings(**CPU), {"device_map": "auto"}).name == "float32"
    assert choose_dtype(path, Settings(**CPU), {"quantization_config": {"load_in_8bit": True}}).name == "float32"
    assert choose_dtype(path, Settings(device="mps")).name == "float32"
    file = tmp_path / "plain" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8")) | {"quantization_config": {"quant_method": "fp8"}}
    file.write_text(json.dumps(config), encoding="utf-8")
    assert "quantised already" in choose_dtype(path, Settings(**CPU)).reason


def test_without_dot_products_or_where_it_is_set_nothing_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, hf.LlamaConfig(**LARGE))
    assert choose_dtype(path, Settings(**CPU, dtype="bfloat16")).name == "bfloat16"
    monkeypatch.setattr(quantized, "has_int8", lambda: False)
    assert "VNNI" in choose_dtype(path, Settings(**CPU)).reason
