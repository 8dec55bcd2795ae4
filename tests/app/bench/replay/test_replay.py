"""Replaying recorded outputs: the arithmetic of steps, the record forms, and what is refused."""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bench.replay import bench
from app.bench.replay.plot import _STYLES, spread
from app.bench.workload.traces import BUNDLED_TOKENIZER, TRACES, load_tokenizer, read_traces
from app.config.settings import Settings
from app.errors import SpandraftError
from decoding.drafting.presets import PRESETS
from tests.support.tiny import save_heads, save_parallel

PASSAGE = "The old harbour was closed in 1931, and the new one opened two years later on the other side of the bay."
RECORDS = {
    "answer": {"question": "When was it closed?", "passages": [PASSAGE, "Nothing here."], "output": PASSAGE[4:38]},
    "summary": {"prompt": f"Summarise.\n{PASSAGE}\n", "output": PASSAGE[:60], "passages": [PASSAGE]},
    "grammar": {"source": "She go to the market every days .", "references": ["She goes to the market every day ."]},
}


def arguments(*files: Path, **changes: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    args = parser.parse_args([str(file) for file in files])
    for key, value in changes.items():
        setattr(args, key, value)
    return args


def rows(file: Path, settings: Settings | None = None, **changes: object) -> dict[str, dict[str, object]]:
    report = bench.run(arguments(file, **changes), settings or Settings.load())
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


def test_every_method_is_listed_and_those_that_need_a_model_say_so(file: Path) -> None:
    found = rows(file)
    assert list(found) == list(PRESETS)
    for name, row in found.items():
        if PRESETS[name].needs_model:
            assert row["mean_acceptance_length"] == "needs --model"
        else:
            assert float(str(row["mean_acceptance_length"])) >= 1.0


def test_the_bundled_records_are_taken_by_default() -> None:
    args = arguments()
    args.methods = "autoregressive,prompt-lookup"
    report = bench.run(args, Settings.load())
    assert [row["traces"] for row in report.rows] == ["answers", "answers", "corrections", "corrections"]
    assert report.command == "spandraft bench replay --budget 32 --methods autoregressive,prompt-lookup"
    assert all(float(str(row["mean_acceptance_length"])) > 2 for row in report.rows if row["method"] == "prompt-lookup")
    assert sum(file.stat().st_size for file in TRACES) < 300_000


def test_what_is_learned_goes_on_to_the_next_record_and_never_back(tmp_path: Path) -> None:
    """``pia`` drafts from outputs: the second of two equal records is cheap, the first one costs as much as alone."""
    record = {"prompt": "Say it.\n", "output": "Ten green bottles hanging on the garden wall."}
    alone, twice = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    alone.write_text(json.dumps(record), encoding="utf-8")
    twice.write_text(json.dumps(record) + "\n" + json.dumps(record), encoding="utf-8")
    first, both = (rows(path, methods="pia")["pia"]["steps"] for path in (alone, twice))
    assert isinstance(first, int) and isinstance(both, int)
    assert first < both < 1.5 * first


def test_a_datastore_never_holds_the_record_it_serves(tmp_path: Path) -> None:
    """Outputs copied from passages: of its own one ``rest`` has nothing, of the same one in another record all."""
    other = {"question": "Which?", "passages": ["A quite different text about the weather."], "output": "None."}
    path = tmp_path / "traces.jsonl"
    for records, helps in (([RECORDS["answer"], other], False), ([RECORDS["answer"], RECORDS["answer"]], True)):
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        length = rows(path, methods="rest")["rest"]["mean_acceptance_length"]
        assert (float(str(length)) > 1.5) == helps


def test_a_passage_inside_a_prompt_is_found_there(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps(RECORDS["summary"]), encoding="utf-8")
    (trace,) = read_traces(path, load_tokenizer(BUNDLED_TOKENIZER))
    (reference,) = trace.request.references
    assert reference.prompt_start is not None and len(reference.ids) > 10
    start, end = reference.prompt_start, reference.prompt_start + len(reference.ids)
    assert trace.request.prompt[start:end] == reference.ids


def test_a_real_target_is_forced_to_what_was_recorded(file: Path, tiny_bundled: Path) -> None:
    names = "prompt-lookup,token-recycling,draft-model,speculative-sampling,spandraft"
    free = rows(file, methods=names)
    found = rows(file, methods=names, model=str(tiny_bundled))
    assert found["prompt-lookup"]["steps"] == free["prompt-lookup"]["steps"]
    assert found["draft-model"]["mean_acceptance_length"] == "needs --draft-model"
    settings = Settings.load({"draft_model": str(tiny_bundled)})
    both = rows(file, settings, methods=names, model=str(tiny_bundled))
    for name in names.split(","):
        assert both[name]["tokens"] == found["prompt-lookup"]["tokens"]
        assert float(str(both[name]["mean_acceptance_length"])) >= 1.0
    assert float(str(both["draft-model"]["drafted_per_step"])) > 0


def test_heads_a_parallel_drafter_and_fewer_layers_draft(
    tiny_bundled: Path, tmp_path: Path, bundled_tokenizer: Any
) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps(RECORDS["answer"]), encoding="utf-8")
    needs = {"blockwise": "--heads", "specdec": "--parallel-model", "layer-skip": "--skipped-layers"}
    found = rows(file, methods=",".join(needs), model=str(tiny_bundled))
    assert {name: row["mean_acceptance_length"] for name, row in found.items()} == {
        name: f"needs {option}" for name, option in needs.items()
    }
    given: dict[str, object] = {
        "heads": str(save_heads(tmp_path / "heads")),
        "parallel_model": str(save_parallel(tmp_path / "parallel", bundled_tokenizer)),
        "skipped_layers": "0",
    }
    report = bench.run(arguments(file, methods=",".join(needs), model=str(tiny_bundled)), Settings.load(given))
    assert all(option in report.command for option in needs.values())
    for row in report.rows:
        assert float(str(row["drafted_per_step"])) > 0.5, row
        assert float(str(row["mean_acceptance_length"])) >= 1.0


