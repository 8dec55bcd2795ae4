"""One trial: a home, a writer that came to its end somehow, and the judgement of what is left."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.crash.acts import Act, World, after, ever_put
from tests.crash.children import Ended, Zygote
from tests.crash.shim import Shim


def written(zygote: Zygote, folder: Path, acts: Sequence[Act], shim: Shim | None = None) -> Ended:
    """Let a writer do the acts in ``folder/home``."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return zygote.run("write", root=home, shim=shim, home=str(home), acts=acts, files=str(folder / "files"))


def judged(
    zygote: Zygote,
    home: Path,
    acts: Sequence[Act],
    ended: Ended,
    *,
    world: World | None = None,
    past: Iterable[tuple[str, int]] | None = None,
) -> tuple[World | None, list[str]]:
    """What is there after a writer's end, and what is wrong with it.

    ``world`` is what there was before it began; of the ``past`` documents that are gone no word may be left.
    """
    looked = zygote.run("look", home=str(home), gone=sorted(ever_put(acts) if past is None else past))
    if looked.code != 0:
        return None, [f"not readable: {looked.lines}"]
    problems: list[str] = looked.last("problems")
    found: World | None = looked.last("world")
    return found, problems + list(lost(found, acts, ended, world))


def lost(found: World | None, acts: Sequence[Act], ended: Ended, world: World | None = None) -> Iterator[str]:
    """Is what was found one of the worlds that may be there? Promised is what the writer said before its end."""
    done = len(ended.said("done"))
    if found is None:
        if done > 0 or world is not None:
            yield "the corpus is gone"
        return
    promised = dict(world or {})
    for act in acts[:done]:
        promised = {**promised, **dict(act[1])} if act[0] == "job" else next(after(promised, act), promised)
    possible = [promised]
    if done < len(acts):
        possible = list(possible_after(promised, acts[done], said_of_job(ended)))
    if found not in possible:
        yield f"there is {found}, there should be one of {possible}"


def possible_after(world: World, act: Act, told: set[str]) -> Iterator[World]:
    """What may be there while an act is under way: a job may have done any of its files, and those it told of."""
    if act[0] != "job":
        yield world
        yield from after(world, act)
        return
    open_files = [file for file in act[1] if file[0] not in told]
    certain = {**world, **{name: version for name, version in act[1] if name in told}}
    for count in range(len(open_files) + 1):
        for some in itertools.combinations(open_files, count):
            yield {**certain, **dict(some)}


def said_of_job(ended: Ended) -> set[str]:
    """The files that the job under way has told of."""
    told: set[str] = set()
    for line in ended.lines:
        if "done" in line:
            told.clear()
        elif "file" in line:
            told.add(line["file"])
    return told
