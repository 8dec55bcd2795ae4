"""Two hundred hostile names through every entrance: nothing outside the library is read, written or deleted.

Watched twice: by audit events inside the process, and by what lies around the home before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.children import Zygote
from tests.crash.entrances import ENTRANCES
from tests.crash.hostile_names import SECRET, payloads
from tests.crash.tally import Tally


def world(folder: Path) -> Path:
    """A home with something beside it that nobody may touch, and a link inside that leads there."""
    outer = folder / "outer"
    for name in ("home/corpora", "tmp", "canary"):
        (outer / name).mkdir(parents=True)
    (outer / "canary" / "canary.txt").write_text(SECRET)
    (outer / "canary.txt").symlink_to("canary/canary.txt")
    (outer / "home" / "canary.txt").symlink_to("../canary/canary.txt")
    (outer / "home" / "corpora" / "link").symlink_to("../../canary")
    (outer / "home" / "link").symlink_to("../canary")
    return outer


def around(outer: Path) -> dict[str, bytes]:
    """Everything beside home and scratch: names and contents."""
    found = {}
    for path in sorted(outer.rglob("*")):
        if not {"home", "tmp"} & {path.relative_to(outer).parts[0]}:
            found[str(path)] = b"" if path.is_dir() else path.read_bytes()
    return found


def knock(zygote: Zygote, folder: Path, entrance: str, step: int, tally: Tally) -> None:
    outer = world(folder)
    before = around(outer)
    names = len(payloads(outer))
    ended = zygote.run("enter", outer=str(outer), entrance=entrance, first=tally.seed % step, step=step)
    problems = ended.said("problem")
    if ended.code != 0:
        problems.append(f"it ended with {ended.lines[-2:]}")
    else:
        assert ended.last("seen") > 0 or entrance == "loaders", "nothing was watched"
        tally.figures.update(names=ended.last("tried"), of=names)
        tally.tried += ended.last("tried") - 1
    if around(outer) != before:
        problems.append("what lies around the home has changed")
    tally.add(entrance, problems)


def test_there_are_two_hundred_names(tmp_path: Path) -> None:
    assert len(payloads(tmp_path)) >= 200


@pytest.mark.parametrize("entrance", [name for name in ENTRANCES if name != "http"])
def test_some_names(zygote: Zygote, tmp_path: Path, entrance: str, rounds: Callable[[int], int], tally: Tally) -> None:
    """A few of them, beginning with the seed."""
    knock(zygote, tmp_path, entrance, max(1, len(payloads(tmp_path)) // rounds(20)), tally)


@pytest.mark.slow
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_all_names(zygote: Zygote, tmp_path: Path, entrance: str, tally: Tally) -> None:
    knock(zygote, tmp_path, entrance, 1, tally)


def test_the_watch_sees_what_it_should(zygote: Zygote, tmp_path: Path) -> None:
    """The control: a library that takes names as they come is caught."""
    outer = world(tmp_path)
    ended = zygote.run("enter", outer=str(outer), entrance="naive", first=0, step=1)
    assert ended.code == 0, ended.lines
    said = " ".join(ended.said("problem"))
    assert "looks at" in said and "open of" in said and "os.mkdir of" in said
