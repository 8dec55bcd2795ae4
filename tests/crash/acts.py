"""What a writer does in the crash suites, as data, and what must be there after each act.

A world is the documents that should be there: name to version. An act is a list as it goes through JSON:
``["create"]``, ``["put", name, version]``, ``["remove", name]``, ``["job", [[name, version], ...]]``, ``["index"]``,
``["settle"]``, ``["rebuild", characters]``. Text is made from name and version, so that whatever is found says what it
should be.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

from corpora.documents import Document

Act = list[Any]
World = dict[str, int]

SHORT, LONG = 10, 60
TARGET_CHARS = 200
_WORDS = "harbour lantern orchard granite meadow copper thistle anchor saffron willow ember quarry linen marble".split()
_VERSION = re.compile(r"Version (\d+) of (\S+) begins here\.")


def text_of(name: str, version: int) -> str:
    """The text of a document: sentences that occur in no other version of any document."""
    chance = random.Random(f"{name} {version}")
    count = LONG if name.startswith("long") else SHORT
    lines = [f"Version {version} of {name} begins here."]
    for number in range(count):
        words = " ".join(chance.choices(_WORDS, k=6))
        lines.append(f"{words.capitalize()} {secret(name, version)} stands in sentence {number}.")
    return " ".join(lines)


def secret(name: str, version: int) -> str:
    """A word that only this version of this document holds, in every sentence."""
    return f"x{random.Random(f'secret {name} {version}').getrandbits(64):016x}"


def document_of(name: str, version: int) -> Document:
    return Document.of(name, text_of(name, version))


def version_of(document: Document) -> int | None:
    """The version whose text this is, every character of it."""
    found = _VERSION.match(document.text)
    if found is None or found[2] != document.name:
        return None
    version = int(found[1])
    return version if document.text == text_of(document.name, version) else None


def after(world: World, act: Act) -> Iterator[World]:
    """The worlds that an act goes through: each is one commit later than the one before."""
    match act:
        case ["put", name, version]:
            yield {**world, name: version}
        case ["remove", name]:
            yield {kept: version for kept, version in world.items() if kept != name}
        case ["job", files]:
            for name, version in files:
                world = {**world, name: version}
                yield world


def worlds(acts: Sequence[Act], world: World | None = None) -> list[World]:
    """All worlds from first to last."""
    passed = [dict(world or {})]
    for act in acts:
        passed.extend(after(passed[-1], act))
    return passed


def commits(act: Act) -> int:
    """How many worlds an act makes."""
    return len(list(after({}, act)))


def ever_put(acts: Sequence[Act]) -> set[tuple[str, int]]:
    """All versions of all documents that the acts write."""
    puts = {(act[1], act[2]) for act in acts if act[0] == "put"}
    return puts | {(name, version) for act in acts if act[0] == "job" for name, version in act[1]}


FIXED: list[Act] = [
    ["create"],
    ["put", "a.txt", 1],
    ["put", "long.txt", 1],
    ["index"],
    ["put", "a.txt", 2],
    ["job", [["c.txt", 1], ["a.txt", 3]]],
    ["remove", "long.txt"],
    ["settle"],
    ["put", "d.txt", 1],
    ["index"],
    ["rebuild", 300],
    ["put", "e.txt", 1],
    ["settle"],
]


def random_acts(chance: random.Random, world: World, count: int) -> list[Act]:
    """Acts of a busy writer that go on from ``world``."""
    acts: list[Act] = []
    versions = dict(world)
    there = set(world)

    def fresh(name: str) -> int:
        versions[name] = versions.get(name, chance.randrange(1_000_000)) + 1
        there.add(name)
        return versions[name]

    while len(acts) < count:
        roll = chance.random()
        name = f"{chance.choice(('doc', 'doc', 'doc', 'long'))}{chance.randrange(8)}.txt"
        if roll < 0.55:
            acts.append(["put", name, fresh(name)])
        elif roll < 0.72 and there:
            gone = chance.choice(sorted(there))
            there.discard(gone)
            acts.append(["remove", gone])
        elif roll < 0.82:
            acts.append(["index"])
        elif roll < 0.88:
            acts.append(["settle"])
        elif roll < 0.90:
            acts.append(["rebuild", chance.choice((150, 200, 300))])
        elif roll < 0.95:
            names = chance.sample([f"job{number}.txt" for number in range(6)], k=2)
            acts.append(["job", [[one, fresh(one)] for one in names]])
    return acts