@pytest.mark.parametrize("given", [{"draft_model": "bundled"}, {"heads": "bundled"}, {"skipped_layers": "1"}])
def test_a_drafter_without_a_target_is_refused(file: Path, given: dict[str, object]) -> None:
    with pytest.raises(SpandraftError) as caught:
        rows(file, Settings.load(given))
    assert "--" + next(iter(given)).replace("_", "-") in caught.value.cause


def test_every_method_has_a_colour_of_its_own() -> None:
    assert set(_STYLES) == set(PRESETS)
    looks = [colour for colour, _, _ in _STYLES.values()]
    assert len(set(looks)) == len(looks)


def test_recycling_drafts_what_the_target_found_likely(tmp_path: Path, tiny_bundled: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps({"prompt": "Say it.\n", "output": "no no no no no no no no"}), encoding="utf-8")
    found = rows(path, methods="token-recycling,sam", model=str(tiny_bundled))
    assert float(str(found["token-recycling"]["drafted_per_step"])) > 1


def test_the_picture_is_drawn(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "out.png"
    rows(file, methods="autoregressive,prompt-lookup,spandraft,token-recycling", plot=picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SpandraftError):
        rows(file, methods="autoregressive", plot=tmp_path / "nowhere" / "out.png")


@given(st.lists(st.floats(1, 6), min_size=1, max_size=12).map(sorted))
def test_labels_keep_their_order_and_their_distance(heights: list[float]) -> None:
    placed = spread(heights, gap=0.2, low=1.0)
    assert len(placed) == len(heights)
    assert all(after - before >= 0.2 - 1e-9 for before, after in pairwise(placed))
    assert placed[0] >= 1.0 - 1e-9
    if all(after - before >= 0.2 for before, after in pairwise(heights)):
        assert placed == pytest.approx(heights)
