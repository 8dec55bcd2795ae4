"""Job cards: figures, states, the buttons that each state offers, and hostile names that stay text."""

from __future__ import annotations

import dataclasses
import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.ui.views.documents import documents_view
from app.ui.views.jobs import JobWindow, jobs_view
from corpora.jobs.job_records import Job, JobFile
from corpora.store.listing import ListedDocument, Listing
from tests.support.page_fakes import HOSTILE

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


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_causes_stay_text(name: str) -> None:
    file = dataclasses.replace(FILE, name=name, state="failed", cause=f"{name} is broken", hint=name)
    view = jobs_view([JobWindow(JOB, (file,), True, 0, 1)])
    assert html.escape(name) in view
    assert not re.search(r"<(script|img|svg|iframe|link)\b", view)


def test_what_was_not_read_is_said_of_a_file_that_was() -> None:
    ready = dataclasses.replace(FILE, state="ready", outcome="added", cause="3 attached files were not read")
    moved = dataclasses.replace(FILE, number=2, state="ready", outcome="moved", cause="it was a/c.pdf")
    view = jobs_view([JobWindow(JOB, (ready, moved), True, 0, 2)])
    assert '<small class="note">3 attached files were not read.</small>' in view
    assert '<small class="cause">It was a/c.pdf.</small>' in view


def test_what_was_skipped_is_called_the_same_in_the_table_and_above_it() -> None:
    outcomes = ("duplicate", "unchanged", "unsupported", "empty")
    files = [dataclasses.replace(FILE, number=n, state="skipped", outcome=kind) for n, kind in enumerate(outcomes)]
    job = dataclasses.replace(JOB, counts={"skipped": 4}, outcomes=dict.fromkeys(outcomes, 1))
    view = jobs_view([JobWindow(job, tuple(files), True, 0, 4)])
    said = ["duplicate", "unchanged", "left out", "empty"]
    assert re.findall(r'<td class="state">([^<]*)', view) == said
    assert re.findall(r"<li><b>1</b> ([^<]*)", view) == said


def test_what_was_not_read_is_said_in_the_list_of_documents() -> None:
    listed = ListedDocument("1", "a.pdf", 9, 1, datetime(2026, 11, 21, tzinfo=UTC), None, {}, "2 pages are blank")
    other = dataclasses.replace(listed, id="2", name="b.pdf", notes=None)
    view = documents_view("mine", Listing((listed, other), 2, 2, 2))
    assert view.count('<small class="note">2 pages are blank.</small>') == view.count("<small") == 1
