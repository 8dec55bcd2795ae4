"""Eight writers and eight readers of one corpus, and now and then the writer that holds the lock is killed."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corpora.store.library import Library
from tests.crash.acts import Act, World, after
from tests.crash.children import Child, Ended, Zygote
from tests.crash.crowd import own_part
from tests.crash.tally import Tally

WRITERS, READERS = 8, 8
KILL_EVERY_S = 3.0
VERSIONS_OF_A_LIFE = 100_000


def crowd(zygote: Zygote, folder: Path, seconds: float, seed: int, tally: Tally) -> None:
    home = str(folder / "home")
    Library(Path(home)).create("x").close()
    chance = random.Random(seed)
    until = time.monotonic() + seconds
    readers = [zygote.start("read", home=home, seconds=seconds) for _ in range(READERS)]
    writers = [born(zygote, home, number, 0, seconds, seed) for number in range(WRITERS)]
    promised: list[World] = [{} for _ in range(WRITERS)]
    lives = [1] * WRITERS
    while (left := until - time.monotonic()) > KILL_EVERY_S:
        time.sleep(KILL_EVERY_S * (0.5 + chance.random()) / 2)
        number = holder(Path(home), writers, chance)
        writers[number].kill()
        under_way = account(writers[number].wait(), promised, number, tally)
        settle_account(Path(home), promised, number, under_way, tally)
        writers[number] = born(zygote, home, number, lives[number], left, seed)
        lives[number] += 1
        tally.figures["killed"] = tally.figures.get("killed", 0) + 1
    for number, writer in enumerate(writers):
        account(writer.wait(), promised, number, tally)
    for reader in readers:
        ended = reader.wait()
        problems = [problem for some in ended.said("problems") for problem in some]
        tally.add("a reader", problems if ended.code == 0 else [*problems, f"ended with {ended.lines[-2:]}"])
        tally.figures["looks"] = tally.figures.get("looks", 0) + sum(ended.said("looks"))
    looked = zygote.run("look", home=home, gone=[])
    assert looked.code == 0, looked.lines
    whole = {name: version for world in promised for name, version in world.items()}
    problems = looked.last("problems")
    if looked.last("world") != whole:
        problems.append(f"there is {looked.last('world')}, there should be {whole}")
    tally.add("the end", problems)


def born(zygote: Zygote, home: str, number: int, life: int, seconds: float, seed: int) -> Child:
    """A writer; in its next life its versions go on higher."""
    first = life * VERSIONS_OF_A_LIFE
    arguments = {"writer": number, "seconds": seconds, "seed": f"{seed} {number} {life}", "first_version": first}
    return zygote.start("crowd_write", home=home, **arguments)


def holder(home: Path, writers: list[Child], chance: random.Random) -> int:
    """The writer that holds the lock at this moment, as it says; else any."""
    pids = [writer.pid for writer in writers]
    for _ in range(200):
        try:
            said: dict[str, Any] = json.loads((home / "corpora/x/writer.lock").read_text())
            return pids.index(said["pid"])
        except (OSError, ValueError, KeyError):
            time.sleep(0.001)
    return chance.randrange(len(writers))


def account(ended: Ended, promised: list[World], number: int, tally: Tally) -> list[Act]:
    """Follow what a writer said that it has done; the act that it was at when it ended, if any."""
    for act in ended.said("done"):
        promised[number] = next(after(promised[number], act), promised[number])
    acts, done = ended.said("act"), ended.said("done")
    problems = [] if ended.killed or ended.code == 0 else [f"ended with {ended.lines[-2:]}"]
    tally.figures["acts"] = tally.figures.get("acts", 0) + len(done)
    tally.figures["longest wait, s"] = round(max([tally.figures.get("longest wait, s", 0.0), *ended.said("waited")]), 2)
    busy = ended.said("busy")
    tally.figures["told who is writing"] = tally.figures.get("told who is writing", 0) + len(busy)
    problems += [f"nobody is named: {cause}" for cause in busy if not re.match(r"process \d+ \(", cause)]
    tally.add(f"writer {number}", problems)
    return list(acts[len(done) :])


def settle_account(home: Path, promised: list[World], number: int, under_way: list[Act], tally: Tally) -> None:
    """After a kill: what was promised is there, and perhaps what was under way."""
    store = Library(home).open("x")
    with store.snapshot():
        found = own_part({info.name: version_in(store.document(info.id).text) for info in store.documents()}, number)
    store.close()
    possible = [promised[number]]
    for act in under_way:
        possible += list(after(promised[number], act))
    problems = [] if found in possible else [f"there is {found}, there should be one of {possible}"]
    tally.add(f"after the kill of writer {number}", problems)
    promised[number] = found


def version_in(text: str) -> int:
    return int(text.split()[1])


def test_a_few_seconds(zygote: Zygote, tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally) -> None:
    """``--n`` are seconds."""
    crowd(zygote, tmp_path, rounds(8), seed, tally)


@pytest.mark.slow
def test_three_minutes(zygote: Zygote, tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally) -> None:
    """``--n`` are seconds."""
    crowd(zygote, tmp_path, rounds(180), seed, tally)
