"""``spandraft models`` as people and programs use it, and what the other commands say of the target."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import cli
from tests.support.gguf_files import write_gguf

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in a folder with a GGUF file and an empty home; no target is set."""
    monkeypatch.setenv("SPANDRAFT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SPANDRAFT_TARGET")
    monkeypatch.chdir(tmp_path)
    write_gguf(tmp_path / "small.gguf", licence="mit")

    def call(*argv: str) -> tuple[int, str, str]:
        code = cli.main(argv)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def document(run: Run, *argv: str, code: int = 0) -> dict[str, Any]:
    found, out, err = run(*argv, "--json")
    assert found == code, err
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def test_a_model_comes_is_used_and_goes(run: Run, tmp_path: Path) -> None:
    code, out, err = run("models", "import", "small.gguf", "--name", "mine")
    assert code == 0, err
    assert "mine is here" in out and "licence mit" in out and "--target mine" in out
    assert "Converting small.gguf" in err
    again = document(run, "models", "import", "small.gguf", "--name", "mine")
    assert (again["name"], again["quantization"], again["dtype"]) == ("mine", "Q8_0", "float32")
    rows = {row["name"]: row for row in document(run, "models")["models"]}
    assert list(rows) == ["smollm2", "mine", "tiny"]
    assert rows["mine"]["origin"] == str(tmp_path / "small.gguf") and rows["mine"]["bytes"] > 10_000
    assert rows["tiny"]["state"] == "here" and rows["smollm2"]["licence"] == "Apache-2.0"
    table = run("models")[1]
    assert "mine" in table and "where from" in table and "writes, as target is auto" in table
    for target in ("mine", "small.gguf"):
        code, out, err = run("doctor", "--target", target)
        assert f"target: {'mine' if target == 'mine' else 'small.gguf: llama, Q8_0'}" in out
    removed = document(run, "models", "remove", "mine")
    assert removed["removed"] == "mine" and removed["freed_bytes"] > rows["mine"]["bytes"]
    assert not list((tmp_path / "home" / "models").glob("*mine/*"))
    assert "mine" not in [row["name"] for row in document(run, "models")["models"]]


def test_what_is_wrong_takes_two_lines(run: Run, tmp_path: Path) -> None:
    (tmp_path / "noise.gguf").write_bytes(b"\x00" * 100)
    (tmp_path / "text.txt").write_text("He go home.", encoding="utf-8")
    wrong = {
        ("models", "get", "smolm2"): ("model to get", '"smollm2"'),
        ("models", "remove", "mine"): ("mine", ""),
        ("models", "import", "absent.gguf"): ("absent.gguf does not exist", "FILE.gguf"),
        ("models", "import", "noise.gguf"): ("noise.gguf is no GGUF file", "Ollama"),
        ("models", "import", "small.gguf", "--name", "tiny"): ('a model cannot be called "tiny"', "letters"),
        ("models", "lits"): ('"lits"', "list|get"),
        ("ask", "Why?", "--target", "absent.gguf"): ("absent.gguf", "--target"),
        ("fix", "text.txt", "--target", "smollm"): ('"smollm"', '"smollm2"'),
    }
    for argv, (cause, hint) in wrong.items():
        code, out, err = run(*argv)
        assert (code, out) == (2, ""), argv
        lines = err.strip().splitlines()
        assert len(lines) == 2 and cause in lines[0], (argv, err)
        assert any(one in lines[1] for one in hint.split("|")), (argv, err)
    assert not list((tmp_path / "home").glob("models/*mine*"))


def test_settings_say_which_model_auto_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.model_store.smollm2.DISTRIBUTION", "no-such-distribution-of-ours")
    found = document(run, "config", "show")
    row = next(row for row in found["settings"] if row["key"] == "target")
    assert (row["value"], row["origin"], found["target"]) == ("auto", "default", "tiny")
    assert "target auto: tiny on this machine" in run("config", "show", "--origin")[2]
    out = run("models")[1]
    assert "not here: spandraft models get smollm2" in out and "tiny writes, as target is auto" in out
    out = run("doctor")[1]
    line = next(line for line in out.splitlines() if " target: " in line)
    assert "tiny, as target is auto" in line and line.endswith("-> spandraft models get smollm2")


def test_the_doctor_finds_damaged_weights(run: Run, tmp_path: Path) -> None:
    document(run, "models", "import", "small.gguf", "--name", "mine")
    weights = tmp_path / "home" / "models" / "mine" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00\x00")
    (tmp_path / "home" / "models" / ".new-dead").mkdir()
    found = {check["check"]: check for check in document(run, "doctor", "--target", "tiny", code=1)["checks"]}
    assert found["model mine"]["status"] == "fail" and "other weights" in found["model mine"]["detail"]
    assert "spandraft models remove mine" in found["model mine"]["hint"]
    assert not (tmp_path / "home" / "models" / ".new-dead").exists()
    assert found["target"]["detail"].startswith("bundled")
