"""Uploads: names are never used as paths, files lie under numbers and are deleted when nobody needs them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InputError
from app.ui.state import uploads
from app.ui.state.uploads import UploadStore, safe_path
from tests.support.page_fakes import HOSTILE
from tests.support.page_live import LivePage


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("notes.md", "notes.md"),
        ("handbook/part 1/notes.md", "handbook/part 1/notes.md"),
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\users\\me\\a.txt", "C:/users/me/a.txt"),
        ("/abs/olute.pdf", "abs/olute.pdf"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b\nc.txt", "a_b_c.txt"),
        ("txt\u202egpj.exe", "txt_gpj.exe"),
        ("名前 (1).html", "名前 (1).html"),
        ("..%2f..%2fx.md", "..%2f..%2fx.md"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_path(name) == safe


@given(st.text(max_size=400))
def test_any_name_can_be_shown_and_stored(name: str) -> None:
    safe = safe_path(name)
    assert safe.encode()
    assert all(part not in ("", ".", "..") and len(part.encode()) <= 200 for part in safe.split("/"))
    assert not any(ord(character) < 32 or character in "\u202a\u202e\u2066\u2028" for character in safe)
    assert safe_path(safe) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    assert safe_path("é" * 300 + ".pdf").endswith("é.pdf")


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def sent(store: UploadStore, batch: str, name: str, *chunks: bytes) -> None:
    asyncio.run(store.receive(batch, name, sum(map(len, chunks)), pieces(*chunks)))


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_files_lie_under_numbers_and_no_two_have_one_name(tmp_path: Path) -> None:
    store = UploadStore(tmp_path / "in")
    batch = store.open()
    for name, text in (("a/notes.md", b"1"), ("../../notes.md", b"2"), ("A/Notes.md", b"3"), ("x\n.py", b"4")):
        sent(store, batch, name, text, b"!")
    received = store.take(batch)
    assert [(upload.name, upload.path.name, upload.path.read_bytes()) for upload in received] == [
        ("A/Notes (2).md", "3.md", b"3!"),
        ("a/notes.md", "1.md", b"1!"),
        ("notes.md", "2.md", b"2!"),
        ("x_.py", "4.py", b"4!"),
    ]
    assert {upload.path.parent for upload in received} == {tmp_path / "in" / batch}
    store.discard(batch)
    assert files_in(tmp_path) == []


def test_a_folder_is_taken_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    store = UploadStore(tmp_path / "in")
    batch = store.open()
    ordered = [
        "a/report 2.txt",
        "a/Report 10.txt",
        "a/report 100.txt",
        "a 1/x.txt",
        "b/report 004.txt",
        "b/x.txt",
        "٣.txt",
    ]
    for name in reversed(ordered):
        sent(store, batch, name, b"x")
    assert [upload.name for upload in store.take(batch)] == ordered


@pytest.mark.parametrize("name", [*HOSTILE, "../" * 30 + "etc/passwd", "a" * 5000, "x." + "y" * 300, "/dev/null"])
def test_no_name_leads_out(tmp_path: Path, name: str) -> None:
    store = UploadStore(tmp_path / "in")
    batch = store.open()
    sent(store, batch, name, b"text")
    (file,) = files_in(tmp_path)
    assert file.parent == tmp_path / "in" / batch
    assert file.stem == "1"


def test_what_is_too_large_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "FILE_BYTES", 10)
    store = UploadStore(tmp_path / "in")
    batch = store.open()
    with pytest.raises(InputError, match="larger than"):
        sent(store, batch, "told.txt", b"x" * 11)
    with pytest.raises(InputError, match="larger than"):  # the length that was told was a lie
        asyncio.run(store.receive(batch, "liar.txt", 1, pieces(b"x" * 6, b"x" * 6)))
    sent(store, batch, "good.txt", b"x" * 10)
    assert [upload.name for upload in store.take(batch)] == ["good.txt"]
    assert [path.name for path in files_in(tmp_path)] == ["3.txt"]


def test_a_batch_that_nobody_opened_or_that_was_taken_receives_nothing(tmp_path: Path) -> None:
    store = UploadStore(tmp_path / "in")
    batch = store.open()
    store.take(batch)
    for wrong in (batch, "../../etc", "x"):
        with pytest.raises(InputError, match="has ended"):
            sent(store, wrong, "a.txt", b"x")
        store.discard("../" + wrong)
    assert (tmp_path / "in" / batch).is_dir()


def test_what_an_earlier_server_left_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    store = UploadStore(tmp_path / "in")
    old, new = store.open(), store.open()
    sent(store, old, "a.txt", b"x")
    os.utime(tmp_path / "in" / old, (0, 0))
    UploadStore(tmp_path / "in").sweep()
    UploadStore(tmp_path / "nothing there").sweep()
    assert [path.name for path in (tmp_path / "in").iterdir()] == [new]


def test_what_a_browser_left_is_swept_up_without_another_start(tmp_path: Path) -> None:
    store = UploadStore(tmp_path / "in")
    left = store.open()
    sent(store, left, "a.txt", b"x")
    os.utime(tmp_path / "in" / left, (0, 0))
    assert [path.name for path in (tmp_path / "in").iterdir()] == [left]
    new = store.open()
    assert [path.name for path in (tmp_path / "in").iterdir()] == [new]


def test_over_http_one_refused_file_stops_no_other(live: LivePage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "FILE_BYTES", 1000)
    with httpx.Client(base_url=live.url) as client:
        batch = client.post("/library/uploads").json()["batch"]
        refused = client.post(f"/library/uploads/{batch}", params={"name": "big.txt"}, content=b"x" * 2000)
        assert refused.status_code == 422
        assert set(refused.json()) == {"cause", "hint"}
        assert client.post(f"/library/uploads/{batch}", params={"name": "a/b.txt"}, content=b"text").status_code == 204
        assert [path.name for path in files_in(live.home / "uploads")] == ["2.txt"]
        foreign = {"origin": "http://evil.example"}
        assert client.post("/library/uploads", headers=foreign).status_code == 403
        assert client.delete(f"/library/uploads/{batch}", headers=foreign).status_code == 403
        assert client.delete(f"/library/uploads/{batch}").status_code == 204
    assert files_in(live.home / "uploads") == []
