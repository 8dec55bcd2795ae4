"""Dry runs of jobs that nobody has started, and what a browser remembers of its view of the tab."""

from __future__ import annotations

import html
import math
import re
from pathlib import Path

import pytest

from app.ui.library.components import Pulse, View
from app.ui.library.job_actions import dry_run
from app.ui.state.job_workers import JobWorkers
from app.ui.views.jobs import JobWindow, Total, jobs_view
from tests.support.page_live import await_true
from tests.support.page_registry import PageRegistry, text_files


def test_the_plan_before_the_start_says_what_becomes_of_each_file(
    registry: PageRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpora.jobs.job_records._ENOUGH_S", math.inf)  # On a busy machine a short job is a measure.
    registry.jobs("one").create(text_files(tmp_path / "old", "same.txt", "other.txt"))
    JobWorkers(registry, lambda job: None).wake("one")
    await_true(lambda: [job.state for job in registry.jobs("one").all()] == ["finished"])
    files = text_files(tmp_path / "new", "a.txt", "again.txt", "film.mov", "empty.txt", "same.txt", "twin.txt", "b.zip")
    (tmp_path / "new" / "twin.txt").write_bytes(files[0].read_bytes())
    (tmp_path / "new" / "again.txt").write_bytes((tmp_path / "old" / "other.txt").read_bytes())
    files[3].write_bytes(b"")
    given = ["n/a.txt", "again.txt", "film.mov", "empty.txt", "same.txt", "twin.txt", "b.zip"]
    job = registry.jobs("one").create(files, staged=True, paused=True, names=given)
    jobs = registry.jobs("one")
    planned = dry_run(jobs, jobs.files(job.number))
    words = {file.name: planned.verdicts[file.number].word for file in jobs.files(job.number)}
    assert words == {
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
    assert "Files ending in .mov cannot be read. mov" in read


@pytest.mark.parametrize("sent", [None, 3, "", "{", "[]", '{"job": "x"}', '{"job": 1e400}', "{" * 600, '{"first": -5}'])
def test_what_a_browser_remembers_may_be_anything(sent: object) -> None:
    assert View.from_json(sent) == View()
    assert Pulse.from_json(sent) == Pulse()


def test_what_a_browser_remembers_is_read_back() -> None:
    view, pulse = View(job=7, failed=True, first=50, listed=100), Pulse(3, 4, 5, 500)
    assert View.from_json(view.to_json()) == view
    assert Pulse.from_json(pulse.to_json()) == pulse
