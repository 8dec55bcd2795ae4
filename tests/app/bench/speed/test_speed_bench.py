"""The speed bench: what it asks for, how time is counted, that forcing reaches nobody but the target."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen3Config

from app.bench.speed import bench
from app.bench.speed.contenders import HUGGING_FACE, METHODS, Field, Surroundings, contenders
from app.bench.speed.hugging_face import HuggingFace, NotLoaded, plain
from app.bench.speed.peers import PEERS, PeerModel
from app.bench.speed.ran import Ran
from app.bench.workload import jobs
from app.bench.workload.traces import Forced, Trace, forced_request
from app.config.settings import TINY, Settings
from app.errors import SpandraftError
from app.pipeline import Pipeline
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Reference, Request
from decoding.target.attention import NAME
from decoding.target.loading import load_target, target_of
from decoding.target.quantized import has_int8
from decoding.target.target import Target
from tests.support.fakes import VOCABULARY, tiny_model
from tests.support.tiny import save_heads, save_parallel

OUTPUT = (5, 6, 7, 8, 9, 10, 5, 6, 7, 8, 9, 2)
TRACE = Trace(Request((3, 5, 6, 7, 8, 9, 4, 1), 12, eos_ids=frozenset({2})), OUTPUT)
NOWHERE = Surroundings(PeerModel(folder=None, gguf=None, vocabulary=VOCABULARY, room=64, threads=1))


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


def test_every_contender_ends_where_the_request_stops(target: Target) -> None:
    """As an answer that begins to repeat itself does; a verified draft may reach beyond, and is cut."""

    def stop_at_the_seventh() -> Callable[[int], bool]:
        seen = iter(range(1, 100))
        return lambda _token: next(seen) == 7

    request = replace(forced_request(TRACE), stop=stop_at_the_seventh)
    theirs = HuggingFace(target, target)
    for written in (theirs.greedy(request), theirs.prompt_lookup(request), theirs.assisted(request)):
        assert tuple(written) == OUTPUT[:7]
    assert tuple(Engine(target, budget=Budget()).generate(request).tokens) == OUTPUT[:7]


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
    timings = bench.measure(Field({"plain": theirs, "spandraft": ours, "hf-greedy": theirs}), setup, 2)
    assert timings["plain"].decode_s == [7.0, 7.0] and timings["plain"].first_s == [11.5, 11.5]
    assert timings["spandraft"].decode_s == [3.0, 3.0] and timings["spandraft"].tokens == [7, 7]
    found = {str(row["method"]): row for row in bench.rows([job], timings)}
    assert found["spandraft"]["speedup_vs_plain"] == pytest.approx(7 / 3)
    assert found["spandraft"]["tokens_per_s"] == pytest.approx(7 / 3)
    assert not found["spandraft"]["equal"] and found["hf-greedy"]["equal"]
    assert timings["plain"].answer_s == [18.5, 18.5] and timings["spandraft"].answer_s == [14.5, 14.5]
    assert found["spandraft"]["answer_s"] == found["spandraft"]["same_length_s"] == 14.5
    assert found["spandraft"]["tokens"] == 8 and found["spandraft"]["prompt_tokens"] == 1
    del timings["hf-greedy"]
    assert {row["speedup_vs_hf_greedy"] for row in bench.rows([job], timings)} == {None}


def test_an_output_that_is_longer_than_plain_decodings_is_also_timed_up_to_its_length() -> None:
    """A free output of 21 tokens beside 11 of plain decoding: half of what came behind the first."""
    plain_timing = bench.Timings([5.0], [1.0], [6.0], [10], [(1,) * 11], [True])
    longer = bench.Timings([4.0], [1.0], [5.0], [20], [(1,) * 21], [False])
    shorter = bench.Timings([1.0], [1.0], [2.0], [4], [(1,) * 5], [True])
    found = bench.rows(
        [jobs.Job((Request((1, 2), 30),))],
        {"plain": plain_timing, "longer": longer, "shorter": shorter},
        precisions={"plain": "float32", "longer": "gguf", "shorter": "gguf"},
    )
    assert [row["same_length_s"] for row in found] == [6.0, 3.0, 2.0]
    assert [row["answer_s"] for row in found] == [6.0, 5.0, 2.0]
    assert [row["equal"] for row in found] == [True, None, None]
    assert [row["ended"] for row in found] == [1, 0, 1]


def test_speed_beside_hugging_face_is_beside_its_faster_precision() -> None:
    fast = bench.Timings([2.0], [1.0], [3.0], [10], [(1,) * 11], [True])
    slow = bench.Timings([8.0], [1.0], [9.0], [20], [(2,) * 21], [True])
    timings = {
        "hf-greedy": slow,
        "hf-greedy-bf16": fast,
        "plain": bench.Timings([1.0], [1.0], [2.0], [10], [()], [True]),
    }
    found = {str(row["method"]): row for row in bench.rows([jobs.Job((Request((1,), 30),))], timings)}
    assert found["plain"]["speedup_vs_hf_greedy"] == pytest.approx(2.0)
    assert found["hf-greedy"]["speedup_vs_hf_greedy"] == pytest.approx(0.5)


def test_figures_may_be_of_outputs_that_ended_alone() -> None:
    """What runs into its limit may repeat itself, which flatters drafts."""
    both = bench.Timings([4.0, 9.0], [1.0, 1.0], [5.0, 10.0], [4, 9], [(1,) * 5, (1,) * 10], [True, False])
    work = [jobs.Job((Request((1,), 10),)), jobs.Job((Request((1, 2, 3), 10),))]
    (whole,), (ended,) = (bench.rows(work, {"plain": both}, only_ended=only) for only in (False, True))
    assert (whole["prompts"], whole["ended"], whole["answer_s"], whole["prompt_tokens"]) == (2, 1, 7.5, 2)
    assert (ended["prompts"], ended["ended"], ended["answer_s"], ended["prompt_tokens"]) == (1, 1, 5.0, 1)
    with pytest.raises(SpandraftError, match="no output ended"):
        bench.rows(work, {"plain": both.of([1])}, only_ended=True)


def test_hugging_face_runs_the_model_as_transformers_loads_it(tiny_bundled: Path, target: Target) -> None:
    """The target's own where nothing in it is ours; else a copy, in the precision that is asked for."""
    assert plain(target, target.precision, folder=None) is target
    with pytest.raises(NotLoaded, match="no folder"):
        plain(target, "bfloat16", folder=None)
    copy = plain(target, "bfloat16", folder=tiny_bundled)
    assert copy.model.dtype is torch.bfloat16 and copy.model is not target.model

    class OurLinear(torch.nn.Linear):
        pass

    changed = target_of(tiny_model("llama"))
    layer = changed.model.model.layers[0].mlp
    layer.up_proj = OurLinear(layer.up_proj.in_features, layer.up_proj.out_features, bias=False).to(changed.dtype)
    with pytest.raises(NotLoaded, match="no folder"):
        plain(changed, changed.precision, folder=None)


