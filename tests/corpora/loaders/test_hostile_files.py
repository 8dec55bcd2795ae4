"""Broken files and bombs: each has a named outcome within its limits, the service goes on, the corpus stays as it was.

``--n`` mutated files a loader, ``--seed`` of the mutations. The long version is ``-m slow``.
"""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from corpora import errors
from corpora.jobs.ingest import ingest
from corpora.loaders.isolation.client import shared_fork_server
from corpora.loaders.isolation.wire_format import Task, WorkerExit
from corpora.loaders.registry import LOADERS, Limits, loader_name
from corpora.loaders.sandboxed_loader import ask, document_of, load_file
from corpora.store.library import Library
from tests.support.bombs import Bomb, all_bombs
from tests.support.mutator import mutated
from tests.support.specimens import all_specimens

ROOT = Path(__file__).parents[3]
SECRET = "the words in a file of somebody else"
FULL = Limits()
SHORT = Limits(cpu_s=3, wall_s=12.0)
SLACK_S = 10.0  # a busy machine wakes us late


@dataclass(slots=True)
class Record:
    """What became of the files of a run, and what the dearest of them cost."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, bytes]] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    peak_bytes: int = 0
    longest_s: float = 0.0
    cpu_s: float = 0.0

    def tried(self, name: str, data: bytes, limits: Limits) -> str:
        """Read a file in a worker; the name of its outcome, which is its text if it was read."""
        task = Task("document", loader_name(name), name, limits)
        if not data:
            return type(errors.EmptyFile("", hint="")).__name__
        started_s = time.monotonic()
        answer, ended = ask(task, data)
        waited_s = time.monotonic() - started_s
        assert waited_s < limits.wall_s + SLACK_S, f"{name} held up the service for {waited_s:.0f} s"
        self._count(ended)
        try:
            text = document_of(task, answer, ended).text
        except errors.LoaderError as caught:
            error = caught
        else:
            self.outcomes["read"] += 1
            assert SECRET not in text
            return "read"
        assert error.cause.isprintable() and error.hint.isprintable() and error.hint and len(error.cause) < 5000
        self.outcomes[type(error).__name__] += 1
        if not isinstance(error, errors.LoaderTimeout):  # which another time may be in time
            self.failed.append((f"{len(self.failed)}-{name}", data))
        if isinstance(error, (errors.LoaderCrashed, errors.LoaderTimeout)):
            self.crashes.append(error.cause)
        return type(error).__name__

    def _count(self, ended: WorkerExit) -> None:
        self.peak_bytes = max(self.peak_bytes, ended.peak_bytes)
        self.longest_s = max(self.longest_s, ended.wall_s)
        self.cpu_s += ended.cpu_s

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        costs = f"at most {self.longest_s:.1f} s and {self.peak_bytes / 2**20:.0f} MiB; {self.cpu_s:.0f} s CPU in all"
        return "\n    ".join([f"{counts}; {costs}", *(cause[:160] for cause in self.crashes[:40])])


@pytest.fixture
def record(capsys: pytest.CaptureFixture[str]) -> Iterator[Record]:
    """Counts a run, in one process of the fork server, and tells what it was."""
    load_file_of_words = Task("document", LOADERS[".txt"], "a.txt", FULL)
    ask(load_file_of_words, b"Some words.")
    server, found = shared_fork_server().pid(), Record()
    yield found
    assert shared_fork_server().pid() == server, "the fork server died"
    assert found.peak_bytes <= FULL.memory_bytes + 2**26
    with capsys.disabled():
        sys.stderr.write(f"\n  {found}\n")


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and what was asked of it."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/asked", seen
        server.shutdown()
        serving.join()


def test_every_suffix_has_a_specimen_that_is_read() -> None:
    specimens = all_specimens()
    assert set(specimens) == set(LOADERS)
    found = Record()
    assert {suffix: found.tried(f"a{suffix}", data, FULL) for suffix, data in specimens.items()} == dict.fromkeys(
        LOADERS, "read"
    )


def mutants(n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``n`` broken files a loader, over all of its suffixes."""
    specimens = all_specimens()
    by_loader: dict[str, list[str]] = {}
    for suffix, loader in LOADERS.items():
        by_loader.setdefault(loader, []).append(suffix)
    for loader, suffixes in by_loader.items():
        chance = random.Random(f"{seed} {loader}")
        for i in range(n):
            suffix = suffixes[i % len(suffixes)]
            yield f"{loader.split(':')[0].rpartition('.')[2]}-{seed}-{i}{suffix}", mutated(specimens[suffix], chance)


def try_mutants(record: Record, folder: Path, n: int, seed: int, limits: Limits) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda file: record.tried(*file, limits), mutants(n, seed)))
    assert record.outcomes["read"] and record.failed
    assert sum(record.outcomes.values()) >= 0.99 * n * len(set(LOADERS.values()))
    unchanged_by(record.failed, folder)


