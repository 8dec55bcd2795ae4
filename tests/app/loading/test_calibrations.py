"""A calibration is found by any copy of the model that it was made for, and by no other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.generation.logit_biases import LogitBiases
from app.generation.tokenizer import TextTokenizer
from app.loading.bundled import MODELS
from app.loading.calibrations import logit_biases, whose_biases
from decoding.target.target import Target

STORED = json.loads((MODELS / "smollm2" / "spandraft.json").read_text(encoding="utf-8"))


@dataclass
class Like:
    """The facts of a target that is like the one that was calibrated, but for ``changed``."""

    changed: dict[str, Any]

    def biases(self, folder: Path) -> LogitBiases:
        return logit_biases(folder, *self._loaded())

    def whose(self, folder: Path) -> str:
        return whose_biases(folder, *self._loaded())

    def _loaded(self) -> tuple[Target, TextTokenizer]:
        facts = {**STORED["model"], **self.changed}
        tokens = SimpleNamespace(hf=SimpleNamespace(eos_token=facts.pop("eos_token")))
        target = SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(**facts)))
        return cast(Target, target), cast(TextTokenizer, tokens)


def test_a_copy_anywhere_has_the_calibration(tmp_path: Path) -> None:
    found = Like({}).biases(tmp_path)
    assert found == LogitBiases.of(STORED)
    assert found.evidence_slope > 0
    assert Like({}).whose(tmp_path) == "those of SmolLM2-135M-Instruct"


@pytest.mark.parametrize("changed", [{"hidden_size": 960}, {"num_hidden_layers": 32}, {"eos_token": "<|endoftext|>"}])
def test_another_model_has_none(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert Like(changed).biases(tmp_path) == LogitBiases()
    assert Like(changed).whose(tmp_path).startswith("none")


def test_the_model_s_own_file_wins(tmp_path: Path) -> None:
    (tmp_path / "spandraft.json").write_text(json.dumps({"evidence_slope": 1.5}), encoding="utf-8")
    assert Like({}).biases(tmp_path) == LogitBiases(evidence_slope=1.5)
    assert Like({}).whose(tmp_path) == "its own"
