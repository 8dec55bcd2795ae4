"""The speed bench: what it asks for, how time is counted, that forcing reaches nobody but the target."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen3Config

from app.bench.speed import bench
from app.bench.speed.contenders import METHODS, Ran, contenders
from app.bench.speed.hugging_face import HuggingFace
from app.bench.workload import jobs
from app.bench.workload.traces import Forced, Trace, forced_request
from app.config.settings import Settings
from app.errors import SpandraftError
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Reference, Request
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support.fakes import VOCABULARY, tiny_model
from tests.support.tiny import save_heads, save_parallel

OUTPUT = (5, 6, 7, 8, 9, 10, 5, 6, 7, 8, 9, 2)
TRACE = Trace(Request((3, 5, 6, 7, 8, 9, 4, 1), 12, eos_ids=frozenset({2})), OUTPUT)


@pytest.fixture(scope="module")
def target() -> Target:
    return target_of(tiny_model("llama"))


def report(settings: Settings, *words: str) -> dict[str, dict[str, object]]:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    made = bench.run(parser.parse_args(words), settings)
    return {str(row["method"]): dict(row) for row in made.rows}


def test_every_contender_writes_the_recorded_output(target: Target) -> None:
    request = forced_request(TRACE)
    theirs = HuggingFace(target, target)
    assert tuple(theirs.greedy(request)) == OUTPUT
    assert tuple(theirs.prompt_lookup(request)) == OUTPUT
    assert tuple(theirs.assisted(request)) == OUTPUT
    assert tuple(Engine(target, budget=Budget()).generate(request).tokens) == OUTPUT


def test_forcing_tells_a_draft_model_nothing(target: Target) -> None:
    """A draft model that saw the forced token would always be right, and need far fewer forwards of the target."""
    draft = target_of(tiny_model("llama", seed=1))
    forwards = []
    hook = target.model.register_forward_hook(lambda *_: forwards.append(1))
    HuggingFace(target, draft).assisted(forced_request(TRACE))
    hook.remove()
    assert len(forwards) >= len(OUTPUT) - 3


def test_forcing_does_not_clean_the_drafts_of_prompt_lookup(target: Target) -> None:
    """Behind 5 the prompt goes on with 6 7 8 9 4 1: transformers verifies the wrong end of it as well."""
    widths = []
    hook = target.model.register_forward_hook(lambda _module, _args, output: widths.append(output.logits.shape[1]))
    HuggingFace(target).prompt_lookup(forced_request(TRACE))
    hook.remove()
    assert max(widths[1:]) > 5


def test_noise_can_not_be_drafted() -> None:
    (job, other) = jobs.noise_jobs(2, vocab_size=500)
    (request,) = job.requests
    (forced,) = request.processors
    assert isinstance(forced, Forced)
    assert len({*request.prompt, *forced.tokens}) == len(request.prompt) + len(forced.tokens)
    assert request.prompt != other.requests[0].prompt


def test_another_vocabulary_keeps_what_is_equal() -> None:
    reference = Reference((5, 6), prompt_start=1)
    trace = Trace(Request((3, 5, 6), 12, references=(reference,), eos_ids=frozenset({7})), (6, 5, 7), ((5, 6),))
    (moved,) = jobs.in_vocabulary([trace], tokens=8, vocab_size=100)
    assert moved.output == (72, 60, 84)
    assert moved.request.references[0].ids == moved.request.prompt[1:] == moved.passages[0] == (60, 72)
    assert moved.request.eos_ids == {84}
    with pytest.raises(SpandraftError, match="different tokens"):
        jobs.in_vocabulary([trace], tokens=101, vocab_size=100)


def test_time_after_the_first_token_is_decoding() -> None:
    request = Request((1,), 8)
    job = jobs.Job((request,), prepare_s=0.5)

    def ours(asked: Request) -> Ran:
        steps = min(asked.max_new_tokens, 4)
        return Ran(tuple(range(2 * steps)), 10.0 + steps, prefill_s=10.0)

    def theirs(asked: Request) -> Ran:
        return Ran((1,) * asked.max_new_tokens, 10.0 + asked.max_new_tokens, None, reads_first=True)

    setup = bench.Setup(Engine(target_of(tiny_model("llama")), budget=Budget()), [job])
    timings = bench.measure({"plain": theirs, "spandraft": ours, "hf-greedy": theirs}, setup, 2)
    assert timings["plain"].decode_s == [7.0, 7.0] and timings["plain"].first_s == [11.5, 11.5]
    assert timings["spandraft"].decode_s == [3.0, 3.0] and timings["spandraft"].tokens == [7, 7]
    found = {str(row["method"]): row for row in bench.rows([job], timings)}
    assert found["spandraft"]["speedup_vs_plain"] == pytest.approx(7 / 3)
    assert found["spandraft"]["tokens_per_s"] == pytest.approx(7 / 3)
    assert not found["spandraft"]["equal"] and found["hf-greedy"]["equal"]
    del timings["hf-greedy"]
    assert {row["speedup_vs_hf_greedy"] for row in bench.rows([job], timings)} == {None}


def test_what_an_earlier_run_wrote_is_not_drafted(target: Target) -> None:
    """A repeat has the same outputs: with those of the run before it would only measure the history."""
    contender = contenders(["spandraft"], Engine(target, budget=Budget()))["spandraft"]
    job = jobs.Job((Request((3, 5, 6, 7), 40, scope="mine"),))
    seen = []

    def watched(request: Request) -> Ran:
        before = len(forwards)
        ran = contender(request)
        seen.append((len(forwards) - before, ran.tokens))
        return ran

    forwards: list[int] = []
    hook = target.model.register_forward_hook(lambda *_: forwards.append(1))
    for one in (job.in_run(1), job.in_run(1), job.in_run(2)):
        watched(one.requests[0])
    hook.remove()
    (first, text), (again, _), (other, _) = seen
    assert again < first <= other + 2 and len({tokens for _, tokens in seen}) == 1 and len(text) == 40
    alone = jobs.Job((Request((3, 5, 6, 7), 40),))
    assert alone.in_run(1) == alone


def test_all_methods_on_records_write_the_same(tiny_bundled: Path, tmp_path: Path, bundled_tokenizer: Any) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps({"prompt": "Say: the old tower fell.\n", "output": "the old tower fell."}))
    settings = Settings(
        home=tmp_path,
        target=str(tiny_bundled),
        draft_model=str(tiny_bundled),
        heads=str(save_heads(tmp_path / "heads")),
        parallel_model=str(save_parallel(tmp_path / "parallel", bundled_tokenizer)),
        skipped_layers="0",
    )
    found = report(settings, "--file", str(file), "--methods", ",".join(METHODS))
    assert list(found) == list(METHODS)
    assert all(row["equal"] for row in found.values())


def test_methods_without_what_they_draft_with_are_left_out(
    tiny_bundled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps({"prompt": "Say: the old tower fell.\n", "output": "the old tower fell."}))
    wanted = "hf-assisted,draft-model,blockwise,specdec,layer-skip,llma"
    found = report(Settings(home=tmp_path, target=str(tiny_bundled)), "--file", str(file), "--methods", wanted)
    assert list(found) == ["plain", "llma"]
    said = capsys.readouterr().err
    for name, option in {
        "hf-assisted": "--draft-model",
        "draft-model": "--draft-model",
        "blockwise": "--heads",
        "specdec": "--parallel-model",
        "layer-skip": "--skipped-layers",
    }.items():
        assert f"{name} is left out: it needs {option}\n" in said


def test_noise_on_a_target(tiny_bundled: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, target=str(tiny_bundled))
    found = report(settings, "--task", "nothing", "--n", "1")
    assert found["spandraft"]["equal"] and found["hf-prompt-lookup"]["equal"]


def test_a_shape_is_forced_to_the_bundled_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small() -> Qwen3Config:
        return Qwen3Config(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
            intermediate_size=48, vocab_size=20_000, tie_word_embeddings=True,
            bos_token_id=None, eos_token_id=None, pad_token_id=None,
        )  # fmt: skip

    monkeypatch.setattr(bench, "SHAPES", {"small": small})
    settings = Settings(home=tmp_path)
    for task in bench.TASKS:
        found = report(settings, "--shape", "small", "--n", "1", "--task", task)
        assert list(found) == ["plain", "spandraft"] and found["spandraft"]["equal"]
    with pytest.raises(SpandraftError, match="shape"):
        report(settings, "--shape", "smal")
    with pytest.raises(SpandraftError, match="draft model"):
        report(settings.replace(draft_model="bundled"), "--shape", "small")
    with pytest.raises(SpandraftError) as caught:
        report(settings.replace(skipped_layers="1"), "--shape", "small")
    assert "--skipped-layers" in caught.value.hint


def test_the_shape_is_that_of_the_published_model() -> None:
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(bench.SHAPES["qwen3-0.6b"]())
    assert sum(one.numel() for one in model.parameters()) == 596_049_920


@pytest.mark.parametrize(
    "words", [("--n", "0"), ("--repeats", "0"), ("--methods", "magic"), ("--file", "nowhere.jsonl", "--shape", "x")]
)
def test_wrong_speed_options_are_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SpandraftError) as caught:
        report(Settings(home=tmp_path), *words)
    assert caught.value.hint


def test_a_position_has_one_token() -> None:
    import numpy as np

    forced = Forced((4, 9))
    logits_V = np.zeros(VOCABULARY)
    forced.apply(forced.advance(forced.start(), 4), logits_V)
    assert np.flatnonzero(np.isfinite(logits_V)).tolist() == [9]
    free_V = np.zeros(VOCABULARY)
    forced.apply(2, free_V)
    assert np.isfinite(free_V).all()
