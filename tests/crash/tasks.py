"""What runs in the children: a writer, and a look at what is there afterwards.

Both use the library as anybody would.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from app.config.corpus_options import CorpusConfig
from app.library.corpus import Corpus
from corpora.documents import Document, Passage
from corpora.errors import EmptyFile
from corpora.jobs.runner import Stage
from corpora.store import schema
from corpora.store.atomic_write import UNFINISHED
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages
from retrieval.dense import VectorRows
from retrieval.errors import EmptyCorpus
from retrieval.evidence.sentences import SentenceRows
from retrieval.hybrid import HybridRetriever
from tests.crash import brute_force
from tests.crash.acts import TARGET_CHARS, Act, World, document_of, secret, text_of, version_of
from tests.crash.words import WordEncoder, WordTokens
from tests.crash.zygote import Report

NAME = "x"
PROBE = "probe.txt"


def write(report: Report, home: str, acts: Sequence[Act], files: str, dumps: bool = False) -> None:
    """Do the acts one after the other, saying after each that it is done: from then on it must not be lost."""
    library = Library(Path(home))
    corpus = opened(library.open(NAME)) if library.exists(NAME) else None
    for number, act in enumerate(acts):
        if act[0] == "create":
            corpus = opened(library.create(NAME))
        else:
            assert corpus is not None
            do(corpus, act, Path(files), report)
        report(done=number, **({"dump": dump(corpus.store.folder)} if dumps else {}))
    if corpus is not None:
        corpus.close()
        report(closed=True)


def opened(store: CorpusStore, chunk_chars: int | None = None) -> Corpus:
    """A corpus as the application has it. Index files are written when the acts say so, not beside them."""
    retriever = HybridRetriever(store, WordEncoder(), policy=None)
    if store.chunking() is None:
        store.set_chunking(Chunking(target_chars=TARGET_CHARS))
    return Corpus(store, WordEncoder(), retriever, CorpusConfig(store.folder.parents[1], chunk_chars))


def finish(report: Report, home: str, acts: Sequence[Act], first: int, files: str) -> None:
    """Go on from act ``first``, which failed: perhaps after it had been committed, in which case it is repeated."""
    library = Library(Path(home))
    if acts[first][0] == "create" and library.exists(NAME):
        first += 1
    elif acts[first][0] == "put" and library.exists(NAME):
        document = document_of(*acts[first][1:])
        store = library.open(NAME)
        first += store.find_same_text(document) is not None
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


def do(corpus: Corpus, act: Act, files: Path, report: Report) -> None:
    """One act on an open corpus."""
    store = corpus.store
    match act:
        case ["put", name, version]:
            document = document_of(name, version)
            assert store.add(document, cut(store, document), corpus.derived())
        case ["remove", name]:
            corpus.remove(name)
        case ["job", listed]:
            add_files(corpus, [(name, version) for name, version in listed], files, report)
        case ["index"]:
            search(corpus)
            corpus.token_index(WordTokens())
            corpus.flush()
        case ["settle"]:
            store.checkpoint()
        case ["rebuild", characters]:
            opened(store, characters).rebuild()


def add_files(corpus: Corpus, listed: Sequence[tuple[str, int]], files: Path, report: Report) -> None:
    """A job of several files."""
    files.mkdir(parents=True, exist_ok=True)
    paths = [files / name for name, _ in listed]
    for path, (name, version) in zip(paths, listed, strict=True):
        path.write_text(text_of(name, version))

    def tell(done: int, total: int, name: str, stage: Stage) -> None:
        if stage == "done":
            report(file=name)

    for outcome in corpus.add(*paths, progress=tell):
        if outcome.status == "failed":
            raise EmptyFile(f"{outcome.path.name}: {outcome.cause}", hint=f"{outcome.hint}")


def cut(store: CorpusStore, document: Document) -> list[Passage]:
    """The passages of a document, as the corpus cuts."""
    chunking = store.chunking() or Chunking(target_chars=TARGET_CHARS)
    return passages(document, **asdict(chunking))


def search(corpus: Corpus, query: str = "where is the lantern of the harbour") -> list[str]:
    """Ids of the hits of the real retriever over what is stored."""
    try:
        return [hit.passage.id for hit in corpus.search(query, 5)]
    except EmptyCorpus:
        return []


def look(report: Report, home: str, gone: Sequence[tuple[str, int]], probe: bool = True) -> None:
    """Open the corpus anew and say which world it holds and what is wrong with it; then try to go on writing."""
    library = Library(Path(home))
    if NAME not in library.names():
        report(world=None, problems=[])
        return
    corpus = opened(library.open(NAME))
    folder = corpus.store.folder
    world, problems = observed(corpus.store)
    problems += damage(folder / schema.FILE_NAME)
    problems += [f"verify: {finding.cause}" for finding in corpus.verify()]
    problems += list(wrong_hits(corpus))
    if probe:
        problems += list(goes_on(corpus, world))
        corpus.close()
        words = [secret(name, version) for name, version in gone if world.get(name) != version]
        problems += list(remains(Path(home), words))
    else:
        corpus.store.close()
        report(dump=dump(folder))
    report(world=world, problems=problems)


def use(report: Report, home: str, queries: Sequence[str]) -> None:
    """Open and search as a reader does: everything that it returns."""
    corpus = opened(Library(Path(home)).open(NAME))
    hits = [[(hit.passage.text, round(hit.score, 9)) for hit in corpus.search(query, 8)] for query in queries]
    texts = {info.name: corpus.document(info.id).text for info in corpus.documents()}
    index = corpus.token_index(WordTokens())
    tokens = None if index is None else [np.asarray(index.tokens_T).tolist(), np.asarray(index.suffixes_T).tolist()]
    for what, found in (("hits", hits), ("texts", texts), ("drafts", tokens)):
        report(**{what: hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()})
    corpus.store.close()


def verify(report: Report, home: str) -> None:
    """What ``corpora.recovery.verify`` finds."""
    from corpora.recovery.verify import verify as findings

    found = findings(Path(home) / "corpora" / NAME)
    report(findings=[[str(one.file), one.cause, one.hint] for one in found])


def observed(store: CorpusStore) -> tuple[World, list[str]]:
    """The documents, and whatever is not whole about them."""
    kinds = [VectorRows(WordEncoder()), SentenceRows(WordEncoder())]
    world: World = {}
    problems: list[str] = []
    with store.snapshot():
        rows = {one.kind: dict(store.derived(one.kind)) for one in kinds}
        stored = list(store.passages_after(0))
        if [one.row for one in stored] != store.rows_alive():
            problems.append("rows and passages differ")
        if any(set(found) != {one.row for one in stored} for found in rows.values()):
            problems.append("vectors and passages differ")
        for info in store.documents():
            document = store.document(info.id)
            version = version_of(document)
            if version is None:
                problems.append(f"{info.name} has a text that nobody gave it")
                continue
            world[info.name] = version
            own = [one for one in stored if one.passage.document_id == info.id]
            whole = cut(store, document)
            if [one.passage for one in own] != whole:
                problems.append(f"{info.name} has {len(own)} of its {len(whole)} passages")
            elif any([rows[one.kind].get(two.row) for two in own] != one.compute(whole) for one in kinds):
                problems.append(f"{info.name} has vectors of something else")
        if len(stored) != sum(info.passages for info in store.documents()):
            problems.append("there are passages of no document")
    return world, problems


def wrong_hits(corpus: Corpus) -> Iterator[str]:
    """Does a search, with whatever index files there are, find what looking at everything finds?"""
    with corpus.store.snapshot():
        everything = [one.passage for one in corpus.store.passages_after(0)]
    for query in ("the lantern of the harbour", "copper thistle quarry"):
        expected = brute_force.hits(everything, query, 5) if everything else []
        found = search(corpus, query)
        if expected is not None and found != expected:
            yield f"{query!r} finds {found}, there is {expected}"


def damage(database: Path) -> list[str]:
    """What SQLite itself finds wrong."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        found = [f"integrity: {line}" for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
        return found + [f"foreign key: {line}" for line in connection.execute("PRAGMA foreign_key_check")]


def goes_on(corpus: Corpus, world: World) -> Iterator[str]:
    """The next document goes in, is found, and goes out again."""
    store, document = corpus.store, document_of(PROBE, 1)
    if not store.add(document, cut(store, document), corpus.derived()):
        yield "the next document was not taken"
    now, problems = observed(store)
    yield from problems
    if now != {**world, PROBE: 1}:
        yield f"after the next document there are {now}"
    if not any(hit.startswith(document.id) for hit in search(corpus, secret(PROBE, 1))):
        yield "the next document is not found"
    corpus.remove(PROBE)
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
