"""The command line without a model: wrong input in two lines, one JSON document, and a fast start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.commands.bench import BENCHES
from app.config.settings import Settings

Result = tuple[int, str, str]
Run = Callable[..., Result]

WRONG = [
    ([], "COMMAND", "--help"),
    (["aks", "x"], '"aks"', "spandraft ask"),
    (["ask"], "question", "spandraft ask --help"),
    (["ask", "x", "--corpsu", "y"], "--corpsu", "--corpus"),
    (["ask", "x", "--corp", "y"], "--corp", "--corpus"),
    (["ask", " "], "empty", "write one: spandraft ask "),
    (["search", ""], "empty", "write one: spandraft search "),
    (["ask", "x", "--k", "0"], 'k cannot be "0"', "from 1 to 100"),
    (["ask", "x", "--set", "kk=3"], "kk", "did you mean k?"),
    (["ask", "x", "--set", "k"], '--set "k"', "KEY=VALUE"),
    (["ask", "x", "--set", "k=3", "--k", "4"], "k is set twice", "once"),
    (["ask", "x", "--temperature", "0.5"], "do_sample is off", "--do-sample"),
    (["ask", "x", "--min-p", "0.5"], "do_sample is off", "--do-sample"),
    (["ask", "x", "--set", "top_tau=1"], "the criterion is exact-match", "--criterion top-beta-tau"),
    (["ask", "x", "--criterion", "best"], 'criterion cannot be "best"', "top-beta-tau"),
    (["ask", "x", "--logit-bias", "5"], 'logit_bias cannot be "5"', "id:number"),
    (["ask", "x", "--config", "absent.toml"], "absent.toml", "check the path"),
    (["search", "x", "--corpsu", "1"], "--corpsu", "did you mean --corpus?"),
    (["ask", "x", "--relevance", "foo"], "--relevance", "write --set relevance=foo"),
    (["ask", "x", "--edit-proposer=foo"], "--edit-proposer", "write --set edit_proposer=foo"),
    (["ask", "x", "--edit-proposer"], "--edit-proposer", "write --set edit_proposer=VALUE"),
    (["ask", "x", "--nowhere"], "--nowhere", "see `spandraft ask --help`"),
    (["nosuch"], '"nosuch"', "`spandraft --help` lists"),
    (["corpus", "lits"], 'there is no action "lits"', 'did you mean "list"?'),
    (["corpus", "zzz"], 'there is no action "zzz"', "there are: create, add"),
    (["corpus", "create"], "name is missing", "spandraft corpus create --help"),
    (["ask", "x", "--k"], "--k needs a value", "spandraft ask --help"),
    (["corpus", "jobs", "x", "show", "first"], 'JOB cannot be "first"', "a whole number"),
    (["corpus", "rebuild", "x", "--keep-damaged", "--discard-damaged"], "exclude each other", "leave one"),
    (["fix", "absent.txt"], "absent.txt", "check the path"),
    (["fix", "."], ". cannot be read", "text file"),
    (["corpus", "list", "nowhere"], "nowhere", "spandraft corpus create nowhere"),
    (["corpus", "remove", "nowhere"], "nowhere", "spandraft corpus create nowhere"),
    (["corpus", "list", "../up"], "cannot be called", "letters"),
    (["bench", "sped"], 'there is no bench "sped"', 'did you mean "speed"?'),
    (["doctor", "now"], "now", "spandraft doctor --help"),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in an empty folder with an empty home; gives exit code, stdout, stderr."""
    monkeypatch.setenv("SPANDRAFT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*argv: str) -> Result:
        code = cli.main(argv)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize(("argv", "cause", "hint"), WRONG, ids=lambda value: " ".join(value) if value else "nothing")
def test_wrong_input_is_two_lines_and_changes_nothing(
    run: Run, tmp_path: Path, argv: list[str], cause: str, hint: str
) -> None:
    code, out, err = run(*argv)
    lines = err.splitlines()
    assert (code, out, len(lines)) == (2, "", 2)
    assert lines[0].startswith("error: ")
    assert cause in lines[0]
    assert lines[1].startswith("hint: ")
    assert hint in lines[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("argv", "cause", "hint"), WRONG[1:], ids=lambda value: " ".join(value))
def test_wrong_input_under_json_is_one_document(run: Run, argv: list[str], cause: str, hint: str) -> None:
    code, out, err = run(*argv, "--json")
    document = json.loads(out)
    assert (code, err, out.count("\n")) == (2, "", 1)
    assert set(document) == {"error"}
    assert set(document["error"]) == {"cause", "hint"}
    assert cause in document["error"]["cause"]
    assert hint in document["error"]["hint"]


@pytest.mark.parametrize("argv", [["fix", "text.txt"], ["fix", "text.txt", "--json"]])
@pytest.mark.parametrize(
    ("data", "cause"), [(b"", "empty"), (b" \n", "empty"), (b"a\xff", "byte 1 is 0xff"), (b"a\0b", "zero byte")]
)
def test_a_file_that_is_no_text_is_refused(run: Run, tmp_path: Path, argv: list[str], data: bytes, cause: str) -> None:
    (tmp_path / "text.txt").write_bytes(data)
    code, out, err = run(*argv)
    assert code == 2
    assert cause in out + err


def test_config_show_tells_values_and_origins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANDRAFT_PORT", "9000")
    code, out, err = run("config", "show", "--set", "k=3", "--json")
    rows = {row["key"]: row for row in json.loads(out)["settings"]}
    assert (code, err) == (0, "")
    assert (rows["k"]["value"], rows["k"]["origin"]) == ("3", "command line")
    assert (rows["port"]["value"], rows["port"]["origin"]) == ("9000", "SPANDRAFT_PORT")
    assert list(rows) == [row.key for row in Settings()]
    _, table, _ = run("config", "show", "--origin")
    assert "SPANDRAFT_PORT" in table


def test_nothing_there_is_said_on_stderr(run: Run) -> None:
    code, out, err = run("corpus", "list")
    assert (code, out) == (0, "")
    assert "spandraft corpus create" in err
    assert run("corpus", "list", "--json")[1] == '{"corpora": []}\n'


def test_the_doctor_reports(run: Run) -> None:
    code, out, _ = run("doctor", "--json")
    report = json.loads(out)
    assert code == (0 if report["healthy"] else 1)
    names = [check["check"] for check in report["checks"]]
    assert {"python", "torch", "faiss", "names", "memory", "disk", "cpu", "gpu", "target", "encoder", "corpora"} <= {
        *names
    }
    assert all(check["hint"] for check in report["checks"] if check["status"] != "ok")


@pytest.mark.parametrize("bench", BENCHES)
def test_each_bench_explains_itself(run: Run, bench: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run("bench", bench, "--help")
    assert caught.value.code == 0


def test_an_interrupt_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.commands.config._rows", interrupted)
    assert run("config", "show")[:2] == (130, "")
    code, out, _ = run("config", "show", "--json")
    assert (code, json.loads(out)["error"]["cause"]) == (130, "interrupted")


def test_a_bug_is_named_as_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> int:
        raise ZeroDivisionError("nothing is left")

    monkeypatch.setattr("app.commands.config._rows", broken)
    code, out, err = run("config", "show", "--json")
    assert code == 70
    assert "ZeroDivisionError: nothing is left" in json.loads(out)["error"]["cause"]
    assert "Traceback" in err


def spandraft(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "import sys; from app.cli import main; sys.exit(main())",
        *argv,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["corpus", "list"], ["ask"], ["bench", "--help"]])
def test_a_light_command_imports_no_heavy_library(argv: list[str], tmp_path: Path) -> None:
    environ = os.environ | {"SPANDRAFT_HOME": str(tmp_path), "PYTHONPATH": str(Path(cli.__file__).parent.parent)}
    done = spandraft(*argv, env=environ)
    assert done.returncode == (2 if argv == ["ask"] else 0)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "argparse" in imported
    assert not imported & {"torch", "transformers", "sentence_transformers", "gradio", "numpy", "faiss", "fastapi"}


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    environ = os.environ | {"SPANDRAFT_HOME": str(tmp_path)}
    command = f"{sys.executable} -c 'import sys; from app.cli import main; sys.exit(main())' config show | true"
    done = subprocess.run(
        ["bash", "-c", command + "; echo ${PIPESTATUS[0]}"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env=environ,
        cwd=Path(cli.__file__).parent.parent,
    )
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "141"}


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.commands.terminal import Terminal

    class Tty:
        def isatty(self) -> bool:
            return True

    terminal = Terminal(json=False, out=Tty(), err=Tty())  # type: ignore[arg-type]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.bold("x") != "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.bold("x") == terminal.dim("x") == "x"
