"""The table of methods, and records made from the app."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from app.bench import methods
from app.bench.replay import figures, record
from app.bench.report import PAGE, renew_block
from app.bench.workload.traces import BUNDLED_TOKENIZER, TRACES, load_tokenizer, read_traces
from app.config.settings import Settings
from app.errors import SpandraftError
from decoding.drafting.presets import PRESETS
from tests.support.tiny import QUESTION, pipeline_of


def test_each_method_has_its_paper_and_its_rule() -> None:
    found = {str(row["method"]): row for row in methods.run(argparse.Namespace(), Settings.load()).rows}
    assert list(found) == list(PRESETS)
    assert {name: row["needs"] for name, row in found.items() if row["needs"] != "nothing"} == {
        "token-recycling": "--model",
        "draft-model": "--model and --draft-model",
        "speculative-sampling": "--model and --draft-model",
        "blockwise": "--model and --heads",
        "specdec": "--model and --parallel-model",
        "layer-skip": "--model and --skipped-layers",
    }
    assert "Yang" in str(found["llma"]["paper"]) and "first place" in str(found["llma"]["rule"])


def test_the_committed_records_are_read_and_quote_their_passages() -> None:
    tokenizer = load_tokenizer(BUNDLED_TOKENIZER)
    answers, corrections = (read_traces(file, tokenizer) for file in TRACES)
    assert len(answers) >= 32 and len(corrections) >= 40
    for line in TRACES[0].read_text(encoding="utf-8").splitlines():
        made = json.loads(line)
        assert made["question"].endswith("?") and len(made["passages"]) == 5 and made["output"]


def test_what_is_recorded_can_be_replayed(tmp_path: Path, tiny_bundled: Path) -> None:
    pipeline = pipeline_of(tiny_bundled, Settings(home=tmp_path))
    sentences = ["She go home.", "They was late."]
    made = list(record.corrections(pipeline, [" ".join(sentences)]))
    assert [one["source"] for one in made] == sentences
    file = tmp_path / "corrections.jsonl"
    record._write(file, made)
    assert len(read_traces(file, load_tokenizer(BUNDLED_TOKENIZER))) == 2


def test_the_page_s_tables_are_renewed_between_their_marks() -> None:
    rows: list[dict[str, object]] = [
        {"method": "pia", "traces": "a", "mean_acceptance_length": 2.0},
        {"method": "llma", "traces": "a", "mean_acceptance_length": 1.5},
    ]
    block = figures.table(rows, {"a": "answers"})
    assert block.splitlines() == ["| method | answers |", "|---|---|", "| llma | 1.50 |", "| pia | **2.00** |"]
    text = "x\n<!-- replay -->\nold\n<!-- /replay -->\ny"
    once = renew_block(text, "replay", block)
    assert once == f"x\n<!-- replay -->\n{block}\n<!-- /replay -->\ny" == renew_block(once, "replay", block)
    with pytest.raises(ValueError, match="outside"):
        renew_block(text, "outside", block)
    page = (Path(__file__).parents[3] / PAGE).read_text(encoding="utf-8")
    assert all(renew_block(page, name, block) for name in ("replay", "outside", "criteria"))


def test_recording_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SpandraftError):
        record.run(argparse.Namespace(folder=tmp_path, n=0), Settings(home=tmp_path))
    with pytest.raises(SpandraftError, match="cannot be written"):
        record._write(tmp_path / "nowhere" / "a.jsonl", [{"question": QUESTION}])
