"""Replaying recorded outputs: the arithmetic of steps, the record forms, and what is refused."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from app.bench import replay
from app.bench.recorded import BUNDLED_TOKENIZER, load_tokenizer, read_traces
from app.errors import SpandraftError
from app.settings import Settings

PASSAGE = "The old harbour was closed in 1931, and the new one opened two years later on the other side of the bay."
RECORDS = {
    "answer": {"question": "When was it closed?", "passages": [PASSAGE, "Nothing here."], "output": PASSAGE[4:38]},
    "summary": {"prompt": f"Summarise.\n{PASSAGE}\n", "output": PASSAGE[:60], "passages": [PASSAGE]},
    "grammar": {"source": "She go to the market every days .", "references": ["She goes to the market every day ."]},
}


def arguments(file: Path, **changes: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    args = parser.parse_args([str(file)])
    for key, value in changes.items():
        setattr(args, key, value)
    return args


def rows(file: Path, **changes: object) -> dict[str, dict[str, object]]:
    report = replay.run(arguments(file, **changes), Settings.load())
    return {str(row["method"]): dict(row) for row in report.rows}


@pytest.fixture(params=sorted(RECORDS))
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps(RECORDS[request.param]) + "\n", encoding="utf-8")
    return path


def test_drafts_cover_more_tokens_a_step_than_plain_decoding(file: Path) -> None:
    found = rows(file)
    plain, ours = found["autoregressive"], found["spandraft"]
    assert plain["mean_acceptance_length"] == 1.0
    assert plain["steps"] == plain["tokens"] == ours["tokens"]
    assert plain["drafted_per_step"] == 0
    assert ours["mean_acceptance_length"] > 1.5
    assert 0 < ours["drafted_per_step"] <= 32


def test_a_budget_of_nothing_is_plain_decoding(file: Path) -> None:
    assert rows(file, budget=0)["spandraft"]["mean_acceptance_length"] == 1.0


def test_the_end_token_counts(file: Path) -> None:
    tokenizer = load_tokenizer(BUNDLED_TOKENIZER)
    (trace,) = read_traces(file, tokenizer)
    assert trace.output[-1] == tokenizer.get_vocab_size()
    assert rows(file, methods="autoregressive")["autoregressive"]["tokens"] == len(trace.output)


def test_a_line_separator_inside_a_string_does_not_end_the_record(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    record = {"prompt": "one\u2028two\x85three", "output": "one\u2028two"}
    path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    assert len(read_traces(path, load_tokenizer(BUNDLED_TOKENIZER))) == 1


@pytest.mark.parametrize(
    "content", ["", "not json\n", "[1, 2]\n", '{"question": "q", "passages": "p", "output": "o"}\n', '{"x": 1}\n']
)
def test_anything_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SpandraftError) as caught:
        rows(path)
    assert caught.value.hint


@pytest.mark.parametrize("changes", [{"methods": "magic"}, {"budget": -1}, {"tokenizer": Path("nowhere.json")}])
def test_wrong_options_are_refused(file: Path, changes: dict[str, object]) -> None:
    with pytest.raises(SpandraftError) as caught:
        rows(file, **changes)
    assert caught.value.hint


def test_a_file_that_is_no_tokenizer_is_refused(file: Path) -> None:
    with pytest.raises(SpandraftError, match="no tokenizer"):
        rows(file, tokenizer=file)
