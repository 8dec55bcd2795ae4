"""kill -9 at random instants of a busy writer, over and over on one corpus; each time a new process looks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.acts import Act, World, ever_put, random_acts
from tests.crash.children import Child, Ended, Zygote
from tests.crash.tally import ENOUGH, Tally
from tests.crash.trial import judged, lost

ACTS = 400  # more than a writer gets done before it is killed
LONGEST_S = 0.6


def killed_at_random(child: Child, chance: random.Random) -> Ended:
    """Let it begin, give it a moment, kill it."""
    moment = chance.random() * LONGEST_S
    began = time.monotonic()
    while not child.lines() and time.monotonic() < began + 30:
        time.sleep(0.002)
    time.sleep(moment)
    child.kill()
    return child.wait()


def kill_a_busy_writer(zygote: Zygote, folder: Path, times: int, seed: int, tally: Tally) -> None:
    """Kill after kill; what one leaves, the next goes on from."""
    chance = random.Random(seed)
    home = folder / "home"
    home.mkdir()
    world: World | None = None
    past: set[tuple[str, int]] = set()
    for number in range(times):
        acts: list[Act] = [] if world is not None else [["create"]]
        acts += random_acts(chance, world or {}, ACTS)
        arguments = {"home": str(home), "acts": acts, "files": str(folder / "files")}
        ended = killed_at_random(zygote.start("write", **arguments), chance)
        assert ended.killed, ended.lines[-3:]
        past |= ever_put(acts[: len(ended.said("done")) + 1])
        looked, problems = judged(zygote, home, acts, ended, world=world, past=past)
        tally.figures["promised"] = tally.figures.get("promised", 0) + len(ended.said("done"))
        tally.add(f"kill {number}", problems)
        if looked is None or len(tally.problems) >= ENOUGH:
            return
        world = looked
        past -= {(name, version) for name, version in past if world.get(name) != version}
    tally.figures["documents at the end"] = len(world or {})


def test_a_few_kills(zygote: Zygote, tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally) -> None:
    kill_a_busy_writer(zygote, tmp_path, rounds(10), seed, tally)


@pytest.mark.slow
def test_two_hundred_kills(
    zygote: Zygote, tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    kill_a_busy_writer(zygote, tmp_path, rounds(200), seed, tally)


def test_the_naive_writer_is_killed_too(
    zygote: Zygote, tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    """The control: the same kills, each of a store of its own, until one has done harm."""
    chance = random.Random(seed)
    failed = 0
    for number in range(rounds(400)):
        if failed:
            break
        home = tmp_path / str(number)
        home.mkdir()
        acts = [act for act in random_acts(chance, {}, ACTS) if act[0] in ("put", "remove")]
        ended = killed_at_random(zygote.start("naive_write", home=str(home), acts=acts), chance)
        looked = zygote.run("naive_look", home=str(home))
        found = looked.last("problems") + list(lost(looked.last("world"), acts, ended)) if looked.code == 0 else ["?"]
        failed += bool(found)
        tally.add(str(number), [])
    tally.figures["lost"] = failed
    assert failed > 0, "the kills come too rarely in the middle of something"