def test_a_model_that_brings_its_own_code_runs_as_it_is_or_has_a_row_with_the_reason(tmp_path: Path) -> None:
    """No copy is made of it: the bench runs nobody's code unasked."""
    model = tiny_model("llama")
    model.__class__ = type("Own", (type(model),), {"__module__": "transformers_modules.somebody.own"})
    classes = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": classes}), encoding="utf-8")
    (tmp_path / "own.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    engine = Engine(target_of(model), budget=Budget())
    around = Surroundings(replace(NOWHERE.model, folder=tmp_path))
    with contenders(["hf-greedy", "hf-greedy-bf16"], engine, around) as field:
        assert list(field.taking_part) == ["hf-greedy"]
        assert "could not load a copy in bfloat16" in field.absent["hf-greedy-bf16"]
        assert "contains custom code" in field.absent["hf-greedy-bf16"]


def test_a_draft_model_attends_as_transformers_has_it_too(target: Target) -> None:
    draft = target_of(tiny_model("llama"))
    seen: set[str] = set()
    with draft.model.register_forward_pre_hook(lambda *_: seen.add(draft.model.config._attn_implementation)):
        HuggingFace(target, draft).assisted(Request((3, 5, 6), 4))
    assert seen == {"sdpa"}
    assert draft.model.config._attn_implementation == target.model.config._attn_implementation == NAME


@pytest.mark.skipif(not has_int8(), reason="the processor has no dot products of bytes")
def test_beside_an_int8_target_hugging_face_runs_float32(tiny_bundled: Path) -> None:
    engine = Engine(load_target(str(tiny_bundled), dtype="int8"), budget=Budget())
    around = Surroundings(replace(NOWHERE.model, folder=tiny_bundled))
    with contenders(["hf-greedy", "hf-greedy-bf16", "plain"], engine, around) as field:
        assert field.precisions == {"hf-greedy": "float32", "hf-greedy-bf16": "bfloat16", "plain": "int8"}
        timings = bench.measure(field, bench.Setup(engine, [jobs.Job((Request((5, 6, 7), 6),))]), 1)
    found = bench.rows([jobs.Job((Request((5, 6, 7), 6),))], timings, precisions=field.precisions)
    assert [row["equal"] for row in found] == [None, None, True]


def test_free_chat_shows_the_model_the_conversation_alone(tiny_chat: Path, tmp_path: Path) -> None:
    pipeline = Pipeline.from_pretrained(str(tiny_chat), corpus=None, settings=Settings(home=tmp_path))
    made = jobs.prompt_jobs(pipeline, "chat", 32)
    texts = [pipeline.builder.tokens.decode(job.requests[0].prompt) for job in made]
    for turns, text, job in zip(jobs.conversations(), texts, made, strict=True):
        (request,) = job.requests
        assert [text.find(turn) for turn in turns] == sorted({text.find(turn) for turn in turns})
        assert -1 not in [text.find(turn) for turn in turns]
        assert request.max_new_tokens == 200 and request.eos_ids and not request.references and request.stop
    assert len(set(texts)) == 32


def test_what_an_earlier_run_wrote_is_not_drafted(target: Target) -> None:
    """A repeat has the same outputs: with those of the run before it would only measure the history."""
    contender = contenders(["spandraft"], Engine(target, budget=Budget()), NOWHERE).taking_part["spandraft"]
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
    assert {name for name, row in found.items() if "not_run" in row} == set(PEERS)
    assert all("recorded outputs" in str(found[name]["not_run"]) for name in PEERS)
    coarse = {name for name in HUGGING_FACE if name.endswith("bf16")}
    assert {name: row["equal"] for name, row in found.items() if name not in PEERS} == {
        name: None if name in coarse else True for name in METHODS if name not in PEERS
    }


def test_methods_without_what_they_draft_with_have_a_row_that_says_so(
    tiny_bundled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps({"prompt": "Say: the old tower fell.\n", "output": "the old tower fell."}))
    wanted = "hf-assisted,draft-model,blockwise,specdec,layer-skip,llma"
    found = report(Settings(home=tmp_path, target=str(tiny_bundled)), "--file", str(file), "--methods", wanted)
    assert list(found) == ["plain", *wanted.split(",")]
    assert [name for name, row in found.items() if "not_run" not in row] == ["plain", "llma"]
    said = capsys.readouterr().err
    for name, option in {
        "hf-assisted": "--draft-model",
        "draft-model": "--draft-model",
        "blockwise": "--heads",
        "specdec": "--parallel-model",
        "layer-skip": "--skipped-layers",
    }.items():
        assert f"{name} is left out: it needs {option}\n" in said
        assert found[name] == {"method": name, "not_run": f"it needs {option}"}


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
    for task in ("answer", "grammar", "nothing"):
        found = report(settings, "--shape", "small", "--n", "1", "--task", task)
        assert list(found) == ["plain", "spandraft"] and found["spandraft"]["equal"]
    found = report(settings, "--shape", "small", "--n", "1", "--methods", "hf-greedy,hf-greedy-bf16")
    assert found["hf-greedy"]["equal"] and "no folder" in str(found["hf-greedy-bf16"]["not_run"])
    with pytest.raises(SpandraftError, match="shape"):
        report(settings, "--shape", "smal")
    with pytest.raises(SpandraftError, match="recorded conversations"):
        report(settings, "--shape", "small", "--task", "chat")
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
    "words",
    [
        ("--n", "0"),
        ("--repeats", "0"),
        ("--methods", "magic"),
        ("--file", "nowhere.jsonl", "--shape", "x"),
        ("--n", "1", "--task", "grammar", "--gguf", "nowhere.gguf"),
        ("--n", "1", "--task", "chat"),
    ],
)
def test_wrong_speed_options_are_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SpandraftError) as caught:
        report(Settings(home=tmp_path, target=TINY), *words)
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
