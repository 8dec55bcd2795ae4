"""The threads that run jobs: one a corpus, interrupted and continued, and an error is kept to be shown."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.ui.state.job_workers import JobWorkers
from tests.support.page_live import await_true
from tests.support.page_registry import PageRegistry, text_files


def states(registry: PageRegistry, corpus: str) -> list[str]:
    return [job.state for job in registry.jobs(corpus).all()]


def test_each_corpus_has_its_thread_and_its_jobs_run_in_turn(registry: PageRegistry, tmp_path: Path) -> None:
    ran: list[int] = []
    workers = JobWorkers(registry, lambda job: ran.append(job.number))
    for corpus in ("one", "two"):
        for name in ("a.txt", "b.txt"):
            registry.jobs(corpus).create(text_files(tmp_path / name[0], name))
        workers.wake(corpus)
        workers.wake(corpus)
    await_true(lambda: states(registry, "one") == states(registry, "two") == ["finished", "finished"])
    await_true(lambda: sorted(ran) == [1, 1, 2, 2])
    assert sorted(registry.texts("two")) == ["a.txt", "b.txt"]
    assert workers.problem("one") is None
    workers.stop()


def test_stopped_in_the_middle_a_job_goes_on_with_the_next_server_and_a_paused_one_does_not(
    registry: PageRegistry, tmp_path: Path
) -> None:
    first = JobWorkers(registry, lambda job: None)
    registry.encoder.gate.clear()
    registry.jobs("one").create(text_files(tmp_path / "files", "a.txt", "b.txt"))
    paused = registry.jobs("two").create(text_files(tmp_path / "files", "c.txt"), paused=True)
    first.wake("one")
    assert registry.encoder.reached.wait(60)
    threading.Timer(0.3, registry.encoder.gate.set).start()
    first.stop()
    first.wake("one")  # too late: nothing is begun any more
    await_true(lambda: states(registry, "one") == ["queued"])
    second = JobWorkers(registry, lambda job: None)
    second.resume()
    await_true(lambda: states(registry, "one") == ["finished"])
    assert sorted(registry.texts("one")) == ["a.txt", "b.txt"]
    assert registry.jobs("two").get(paused.number).state == "paused"
    second.stop()


def test_what_goes_wrong_with_a_whole_corpus_is_kept_until_the_next_try(
    registry: PageRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(texts: object) -> object:
        raise MemoryError("no room for the model")

    workers = JobWorkers(registry, lambda job: None)
    with monkeypatch.context() as patched:
        patched.setattr(registry.encoder, "encode_passages", broken)
        registry.jobs("one").create(text_files(tmp_path / "files", "a.txt"))
        workers.wake("one")
        await_true(lambda: workers.problem("one") is not None)
    for job in registry.jobs("one").all():
        registry.jobs("one").resume(job.number)
    workers.wake("one")
    await_true(lambda: states(registry, "one") == ["finished"])
    assert workers.problem("one") is None
    workers.stop()
