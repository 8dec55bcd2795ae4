"""Loss of power at any call: what was promised must be on the disk, whatever of the rest has arrived there.

The acts are done once and recorded; each trial makes the disk that would be left, and a new process looks at it.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.acts import FIXED, ever_put
from tests.crash.children import Ended, Zygote
from tests.crash.power import Call, Disk, calls_in
from tests.crash.shim import Shim
from tests.crash.tally import Tally, shared_out
from tests.crash.trial import lost, written


@dataclass(frozen=True)
class Loss:
    """After how many calls, and with which of the rest: 0 is nothing of it."""

    after: int
    luck: int


def recorded(zygote: Zygote, folder: Path) -> list[Call]:
    folder.mkdir()
    trace = folder / "trace"
    ended = written(zygote, folder, FIXED, Shim("count", trace=trace))
    assert ended.code == 0, ended.lines
    return list(calls_in(trace))


def lose_power(zygotes: list[Zygote], folder: Path, losses: list[Loss], calls: list[Call], tally: Tally) -> None:
    root = folder / "record" / "home"

    def attempt(zygote: Zygote, loss: Loss) -> None:
        disk = Disk(root)
        for call in calls[: loss.after]:
            disk.take(call)
        home = folder / f"loss-{loss.after}-{loss.luck}"
        disk.leave(home, random.Random(f"{tally.seed} {loss}") if loss.luck else None)
        said = [json.loads(call.first) for call in calls[: loss.after] if call.kind == "n"]
        looked = zygote.run("look", home=str(home), gone=sorted(ever_put(FIXED)))
        if looked.code != 0:
            problems = [f"not readable: {looked.lines}"]
        else:
            problems = looked.last("problems") + list(lost(looked.last("world"), FIXED, Ended(-9, said)))
        last = calls[loss.after - 1]
        tally.add(f"{loss}, the last call {last.kind} {last.first[-60:]!r}", problems)
        if not problems:
            shutil.rmtree(home)

    shared_out(zygotes, losses, attempt, tally)


def every_loss(calls: list[Call]) -> list[Loss]:
    """With a part of the rest after every call; with nothing of it after those that force or promise something."""
    numbered = list(enumerate(calls, start=1))
    return [Loss(after, 1) for after, _ in numbered] + [
        Loss(after, 0) for after, call in numbered if call.kind in "fdn"
    ]


def test_some_losses(
    zygotes: list[Zygote], tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    calls = recorded(zygotes[0], tmp_path / "record")
    losses = every_loss(calls)
    lose_power(zygotes, tmp_path, random.Random(seed).sample(losses, rounds(24)), calls, tally)


@pytest.mark.slow
def test_a_loss_after_every_call(zygotes: list[Zygote], tmp_path: Path, tally: Tally) -> None:
    calls = recorded(zygotes[0], tmp_path / "record")
    lose_power(zygotes, tmp_path, every_loss(calls), calls, tally)


def test_the_naive_writer_loses_what_it_promised(
    zygote: Zygote, tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    """The control: nothing is forced, so that hardly anything of it is there afterwards."""
    acts = [act for act in FIXED if act[0] in ("put", "remove", "job")]
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    shim = Shim("count", trace=trace)
    assert zygote.run("naive_write", root=home, shim=shim, home=str(home), acts=acts).code == 0
    calls = list(calls_in(trace))
    failed = 0
    losses = random.Random(seed).sample(every_loss(calls), min(rounds(20), len(calls)))
    for number, loss in enumerate(losses):
        disk, left = Disk(home), tmp_path / str(number)
        for call in calls[: loss.after]:
            disk.take(call)
        disk.leave(left, random.Random(f"{seed} {loss}") if loss.luck else None)
        said = [json.loads(call.first) for call in calls[: loss.after] if call.kind == "n"]
        looked = zygote.run("naive_look", home=str(left))
        failed += looked.code != 0 or bool(list(lost(looked.last("world"), acts, Ended(-9, said))))
        tally.add(str(loss), [])
    tally.figures["lost"] = failed
    assert failed > len(losses) / 4
