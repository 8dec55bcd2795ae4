"""``spandraft corpus`` as people and programs use it: real files, the bundled encoder, a real terminal for Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.config.settings import Settings
from app.conversations.store import FILE_NAME, Conversations
from app.conversations.turns import Turn
from app.errors import InputError
from app.library.corpus import Corpus
from corpora.jobs.jobs import Jobs
from corpora.store.library import Library
from tests.support.answers import answer_quoting
from tests.support.tiny import TEXTS

Run = Callable[..., tuple[int, str, str]]

_ROOT = Path(cli.__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of documents with things in it that are none."""
    (tmp_path / "docs" / "more").mkdir(parents=True)
    (tmp_path / "docs" / "try.txt").write_text(TEXTS[0])
    (tmp_path / "docs" / "lambda.md").write_text(f"# Lambda\n\n{TEXTS[1]}\n")
    (tmp_path / "docs" / "more" / "with.html").write_text(f"<h1>With</h1><p>{TEXTS[2]}</p>")
    (tmp_path / "docs" / "odd.xyz").write_text("odd")
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs ``spandraft corpus ...`` in ``folder``; gives exit code, stdout, stderr."""
    monkeypatch.setenv("SPANDRAFT_HOME", str(folder / "home"))
    monkeypatch.chdir(folder)

    def call(*argv: str) -> tuple[int, str, str]:
        code = cli.main(["corpus", *argv])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def document(run: Run, *argv: str, code: int = 0) -> dict[str, Any]:
    """The one JSON document that an action prints."""
    found, out, err = run(*argv, "--json")
    assert (found, out.count("\n")) == (code, 1), err
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def test_a_folder_goes_in_and_stays_in_step(run: Run, folder: Path) -> None:
    assert run("create", "mine")[0] == 0
    plan = document(run, "add", "mine", "docs", "--dry-run")
    assert plan["counts"] == {"new": 3, "unsupported": 1}
    assert document(run, "list", "mine")["documents"] == []
    code, out, err = run("add", "mine", "docs")
    assert (code, out.count(": added, ")) == (0, 3), err
    assert "1 left out" in out
    assert ".xyz" in err
    assert run("add", "mine", "docs/odd.xyz")[0] == 2, "what was named itself is not left out in silence"
    (folder / "docs" / "try.txt").write_text(TEXTS[0] + " More of it.")
    (folder / "docs" / "lambda.md").unlink()
    assert document(run, "sync", "mine", "docs", "--dry-run")["counts"]["gone"] == 1
    states = {file["status"] for file in document(run, "sync", "mine", "docs")["files"]}
    assert states == {"removed", "replaced", "unchanged", "unsupported"}
    assert [one["name"] for one in document(run, "list", "mine")["documents"]] == [
        "docs/more/with.html",
        "docs/try.txt",
    ]
    for path in ("docs/try.txt", "docs/more/with.html", "docs/odd.xyz"):
        (folder / path).unlink()
    error = document(run, "sync", "mine", "docs", code=2)["error"]
    assert "--yes" in error["hint"], "an empty folder may be a disk that is not there"
    assert len(document(run, "list", "mine")["documents"]) == 2
    assert run("sync", "mine", "docs", "--yes")[0] == 0
    assert document(run, "list", "mine")["documents"] == []


def test_two_files_of_one_name_stay_two_and_a_moved_one_stays_itself(run: Run, folder: Path) -> None:
    run("create", "mine")
    for name, text in (("p", TEXTS[0]), ("q", TEXTS[1])):
        (folder / name).mkdir()
        (folder / name / "note.txt").write_text(text)
        assert "added, 1 passage" in run("add", "mine", f"{name}/note.txt")[1]
    listed = {one["name"]: one["id"] for one in document(run, "list", "mine")["documents"]}
    assert listed.keys() == {"p/note.txt", "q/note.txt"}
    assert "may be any of 2 documents" in run("remove", "mine", "note.txt", "--yes")[2]
    (folder / "q").rename(folder / "r")
    assert "note.txt: moved, it was q/note.txt" in run("sync", "mine", "r")[1]
    (moved,) = [one for one in document(run, "list", "mine")["documents"] if one["name"] == "r/note.txt"]
    assert moved["id"] == listed["q/note.txt"]
    assert run("remove", "mine", "r/note.txt", "--yes")[0] == 0
    assert [one["name"] for one in document(run, "list", "mine")["documents"]] == ["p/note.txt"]


def test_what_of_a_file_was_not_read_is_said_wherever_it_is_shown(run: Run, folder: Path) -> None:
    run("create", "mine")
    (folder / "note.html").write_text(f"<p>{TEXTS[0]} <s>It was struck out.</s></p>")
    code, out, err = run("add", "mine", "note.html")
    assert (code, out.count("added, 1 passage")) == (0, 1)
    note = "struck-out text was left out"
    assert err.splitlines()[-1] == f"note: {folder / 'note.html'}: {note}"
    assert document(run, "list", "mine")["documents"][0]["notes"] == note
    assert document(run, "jobs", "mine", "show", "1")["listed"][0]["cause"] == note
    assert note in run("jobs", "mine", "show", "1")[2]
    assert document(run, "show", "mine", "note.html")["metadata"]["notes"] == note
    assert note in run("show", "mine", "note.html")[1]
    (folder / "other.html").write_text(f"<p>{TEXTS[1]} <s>It was struck out.</s></p>")
    assert document(run, "add", "mine", "other.html")["files"][0]["cause"] == note


def test_a_folder_without_files_is_said_to_be_one(run: Run, folder: Path) -> None:
    run("create", "mine")
    (folder / "bare" / "within").mkdir(parents=True)
    for command in (("add",), ("add", "--dry-run"), ("sync",)):
        assert run(*command, "mine", "bare") == (0, "No files were found in there.\n", "")
    assert document(run, "add", "mine", "bare")["files"] == []


def test_documents_are_shown_by_any_name_that_is_clear(run: Run) -> None:
    run("create", "mine")
    run("add", "mine", "docs")
    ids = {one["name"]: one["id"] for one in document(run, "list", "mine")["documents"]}
    for name in ("docs/try.txt", "try.txt", ids["docs/try.txt"], "TRY"):
        assert document(run, "show", "mine", name)["name"] == "docs/try.txt"
    shown = document(run, "show", "mine", "with.html")
    assert [shown["text"][one["start"] : one["end"]] for one in shown["passages"]] == [shown["text"]]
    assert shown["passages"][0]["place"] == "With"
    assert "may be any of 3" in run("show", "mine", "docs")[2]
    assert "did you mean docs/try.txt" in run("show", "mine", "docs/trie.txt")[2]
    code, _, err = run("remove", "mine", "tr")
    assert (code, len(document(run, "list", "mine")["documents"])) == (2, 3), "a part is not enough to remove"
    assert "docs/try.txt" in err
    facts = document(run, "show", "mine")
    assert (facts["documents"], facts["sealed"], facts["chunk_chars"]) == (3, True, 700)
    assert {one["current"] for one in facts["indexes"]} == {True}
    assert "all-minilm-l6-v2" in run("show", "mine")[1]


def test_a_job_can_be_looked_at_and_steered(run: Run, folder: Path) -> None:
    run("create", "mine")
    (folder / "docs" / "bad.pdf").write_text("no pdf")
    found = document(run, "add", "mine", "docs", code=2)
    job = document(run, "jobs", "mine")["jobs"][0]
    assert (found["job"], job["number"], job["state"], job["outcomes"]["added"]) == (1, 1, "finished", 3)
    listed = document(run, "jobs", "mine", "show", "1")["listed"]
    (bad,) = (file for file in listed if file["state"] == "failed")
    assert bad["cause"]
    (folder / "docs" / "bad.pdf").unlink()
    (folder / "docs" / "bad.pdf").write_bytes(Path(__file__).read_bytes())
    assert run("jobs", "mine", "retry", "1", "--file", str(bad["number"]))[0] == 2
    assert run("jobs", "mine", "remove", "1")[0] == 0
    assert run("jobs", "mine")[1] == ""
    assert "no job 1" in document(run, "jobs", "mine", "show", "1", code=2)["error"]["cause"]
    assert "needs the number of a job" in document(run, "jobs", "mine", "pause", code=2)["error"]["cause"]


def test_a_paused_job_is_resumed(run: Run, folder: Path) -> None:
    run("create", "mine")
    jobs = Jobs(Library(folder / "home").open("mine"))
    jobs.pause(jobs.create([folder / "docs"]).number)
    assert document(run, "jobs", "mine")["jobs"][0]["state"] == "paused"
    assert run("jobs", "mine", "resume", "1")[0] == 0
    assert len(document(run, "list", "mine")["documents"]) == 3
    assert run("jobs", "mine", "resume", "1")[0] == 0, "a job that has ended stays as it is"


def test_the_chunking_is_kept_and_changed_by_a_rebuild(run: Run) -> None:
    assert run("create", "mine", "--chunk-chars", "120", "--chunk-overlap", "0")[0] == 0
    run("add", "mine", "docs")
    small = document(run, "show", "mine")
    assert (small["chunk_chars"], small["chunk_overlap"]) == (120, 0)
    error = document(run, "add", "mine", "docs", "--chunk-chars", "300", code=2)["error"]
    assert "120" in error["cause"] and "300" in error["cause"]
    assert "spandraft corpus rebuild mine --chunk-chars 300 --chunk-overlap 0" in error["hint"]
    done = document(run, "rebuild", "mine", "--chunk-chars", "300")
    assert (done["whole"], done["recut"], done["chunk_chars"]) == (True, True, 300)
    assert done["passages"] < small["passages"]
    assert document(run, "show", "mine")["passages"] == done["passages"] == done["computed"]
    again = document(run, "rebuild", "mine")
    assert (again["recut"], again["computed"], again["passages"]) == (False, 0, done["passages"])


def test_damage_is_found_and_made_good(run: Run, folder: Path) -> None:
    run("create", "mine")
    run("add", "mine", "docs")
    assert document(run, "verify")["corpora"][0] == {"corpus": "mine", "proof": "seal", "findings": []}
    (index, *_) = sorted((folder / "home" / "corpora" / "mine" / "indexes").glob("*.index"))
    flipped = bytearray(index.read_bytes())
    flipped[-70] ^= 1
    index.write_bytes(flipped)
    (finding,) = document(run, "verify", "mine", code=1)["corpora"][0]["findings"]
    assert finding["file"] == str(index)
    assert "spandraft corpus rebuild mine" in finding["hint"]
    assert run("rebuild", "mine")[0] == 0
    assert document(run, "verify", "mine")["corpora"][0]["findings"] == []
    database = folder / "home" / "corpora" / "mine" / "corpus.sqlite"
    data = bytearray(database.read_bytes())
    at = data.find(TEXTS[1][:40].encode())
    data[at] ^= 1
    database.write_bytes(data)
    (finding,) = document(run, "verify", "mine", code=1)["corpora"][0]["findings"]
    assert "--salvage" in finding["hint"] or "backup" in finding["hint"]
    done = document(run, "rebuild", "mine", "--salvage", code=2)
    assert Path(done["kept"]).read_bytes() == data
    assert (sorted(done["saved"]), done["whole"]) == (["docs/more/with.html", "docs/try.txt"], True)
    assert [one["name"] for one in done["lost"]] == ["docs/lambda.md"]
    assert document(run, "verify", "mine")["corpora"][0]["findings"] == []


def test_nobody_is_told_that_nothing_was_lost_where_nothing_is_known(run: Run, folder: Path) -> None:
    run("create", "mine")
    database = folder / "home" / "corpora" / "mine" / "corpus.sqlite"
    database.write_bytes(b"no database")
    code, out, err = run("rebuild", "mine", "--salvage")
    assert code == 2
    assert "No document could be saved; it is not known how many there were" in out
    (kept,) = database.parent.glob("corpus.damaged-*.sqlite")
    assert str(kept) in err
    assert kept.read_bytes() == b"no database"


def test_a_damaged_corpus_hides_no_other(run: Run, folder: Path) -> None:
    for name in ("a", "b", "c"):
        run("create", name)
    (folder / "home" / "corpora" / "b" / "corpus.sqlite").write_bytes(b"no database")
    code, out, _ = run("list")
    assert code == 2
    assert [line.split()[0] for line in out.splitlines()] == ["corpus", "a", "b", "c"]
    assert "damaged: spandraft corpus verify b" in out
    assert [("error" in one, one["name"]) for one in document(run, "list", code=2)["corpora"]] == [
        (False, "a"),
        (True, "b"),
        (False, "c"),
    ]


def test_an_empty_path_is_none_and_a_missing_one_makes_no_job(run: Run, folder: Path) -> None:
    run("create", "mine")
    for argv in (("add", "mine", ""), ("sync", "mine", "docs", ""), ("export", "mine", ""), ("import", "")):
        assert document(run, *argv, code=2)["error"]["cause"] == '"" is no path'
    for argv in (("add", "mine", "dosc"), ("add", "mine", "dosc", "--dry-run"), ("sync", "mine", "docs", "dosc")):
        error = document(run, *argv, code=2)["error"]
        assert (error["cause"], error["hint"]) == ("dosc does not exist", "did you mean docs?")
    with pytest.raises(InputError, match='"" is no path'):
        Corpus.open("mine", settings=Settings.load()).add("docs", "")
    assert document(run, "jobs", "mine")["jobs"] == []
    code, out, err = run("add", "mine", "docs", "gone.txt")
    assert (code, out.count(": added, ")) == (2, 3)
    assert err.count("gone.txt") == 1, "a file is named once"
    run("add", "mine", "docs", "gone.txt")
    assert run("jobs", "mine", "show", "2")[2].count("gone.txt") == 1


def test_an_ended_job_is_not_steered_and_a_retry_tells_of_its_files(run: Run, folder: Path) -> None:
    run("create", "mine")
    for name in ("bad.pdf", "worse.pdf"):
        (folder / "docs" / name).write_text("no pdf")
    run("add", "mine", "docs")
    for action in ("pause", "resume", "cancel"):
        code, out, _ = run("jobs", "mine", action, "1")
        assert (code, out.startswith("Job 1 is finished already."), out.count("\n")) == (0, True, 1)
    listed = document(run, "jobs", "mine", "show", "1")["listed"]
    (bad,) = (file["number"] for file in listed if file["name"] == "docs/bad.pdf")
    (good,) = (file["number"] for file in listed if file["name"] == "docs/try.txt")
    code, out, err = run("jobs", "mine", "retry", "1", "--file", str(bad))
    assert (code, "added" in out, err.count("bad.pdf"), "worse.pdf" in err) == (2, False, 1, False)
    assert [one["path"].rpartition("/")[2] for one in document(run, "jobs", "mine", "retry", "1", code=2)["files"]] == [
        "bad.pdf",
        "worse.pdf",
    ]
    assert f"nothing to retry of file {good}" in run("jobs", "mine", "retry", "1", "--file", str(good))[1]


def test_an_encoder_is_looked_for_when_a_corpus_is_made(run: Run, folder: Path) -> None:
    assert "no encoder" in document(run, "create", "mine", "--encoder", "nothere", code=2)["error"]["cause"]
    assert document(run, "list")["corpora"] == []
    own = folder / "own"
    own.mkdir()
    (own / "model.safetensors").write_bytes(b"weights")
    (own / "config.json").write_text("{}")
    assert run("create", "mine", "--encoder", str(own))[0] == 0
    assert str(own) in document(run, "show", "mine")["encoder"]
    error = document(run, "add", "mine", "docs", code=2)["error"]
    assert str(own) in error["cause"]
    assert document(run, "jobs", "mine")["jobs"] == []
    assert run("rebuild", "mine")[0] == 0, "the hint"
    assert run("add", "mine", "docs")[0] == 0


def test_what_is_left_out_is_named_with_its_reason(run: Run, folder: Path) -> None:
    run("create", "mine")
    for name in ("Makefile", "LICENSE"):
        (folder / "docs" / name).write_text("all:")
    (folder / "docs" / "none.txt").touch()
    (folder / "docs" / "twin.txt").write_text(TEXTS[0])
    shown = run("add", "mine", "docs", "--dry-run")[1]
    (empty,) = (line for line in shown.splitlines() if line.startswith("docs/none.txt"))
    (twin,) = (line for line in shown.splitlines() if line.startswith("docs/twin.txt"))
    assert " empty " in empty
    assert "the same as docs/try.txt" in twin
    assert "files ending in .xyz cannot be read" in shown
    left = "left out: 2 files: LICENSE, Makefile (no suffix that names its kind)"
    assert left in run("add", "mine", "docs")[2]
    assert left.replace("LICENSE, M", "docs/LICENSE, docs/M") in run("jobs", "mine", "show", "1")[2]
    for number in range(12):
        (folder / "docs" / f"odd{number}").touch()
    assert "4 more (no suffix that names its kind)" in run("sync", "mine", "docs")[2]


def test_names_of_files_are_whole_characters_in_json(run: Run, folder: Path) -> None:
    run("create", "mine")
    (folder / os.fsdecode(b"odd\xff.txt")).write_text("Odd.")
    code, out, err = run("add", "mine", os.fsdecode(b"odd\xff.txt"), "--json")
    assert code == 0, err
    assert "\\ud" not in out
    assert json.loads(out)["files"][0]["path"].endswith("odd\N{REPLACEMENT CHARACTER}.txt")


def test_a_corpus_travels_as_one_file(run: Run, folder: Path) -> None:
    run("create", "mine")
    run("add", "mine", "docs")
    assert run("export", "mine")[0] == 0
    exported = folder / "mine.spandraft"
    assert "--overwrite" in document(run, "export", "mine", code=2)["error"]["hint"]
    assert document(run, "export", "mine", str(folder), "--overwrite")["bytes"] == exported.stat().st_size
    error = document(run, "import", str(exported), code=2)["error"]
    assert 'there is a corpus called "mine"' in error["cause"]
    assert "--name" in error["hint"]
    assert "is a folder" in document(run, "import", str(folder), code=2)["error"]["cause"]
    lost = document(run, "export", "mine", str(folder / "nodir" / "w"), code=2)["error"]["cause"]
    assert lost == f"the folder {folder / 'nodir'} does not exist"
    done = document(run, "import", str(exported), "--name", "copy")
    assert (done["documents"], done["computed"], len(done["reused"])) == (3, [], 2)
    assert document(run, "import", str(exported), "--name", "own", "--recompute")["reused"] == []
    for one in ("documents", "passages", "derived", "encoder", "chunk_chars"):
        assert document(run, "show", "copy")[one] == document(run, "show", "mine")[one]
    hits = {name: _search(name) for name in ("mine", "copy", "own")}
    assert hits["mine"] == hits["copy"] == hits["own"]
    exported.write_bytes(exported.read_bytes()[:-1])
    assert "mine.spandraft" in document(run, "import", str(exported), "--name", "bad", code=2)["error"]["cause"]
    assert [one["name"] for one in document(run, "list")["corpora"]] == ["copy", "mine", "own"]


def _search(name: str) -> list[tuple[str, float]]:
    found = Corpus.open(name, settings=Settings.load()).search("When is a finally clause executed?", k=3)
    return [(hit.passage.id, round(hit.score, 6)) for hit in found]


def test_conversations_that_quote_are_named_and_go_when_asked(run: Run, folder: Path) -> None:
    run("create", "mine")
    run("add", "mine", "docs")
    stored = Conversations(folder / "home" / FILE_NAME)
    library = Library(folder / "home")
    for name in ("docs/try.txt", "docs/lambda.md", "docs/more/with.html"):
        passage = answer_quoting(library.open("mine").document(name))
        stored.add("browser", "", Turn(f"About {name}?", "mine", answer=passage))
    code, out, err = run("remove", "mine", "try.txt", "--receipt", "--yes")
    assert (code, "1 still quotes it; it goes, too, with --with-conversations" in out) == (0, True), err
    code, _, err = run("remove", "mine", "lambda.md", "--yes")
    assert 'A conversation that quotes it stays: "About docs/lambda.md?", asked of mine' in err
    assert "Remove it, too: spandraft corpus remove mine" in err
    again = err.rpartition("spandraft corpus ")[2].split()
    assert run(*again)[0] == 0, "the command that is named removes them, though the document is gone"
    (receipt,) = document(run, "remove", "mine", "with.html", "--with-conversations", "--yes")["receipts"]
    assert (len(receipt["conversations"]), receipt["conversations_removed"]) == (1, 1)
    assert [one.title for one in stored.of("browser")] == ["About docs/try.txt?"]
    gone = document(run, "remove", "mine", "--with-conversations", "--yes")
    assert gone["conversations_removed"] == 1
    assert stored.of("browser") == []


def test_what_goes_is_listed_first_and_is_of_this_corpus(run: Run, folder: Path) -> None:
    stored = Conversations(folder / "home" / FILE_NAME)
    library = Library(folder / "home")
    for name in ("mydocs", "cli"):
        run("create", name)
        run("add", name, "docs")
        for question in ("What is a try?", "Why is a try?") if name == "cli" else ("Whose is it?",):
            answer = answer_quoting(library.open(name).document("docs/try.txt"))
            stored.add("browser", "", Turn(question, name, answer=answer))
    code, out, err = run("remove", "cli", "try.txt", "--with-conversations")
    assert (code, out, len(stored.of("browser"))) == (2, "", 3)
    assert "docs/try.txt of cli and 2 conversations would go for good" in err
    code, out, err = run("remove", "cli", "try.txt", "--with-conversations", "--yes")
    assert (code, out) == (0, "Removed from cli: docs/try.txt\n")
    assert err.splitlines() == [
        "These conversations go, too:",
        '  "What is a try?", asked of cli',
        '  "Why is a try?", asked of cli',
        "2 conversations are gone, too",
    ]
    assert [one.title for one in stored.of("browser")] == ["Whose is it?"]
    code, out, err = run("remove", "cli", "--with-conversations", "--yes")
    assert (code, "conversation" in out + err) == (0, False), "none of this corpus is left"
    code, out, err = run("remove", "mydocs", "--yes")
    assert 'A conversation that quotes it stays: "Whose is it?", asked of mydocs' in err
    assert [one.title for one in stored.of("browser")] == ["Whose is it?"]


def test_nothing_goes_where_nobody_can_be_asked(run: Run) -> None:
    run("create", "mine")
    run("add", "mine", "docs")
    for wanted in ([], ["try.txt"], ["try.txt", "lambda.md"]):
        code, out, err = run("remove", "mine", *wanted)
        assert (code, out, len(err.splitlines())) == (2, "", 2)
        assert err.endswith("hint: add --yes\n")
        assert document(run, "remove", "mine", *wanted, code=2)["error"]["hint"] == "add --yes"
    assert len(document(run, "list", "mine")["documents"]) == 3
    for wrong in (["qqqq"], ["qqqq", "--with-conversations"]):
        code, _, err = run("remove", "mine", *wrong)
        assert (code, "spandraft corpus list mine" in err) == (2, True), "a wrong name is told before anything is asked"
    assert run("remove", "mine", "try.txt", "lambda.md", "--yes")[0] == 0
    assert len(document(run, "list", "mine")["documents"]) == 1


# ------------------------------------------------------------------------------------------- on a real terminal


class Terminal:
    """``spandraft corpus ...`` behind a pseudo-terminal: what it shows, and a keyboard."""

    def __init__(self, folder: Path, *argv: str) -> None:
        environ = os.environ | {"SPANDRAFT_HOME": str(folder / "home"), "PYTHONPATH": str(_ROOT), "TERM": "xterm"}
        command = [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())", "corpus", *argv]
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environ, start_new_session=True
        )
        os.close(theirs)
        self.shown = ""

    def read(self, until: Callable[[str], bool], timeout_s: float = 120.0) -> str:
        """Everything shown, once it is as wanted or the process has ended."""
        deadline = time.monotonic() + timeout_s
        while not until(self.shown) and time.monotonic() < deadline:
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    data = os.read(self._ours, 65536)
                except OSError:  # the other end is closed
                    break
                self.shown += data.decode("utf-8", "replace")
            elif self.process.poll() is not None:
                break
        return self.shown

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        self.read(lambda _: False, 60.0)
        code = self.process.wait(30)
        os.close(self._ours)
        return code


@pytest.fixture
def terminal(folder: Path) -> Iterator[Callable[..., Terminal]]:
    started: list[Terminal] = []

    def start(*argv: str) -> Terminal:
        started.append(Terminal(folder, *argv))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()


def test_ctrl_c_pauses_and_the_command_that_is_named_goes_on(
    run: Run, folder: Path, terminal: Callable[..., Terminal]
) -> None:
    run("create", "mine")
    for number in range(60):
        (folder / "docs" / f"{number}.txt").write_text(f"{number}. {TEXTS[number % 3]} " * 40)
    adding = terminal("add", "mine", "docs")
    shown = adding.read(lambda text: " of 64 files" in text and "embedding" in text)
    assert "job 1: " in shown
    adding.process.send_signal(signal.SIGINT)
    assert adding.end() == 130
    assert "Traceback" not in adding.shown
    assert "spandraft corpus jobs mine resume 1" in adding.shown
    job = document(run, "jobs", "mine")["jobs"][0]
    assert job["state"] == "paused"
    assert job["files_done"] < 64
    assert "failed" not in job["states"]
    jobs = Jobs(Library(folder / "home").open("mine"))
    for file in jobs.files(1, ["queued"])[2:]:
        jobs.cancel(1, file.number)
    assert run("jobs", "mine", "resume", "1")[0] == 0
    assert document(run, "jobs", "mine")["jobs"][0]["state"] == "finished"


def test_what_goes_for_good_goes_after_a_yes(run: Run, terminal: Callable[..., Terminal]) -> None:
    run("create", "mine")
    run("add", "mine", "docs")
    for answer, code in (("n\n", 2), ("y\n", 0)):
        asked = terminal("remove", "mine", "try.txt")
        asked.read(lambda text: "Remove docs/try.txt of mine for good? [y/N]" in text)
        asked.type(answer)
        assert asked.end() == code
        assert len(document(run, "list", "mine")["documents"]) == 3 - (not code)
    asked = terminal("remove", "mine")
    asked.read(lambda text: "[y/N]" in text)
    asked.type("n\n")
    assert asked.end() == 2
    assert "nothing was removed" in asked.shown
    asked = terminal("remove", "mine")
    asked.read(lambda text: "[y/N]" in text)
    asked.type("y\n")
    assert asked.end() == 0
    run("create", "mine")
    assert terminal("remove", "mine", "--yes").end() == 0
    assert document(run, "list")["corpora"] == []


def test_what_a_file_is_called_steers_no_terminal(folder: Path, run: Run) -> None:
    run("create", "mine")
    (folder / "docs" / "a\x1b[2J\u202eb.txt").write_text(TEXTS[0] + "!")
    code, out, err = run("add", "mine", "docs")
    assert code == 0, err
    for text in (out, err, run("list", "mine")[1], run("jobs", "mine", "show", "1")[1]):
        assert "\x1b" not in text and "\u202e" not in text


@pytest.mark.parametrize("name", ["my docs", "grün", "d'Arc & Söhne"])
def test_a_corpus_of_any_name_is_used_by_every_command(run: Run, folder: Path, name: str) -> None:
    created = run("create", name)[1]
    again = created.rpartition("spandraft corpus ")[2].strip()
    assert shlex.split(again) == ["add", name, "FILE"]
    assert run("add", name, "docs/try.txt")[0] == 0
    assert [one["name"] for one in document(run, "list")["corpora"]] == [name]
    assert document(run, "show", name)["name"] == name
    assert document(run, "jobs", name)["corpus"] == name
    assert run("verify", name)[0] == 0
    assert document(run, "export", name)["file"].endswith(f"{name}.spandraft")
    assert document(run, "import", f"{name}.spandraft", "--name", f"{name} 2")["corpus"] == f"{name} 2"
    assert run("rebuild", name)[0] == 0
    code, _, err = run("create", name.upper())
    assert (code, f'there is a corpus called "{name}" already' in err) == (2, True)
    assert run("remove", f"{name} 2", "--yes")[0] == 0
    assert run("remove", name, "--yes")[0] == 0
    assert list((folder / "home" / "corpora").iterdir()) == []


def test_what_cannot_be_read_or_is_empty_is_left_out_of_a_folder_and_missed_where_it_was_named(
    run: Run, folder: Path
) -> None:
    for name in ("blank.txt", "empty.txt"):
        (folder / "docs" / name).write_text("")
    run("create", "mine")
    code, out, err = run("add", "mine", "docs")
    assert (code, "2 empty" in out, "error" in err) == (0, True, False)
    assert "left out: 2 files: blank.txt, empty.txt (empty)\n" in err
    assert "left out: 2 files: docs/blank.txt, docs/empty.txt (empty)\n" in run("jobs", "mine", "show", "1")[2]
    assert "There is nothing to retry" in run("jobs", "mine", "retry", "1")[1]
    code, _, err = run("add", "mine", "docs/empty.txt", "docs/odd.xyz")
    assert code == 2
    assert "error: " in err
    assert "is empty\n" in err
    assert "files ending in .xyz cannot be read" in err
