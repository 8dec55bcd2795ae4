"""The command line with a real library, the bundled encoder and a tiny random target: the JSON that others rely on."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import cli

Result = tuple[int, str, str]
Run = Callable[..., Result]

CATS = "Cats sleep for most of the day. A cat that hunts at night rests in the morning. Kittens sleep even longer."
RIVERS = "A river carries water from the mountains to the sea. The longest river of the country is the Wisla."
PASSAGE_KEYS = {"passage_id", "document", "start", "end", "text", "place", "score", "chance"}
STATS_KEYS = {
    "tokens",
    "target_forwards",
    "mean_acceptance_length",
    "by_source",
    "failed_sources",
    "drafting_note",
    "ttft_s",
    "tokens_per_s",
    "stages_s",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_bundled: Path) -> Path:
    """A folder with two texts, and a home whose library has the corpus "notes" made of them."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "cats.txt").write_text(CATS, encoding="utf-8")
    (folder / "rivers.md").write_text(RIVERS, encoding="utf-8")
    (folder / "home").mkdir()
    settings = f'target = "{tiny_bundled}"\ncorpus = "notes"\nmax_new_tokens = 40\n'
    (folder / "home" / "config.toml").write_text(settings, encoding="utf-8")
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in ``folder``; gives exit code, stdout, stderr."""
    monkeypatch.setenv("SPANDRAFT_HOME", str(folder / "home"))
    monkeypatch.chdir(folder)

    def call(*argv: str, stdin: bytes | None = None) -> Result:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = cli.main(argv)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(autouse=True)
def notes(run: Run) -> None:
    """The corpus as every test finds it."""
    if not json.loads(run("corpus", "list", "--json")[1])["corpora"]:
        assert run("corpus", "create", "notes")[0] == 0
        assert run("corpus", "add", "notes", "cats.txt", "rivers.md")[0] == 0


def document(run: Run, *argv: str, stdin: bytes | None = None, code: int = 0) -> dict[str, Any]:
    """The one JSON document that a command prints."""
    found, out, _ = run(*argv, "--json", stdin=stdin)
    assert found == code
    assert out.count("\n") == 1
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def test_ask_prints_the_contract(run: Run) -> None:
    found = document(run, "ask", "How long do cats sleep?", "--k", "2")
    assert set(found) == {"answer", "refused", "notice", "citations", "passages", "stats", "finish_reason"}
    assert set(found["stats"]) == STATS_KEYS
    assert all(set(counts) == {"drafted", "accepted"} for counts in found["stats"]["by_source"].values())
    assert {passage["document"] for passage in found["passages"]} == {"cats.txt", "rivers.md"}
    assert found["passages"][0]["document"] == "cats.txt"
    texts = {"cats.txt": CATS, "rivers.md": RIVERS}
    for passage in found["passages"]:
        assert set(passage) == PASSAGE_KEYS
        assert texts[passage["document"]][passage["start"] : passage["end"]] == passage["text"]
    for citation in found["citations"]:
        cited = found["answer"][citation["answer_start"] : citation["answer_end"]]
        source = texts[citation["document"]][citation["source_start"] : citation["source_end"]]
        assert citation["kind"] == "marked" or cited == source


def test_ask_streams_what_json_holds_and_says_the_rest_aside(run: Run) -> None:
    asked = ("ask", "What", "does", "a", "river", "carry?")
    answer = document(run, *asked)["answer"]
    code, out, err = run(*asked)
    assert code == 0
    assert out.startswith(answer + "\n")
    assert "forward of the target" in err or "forwards of the target" in err
    assert document(run, *asked, "--no-speculation")["answer"] == answer


def test_drafts_that_are_off_are_said(run: Run) -> None:
    asked = ("ask", "Where does a river carry water?")
    assert document(run, *asked)["stats"]["drafting_note"] == ""
    code, _, aside = run(*asked, "--no-speculation")
    assert code == 0
    assert aside.count("it writes without drafts: they are switched off (speculate)") == 1
    stats = document(run, *asked, "--no-speculation")["stats"]
    assert "switched off" in stats["drafting_note"]
    assert stats["by_source"] == {}


def test_search_prints_passages(run: Run) -> None:
    found = document(run, "search", "rivers and the sea", "--k", "1")
    assert set(found) == {"query", "corpus", "passages"}
    (passage,) = found["passages"]
    assert set(passage) == PASSAGE_KEYS
    assert (passage["document"], passage["text"]) == ("rivers.md", RIVERS)
    assert 0 < passage["chance"] < 1
    assert "rivers.md, characters 0 to" in run("search", "rivers")[1]


@pytest.mark.parametrize("text", ["He go to school.\r\nShe too.\r\n", "\ufeffÄpfel are\u2028red\n\n\n", "no newline"])
def test_fix_keeps_bytes_and_offsets_exact(run: Run, text: str) -> None:
    data = text.encode("utf-8")
    found = document(run, "fix", "-", stdin=data)
    assert set(found) == {"corrected", "edits", "stats"}
    assert set(found["stats"]) == STATS_KEYS
    corrected, end = "", 0
    for edit in found["edits"]:
        assert set(edit) == {"start", "end", "replacement"}
        corrected += text[end : edit["start"]] + edit["replacement"]
        end = edit["end"]
    assert corrected + text[end:] == found["corrected"]
    sys.stdout.flush()
    assert run("fix", "-", stdin=data)[:2] == (0, found["corrected"])


def test_fix_check_fails_for_findings_only(run: Run, folder: Path) -> None:
    (folder / "text.txt").write_bytes(b"First line.\nHe go to school.\n")
    edits = document(run, "fix", "text.txt")["edits"]
    code, out, _ = run("fix", "text.txt", "--check")
    assert code == (1 if edits else 0)
    assert len(out.splitlines()) == len(edits)
    assert all(line.startswith(("text.txt:1:", "text.txt:2:")) for line in out.splitlines())
    assert document(run, "fix", "text.txt", "--check", code=code)["edits"] == edits


def test_one_bad_file_does_not_stop_the_rest(run: Run, folder: Path) -> None:
    (folder / "good.txt").write_text("Bread is baked from flour, water and salt.", encoding="utf-8")
    (folder / "empty.txt").touch()
    found = document(run, "corpus", "add", "notes", "absent.txt", "empty.txt", "good.txt", code=2)
    assert [file["status"] for file in found["files"]] == ["failed", "empty", "added"]
    assert all(file["cause"] and file["hint"] for file in found["files"][:2])
    assert "absent.txt" in found["error"]["cause"]
    assert found["error"]["hint"]
    names = [info["name"] for info in document(run, "corpus", "list", "notes")["documents"]]
    assert names == ["cats.txt", "good.txt", "rivers.md"]
    removed = document(run, "corpus", "remove", "notes", "good.txt", "--yes")
    assert (removed["corpus"], removed["removed"]) == ("notes", ["good.txt"])
    assert [receipt["pending"] for receipt in removed["receipts"]] == [[]]
    assert "good.txt" not in run("corpus", "list", "notes")[1]
    assert document(run, "search", "flour and salt")["passages"][0]["document"] != "good.txt"


def test_a_misspelt_document_leaves_everything_as_it_was(run: Run) -> None:
    before = document(run, "corpus", "list", "notes")
    code, _, err = run("corpus", "remove", "notes", "cats.txt", "river.md")
    assert code == 2
    assert "rivers.md" in err
    assert document(run, "corpus", "list", "notes") == before


def test_corpora_come_and_go(run: Run) -> None:
    document(run, "corpus", "create", "other")
    assert [corpus["name"] for corpus in document(run, "corpus", "list")["corpora"]] == ["notes", "other"]
    assert run("corpus", "create", "other")[0] == 2
    error = document(run, "ask", "Anything?", "--corpus", "other", code=2)["error"]
    assert error["cause"]
    error = document(run, "ask", "Anything?", "--corpus", "othr", code=2)["error"]
    assert "other" in error["hint"]
    removed = document(run, "corpus", "remove", "other", "--yes")
    assert (removed["corpus"], removed["removed"], removed["documents"]) == ("other", "all", 0)
    assert [corpus["name"] for corpus in document(run, "corpus", "list")["corpora"]] == ["notes"]


@pytest.mark.parametrize("command", [("ask", "Do cats sleep?"), ("fix", "cats.txt")])
def test_the_first_use_says_what_it_waits_for(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    for is_compiled in (False, True):
        monkeypatch.setattr("app.commands.loading.is_compiled", lambda found=is_compiled: found)
        code, out, err = run(*command)
        assert (code, "ompil" in out, err.count("Compiling the draft kernels")) == (0, False, not is_compiled)
    monkeypatch.setattr("app.commands.loading.is_compiled", lambda: False)
    document(run, *command)
    assert "Compiling" not in run(*command, "--no-speculation")[2]
    assert "Compiling" not in run(*command, "--sources", "prompt-lookup")[2]


@pytest.mark.parametrize("command", [("ask", "Anything?"), ("fix", "cats.txt")])
def test_a_target_that_is_not_there_is_wrong_input(run: Run, command: tuple[str, ...]) -> None:
    code, out, err = run(*command, "--target", "./no-such-model")
    assert (code, out) == (2, "")
    assert "no-such-model" in err
    assert "hint: " in err
