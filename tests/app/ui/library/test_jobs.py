"""Jobs of the library without a browser: the threads that run them, and the cards that show them."""

from __future__ import annotations

import dataclasses
import html
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.output.formatting import amount, duration
from app.ui.library.components import Pulse, View
from app.ui.library.job_board import dry_run
from app.ui.state.job_workers import JobWorkers
from app.ui.views.jobs import JobWindow, Total, jobs_view
from corpora.jobs.job_records import Job, JobFile
from tests.support.page_fakes import HOSTILE
from tests.support.page_live import await_true
from tests.support.page_registry import PageRegistry

JOB = Job(
    number=3,
    kind="add",
    state="running",
    wanted="run",
    paths=(),
    counts={"ready": 330, "failed": 2, "embedding": 1, "queued": 1167},
    outcomes={"added": 330},
    bytes_done=2_000_000,
    bytes_total=9_000_000,
    eta_s=125.0,
    busy_s=100.0,
    created_at=datetime(2026, 11, 21, tzinfo=UTC),
    finished_at=None,
    holder=None,
    cause=None,
    hint=None,
)
FILE = JobFile(1, "a/b.pdf", Path("1.pdf"), None, 12_345, "embedding", done=340, total=1200)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[PageRegistry]:
    made = PageRegistry(tmp_path, "one", "two")
    yield made
    made.encoder.gate.set()
    made.close()


def text_files(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"The text of {name}.", encoding="utf-8")
    return [folder / name for name in names]


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
    assert registry.encoder.reached.wait(10)
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


def test_a_card_says_how_far_it_is_and_how_long_it_takes() -> None:
    view = jobs_view([JobWindow(JOB, (FILE,), True, 0, 1500)])
    read = html.unescape(re.sub(r"<[^>]*>", " ", view))
    assert "332 of 1,500 files, 3.3 files/s, about 2 min left" in read
    assert "embedding 340/1,200" in read
    assert "12 kB" in read
    assert "1 to 1 of 1,500" in read
    actions = re.findall(r'data-action="(\w+)"', view)
    assert actions == ["pause", "cancel", "failed", "shut", "cancel", "turn", "turn"]


@pytest.mark.parametrize(
    ("changes", "says", "offers"),
    [
        ({"state": "paused", "busy_s": 0.0, "counts": {"queued": 9}}, "Add 9 files?", ["resume", "cancel"]),
        ({"state": "paused"}, "paused", ["resume", "cancel"]),
        ({"state": "paused", "cause": "the disk is full", "hint": "free some"}, "The disk is full.", ["resume"]),
        ({"state": "finished", "counts": {"failed": 2, "ready": 1}}, "Retry 2", ["retry", "dismiss"]),
        ({"state": "finished", "counts": {"ready": 1}}, "1 of 1 file", ["dismiss"]),
        ({"wanted": "pause"}, "pausing", ["pause", "cancel"]),
    ],
)
def test_each_state_says_what_it_is_and_offers_what_can_be_done(
    changes: dict[str, object], says: str, offers: list[str]
) -> None:
    view = jobs_view([JobWindow(dataclasses.replace(JOB, **changes))])
    assert says in html.unescape(re.sub(r"<[^>]*>", "", view))
    assert re.findall(r'data-action="(\w+)"', view)[: len(offers)] == offers


def test_the_plan_before_the_start_says_what_becomes_of_each_file(registry: PageRegistry, tmp_path: Path) -> None:
    registry.jobs("one").create(text_files(tmp_path / "old", "same.txt", "other.txt"))
    JobWorkers(registry, lambda job: None).wake("one")
    await_true(lambda: states(registry, "one") == ["finished"])
    files = text_files(tmp_path / "new", "a.txt", "again.txt", "film.mov", "empty.txt", "same.txt", "twin.txt", "b.zip")
    (tmp_path / "new" / "twin.txt").write_bytes(files[0].read_bytes())
    (tmp_path / "new" / "again.txt").write_bytes((tmp_path / "old" / "other.txt").read_bytes())
    files[3].write_bytes(b"")
    given = ["n/a.txt", "again.txt", "film.mov", "empty.txt", "same.txt", "twin.txt", "b.zip"]
    job = registry.jobs("one").create(files, staged=True, paused=True, names=given)
    jobs = registry.jobs("one")
    planned = dry_run(jobs, jobs.files(job.number))
    found = {one.name: planned.verdicts[one.number].word for one in jobs.files(job.number)}
    assert found == {
        "n/a.txt": "new",
        "again.txt": "duplicate",
        "film.mov": "left out",
        "empty.txt": "empty",
        "same.txt": "to compare",
        "twin.txt": "duplicate",
        "b.zip": "new",
    }
    assert planned.work.files == 3
    assert planned.by_type["txt"].files == 5
    assert planned.by_word["empty"] == Total(1, 0)
    window = JobWindow(job, tuple(jobs.files(job.number)), True, 0, 7, plan=planned)
    read = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", jobs_view([window]))))
    assert "3 files to read" in read
    assert "how long is not known yet" in read
    assert "5 txt" in read
    assert "empty.txt There is nothing in it. txt 0 B empty" in read
    assert "There is no loader for files ending in .mov. mov" in read


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_causes_stay_text(name: str) -> None:
    file = dataclasses.replace(FILE, name=name, state="failed", cause=f"{name} is broken", hint=name)
    view = jobs_view([JobWindow(JOB, (file,), True, 0, 1)])
    assert html.escape(name) in view
    assert not re.search(r"<(script|img|svg|iframe|link)\b", view)


@pytest.mark.parametrize("sent", [None, 3, "", "{", "[]", '{"job": "x"}', '{"job": 1e400}', "{" * 600, '{"first": -5}'])
def test_what_a_browser_remembers_may_be_anything(sent: object) -> None:
    assert View.from_json(sent) == View()
    assert Pulse.from_json(sent) == Pulse()


def test_what_a_browser_remembers_is_read_back() -> None:
    view, pulse = View(job=7, failed=True, first=50, listed=100), Pulse(3, 4, 5, 500)
    assert View.from_json(view.to_json()) == view
    assert Pulse.from_json(pulse.to_json()) == pulse


def test_amounts() -> None:
    assert [amount(size) for size in (0, 999, 1500, 12_345, 7_654_321, 3_000_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "12 kB",
        "7.7 MB",
        "3.0 GB",
    ]
    assert [duration(s) for s in (0.2, 89, 125, 7800)] == ["1 s", "89 s", "2 min", "2 h 10 min"]
