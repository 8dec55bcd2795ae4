"""A document is its path: two files of one name are two, what moves stays itself, and a model of it is a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.documents import Document
from corpora.jobs.job_records import Job
from corpora.jobs.jobs import Jobs
from corpora.jobs.runner import run
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from tests.support.corpus_files import Copies


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CorpusStore]:
    opened = Library(tmp_path / "home").create("corpus")
    yield opened
    opened.close()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def done(store: CorpusStore, *paths: Path, sync: bool = False) -> Job:
    return run(store, Jobs(store).create(paths, sync=sync).number, derived=[Copies()])


def uploaded(store: CorpusStore, path: Path) -> Job:
    return run(store, Jobs(store).create([path], staged=True).number, derived=[Copies()])


def held(store: CorpusStore) -> dict[str, str]:
    return {info.name: store.document(info.id).text for info in store.documents()}


def test_two_files_of_one_name_are_two_documents_named_by_their_folders(store: CorpusStore, tmp_path: Path) -> None:
    one, two = write(tmp_path / "p" / "note.txt", "Kettle one."), write(tmp_path / "q" / "note.txt", "Kettle two.")
    assert done(store, one).outcomes == {"added": 1}
    assert held(store) == {"note.txt": "Kettle one."}
    (first,) = store.documents()
    job = done(store, two)
    assert job.outcomes == {"added": 1}
    assert held(store) == {"p/note.txt": "Kettle one.", "q/note.txt": "Kettle two."}
    assert store.document("p/note.txt").id == first.id, "what cites it still finds it"
    assert [file.name for file in Jobs(store).files(job.number)] == ["q/note.txt"]
    third = write(tmp_path / "r" / "q" / "note.txt", "Kettle three.")
    done(store, third)
    assert sorted(held(store).values()) == ["Kettle one.", "Kettle three.", "Kettle two."]
    assert "note.txt" not in held(store), "it would be ambiguous"
    assert done(store, one, two, third).outcomes == {"unchanged": 3}
    write(two, "Kettle two, mended.")
    assert done(store, two).outcomes == {"replaced": 1}
    assert held(store)["p/note.txt"] == "Kettle one."
    assert "Kettle two, mended." in held(store).values()
    assert "Kettle two." not in held(store).values()


def test_a_file_is_the_same_alone_and_in_its_folder(store: CorpusStore, tmp_path: Path) -> None:
    write(tmp_path / "p" / "note.txt", "Kettle one.")
    done(store, tmp_path / "p")
    assert done(store, tmp_path / "p" / "note.txt").outcomes == {"unchanged": 1}
    write(tmp_path / "p" / "note.txt", "Kettle two.")
    assert done(store, tmp_path / "p" / "note.txt").outcomes == {"replaced": 1}
    assert held(store) == {"p/note.txt": "Kettle two."}


def test_folders_of_one_name_are_told_apart(store: CorpusStore, tmp_path: Path) -> None:
    write(tmp_path / "a" / "docs" / "x.txt", "Of a.")
    write(tmp_path / "b" / "docs" / "x.txt", "Of b.")
    done(store, tmp_path / "a" / "docs")
    done(store, tmp_path / "b" / "docs")
    assert held(store) == {"a/docs/x.txt": "Of a.", "b/docs/x.txt": "Of b."}


def test_files_of_one_name_in_one_job_are_named_by_as_much_of_their_paths_as_it_takes(
    store: CorpusStore, tmp_path: Path
) -> None:
    places = ("p", "q/in", "r/in", "r/q/in")
    job = done(store, *[write(tmp_path / place / "x.txt", f"Of {place}.") for place in places])
    assert job.outcomes == {"added": 4}
    assert all(name.endswith("/x.txt") for name in held(store))
    assert {name.removesuffix("/x.txt") for name in held(store)} >= {"p", "r/in", "r/q/in"}


def test_an_upload_is_known_by_its_name_and_says_what_it_replaced(store: CorpusStore, tmp_path: Path) -> None:
    uploaded(store, write(tmp_path / "p" / "note.txt", "Kettle one."))
    job = uploaded(store, write(tmp_path / "q" / "note.txt", "Kettle two."))
    (file,) = Jobs(store).files(job.number)
    assert (file.outcome, file.cause) == ("replaced", "it replaced the document of the same name")
    assert held(store) == {"note.txt": "Kettle two."}
    done(store, write(tmp_path / "r" / "note.txt", "Kettle three."))  # It takes over a document that has no path.
    assert held(store) == {"note.txt": "Kettle three."}


def test_a_moved_folder_moves_its_documents(store: CorpusStore, tmp_path: Path) -> None:
    s, t = tmp_path / "s", tmp_path / "t"
    write(s / "uno.txt", "The pump is green.")
    write(s / "in" / "two.txt", "The valve is red.")
    done(store, s, sync=True)
    ids = {info.id for info in store.documents()}
    rows = store.rows_alive()
    s.rename(t)
    planned = Jobs(store).plan([t], sync=True)
    assert {(file.name, file.verdict, file.cause) for file in planned.files} == {
        ("t/uno.txt", "moved", "it was s/uno.txt"),
        ("t/in/two.txt", "moved", "it was s/in/two.txt"),
    }
    assert done(store, t, sync=True).outcomes == {"moved": 2}
    assert held(store) == {"t/uno.txt": "The pump is green.", "t/in/two.txt": "The valve is red."}
    assert {info.id for info in store.documents()} == ids
    assert store.rows_alive() == rows, "nothing was computed again"
    write(t / "in" / "two.txt", "The valve is yellow now.")
    assert done(store, t, sync=True).outcomes == {"unchanged": 1, "replaced": 1}
    assert held(store) == {"t/uno.txt": "The pump is green.", "t/in/two.txt": "The valve is yellow now."}


def test_what_was_edited_after_the_move_is_known_by_its_path_inside(store: CorpusStore, tmp_path: Path) -> None:
    s, t = tmp_path / "s", tmp_path / "t"
    for name in ("one", "two", "three"):
        write(s / f"{name}.txt", f"The first {name}.")
    done(store, s)
    s.rename(t)
    write(t / "two.txt", "Another two.")
    write(t / "three.txt", "Another three.")
    write(t / "four.txt", "The first four.")
    assert done(store, t).outcomes == {"moved": 1, "replaced": 2, "added": 1}
    assert held(store) == {
        "t/one.txt": "The first one.",
        "t/two.txt": "Another two.",
        "t/three.txt": "Another three.",
        "t/four.txt": "The first four.",
    }
    (t / "one.txt").unlink()
    t.rename(s)
    assert done(store, s, sync=True).outcomes == {"moved": 3, "removed": 1}
    assert sorted(held(store)) == ["s/four.txt", "s/three.txt", "s/two.txt"]


def test_a_file_that_is_renamed_stays_its_document(store: CorpusStore, tmp_path: Path) -> None:
    s = tmp_path / "s"
    write(s / "one.txt", "The first one.")
    write(s / "two.txt", "The first two.")
    done(store, s, sync=True)
    (s / "one.txt").rename(s / "uno.txt")
    assert done(store, s, sync=True).outcomes == {"moved": 1, "unchanged": 1}
    assert held(store) == {"s/uno.txt": "The first one.", "s/two.txt": "The first two."}
    (s / "two.txt").rename(s / "one.txt")
    write(s / "two.txt", "The second two.")
    done(store, s, sync=True)
    assert held(store) == {
        "s/uno.txt": "The first one.", "s/one.txt": "The first two.", "s/two.txt": "The second two."
    }  # fmt: skip
    shutil.copyfile(s / "one.txt", s / "copy.txt")
    (s / "one.txt").unlink()
    write(s / "one.txt", "The first two.")
    assert done(store, s, sync=True).outcomes == {"unchanged": 3, "duplicate": 1}, "a copy moves nothing"


def test_of_another_folder_with_one_equal_file_nothing_is_taken_away(store: CorpusStore, tmp_path: Path) -> None:
    s, t = tmp_path / "s", tmp_path / "t"
    for name in ("licence", "one", "two", "three"):
        write(s / f"{name}.txt", f"The {name} of s.")
    done(store, s, sync=True)
    shutil.rmtree(s)
    write(t / "licence.txt", "The licence of s.")
    write(t / "one.txt", "The one of t.")
    done(store, t, sync=True)
    assert held(store) == {
        "t/licence.txt": "The licence of s.",
        "s/one.txt": "The one of s.",
        "s/two.txt": "The two of s.",
        "s/three.txt": "The three of s.",
        "t/one.txt": "The one of t.",
    }


def test_a_moved_archive_moves_its_documents(store: CorpusStore, tmp_path: Path) -> None:
    write(tmp_path / "in" / "one.txt", "The first one.")
    shutil.make_archive(str(tmp_path / "box"), "zip", tmp_path / "in")
    done(store, tmp_path / "box.zip")
    (tmp_path / "box.zip").rename(tmp_path / "chest.zip")
    assert done(store, tmp_path / "chest.zip").outcomes == {"moved": 1}
    assert held(store) == {"chest.zip/one.txt": "The first one."}


def test_a_move_survives_its_runner(store: CorpusStore, tmp_path: Path) -> None:
    """A kill leaves the files queued or in work, and either way they are known as moved when the job goes on."""
    s, t = tmp_path / "s", tmp_path / "t"
    write(s / "one.txt", "The first one.")
    write(s / "two.txt", "The first two.")
    done(store, s)
    s.rename(t)
    write(t / "two.txt", "Another two.")
    number = Jobs(store).create([t]).number
    with store.connections.writing() as connection:
        connection.execute("UPDATE jobs SET state = 'running' WHERE number = ?", (number,))
        connection.execute("UPDATE job_files SET state = 'reading' WHERE job = ?", (number,))
    assert run(store, number, derived=[Copies()]).outcomes == {"moved": 1, "replaced": 1}
    assert held(store) == {"t/one.txt": "The first one.", "t/two.txt": "Another two."}


def test_a_document_that_was_renamed_leaves_its_id_to_nobody(store: CorpusStore, tmp_path: Path) -> None:
    one = write(tmp_path / "p" / "note.txt", "Kettle one.")
    done(store, one)
    (kept,) = store.documents()
    assert kept.id == Document.of("note.txt", "Kettle one.").id
    one.rename(write(tmp_path / "q" / "x.txt", "").with_name("moved.txt"))
    done(store, tmp_path / "q" / "moved.txt")
    write(one, "Kettle two.")
    done(store, one)
    write(one, "Kettle one.")  # The same name and text as the document that was renamed.
    done(store, one)
    assert held(store) == {"moved.txt": "Kettle one.", "note.txt": "Kettle one."}
    assert len({info.id for info in store.documents()}) == 2


@pytest.mark.parametrize("sync", [False, True])
def test_a_text_that_another_file_still_has_stays_when_its_own_file_changes(
    store: CorpusStore, tmp_path: Path, sync: bool
) -> None:
    one = write(tmp_path / "p" / "e.txt", "The kettle is blue.")
    write(tmp_path / "q" / "e.txt", "The kettle is blue.")
    done(store, tmp_path / "p", sync=sync)
    assert done(store, tmp_path / "q", sync=sync).outcomes == {"duplicate": 1}
    write(one, "The kettle is red now.")
    done(store, tmp_path / "p", sync=sync)
    assert held(store) == {"p/e.txt": "The kettle is red now.", "q/e.txt": "The kettle is blue."}
    assert done(store, tmp_path / "p", tmp_path / "q", sync=sync).outcomes == {"unchanged": 2}


def test_a_text_that_another_file_still_has_stays_when_its_own_file_is_gone(store: CorpusStore, tmp_path: Path) -> None:
    one = write(tmp_path / "p" / "e.txt", "The kettle is blue.")
    write(tmp_path / "p" / "f.txt", "Another text.")
    for place in ("q", "r"):
        write(tmp_path / place / "e.txt", "The kettle is blue.")
    done(store, tmp_path / "p", sync=True)
    done(store, tmp_path / "q", tmp_path / "r", sync=True)
    write(tmp_path / "r" / "e.txt", "It has another text by now.")
    one.unlink()
    done(store, tmp_path / "p", sync=True)
    assert sorted(held(store).values()) == ["Another text.", "The kettle is blue."]


NAMES = st.sampled_from(["a.txt", "b.txt", "in/a.txt", "in/b.txt"])
FOLDERS = st.sampled_from(["s", "t", "u/s"])
STEPS = st.one_of(
    st.tuples(st.just("write"), FOLDERS, NAMES),
    st.tuples(st.just("delete"), FOLDERS, NAMES),
    st.tuples(st.just("move folder"), FOLDERS, FOLDERS),
    st.tuples(st.just("rename"), FOLDERS, st.tuples(NAMES, NAMES)),
    st.tuples(st.just("add"), FOLDERS, st.just("")),
    st.tuples(st.just("add file"), FOLDERS, NAMES),
    st.tuples(st.just("sync"), FOLDERS, st.just("")),
)


class Model:
    """What is on the disk and what is in the corpus, as dictionaries of texts by path. No two texts are equal."""

    def __init__(self) -> None:
        self.disk: dict[str, str] = {}
        self.corpus: dict[str, str] = {}
        self.written = 0

    def text(self) -> str:
        self.written += 1
        return f"This is text number {self.written:04d}."

    def take(self, prefix: str, *, sync: bool) -> None:
        """Add all files under a prefix."""
        here = {path: text for path, text in self.disk.items() if path == prefix or path.startswith(f"{prefix}/")}
        new = here.keys() - self.corpus.keys()
        gone = self.corpus.keys() - self.disk.keys()
        moved = {path: old for path in new for old in gone if self.corpus[old] == here[path]}
        folders = {pair for path, old in moved.items() if (pair := self.folder(old, path))}
        left: set[str] = set()
        for old, now in sorted(folders):
            inside = {path for path in self.corpus if path.startswith(f"{old}/")}
            went = {before for path, before in moved.items() if now + before[len(old) :] == path and before in inside}
            rest = inside - set(moved.values())
            again = {path for path in rest if now + path[len(old) :] in new - moved.keys()}
            if again == rest or 2 * len(went) >= len(went) + len(rest):
                moved |= {now + path[len(old) :]: path for path in again}
                left |= rest - again
        if sync:
            inside = {path for path in gone if path.startswith(f"{prefix}/")}
            for path in (inside | left) - set(moved.values()):
                del self.corpus[path]
        for old in moved.values():
            del self.corpus[old]
        self.corpus |= here

    def folder(self, old: str, path: str) -> tuple[str, str] | None:
        before, now = old.split("/"), path.split("/")
        shared = 0
        while shared < min(len(before), len(now)) and before[-1 - shared] == now[-1 - shared]:
            shared += 1
        for parts in range(min(shared, len(before) - 1), 0, -1):
            top = "/".join(before[:-parts])
            if not any(known.startswith(f"{top}/") for known in self.disk):
                return top, "/".join(now[:-parts])
        return None


def _without_empty_folders(root: Path) -> None:
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, min_size=4, max_size=14))
def test_any_sequence_of_changes_is_what_a_dictionary_says(steps: list[tuple[str, str, object]]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as home:
        root = Path(home).resolve() / "files"
        root.mkdir()
        store = Library(Path(home) / "library").create("corpus")
        try:
            for act, folder, what in [*steps, ("sync", "s", ""), ("sync", "t", "")]:
                _step(model, store, root, act, folder, what)
                paths = {Path(one.source.path).relative_to(root).as_posix(): one for one in store.sources()}
                texts = {path: store.document(one.document_id).text for path, one in paths.items()}
                assert texts == model.corpus, (act, folder, what)
                assert len(store.documents()) == len(texts)
        finally:
            store.close()


def _step(model: Model, store: CorpusStore, root: Path, act: str, folder: str, what: object) -> None:
    path = f"{folder}/{what}"
    if act == "write":
        model.disk[path] = model.text()
        write(root / path, model.disk[path])
    elif act == "delete" and model.disk.pop(path, None):
        (root / path).unlink()
    elif act == "rename":
        assert isinstance(what, tuple)
        old, new = f"{folder}/{what[0]}", f"{folder}/{what[1]}"
        if old in model.disk and new not in model.disk:
            model.disk[new] = model.disk.pop(old)
            (root / new).parent.mkdir(exist_ok=True)
            (root / old).rename(root / new)
    elif act == "move folder" and (root / folder).is_dir() and not (root / str(what)).exists():
        (root / str(what)).parent.mkdir(exist_ok=True)
        (root / folder).rename(root / str(what))
        model.disk = {
            (f"{what}{path[len(folder) :]}" if path.startswith(f"{folder}/") else path): text
            for path, text in model.disk.items()
        }
    _without_empty_folders(root)
    if act in ("add", "sync") and (root / folder).is_dir():
        done(store, root / folder, sync=act == "sync")
        model.take(folder, sync=act == "sync")
    elif act == "add file" and path in model.disk:
        done(store, root / path)
        model.take(path, sync=False)
