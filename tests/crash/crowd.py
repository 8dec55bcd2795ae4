"""Many writers and many readers of one corpus: what each does, in a process of its own."""

from __future__ import annotations

import random
import re
import time
from collections import defaultdict
from pathlib import Path

from corpora.errors import DocumentNotFound, LibraryBusy
from corpora.store.library import Library
from retrieval.errors import EmptyCorpus
from retrieval.hybrid import HybridRetriever
from tests.crash import tasks
from tests.crash.acts import Act, World, after, secret
from tests.crash.words import WordEncoder
from tests.crash.zygote import Report

PAUSE_S = 0.02  # of a reader between two looks
NAMES = 5  # documents of each writer
_SECRET = re.compile(r"x[0-9a-f]{16}")


def own_part(world: World, writer: int) -> World:
    """The documents of one writer; nobody else touches them."""
    return {name: version for name, version in world.items() if name.startswith(f"w{writer}-")}


def write(report: Report, home: str, writer: int, seconds: float, seed: str, first_version: int) -> None:
    """Put, replace and remove one's own documents until the time is up, saying what and that it is done."""
    chance = random.Random(seed)
    corpus = tasks.opened(Library(Path(home)).open(tasks.NAME))
    world = own_part({info.name: 0 for info in corpus.documents()}, writer)
    version = first_version
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        name = f"w{writer}-{chance.randrange(NAMES)}.txt"
        act: Act = ["put", name, version := version + 1]
        if name in world and chance.random() < 0.3:
            act = ["remove", name]
        elif chance.random() < 0.1:
            act = [chance.choice(("index", "settle"))]
        report(act=act)
        began = time.monotonic()
        while True:
            try:
                tasks.do(corpus, act, Path(home), report)
                break
            except LibraryBusy as error:  # After half a minute; whoever tries again waits on.
                report(busy=error.cause)
        report(done=act, waited=time.monotonic() - began)
        world = next(after(world, act), world)
    corpus.close()
    report(ended=True)


def read(report: Report, home: str, seconds: float) -> None:
    """Look at everything and search, again and again; a document is whole, and no version is older than before."""
    store = Library(Path(home)).open(tasks.NAME)
    retriever = HybridRetriever(store, WordEncoder())
    newest: dict[str, int] = defaultdict(int)
    last, looks = -1, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with store.snapshot() as version:
            world, problems = tasks.observed(store)
        if version < last:
            problems.append(f"version {version} after {last}")
        last = version
        for name, seen in world.items():
            if seen < newest[name]:
                problems.append(f"{name}: version {seen} after {newest[name]}")
            newest[name] = seen
        for name, seen in list(world.items())[:3]:
            try:
                hits = retriever.search([secret(name, seen)], 3)[0]
            except (EmptyCorpus, DocumentNotFound):
                continue
            for hit in hits:
                if len(set(_SECRET.findall(hit.passage.text))) != 1:
                    problems.append(f"a passage of two documents: {hit.passage.text}")
        if problems:
            report(problems=problems)
        looks += 1
        time.sleep(PAUSE_S)
    store.close()
    report(looks=looks, versions=last)
