"""What runs in the children: a writer, and a look at what is there afterwards.

Both use the library as anybody would.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from corpora import schema
from corpora.chunking import Chunking, passages
from corpora.durable import UNFINISHED
from corpora.errors import EmptyFile
from corpora.generations import Build
from corpora.ingest import Stage, ingest
from corpora.library import Library
from corpora.store import CorpusStore
from retrieval.dense import VectorRows
from retrieval.errors import EmptyCorpus
from retrieval.hybrid import HybridRetriever
from tests.crash.acts import TARGET_CHARS, Act, World, document_of, secret, text_of, version_of
from tests.crash.words import WordEncoder
from tests.crash.zygote import Report

NAME = "x"
CHUNKING = Chunking(target_chars=TARGET_CHARS)
PROBE = "probe.txt"


def write(report: Report, home: str, acts: Sequence[Act], files: str, dumps: bool = False) -> None:
    """Do the acts one after the other, saying after each that it is done: from then on it must not be lost."""
    library = Library(Path(home))
    store = library.open(NAME) if library.exists(NAME) else None
    for number, act in enumerate(acts):
        if act[0] == "create":
            store = library.create(NAME)
        else:
            assert store is not None
            do(store, act, Path(files), report)
        report(done=number, **({"dump": dump(store.folder)} if dumps and store is not None else {}))
    if store is not None:
        store.close()
        report(closed=True)


def finish(report: Report, home: str, acts: Sequence[Act], first: int, files: str) -> None:
    """Go on from act ``first``, which failed: perhaps after it had been committed, in which case it is repeated."""
    library = Library(Path(home))
    if acts[first][0] == "create" and library.exists(NAME):
        first += 1
    elif acts[first][0] == "put" and library.exists(NAME):
        document = document_of(*acts[first][1:])
        store = library.open(NAME)
        first += store.twin(document) is not None
        store.close()
    elif acts[first][0] == "remove":
        store = library.open(NAME)
        first += store.find(acts[first][1]) is None
        store.close()
    write(report, home, acts[first:], files)


def dump(folder: Path) -> str:
    """A digest of the database's content as text, and of all index files."""
    digest = hashlib.sha256()
    with contextlib.closing(sqlite3.connect(f"{(folder / schema.FILE_NAME).as_uri()}?mode=ro", uri=True)) as connection:
        for line in connection.iterdump():
            digest.update(line.encode())
    for path in sorted((folder / "indexes").rglob("*")):
        if path.is_file() and not path.name.startswith(UNFINISHED):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def do(store: CorpusStore, act: Act, files: Path, report: Report) -> None:
    """One act on an open corpus."""
    derived = [VectorRows(WordEncoder())]
    chunking = store.chunking() or CHUNKING
    match act:
        case ["put", name, version]:
            document = document_of(name, version)
            assert store.add(document, passages(document, **asdict(chunking)), derived)
        case ["remove", name]:
            store.remove(name)
        case ["job", listed]:
            paths = [files / f"{version}" / name for name, version in listed]
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text_of(path.name, int(path.parent.name)))

            def tell(done: int, total: int, name: str, stage: Stage) -> None:
                if stage == "done":
                    report(file=name)

            outcomes = ingest(store, paths, derived=derived, chunking=chunking, progress=tell)
            for outcome in outcomes:
                if outcome.status == "failed":
                    raise EmptyFile(f"{outcome.path.name}: {outcome.cause}", hint=f"{outcome.hint}")
        case ["index"]:
            search(store)
        case ["settle"]:
            store.settle()
        case ["rebuild", characters]:
            wanted = replace(chunking, target_chars=characters)
            Build(store, wanted, derived=derived, encoder=WordEncoder.name).run()


def search(store: CorpusStore, query: str = "where is the lantern of the harbour") -> list[tuple[str, float]]:
    """The hits of the real retriever over what is stored."""
    try:
        hits = HybridRetriever(store, WordEncoder()).search([query], 5)[0]
    except EmptyCorpus:
        return []
    return [(hit.passage.id, round(hit.score, 9)) for hit in hits]


