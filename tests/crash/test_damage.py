"""Flipped bits and cut files of a corpus at rest: always found, with the command that helps, and never a wrong answer.

``writer.lock`` is left out: what stands in it is only a name for people.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.acts import Act, secret
from tests.crash.children import Ended, Zygote
from tests.crash.tally import Tally, shared_out
from tests.crash.trial import written

ACTS: list[Act] = [
    ["create"],
    *[["put", f"d{number}.txt", 1] for number in range(6)],
    ["put", "long.txt", 1],
    ["remove", "d2.txt"],
    ["put", "d3.txt", 2],
    ["index"],
    ["settle"],
]
QUERIES = ["the lantern of the harbour", "copper thistle", secret("d3.txt", 2), secret("long.txt", 1)]
COMMANDS = ("spandraft corpus rebuild x", "spandraft corpus verify x", "spandraft corpus salvage x")
Use = Callable[[Zygote, Path], Ended]


def settled(zygote: Zygote, folder: Path) -> Path:
    """A corpus at rest."""
    folder.mkdir()
    ended = written(zygote, folder, ACTS)
    assert ended.code == 0, ended.lines
    return folder / "home"


def files_of(home: Path) -> list[Path]:
    """The files that hold something, as paths from ``home`` on."""
    found = [path for path in sorted((home / "corpora").rglob("*")) if path.is_file() and path.stat().st_size]
    return [path.relative_to(home) for path in found if path.name not in ("writer.lock", ".lock")]


def harm(path: Path, chance: random.Random) -> str:
    """Change the file; what was done to it. Of all files half the harm is done to the first and last bytes."""
    data = bytearray(path.read_bytes())
    edge = min(len(data), 128)
    at = chance.choice((chance.randrange(len(data)), chance.randrange(edge), len(data) - 1 - chance.randrange(edge)))
    kind = chance.choice(("flip", "flip", "flip", "cut", "blank"))
    if kind == "flip":
        bit = chance.randrange(8)
        data[at] ^= 1 << bit
        kind = f"flip of bit {bit}"
    elif kind == "cut":
        del data[at:]
    else:
        before = bytes(data[at : at + 512])
        data[at : at + 512] = bytes(len(before))
        if bytes(data) == path.read_bytes():
            data[at] ^= 1
    path.write_bytes(data)
    return f"{kind} at {at} of {path.stat().st_size} in {path.name}"


def judge(zygote: Zygote, home: Path, truth: dict[str, str]) -> list[str]:
    """Nothing may die, nothing may be answered wrongly, and everything must be found with a way out."""
    problems = []
    verified = zygote.run("verify", home=str(home))
    if verified.code != 0:
        problems += [*unexplained(verified), f"verify itself fails: {verified.lines[:1]}"]
    else:
        findings = verified.last("findings")
        if not findings:
            problems.append("verify finds nothing")
        for _, cause, hint in findings:
            if not any(command in hint for command in COMMANDS):
                problems.append(f"no command in the hint of: {cause} / {hint}")
    used = zygote.run("use", home=str(home), queries=QUERIES)
    if used.code != 0:
        return problems + unexplained(used)
    wrong = [what for what in truth if used.last(what) != truth[what]]
    return problems + [f"wrong {what} without a word" for what in wrong]


def unexplained(ended: Ended) -> list[str]:
    """An error must be one of ours, and say how to go on."""
    if ended.code != 1:
        return [f"died with {ended.code}"]
    kinds, hint = ended.last("error"), ended.last("hint")
    if "CorporaError" not in kinds and "RetrievalError" not in kinds:
        return [f"a bare {kinds[0]}: {ended.last('cause')}"]
    return [] if any(command in hint for command in COMMANDS) else [f"no command in: {ended.last('cause')} / {hint}"]


def harm_many(zygotes: list[Zygote], folder: Path, count: int, seed: int, tally: Tally) -> None:
    home = settled(zygotes[0], folder / "whole")
    ended = zygotes[0].run("use", home=str(home), queries=QUERIES)
    assert ended.code == 0, ended.lines
    truth = {what: ended.last(what) for what in ("hits", "texts", "drafts")}
    assert zygotes[0].run("verify", home=str(home)).last("findings") == []
    files = files_of(home)
    tally.figures["files"] = [path.name for path in files]

    def attempt(zygote: Zygote, number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        own = folder / f"harmed{number}"
        shutil.copytree(home, own)
        what = harm(own / chance.choice(files), chance)
        problems = judge(zygote, own, truth)
        tally.add(what, problems)
        if not problems:
            shutil.rmtree(own)

    shared_out(zygotes, range(count), attempt, tally)


def test_some_harm_is_found(
    zygotes: list[Zygote], tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    harm_many(zygotes, tmp_path, rounds(30), seed, tally)


@pytest.mark.slow
def test_five_hundred_harms_are_found(
    zygotes: list[Zygote], tmp_path: Path, rounds: Callable[[int], int], seed: int, tally: Tally
) -> None:
    harm_many(zygotes, tmp_path, rounds(500), seed, tally)
