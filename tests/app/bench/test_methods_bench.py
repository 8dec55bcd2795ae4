"""The table of methods, and records made from the app."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from app.bench import methods, record
from app.bench.recorded import BUNDLED_TOKENIZER, TRACES, load_tokenizer, read_traces
from app.errors import SpandraftError
from app.settings import Settings
from decoding.presets import PRESETS
from tests.app.tiny import QUESTION


def test_each_method_has_its_paper_and_its_rule() -> None:
    found = {str(row["method"]): row for row in methods.run(argparse.Namespace(), Settings.load()).rows}
    assert list(found) == list(PRESETS)
    assert {name for name, row in found.items() if row["needs"] != "nothing"} == {
        "token-recycling",
        "draft-model",
        "speculative-sampling",
    }
    assert "Yang" in str(found["llma"]["paper"]) and "first place" in str(found["llma"]["rule"])


def test_the_committed_records_are_read_and_quote_their_passages() -> None:
    tokenizer = load_tokenizer(BUNDLED_TOKENIZER)
    answers, corrections = (read_traces(file, tokenizer) for file in TRACES)
    assert len(answers) >= 32 and len(corrections) >= 40
    for line in TRACES[0].read_text(encoding="utf-8").splitlines():
        made = json.loads(line)
        assert made["question"].endswith("?") and len(made["passages"]) == 5 and made["output"]


def test_recording_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SpandraftError):
        record.run(argparse.Namespace(folder=tmp_path, n=0), Settings(home=tmp_path))
    with pytest.raises(SpandraftError, match="cannot write"):
        record._write(tmp_path / "nowhere" / "a.jsonl", [{"question": QUESTION}])
