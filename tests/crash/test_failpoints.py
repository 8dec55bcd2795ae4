"""A kill before and after every call that changes a file, and in the middle of every write.

The calls are those of SQLite as well as ours: whatever the process asks of the kernel below the library's folder.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.acts import FIXED
from tests.crash.children import Zygote
from tests.crash.shim import Mode, Shim
from tests.crash.tally import Tally, shared_out
from tests.crash.trial import judged, lost, written

Point = tuple[Mode, int]
MODES: tuple[Mode, ...] = ("before", "after", "tear")


def count_calls(zygote: Zygote, folder: Path) -> int:
    """How many such calls the fixed acts make."""
    folder.mkdir()
    ended = written(zygote, folder, FIXED, Shim("count"))
    assert ended.code == 0, ended.lines
    assert judged(zygote, folder / "home", FIXED, ended)[1] == []
    return int(ended.last("calls"))


def kill_at_each(points: list[Point], zygotes: list[Zygote], folder: Path, tally: Tally) -> None:
    """One trial a point, each in a home of its own."""

    def attempt(zygote: Zygote, point: Point) -> None:
        mode, at = point
        home = folder / f"{mode}-{at}"
        home.mkdir()
        ended = written(zygote, home, FIXED, Shim(mode, at))
        _, problems = judged(zygote, home / "home", FIXED, ended)
        if not ended.killed and ended.code != 0:
            problems.append(f"the writer failed: {ended.lines[-2:]}")
        tally.figures["killed"] = tally.figures.get("killed", 0) + ended.killed
        tally.add(f"killed {mode} call {at}", problems)
        if not problems:
            shutil.rmtree(home)

    shared_out(zygotes, points, attempt, tally)


def test_kill_at_some_calls(
    zygotes: list[Zygote], tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    total = count_calls(zygotes[0], tmp_path / "count")
    points = list(every_point(total))
    chosen = random.Random(seed).sample(points, min(rounds(24), len(points)))
    kill_at_each(chosen, zygotes, tmp_path, tally)


@pytest.mark.slow
def test_kill_at_every_call(zygotes: list[Zygote], tmp_path: Path, tally: Tally) -> None:
    """Before and after each; every third is torn, beginning with the seed."""
    total = count_calls(zygotes[0], tmp_path / "count")
    tally.figures["calls"] = total
    points = [(mode, at) for mode, at in every_point(total) if mode != "tear" or at % 3 == tally.seed % 3]
    kill_at_each(points, zygotes, tmp_path, tally)


def every_point(total: int) -> Iterator[Point]:
    for at in range(1, total + 1):
        for mode in MODES:
            yield mode, at


def test_the_naive_writer_does_not_survive_this(
    zygote: Zygote, tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    """The control: with files written over, the same kills leave what cannot be read or is only half there."""
    acts = [act for act in FIXED if act[0] in ("put", "remove", "job")]

    def run(folder: Path, shim: Shim) -> tuple[int, list[str]]:
        folder.mkdir()
        ended = zygote.run("naive_write", root=folder, shim=shim, home=str(folder), acts=acts)
        looked = zygote.run("naive_look", home=str(folder))
        if looked.code != 0:
            return -1, [f"not readable: {looked.last('cause')}"]
        calls = 0 if ended.killed else int(ended.last("calls"))
        return calls, looked.last("problems") + list(lost(looked.last("world"), acts, ended))

    total, problems = run(tmp_path / "count", Shim("count"))
    assert problems == []
    points = list(every_point(total))
    chosen = random.Random(seed).sample(points, min(rounds(30), len(points)))
    failed = 0
    for number, (mode, at) in enumerate(chosen):
        _, problems = run(tmp_path / f"naive{number}", Shim(mode, at))
        failed += bool(problems)
        tally.add(f"{mode} {at}", [])
    tally.figures["lost"] = failed
    assert failed > len(chosen) / 4
