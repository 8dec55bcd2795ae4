"""Drafters for a target of one's own: from its folder and a file of prompts to folders that the decoder loads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from app import cli
from app.training.config import Stage, result_of
from app.training.data.material import Material, NoMaterial
from app.training.errors import ConfigError, DataMissingError
from app.training.evaluation.measure import load_drafter, measure_drafter
from app.training.loop.plan import Plan
from app.training.model import Shape
from app.training.outputs import write_outputs
from app.training.outputs.prompts import given_prompts
from app.training.outputs.target_outputs import TargetOutputs
from app.training.stages import run_stage
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafters.parallel_model import ParallelModel
from decoding.sources.neural.draft_model import DraftModel
from decoding.target.loading import load_target
from tests.support.tiny import TEXTS, save_tiny, small_tokenizer

CPU = torch.device("cpu")
PLAN = Plan(steps=2, warmup=1, tokens=256, batches=1, log_every=1)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "own", small_tokenizer())


@pytest.fixture
def material() -> Material:
    """Nothing can be drawn from it: the prompts are the user's."""
    return NoMaterial()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in TEXTS), encoding="utf-8")
    return file


def stage(kind: str, own: Path, prompts: Path) -> Stage:
    shape = Shape(vocabulary=len(small_tokenizer()), hidden=16, layers=1, heads=1, intermediate=24)
    options = {"prompts_file": str(prompts), "outputs": 4, "longest_output": 12}
    wanted = None if kind == "heads" else shape
    return Stage(name=kind, kind=kind, plan=PLAN, shape=wanted, target=str(own), options=options)


def test_all_drafters_of_it_load(own: Path, material: Material, prompts: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for kind in ("sequence", "token", "refresh", "heads", "parallel"):
        assert run_stage(stage(kind, own, prompts), material, run, device=CPU, say=lambda _line: None).finished
    target = load_target(str(own), device="cpu")
    for kind in ("sequence", "token", "refresh"):
        folder = result_of(kind, run)
        DraftModel.of(load_target(str(folder), device="cpu"), target)
        assert (folder / "tokenizer.json").read_bytes() == (own / "tokenizer.json").read_bytes()
    assert MedusaHeads.load(result_of("heads", run), target=target).heads == 4
    assert ParallelModel.load(result_of("parallel", run), target=target, device="cpu").masks == 6
    for kind, source in (("token", "draft-chain"), ("heads", "heads"), ("parallel", "parallel")):
        found, shared = load_drafter(result_of(kind, run), target)
        assert found == source
        given = given_prompts(prompts, own, longest=12)
        (counted,) = measure_drafter(target, found, shared, [given.request(number) for number in range(3)])
        assert (counted.requests, counted.tokens) == (3, 36)
        assert counted.mean_length == 36 / counted.forwards
        assert counted.drafted > 0
    (file,) = (run / "outputs").iterdir()
    written = TargetOutputs.load(file)
    tokens = small_tokenizer()
    assert written[0].prompt == written[3].prompt == tuple(tokens(TEXTS[0])["input_ids"])
    assert len(written[0].output) == 12


def test_another_vocabulary_is_refused(own: Path, material: Material, prompts: Path, tmp_path: Path) -> None:
    made = stage("sequence", own, prompts)
    assert made.shape is not None
    small = dataclasses.replace(made, shape=dataclasses.replace(made.shape, vocabulary=20))
    with pytest.raises(ConfigError, match="its model knows 20"):
        run_stage(small, material, tmp_path / "run", device=CPU, say=lambda _line: None)


@pytest.mark.parametrize("text", ["no json", '{"text": "x"}', ""])
def test_a_file_of_something_else_is_refused(own: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "prompts.jsonl").write_text(text)
    with pytest.raises(DataMissingError, match="prompts") as raised:
        given_prompts(tmp_path / "prompts.jsonl", own, longest=8)
    assert '"prompt"' in raised.value.hint


def test_a_drafter_that_is_not_there_is_named(own: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="no drafter at"):
        load_drafter(tmp_path, load_target(str(own), device="cpu"))


def test_a_target_that_is_not_there_is_named(material: Material, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="no target at"):
        write_outputs.make_outputs(str(tmp_path / "none"), material, tmp_path, CPU, write_outputs.OutputOptions())


def test_without_prompts_of_ones_own_material_is_asked_for(own: Path, material: Material, tmp_path: Path) -> None:
    for kind, options in (("sequence", {"outputs": 2}), ("copying", {})):
        wanted = dataclasses.replace(stage("sequence", own, tmp_path), kind=kind, options=options)
        wanted = dataclasses.replace(wanted, target=str(own) if kind == "sequence" else "")
        with pytest.raises(DataMissingError, match="none is named") as caught:
            run_stage(wanted, material, tmp_path / kind, device=CPU, say=lambda _line: None)
        assert "--material" in caught.value.hint


def test_the_command_needs_no_material_and_begins_with_nothing(
    own: Path, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "wait_passively", lambda: None)
    run = tmp_path / "run"
    settings = {
        "models.draft.vocabulary": len(small_tokenizer()),
        "stages.sequence.steps": 1,
        "stages.sequence.options.outputs": 4,
        "stages.sequence.options.prompts_file": prompts,
    }
    words = ["train", "stage", "sequence", "--target", str(own), "--out", str(run)]
    changes = [word for key, value in settings.items() for word in ("--change", f"{key}={value}")]
    assert cli.main([*words, *changes]) != 0, "without --begin it begins with the stage draft, which is not there"
    assert cli.main([*words, "--begin", "none", *changes]) == 0
    load_target(str(result_of("sequence", run)), device="cpu")


def test_a_prompt_may_hold_the_line_ends_of_other_scripts(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(json.dumps({"prompt": "one\u2028two"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert len(given_prompts(file, own, longest=4).prompts) == 1


def test_outputs_end_with_every_token_that_ends_the_target(own: Path, prompts: Path, tmp_path: Path) -> None:
    wanted = stage("sequence", own, prompts)
    assert run_stage(wanted, NoMaterial(), tmp_path / "free", device=CPU, say=lambda _line: None).finished
    (free,) = (tmp_path / "free" / "outputs").iterdir()
    end = TargetOutputs.load(free)[0].output[0]
    config = json.loads((own / "generation_config.json").read_text(encoding="utf-8"))
    config["eos_token_id"] = [config["eos_token_id"], end]
    (own / "generation_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert run_stage(wanted, NoMaterial(), tmp_path / "ended", device=CPU, say=lambda _line: None).finished
    (ended,) = (tmp_path / "ended" / "outputs").iterdir()
    assert TargetOutputs.load(ended)[0].output == (end,)
