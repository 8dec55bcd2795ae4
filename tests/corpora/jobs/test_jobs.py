"""Jobs in one process: plans, syncs, archives, uploads, names, retries and what stops them."""

from __future__ import annotations

import errno
import os
import threading
import time
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from corpora.documents import Document, Passage
from corpora.errors import JobNotFound, LibraryError
from corpora.jobs import job_records
from corpora.jobs.job_records import Job, JobFile, path_to_text
from corpora.jobs.jobs import Jobs
from corpora.jobs.runner import run
from corpora.loaders.registry import Limits
from corpora.store.library import Library
from corpora.store.records import SourceFile
from corpora.store.store import CorpusStore
from tests.support.job_process import Copies


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path / "home").create("x")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    for name in "abc":
        (files / f"{name}.txt").write_text(f"Text of {name}.")
    return files


def done(store: CorpusStore, *paths: Path, **options: bool) -> Job:
    return run(store, Jobs(store).create(paths, **options).number, derived=[Copies()])


def ends(store: CorpusStore, job: Job) -> dict[str, str]:
    return {file.name: file.outcome or file.state for file in Jobs(store).files(job.number)}


def names(store: CorpusStore) -> list[str]:
    return [info.name for info in store.documents()]


def pack(path: Path, members: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


_EXPLAINED = ("unsupported", "too large", "duplicate")


def test_a_plan_says_what_would_be_done_and_does_nothing(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    assert jobs.plan([folder]).counts == {"new": 3}
    assert jobs.plan([folder]).estimate_s is None
    done(store, folder)
    with store.connections.writing() as connection:
        job_records.add_busy(connection, 1, 10.0)
    (folder / "a.txt").write_text("Another text of a.")
    (folder / "b.txt").unlink()
    (folder / "copy.txt").write_text("Text of c.")
    (folder / "large.txt").write_text("x" * 300)
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "~$d.docx").write_text("open")
    (folder / "new.txt").write_text("New text.")
    (folder / "link.txt").symlink_to(folder / "c.txt")
    version = store.version()
    planned = jobs.plan([folder], sync=True, limits=Limits(file_bytes=200))
    assert {one.name: one.verdict for one in planned.files} == {
        "files/b.txt": "gone",
        "files/a.txt": "changed",
        "files/c.txt": "unchanged",
        "files/copy.txt": "duplicate",
        "files/large.txt": "too large",
        "files/link.txt": "unsupported",
        "files/new.txt": "new",
        "files/photo.jpg": "unsupported",
        "files/~$d.docx": "unsupported",
    }
    assert planned.counts["unsupported"] == 3
    assert planned.bytes["new"] == len("New text.")
    assert planned.estimate_s == pytest.approx((9 + 18) / (30 / jobs.get(1).busy_s))
    assert next(one.kind for one in planned.files if one.name == "files/new.txt") == "txt"
    assert all((one.cause is not None) == (one.verdict in _EXPLAINED) for one in planned.files)
    assert (store.version(), len(jobs.all())) == (version, 1)


def test_a_sync_touches_only_what_changed(store: CorpusStore, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("It lies elsewhere.")
    done(store, folder, other)
    (folder / "a.txt").write_text("Another text of a.")
    (folder / "b.txt").unlink()
    os.utime(folder / "c.txt", ns=(1, 1))
    job = done(store, folder, sync=True)
    assert ends(store, job) == {"files/a.txt": "replaced", "files/b.txt": "removed", "files/c.txt": "unchanged"}
    assert names(store) == ["files/a.txt", "files/c.txt", "other.txt"]
    version = store.version()
    assert done(store, folder, sync=True).outcomes == {"unchanged": 2}
    assert store.version() == version
    other.unlink()
    assert done(store, folder, sync=True).outcomes == {"unchanged": 2}, "what lies elsewhere is not looked at"


def test_texts_that_move_between_files_are_not_lost(store: CorpusStore, folder: Path) -> None:
    done(store, folder)
    (folder / "a.txt").rename(folder / "moved.txt")
    (folder / "twin.txt").write_text("Text of b.")
    (folder / "b.txt").write_text("Another text of b.")
    done(store, folder, sync=True)
    assert {store.document(name).text for name in names(store)} == {
        "Text of a.",
        "Text of b.",
        "Text of c.",
        "Another text of b.",
    }


def test_a_missing_folder_removes_nothing(store: CorpusStore, folder: Path, tmp_path: Path) -> None:
    done(store, folder)
    folder.rename(tmp_path / "unplugged")
    job = done(store, folder, sync=True)
    assert job.counts == {"failed": 1}
    assert len(names(store)) == 3


def test_an_archive_becomes_its_members(store: CorpusStore, folder: Path) -> None:
    archive = folder / "box.zip"
    pack(archive, {"in/one.txt": "One.", "in/two.txt": "Two.", "photo.jpg": b"\xff", "bad.txt": b"\0\0"})
    job = done(store, folder)
    assert {name: end for name, end in ends(store, job).items() if "box" in name} == {
        "files/box.zip/in/one.txt": "added",
        "files/box.zip/in/two.txt": "added",
        "files/box.zip/photo.jpg": "unsupported",
        "files/box.zip/bad.txt": "failed",
    }
    assert {one.verdict for one in Jobs(store).plan([archive]).files} == {"unchanged"}
    pack(archive, {"in/one.txt": "One.", "in/three.txt": "Three."})
    os.utime(archive, ns=(1, 1))
    again = ends(store, done(store, folder, sync=True))
    assert again == {
        "files/a.txt": "unchanged",
        "files/b.txt": "unchanged",
        "files/c.txt": "unchanged",
        "files/box.zip/in/one.txt": "unchanged",
        "files/box.zip/in/three.txt": "added",
        "files/box.zip/in/two.txt": "removed",
    }
    archive.unlink()
    done(store, folder, sync=True)
    assert names(store) == ["files/a.txt", "files/b.txt", "files/c.txt"]


def test_an_interrupted_archive_goes_on_with_what_is_left(store: CorpusStore, tmp_path: Path) -> None:
    archive = tmp_path / "box.zip"
    pack(archive, {f"{number}.txt": f"Text {number}. " * 50 for number in range(6)})
    job = Jobs(store).create([archive])
    stop = threading.Event()

    class StopsAtOnce(Copies):
        def compute(self, passages: Sequence[Passage]) -> list[bytes]:
            stop.set()
            return super().compute(passages)

    assert run(store, job.number, derived=[StopsAtOnce()], stop=stop).state == "queued"
    assert run(store, job.number, derived=[Copies()]).outcomes == {"added": 6}
    assert len(names(store)) == 6


def test_uploads_are_kept_until_they_are_documents(store: CorpusStore, tmp_path: Path) -> None:
    good, bad, packed = tmp_path / "good.txt", tmp_path / "bad.txt", tmp_path / "box.zip"
    good.write_text("Good.")
    bad.write_bytes(b"\0\0")
    pack(packed, {"one.txt": "One.", "two.txt": "Two."})
    jobs = Jobs(store)
    job = jobs.create([good, bad, packed], staged=True)
    for path in (good, bad, packed):
        path.unlink()
    staging = store.folder / "staging"
    assert len([path for path in staging.rglob("*") if path.is_file()]) == 3
    job = run(store, job.number, derived=[Copies()])
    assert ends(store, job) == {
        "good.txt": "added",
        "bad.txt": "failed",
        "box.zip/one.txt": "added",
        "box.zip/two.txt": "added",
    }
    (left,) = [path for path in staging.rglob("*") if path.is_file()]
    assert left == jobs.files(job.number, ["failed"])[0].path
    left.write_text("Mended.")
    job = run(store, jobs.retry(job.number).number, derived=[Copies()])
    assert ends(store, job)["bad.txt"] == "added"
    assert store.sources() == [], "a copy that is gone is no source"
    jobs.remove(job.number)
    assert list(staging.iterdir()) == []


def test_an_upload_is_moved_and_its_bytes_are_written_once(store: CorpusStore, tmp_path: Path) -> None:
    sent = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path in sent:
        path.write_text(f"The text of {path.name}.")
    inodes = [path.stat().st_ino for path in sent]
    jobs = Jobs(store)
    job = jobs.create(sent, staged=True, move=True)
    assert [file.path.stat().st_ino for file in jobs.files(job.number)] == inodes
    assert not any(path.exists() for path in sent)
    assert ends(store, run(store, job.number, derived=[Copies()])) == {"a.txt": "added", "b.txt": "added"}


def test_an_upload_from_another_file_system_is_copied(
    store: CorpusStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = tmp_path / "a.txt"
    sent.write_text("The text.")

    def refused(path: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    jobs = Jobs(store)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refused)
        job = jobs.create([sent], staged=True, move=True)
    (file,) = jobs.files(job.number)
    assert file.path.read_text() == "The text."
    assert not sent.exists()


def test_copies_of_no_job_are_swept_away(store: CorpusStore, folder: Path) -> None:
    stray = store.folder / "staging" / "0123456789abcdef"
    stray.mkdir(parents=True)
    (stray / "000001.txt").write_text("Secret.")
    fresh = store.folder / "staging" / "fedcba9876543210"
    fresh.mkdir()
    os.utime(stray, (1, 1))
    kept = Jobs(store).create([folder / "a.txt"], staged=True)
    (copy,) = Jobs(store).files(kept.number)
    os.utime(copy.path.parent, (1, 1))
    assert [job.number for job in Jobs(store).waiting()] == [kept.number]
    assert sorted((store.folder / "staging").iterdir()) == sorted([fresh, copy.path.parent])
    Jobs(store).remove(kept.number)
    assert [path.name for path in (store.folder / "staging").iterdir()] == [fresh.name]


def test_names_are_safe_and_never_shared(store: CorpusStore, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    composed = unicodedata.normalize("NFC", "é.txt")
    for number, name in enumerate((composed, unicodedata.normalize("NFD", composed), "a\x1b[2J.txt", "a\x07[2J.txt")):
        (files / name).write_text(f"Text {number}.")
    (Path(os.fsdecode(os.fsencode(files) + b"/\xff.txt"))).write_text("No UTF-8.")
    job = done(store, files)
    assert job.outcomes == {"added": 5}
    assert all(name.isprintable() for name in names(store))
    assert {f"files/{composed}", "files/é (2).txt", "files/�.txt"} <= set(names(store))
    (files / "a\x07[2J.txt").write_text("Another text.")
    assert done(store, files, sync=True).outcomes == {"unchanged": 4, "replaced": 1}
    assert len(names(store)) == 5


def test_two_files_of_one_name_in_one_job_are_two_documents(store: CorpusStore, folder: Path, tmp_path: Path) -> None:
    twin = tmp_path / "a.txt"
    twin.write_text("Another a.")
    done(store, folder / "a.txt", twin)
    assert names(store) == ["files/a.txt", f"{tmp_path.name}/a.txt"]
    assert done(store, folder / "a.txt", twin).outcomes == {"unchanged": 2}


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(store: CorpusStore, folder: Path) -> None:
    job = Jobs(store).create([folder])
    (folder / "a.txt").unlink()
    (folder / "a.txt").symlink_to("/etc/hostname")
    job = run(store, job.number, derived=[Copies()])
    assert ends(store, job)["files/a.txt"] == "failed"


def test_failed_and_cancelled_files_are_tried_again(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    (folder / "bad.txt").write_bytes(b"\0\0")
    job = jobs.create([folder])
    (a, _, _, b) = sorted(jobs.files(job.number), key=lambda file: file.name == "files/bad.txt")
    jobs.cancel(job.number, a.number)
    job = run(store, job.number, derived=[Copies()])
    assert job.counts == {"ready": 2, "failed": 1, "cancelled": 1}
    assert jobs.retry(job.number, b.number).state == "queued"
    assert run(store, job.number, derived=[Copies()]).counts == {"ready": 2, "failed": 1, "cancelled": 1}
    (folder / "bad.txt").write_text("Mended.")
    jobs.retry(job.number)
    jobs.retry(job.number, a.number)
    assert run(store, job.number, derived=[Copies()]).counts == {"ready": 4}
    with pytest.raises(JobNotFound):
        jobs.retry(job.number, 99)
    with pytest.raises(JobNotFound):
        jobs.get(99)


@pytest.mark.timed
def test_a_stop_comes_quickly_and_loses_nothing(store: CorpusStore, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_text("\n\n".join(f"Sentence {number} of many is here. " * 20 for number in range(2000)))
    jobs = Jobs(store)
    job = jobs.create([large])
    stop = threading.Event()
    states: list[JobFile] = []
    stopped_s: list[float] = []

    class Timed(Copies):
        def compute(self, passages: Sequence[Passage]) -> list[bytes]:
            states.extend(jobs.files(job.number))
            if any(file.state == "embedding" and file.done for file in states):
                stop.set()
                stopped_s.append(time.monotonic())
            return super().compute(passages)

    ended = run(store, job.number, derived=[Timed(pause_s=0.02)], stop=stop)
    assert time.monotonic() - stopped_s[0] < 4, "about a second on a machine that has nothing else to do"
    assert (ended.state, ended.counts, names(store)) == ("queued", {"queued": 1}, [])
    assert max(file.done for file in states) < 2000 <= max(file.total for file in states)
    assert [one.number for one in jobs.waiting()] == [job.number]


def test_what_is_no_fault_of_a_file_pauses_the_job(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    job = jobs.create([folder])

    class Broken(Copies):
        def compute(self, passages: Sequence[Passage]) -> list[bytes]:
            raise LibraryError("there is no room left on the disk", hint="free some space")

    with pytest.raises(LibraryError, match="no room left"):
        run(store, job.number, derived=[Broken()])
    job = jobs.get(job.number)
    assert (job.state, job.cause, job.hint) == ("paused", "there is no room left on the disk", "free some space")
    assert job.counts == {"queued": 3}
    job = jobs.resume(job.number)
    assert (job.state, job.cause) == ("queued", None)
    assert run(store, job.number, derived=[Copies()]).outcomes == {"added": 3}


def test_only_the_last_ended_jobs_are_kept(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    waiting = jobs.create([folder])
    for _ in range(25):
        jobs.cancel(jobs.create([folder / "a.txt"]).number)
    jobs.create([folder])
    numbers = [job.number for job in jobs.all()]
    assert len(numbers) == 22
    assert waiting.number in numbers
    jobs.remove(waiting.number)
    with pytest.raises(JobNotFound):
        jobs.get(waiting.number)


def test_the_time_left_is_told_once_there_is_a_speed(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    job = jobs.create([folder])
    assert job.eta_s is None
    (first, *_) = jobs.files(job.number)
    with store.connections.writing() as connection:
        job_records.add_busy(connection, job.number, 5.0)
        connection.execute("UPDATE job_files SET state = 'ready', outcome = 'added' WHERE number = ?", (first.number,))
    assert jobs.get(job.number).eta_s == pytest.approx(10.0)
    assert (jobs.get(job.number).bytes_done, jobs.get(job.number).bytes_total) == (10, 30)


def test_the_time_left_is_told_within_one_file(store: CorpusStore, folder: Path) -> None:
    jobs = Jobs(store)
    job = jobs.create([folder / "a.txt"])
    (file,) = jobs.files(job.number)
    with store.connections.writing() as connection:
        job_records.show_files(connection, job.number, [replace(file, state="embedding", done=2, total=10)])
        job_records.add_busy(connection, job.number, 5.0)
    assert jobs.get(job.number).files_done == 0
    assert jobs.get(job.number).eta_s == pytest.approx(20.0)


@pytest.mark.timed
@pytest.mark.slow
def test_ten_thousand_unchanged_files_take_seconds(store: CorpusStore, tmp_path: Path) -> None:
    files = tmp_path / "many"
    files.mkdir()
    for number in range(10_000):
        path = files / f"{number}.txt"
        path.write_text(f"Text {number}.")
        status = path.stat()
        source = SourceFile(path_to_text(path), status.st_size, status.st_mtime_ns, b"\0" * 32)
        store.put(Document.of(f"many/{number}.txt", f"Text {number}."), [], {}, source=source)
    began_s = time.monotonic()
    assert done(store, files, sync=True).outcomes == {"unchanged": 10_000}
    assert time.monotonic() - began_s < 10
    assert len(Jobs(store).files(1, offset=9_990, limit=20)) == 10
