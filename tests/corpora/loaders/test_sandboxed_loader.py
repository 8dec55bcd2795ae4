"""Whatever a file makes its loader do, it ends only its own worker, and is named."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from corpora import errors
from corpora.loaders.registry import Limits
from corpora.loaders.sandboxed_loader import load_bytes, load_file, run_loader

HOSTILE = "tests.support.hostile"


def run(function: str, data: bytes = b"data", limits: Limits | None = None) -> str:
    return run_loader(f"{HOSTILE}:{function}", data, "file.txt", limits=limits or Limits()).text


@pytest.mark.parametrize(
    ("function", "limits", "expected"),
    [
        ("sleeps", Limits(wall_s=0.5), errors.LoaderTimeout),
        ("spins", Limits(cpu_s=1), errors.LoaderTimeout),
        ("eats_memory", Limits(memory_bytes=256 * 2**20), errors.LoaderCrashed),
        ("talks_too_much", Limits(output_bytes=2**20), errors.TooLarge),
        ("floods_the_answer", Limits(output_bytes=2**20), errors.TooLarge),
        ("dies", Limits(), errors.LoaderCrashed),
        ("raises", Limits(), errors.LoaderCrashed),
        ("answers_with_nothing", Limits(), errors.LoaderCrashed),
    ],
)
def test_a_broken_limit_has_a_name(function: str, limits: Limits, expected: type[errors.LoaderError]) -> None:
    started = time.monotonic()
    with pytest.raises(expected) as caught:
        run(function, limits=limits)
    assert type(caught.value) is expected
    assert "file.txt" in caught.value.cause
    assert "\n" not in caught.value.cause + caught.value.hint
    assert caught.value.hint
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("function", ["connects", "spawns"])
def test_a_loader_has_no_network_and_no_processes(function: str) -> None:
    with pytest.raises(errors.LoaderCrashed, match="PermissionError"):
        run(function)


def test_a_loader_cannot_write(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with pytest.raises(errors.LoaderCrashed, match="PermissionError"):
        run("writes", str(target).encode())
    assert not target.exists()


def test_half_a_character_is_replaced() -> None:
    assert run("half_a_character") == "before \N{REPLACEMENT CHARACTER} after"


def test_the_environment_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANDRAFT_SECRET", "x")
    ours = {"PYTHONPATH", "PYTHONUTF8", "OPENBLAS_NUM_THREADS", "GLIBC_TUNABLES"}
    assert set(run("tells_environment").split()) <= ours | {"LC_CTYPE"}


def test_input_larger_than_a_pipe_arrives_whole() -> None:
    text = "A sentence of seven words, said again. " * 20_000
    assert load_bytes(text.encode(), "long.txt").text == text.strip()


def test_importing_loaders_imports_no_format_library() -> None:
    code = (
        "import sys, corpora.loaders; "
        "bad = {'turbohtml', 'markdown_it', 'pypdfium2', 'charset_normalizer'} & set(sys.modules); sys.exit(bool(bad))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("Some text.")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "blank.txt").write_text(" \n\n\t ")
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    (tmp_path / "large.txt").write_bytes(b"x" * 2000)
    (tmp_path / "folder.txt").mkdir()
    wanted = {
        "raport.txt": errors.MissingFile,
        "empty.txt": errors.EmptyFile,
        "blank.txt": errors.EmptyFile,
        "tool.exe": errors.UnknownSuffix,
        "large.txt": errors.TooLarge,
        "folder.txt": errors.UnreadableFile,
    }
    for name, error in wanted.items():
        with pytest.raises(error) as caught:
            load_file(tmp_path / name, limits=Limits(file_bytes=1000))
        assert type(caught.value) is error
        if name == "raport.txt":
            assert "report.txt" in caught.value.hint


def test_a_name_cannot_steer_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb.txt"
    path.write_text("Text.")
    assert load_file(path).name == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b.txt"
    with pytest.raises(errors.MissingFile) as caught:
        load_file(tmp_path / "c\x1b[31m\nd.txt")
    assert caught.value.cause.isprintable()
