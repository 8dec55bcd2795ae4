"""Names of uploaded files stay names; the files are gone afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.uploads import Upload, discard, received, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("notes.md", "notes.md"),
        ("../../etc/passwd", "passwd"),
        ("C:\\users\\me\\a.txt", "a.txt"),
        ("/abs/olute.pdf", "olute.pdf"),
        ("..", "file"),
        ("", "file"),
        (".hidden", "hidden"),
        ("a\x00b\nc.txt", "a_b_c.txt"),
        ("txt\u202egpj.exe", "txt_gpj.exe"),
        ("名前 (1).html", "名前 (1).html"),
        ("..%2f..%2fx.md", "%2f..%2fx.md"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=400))
def test_any_name_is_a_plain_file_name(name: str) -> None:
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert safe not in ("", ".", "..")
    assert len(safe.encode("utf-8")) <= 255
    assert "\x00" not in safe
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    assert safe_name("é" * 300 + ".pdf").endswith("é.pdf")


def test_the_file_has_its_name_while_it_is_read_and_is_gone_then(tmp_path: Path) -> None:
    (tmp_path / "hash").mkdir()
    stored = tmp_path / "hash" / "upload"
    stored.write_text("text", encoding="utf-8")
    (upload,) = received([{"path": str(stored), "orig_name": "../my notes.md"}])
    with upload.named() as path:
        assert path.name == "my notes.md"
        assert path.read_text(encoding="utf-8") == "text"
    assert not path.exists() and not path.parent.exists()
    discard(upload)
    assert list(tmp_path.iterdir()) == []
    discard(upload)


def test_nothing_and_one_file() -> None:
    assert received(None) == []
    assert received({"path": "/x/y.txt", "orig_name": None}) == [Upload(Path("/x/y.txt"), "y.txt")]
