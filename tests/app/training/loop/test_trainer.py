"""A run that was killed, terminated or cut into pieces ends with the bits of one that was not."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from app.training.errors import CheckpointError
from app.training.loop import checkpoint
from app.training.loop.batches import batches_ahead
from app.training.loop.plan import Plan
from corpora.store.atomic_write import UNFINISHED
from tests.support import small_objective as small


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The checkpoint of 20 steps without a stop."""
    folder = tmp_path_factory.mktemp("straight")
    torch.set_num_threads(1)
    assert small.trainer(folder).run()
    return _state(folder)


def test_the_run_learns_and_logs(tmp_path: Path) -> None:
    left = tmp_path / f"{UNFINISHED}0123abcd-{checkpoint.NAME}"  # by a run that was killed as it saved
    left.write_bytes(b"half")
    trainer = small.trainer(tmp_path)
    trainer.run()
    assert not left.exists()
    losses = [json.loads(line)["loss"]["copy"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 10
    assert losses[-1] < losses[0]
    assert trainer.tokens == 20 * 2 * 128


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_killed_and_resumed_gives_the_same_bits(how: int, tmp_path: Path, straight: dict[str, Any]) -> None:
    process = _started(tmp_path)
    _wait_for_step(tmp_path, 6)
    process.send_signal(how)
    process.wait(60)
    stopped = _state(tmp_path)["step"]
    assert 4 <= stopped < 20
    if how == signal.SIGTERM:
        assert process.returncode == 0
    assert small.trainer(tmp_path, seed=99).run()
    _assert_same(_state(tmp_path), straight)
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))


def test_stopped_after_every_step_gives_the_same_bits(tmp_path: Path, straight: dict[str, Any]) -> None:
    finished, runs = False, 0
    while not finished:
        trainer = small.trainer(tmp_path, seed=1 if runs == 0 else 99)
        batch = trainer.objective.batch

        def stopping(number: int, trainer: Any = trainer, batch: Any = batch) -> Any:
            trainer.stop()
            return batch(number)

        trainer.objective.batch = stopping
        finished, runs = trainer.run(), runs + 1
    assert runs == 20
    _assert_same(_state(tmp_path), straight)


def test_another_plan_or_shape_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    small.trainer(tmp_path, dataclasses.replace(small.PLAN, steps=4)).run()
    with pytest.raises(CheckpointError, match="steps was 4 and is 20") as raised:
        small.trainer(tmp_path).run()
    assert "--out" in raised.value.hint
    (tmp_path / "checkpoint.pt").write_bytes(b"PK damaged")
    with pytest.raises(CheckpointError, match="cannot be read"):
        small.trainer(tmp_path).run()


def test_what_decides_nothing_may_change(tmp_path: Path, straight: dict[str, Any]) -> None:
    plan = dataclasses.replace(small.PLAN, checkpoint_every=3, log_every=1)
    small.trainer(tmp_path, plan).run()
    _assert_same(_state(tmp_path), straight)


def test_time_is_up_before_the_first_step(tmp_path: Path) -> None:
    trainer = small.trainer(tmp_path)
    trainer._stop_at_s = time.monotonic() - 1
    assert not trainer.run()
    assert not trainer.interrupted


@pytest.mark.parametrize(("step", "factor"), [(0, 0.1), (9, 1.0), (60, 1.0), (80, 0.5), (90, 0.25), (99, 0.025)])
def test_rates_rise_stay_and_fall_to_zero(step: int, factor: float) -> None:
    assert Plan(steps=100, warmup=10, decay=0.4).factor(step) == pytest.approx(factor)


def test_worker_processes_make_the_same_batches_in_order() -> None:
    with batches_ahead(small.Copying(), 5, 80, workers=2) as ahead:
        made = list(ahead)
    assert len(made) == 75
    assert all(torch.equal(one, small.Copying().batch(5 + at)) for at, one in enumerate(made))


def _started(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", small.__name__, str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _wait_for_step(folder: Path, step: int) -> None:
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        lines = (folder / "log.jsonl").read_text().splitlines() if (folder / "log.jsonl").exists() else []
        if lines and json.loads(lines[-1])["step"] >= step:
            return
        time.sleep(0.01)
    raise AssertionError("the process made no progress")


def _state(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / checkpoint.NAME, weights_only=True)
    return state


def _assert_same(found: Any, wanted: Any) -> None:
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted.keys() - {"seconds"}:
            _assert_same(found[key], wanted[key])
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            _assert_same(one, other)
    elif isinstance(wanted, torch.Tensor):
        assert torch.equal(found, wanted)
    else:
        assert found == wanted
