"""A disk that fills up at any byte: a clear error, everything as it was, and success when there is room again.

The same for a quota that is used up and for a disk that breaks: whatever fails from some call on.
"""

from __future__ import annotations

import errno
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.acts import FIXED, worlds
from tests.crash.children import Ended, Zygote
from tests.crash.shim import Shim
from tests.crash.tally import Tally, shared_out
from tests.crash.trial import lost

PAGE, LAST = 4096, 64


def rooms(total: int) -> Iterator[int]:
    """Every 4 KiB, and every 64th byte of the last 4,096."""
    yield from range(0, total, PAGE)
    yield from range(max(0, total - PAGE), total, LAST)


def begun(zygote: Zygote, folder: Path, shim: Shim, first: int = 0) -> Ended:
    (folder / "home").mkdir(parents=True, exist_ok=True)
    arguments = {"home": str(folder / "home"), "files": str(folder / "files"), "dumps": True}
    return zygote.run("write", root=folder / "home", shim=shim, acts=FIXED[first:], **arguments)


def unclear(ended: Ended, home: Path) -> Iterator[str]:
    """What is wrong with the error that the writer was given: it must say where, why and what to do."""
    kinds, cause, hint = ended.last("error"), ended.last("cause"), ended.last("hint")
    if not {"CorporaError", "RetrievalError"} & set(kinds):
        yield f"a bare {kinds[0]}: {cause}"
        return
    if str(home) not in cause:
        yield f"the error does not name the path: {cause}"
    if not hint:
        yield f"the error has no remedy: {cause}"
    if "\n" in cause + hint:
        yield "the error is not one line"


def fill(zygote: Zygote, folder: Path, shim: Shim) -> list[str]:
    """Run into it, look, make room, go on to the end."""
    home = folder / "home"
    ended = begun(zygote, folder, shim)
    if ended.code == 0:
        return []  # Nothing was written at the end that needed this room.
    problems = list(unclear(ended, home))
    done = len(ended.said("done"))
    looked = zygote.run("look", home=str(home), gone=[], probe=False)
    if looked.code != 0:
        return [*problems, f"not readable afterwards: {looked.lines}"]
    problems += looked.last("problems") + list(lost(looked.last("world"), FIXED, ended))
    dumps = ended.said("dump")
    moved_on = looked.last("world") != (worlds(FIXED[:done])[-1] if done else None)
    if dumps and not moved_on and FIXED[done][0] in ("put", "remove") and looked.last("dump") != dumps[-1]:
        problems.append("the state is not the one before, bit for bit")
    rest = zygote.run("finish", home=str(home), acts=FIXED, first=done, files=str(folder / "files"))
    if rest.code != 0:
        return [*problems, f"no success with room: {rest.lines[-2:]}"]
    looked = zygote.run("look", home=str(home), gone=[])
    if looked.code != 0 or looked.last("problems") or looked.last("world") != worlds(FIXED)[-1]:
        problems.append(f"wrong at the end: {looked.lines}")
    return [f"{FIXED[done]}: {problem}" for problem in problems]


def fill_at_each(shims: list[Shim], zygotes: list[Zygote], folder: Path, tally: Tally) -> None:
    numbered = list(enumerate(shims))

    def attempt(zygote: Zygote, trial: tuple[int, Shim]) -> None:
        number, shim = trial
        own = folder / f"trial{number}"
        problems = fill(zygote, own, shim)
        tally.add(f"{errno.errorcode[shim.error]} room {shim.room} call {shim.at}", problems)
        if not problems:
            shutil.rmtree(own)

    shared_out(zygotes, numbered, attempt, tally)


@pytest.fixture
def totals(zygote: Zygote, tmp_path: Path) -> tuple[int, int]:
    """(bytes by which the files grow, calls) of the fixed acts."""
    ended = begun(zygote, tmp_path / "count", Shim("count"))
    assert ended.code == 0, ended.lines
    return ended.last("grown"), ended.last("calls")


def test_full_at_some_bytes(
    zygotes: list[Zygote], totals: tuple[int, int], tmp_path: Path, rounds: Callable[[int], int], seed: int,
    tally: Tally,
) -> None:  # fmt: skip
    shims = [Shim("full", room=room) for room in rooms(totals[0])]
    shims += [Shim("full", room=room, error=errno.EDQUOT) for room in rooms(totals[0])]
    shims += [Shim("fail", at=at, error=errno.EIO) for at in range(1, totals[1] + 1)]
    fill_at_each(random.Random(seed).sample(shims, min(rounds(10), len(shims))), zygotes, tmp_path, tally)


@pytest.mark.slow
def test_full_at_every_page(zygotes: list[Zygote], totals: tuple[int, int], tmp_path: Path, tally: Tally) -> None:
    tally.figures["bytes"] = totals[0]
    fill_at_each([Shim("full", room=room) for room in rooms(totals[0])], zygotes, tmp_path, tally)


@pytest.mark.slow
def test_broken_from_every_call_on(
    zygotes: list[Zygote], totals: tuple[int, int], tmp_path: Path, rounds: Callable[[int], int], seed: int,
    tally: Tally,
) -> None:  # fmt: skip
    """Input and output errors, and a quota that is used up; of some of the calls."""
    errors = (errno.EIO, errno.EDQUOT)
    shims = [Shim("fail", at=at, error=errors[at % 2]) for at in range(1, totals[1] + 1)]
    fill_at_each(random.Random(seed).sample(shims, min(rounds(200), len(shims))), zygotes, tmp_path, tally)
