"""Jobs and processes: a killed runner is replaced, a second one refused, and commands reach it from elsewhere."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from corpora.errors import LibraryBusy
from corpora.jobs.job_records import Job
from corpora.jobs.jobs import Jobs
from corpora.jobs.runner import run
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from tests.support.job_process import Copies

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path).create("x")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    for number in range(40):
        text = " ".join(f"Sentence {n} of file {number} is here." for n in range(1 + number % 7 * 40))
        (files / f"{number:02d}.txt").write_text(text)
    (files / "bad.txt").write_bytes(b"\0\0\0")
    return files


def runner(store: CorpusStore, job: Job, pause_s: float = 0.0, room_bytes: int = 0) -> subprocess.Popen[str]:
    arguments = [str(store.folder.parents[1]), str(job.number), str(pause_s), str(room_bytes)]
    command = [sys.executable, "-m", "tests.support.job_process", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.02)


def assert_whole(store: CorpusStore) -> dict[str, str]:
    """Every document with all its passages and rows, once; their texts by name."""
    infos = store.documents()
    rows = {row: value.decode() for row, value in store.derived("copy")}
    stored = {one.row: one.passage for one in store.passages_after(0)}
    assert rows == {row: passage.text for row, passage in stored.items()}
    for info in infos:
        whole = store.document(info.id)
        assert [one for one in stored.values() if one.document_id == info.id] == passages(whole)
    assert len({info.name for info in infos}) == len(infos)
    return {info.name: store.document(info.id).text for info in infos}


def test_a_killed_runner_is_taken_over_and_every_document_is_there_once(
    store: CorpusStore, folder: Path, rounds: Callable[[int], int]
) -> None:
    chance = random.Random(11)
    jobs = Jobs(store)
    job = jobs.create([folder])
    kills = 0
    for _ in range(rounds(6)):
        with runner(store, job, pause_s=0.004) as process:
            time.sleep(chance.uniform(0.05, 0.6))
            process.kill()
        kills += process.wait() != 0
        seen = jobs.get(job.number)
        assert seen.state in ("queued", "finished")
        ready = jobs.files(job.number, ["ready"])
        assert {file.document for file in ready} == {info.id for info in store.documents()}, "marked and stored as one"
        assert_whole(store)
    assert kills >= 3, "the test must kill a runner that is at work"
    assert run(store, job.number, derived=[Copies()]).state == "finished"
    expected = {f"files/{path.name}": path.read_text() for path in folder.iterdir() if path.name != "bad.txt"}
    assert assert_whole(store) == expected
    assert jobs.get(job.number).outcomes == {"added": 40}
    assert jobs.get(job.number).counts == {"ready": 40, "failed": 1}


def test_one_process_runs_a_job_and_another_is_told_which(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    job = jobs.create([folder])
    with runner(store, job, pause_s=0.01) as process:
        until(lambda: jobs.get(job.number).state == "running")
        with pytest.raises(LibraryBusy, match=rf"job {job.number} is being run by process {process.pid}"):
            run(store, job.number)
        with pytest.raises(LibraryBusy):
            jobs.remove(job.number)
        assert jobs.waiting() == []
        process.kill()
    until(lambda: jobs.get(job.number).state == "queued")
    assert [one.number for one in jobs.waiting()] == [job.number]
    assert jobs.get(job.number).holder is None
    assert not jobs.files(job.number, ["ready"]) or jobs.get(job.number).counts["queued"] > 0


@pytest.mark.timed
def test_a_job_is_paused_resumed_and_cancelled_from_another_process(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    job = jobs.create([folder])
    with runner(store, job, pause_s=0.01) as process:
        until(lambda: jobs.get(job.number).counts.get("ready", 0) > 0)
        began_s = time.monotonic()
        jobs.pause(job.number)
        until(lambda: jobs.get(job.number).state == "paused")
        assert time.monotonic() - began_s < 3
        assert process.wait(30) == 0
    counts = jobs.get(job.number).counts
    assert set(counts) <= {"queued", "ready", "failed"}
    assert counts["queued"] > 0
    assert run(store, job.number, derived=[Copies()]).counts == counts, "a paused job stays as it is"
    jobs.resume(job.number)
    with runner(store, job, pause_s=0.01) as process:
        until(lambda: jobs.get(job.number).counts.get("ready", 0) > counts["ready"])
        jobs.cancel(job.number)
        assert process.wait(30) == 0
    ended = jobs.get(job.number)
    assert (ended.state, ended.eta_s) == ("cancelled", 0.0)
    assert set(ended.counts) <= {"cancelled", "ready", "failed"}
    assert len(assert_whole(store)) == ended.counts["ready"]


def test_a_full_disk_pauses_the_job_and_fails_no_file(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    job = jobs.create([folder])
    room_bytes = (store.folder / "corpus.sqlite-wal").stat().st_size + 100_000
    with runner(store, job, room_bytes=room_bytes) as process:
        _, complaint = process.communicate(timeout=60)
    assert process.returncode != 0
    stopped = jobs.get(job.number)
    assert stopped.counts["queued"] > 0
    assert {file.name for file in jobs.files(job.number, ["failed"])} <= {"files/bad.txt"}
    assert (stopped.state, stopped.holder) == ("paused", None)
    assert "corpus.sqlite" in str(stopped.cause)
    assert stopped.hint is not None
    assert "corpus.sqlite" in complaint
    jobs.resume(job.number)
    assert run(store, job.number, derived=[Copies()]).counts == {"ready": 40, "failed": 1}
    assert len(assert_whole(store)) == 40
