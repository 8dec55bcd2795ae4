"""Files and folders go in; each has an outcome, and a bad one changes nothing."""

from __future__ import annotations

import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from corpora.documents import Document, Passage
from corpora.jobs import reader
from corpora.jobs.ingest import FileOutcome, ingest
from corpora.jobs.jobs import Jobs
from corpora.loaders.registry import Limits
from corpora.loaders.sandboxed_loader import expand, load_bytes
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking
from tests.support.pdf_bytes import Words, pdf


class Lengths:
    kind = "lengths"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        return [len(passage.text).to_bytes(4, "little") for passage in passages]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path / "home").create("test")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    (files / "sub").mkdir(parents=True)
    (files / ".git").mkdir()
    (files / ".git" / "hidden.txt").write_text("Hidden.")
    (files / "a.txt").write_text("Text of a.")
    (files / "b.md").write_text("# B\n\nText of b.")
    (files / "sub" / "a.txt").write_text("Text of the other a.")
    (files / "copy.txt").write_text("Text of a.")
    (files / "bad.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(64)))
    (files / "secret.pdf").write_bytes(pdf([[Words(72, 700, "Secret.")]], password="x"))
    (files / "link.txt").symlink_to("/etc/hostname")
    (files / "loop").symlink_to(files)
    return files


def summary(outcomes: list[FileOutcome], folder: Path) -> list[tuple[str, str]]:
    return [(outcome.path.relative_to(folder).as_posix(), outcome.status) for outcome in outcomes]


def test_a_folder(store: CorpusStore, folder: Path) -> None:
    told: list[tuple[int, int, str, str]] = []
    outcomes = ingest(store, [folder], derived=[Lengths()], progress=lambda *all_: told.append(all_))
    assert summary(outcomes, folder) == [
        (".git", "unsupported"),
        ("a.txt", "added"),
        ("b.md", "added"),
        ("bad.txt", "failed"),
        ("copy.txt", "duplicate"),
        ("link.txt", "unsupported"),
        ("loop", "unsupported"),
        ("secret.pdf", "failed"),
        ("sub/a.txt", "added"),
    ]
    assert [info.name for info in store.documents()] == ["files/a.txt", "files/b.md", "files/sub/a.txt"]
    assert len(list(store.derived("lengths"))) == len(store.rows_alive()) == 3
    for outcome in outcomes:
        assert (outcome.cause is None) == (outcome.status not in ("failed", "unsupported"))
        assert (outcome.hint is None) == (outcome.status != "failed")
        assert (outcome.document is None) == (outcome.status in ("failed", "unsupported"))
    assert told[0][3] == "reading"
    assert told[-1][:2] == (9, 9)
    assert [done for done, _, _, stage in told if stage == "done"] == [4, 5, 6, 7, 8, 9]


def test_adding_again_touches_only_what_changed(store: CorpusStore, folder: Path) -> None:
    ingest(store, [folder])
    version = store.version()
    assert {status for _, status in summary(ingest(store, [folder]), folder)} == {
        "duplicate",
        "failed",
        "unchanged",
        "unsupported",
    }
    assert store.version() == version
    (folder / "a.txt").write_text("New text of a.")
    assert ("a.txt", "replaced") in summary(ingest(store, [folder]), folder)
    assert store.document("files/a.txt").text == "New text of a."


@pytest.mark.parametrize("first", ["a.txt", "a.zip"])
def test_of_two_equal_files_the_first_by_name_is_the_document_however_slow(
    store: CorpusStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    overtaken = threading.Event()

    def slow_for_the_first(data: bytes, name: str, **options: Any) -> Document:
        if name.endswith("a.txt"):
            overtaken.wait(1.0)
            time.sleep(0.1)  # the other one is on its way
        document = load_bytes(data, name, **options)
        if name.endswith("copy.txt"):
            overtaken.set()
        return document

    def slowly(data: bytes, name: str, limits: Limits) -> Any:
        overtaken.wait(1.0)
        return expand(data, name, limits)

    monkeypatch.setattr(reader, "load_bytes", slow_for_the_first)
    monkeypatch.setattr(reader, "expand", slowly)
    (tmp_path / "copy.txt").write_text("Text of a.")
    (tmp_path / "a.txt").write_text("Text of a.")
    if first == "a.zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(tmp_path / "a.txt", "a.txt")
        (tmp_path / "a.txt").unlink()
    outcomes = ingest(store, [tmp_path / first, tmp_path / "copy.txt"])
    assert sorted((one.path.name, one.status) for one in outcomes) == [("a.txt", "added"), ("copy.txt", "duplicate")]
    assert [info.name for info in store.documents()] == ["a.zip/a.txt" if first == "a.zip" else "a.txt"]


def test_single_files_and_what_is_wrong_with_them(store: CorpusStore, folder: Path) -> None:
    outcomes = ingest(store, [folder / "a.txt", str(folder / "a.txt"), folder / "no.txt", folder / "link.txt.exe"])
    assert [outcome.status for outcome in outcomes] == ["added", "failed", "failed"]
    assert [info.name for info in store.documents()] == ["a.txt"]
    assert "no.txt does not exist" in str(outcomes[1].cause)


def test_chunking_is_used(store: CorpusStore, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("This is a sentence. " * 20)
    (outcome,) = ingest(store, [path], chunking=Chunking(target_chars=40, overlap_sentences=0))
    assert outcome.passages == len(store.rows_alive()) == 10


def test_a_derived_that_breaks_stops_and_leaves_whole_documents(store: CorpusStore, folder: Path) -> None:
    class BreaksAtOther:
        kind = "breaks"

        def compute(self, passages: Sequence[Passage]) -> list[bytes]:
            if any("other" in passage.text for passage in passages):
                raise RuntimeError("the encoder broke")
            return [b"" for _ in passages]

    ingest(store, [folder / "a.txt"])
    with pytest.raises(RuntimeError, match="the encoder broke"):
        ingest(store, [folder], derived=[BreaksAtOther()])
    (job, _) = Jobs(store).all()
    assert (job.state, job.cause) == ("paused", "RuntimeError: the encoder broke")
    assert "files/sub/a.txt" not in [info.name for info in store.documents()]
    assert len(list(store.derived("breaks"))) == len(store.documents()) - 1