def look(report: Report, home: str, gone: Sequence[tuple[str, int]], probe: bool = True) -> None:
    """Open the corpus anew and say which world it holds and what is wrong with it; then try to go on writing."""
    library = Library(Path(home))
    if NAME not in library.names():
        report(world=None, problems=[])
        return
    store = library.open(NAME)
    world, problems = observed(store)
    problems += list(damage(store.folder / schema.FILE_NAME))
    problems += [f"verify: {finding}" for finding in verified(store.folder)]
    search(store)
    if probe:
        problems += list(goes_on(store, world))
    store.close()
    if probe:
        words = [secret(name, version) for name, version in gone if world.get(name) != version]
        problems += list(remains(Path(home), words))
    else:
        report(dump=dump(store.folder))
    report(world=world, problems=problems)


def use(report: Report, home: str, queries: Sequence[str]) -> None:
    """Open and search as a reader does: everything that it returns."""
    store = Library(Path(home)).open(NAME)
    retriever = HybridRetriever(store, WordEncoder())
    hits = [[(hit.passage.text, round(hit.score, 9)) for hit in found] for found in retriever.search(queries, 8)]
    texts = {info.name: store.document(info.id).text for info in store.documents()}
    report(used=hashlib.sha256(json.dumps([hits, texts], sort_keys=True).encode()).hexdigest())
    store.close()


def verify(report: Report, home: str) -> None:
    """What ``corpora.verify`` finds."""
    from corpora.verify import verify as findings

    found = findings(Path(home) / "corpora" / NAME)
    report(findings=[[str(one.file), one.cause, one.hint] for one in found])


def observed(store: CorpusStore) -> tuple[World, list[str]]:
    """The documents, and whatever is not whole about them."""
    encoder = VectorRows(WordEncoder())
    chunking = asdict(store.chunking() or CHUNKING)
    world: World = {}
    problems: list[str] = []
    with store.snapshot():
        vectors = dict(store.derived(encoder.kind))
        stored = list(store.passages_after(0))
        if [one.row for one in stored] != store.rows_alive():
            problems.append("rows and passages differ")
        if set(vectors) != {one.row for one in stored}:
            problems.append("vectors and passages differ")
        for info in store.documents():
            document = store.document(info.id)
            version = version_of(document)
            if version is None:
                problems.append(f"{info.name} has a text that nobody gave it")
                continue
            world[info.name] = version
            own = [one for one in stored if one.passage.document_id == info.id]
            cut = passages(document, **chunking)
            if [one.passage for one in own] != cut:
                problems.append(f"{info.name} has {len(own)} of its {len(cut)} passages")
            elif [vectors.get(one.row) for one in own] != encoder.compute(cut):
                problems.append(f"{info.name} has vectors of something else")
        if len(stored) != sum(info.passages for info in store.documents()):
            problems.append("there are passages of no document")
    return world, problems


def damage(database: Path) -> Iterator[str]:
    """What SQLite itself finds wrong."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for (line,) in connection.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"integrity: {line}"
        for line in connection.execute("PRAGMA foreign_key_check"):
            yield f"foreign key: {line}"


def verified(folder: Path) -> list[str]:
    """What ``corpora.verify`` finds wrong, where there is one already."""
    try:
        from corpora.verify import verify
    except ImportError:
        return []
    return [f"{finding.file}: {finding.cause}" for finding in verify(folder)]


def goes_on(store: CorpusStore, world: World) -> Iterator[str]:
    """The next document goes in, is found, and goes out again."""
    document = document_of(PROBE, 1)
    chunking = asdict(store.chunking() or CHUNKING)
    if not store.add(document, passages(document, **chunking), [VectorRows(WordEncoder())]):
        yield "the next document was not taken"
    now, problems = observed(store)
    yield from problems
    if now != {**world, PROBE: 1}:
        yield f"after the next document there are {now}"
    if not any(hit.startswith(document.id) for hit, _ in search(store, secret(PROBE, 1))):
        yield "the next document is not found"
    store.remove(PROBE)
    now, problems = observed(store)
    yield from problems
    if now != world:
        yield f"after its removal there are {now}"


def remains(home: Path, words: Sequence[str]) -> Iterator[str]:
    """Words of deleted text that still stand in a file."""
    for path in sorted(home.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found = [word for word in words if word.encode() in data]
            if found:
                yield f"{path.relative_to(home)} still holds text that was deleted ({len(found)} words)"