def dump(folder: Path) -> str:
    """All documents with what hangs on them; jobs, which tell of failed files too, aside."""
    with sqlite3.connect(f"file:{folder / 'corpus.sqlite'}?mode=ro", uri=True) as database:
        lines = [
            line for line in database.iterdump() if not line.startswith(('INSERT INTO "job', 'INSERT INTO "sqlite'))
        ]
    database.close()
    return "\n".join(lines)


def unchanged_by(failed: list[tuple[str, bytes]], folder: Path) -> None:
    """Adding files that cannot be read leaves the corpus as it was, bit by bit; each has failed or is empty."""
    honest, broken = folder / "honest", folder / "broken"
    known = set(all_specimens().values())
    failed = [(name, data) for name, data in failed if data not in known]  # by another suffix these are duplicates
    for files, inside in ((all_specimens().items(), honest), (failed[:: len(failed) // 60 + 1], broken)):
        inside.mkdir()
        for name, data in files:
            (inside / (f"a{name}" if name.startswith(".") else name)).write_bytes(data)
    library = Library(folder / "home")
    with closing(library.create("rivers")) as store:
        assert {outcome.status for outcome in ingest(store, [honest])} <= {"added", "duplicate"}
        before = dump(store.folder)
        outcomes = ingest(store, [broken])
        assert outcomes and {outcome.status for outcome in outcomes} <= {"failed", "empty"}
        assert all(outcome.cause and outcome.hint for outcome in outcomes)
        assert dump(store.folder) == before


def test_mutated_files(record: Record, tmp_path: Path, rounds: Callable[[int], int], seed: int) -> None:
    try_mutants(record, tmp_path, rounds(10), seed, SHORT)


@pytest.mark.slow
def test_many_mutated_files(record: Record, tmp_path: Path, rounds: Callable[[int], int], seed: int) -> None:
    try_mutants(record, tmp_path, rounds(300), seed, FULL)


def try_bombs(record: Record, folder: Path, asked: tuple[str, list[str]], scale: int, limits: Limits) -> None:
    url, seen = asked
    secret = folder / "secret.txt"
    secret.write_text(SECRET)

    def one(item: tuple[str, Callable[[], Bomb]]) -> str | None:
        title, build = item
        bomb = build()
        outcome = record.tried(bomb.name, bomb.data, limits)
        allowed = {cls.__name__ for cls in bomb.refused} | ({"read"} if bomb.may_be_read else set())
        is_right = outcome in allowed or (outcome != "read" and errors.LoaderError in bomb.refused)
        return None if is_right else f"{title}: {outcome}"

    with ThreadPoolExecutor(2) as pool:
        wrong = list(filter(None, pool.map(one, all_bombs(url, str(secret), scale).items())))
    assert not wrong
    assert not seen, "a file made its reader ask the network"


def test_bombs(record: Record, tmp_path: Path, asked: tuple[str, list[str]]) -> None:
    try_bombs(record, tmp_path, asked, 1, SHORT)
    unchanged_by(record.failed, tmp_path)


@pytest.mark.slow
def test_large_bombs(record: Record, tmp_path: Path, asked: tuple[str, list[str]]) -> None:
    try_bombs(record, tmp_path, asked, 10, FULL)
    unchanged_by(record.failed, tmp_path)


@pytest.mark.slow
def test_a_table_of_one_line_as_large_as_files_may_be(record: Record) -> None:
    line = (b"word," * (FULL.file_bytes // 5))[: FULL.file_bytes]
    assert record.tried("a.csv", line, FULL) in ("LoaderCrashed", "TooLarge", "LoaderTimeout")


def test_a_line_of_500_mb_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(500 * 10**6)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(errors.TooLarge):
        load_file(tmp_path / "a.csv")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


NAIVE = """
import io, sys, zipfile
from pathlib import Path
data, name = Path(sys.argv[1]).read_bytes(), sys.argv[1]
if name.endswith(".docx"):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        whole = [archive.read(member) for member in archive.namelist()]
else:
    from corpora.loaders.registry import import_loader, loader_name
    import_loader(loader_name(name))(data, name)
"""


def test_a_naive_reader_does_not_survive(tmp_path: Path) -> None:
    """The control: the same bombs end a reader without limits of its own, or are not done in the time they may take."""
    memory_bytes = 400 * 2**20
    bombs = all_bombs("http://127.0.0.1:9/", "/nowhere")
    ended: dict[str, str] = {}
    for title, time_s in (("docx: shared bytes", 60.0), ("pdf: one page many times", 2.0), ("txt: bad UTF-8", 60.0)):
        bomb = bombs[title]()
        path = tmp_path / f"{len(ended)}{bomb.name}"
        path.write_bytes(bomb.data)
        process = subprocess.Popen(
            [sys.executable, "-c", NAIVE, str(path)],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes)),
        )
        try:
            ended[title] = "read" if process.wait(time_s) == 0 else "died"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            ended[title] = "late"
    assert ended == {"docx: shared bytes": "died", "pdf: one page many times": "late", "txt: bad UTF-8": "read"}
