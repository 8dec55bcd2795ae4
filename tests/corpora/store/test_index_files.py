"""Index files: what was written comes back, any change of a byte is known, and a kill leaves the old or the new."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from corpora.errors import CorporaError, DamagedIndex, LibraryBusy, NewerSchema
from corpora.store import atomic_write, index_files
from corpora.store.index_files import IndexFile, IndexFolder, IndexHeader, load, load_part, verify

ROOT = Path(__file__).parents[3]
HEADER = IndexHeader(kind="vectors:some/model@1", last_row=70, version=12, generation=1, count=3)
PARTS = {"rows": b"\x01\x02\x03" * 100, "nothing": b"", "body": bytes(range(256)) * 20}


@pytest.fixture
def folder(tmp_path: Path) -> IndexFolder:
    corpus = tmp_path / "mine"
    corpus.mkdir()
    return IndexFolder(corpus / "indexes")


def write(folder: IndexFolder, header: IndexHeader = HEADER, parts: dict[str, bytes] = PARTS) -> Path:
    with folder.writing():
        folder.save(header, {name: memoryview(part) for name, part in parts.items()})
    return folder.path(header.kind)


def contents(found: IndexFile | None) -> tuple[IndexHeader, dict[str, bytes]]:
    assert found is not None
    return found.header, {name: bytes(part) for name, part in found.parts.items()}


@pytest.mark.parametrize("mapped", [False, True])
def test_what_was_written_comes_back(folder: IndexFolder, mapped: bool) -> None:
    path = write(folder)
    assert contents(folder.load(HEADER.kind, mapped=mapped)) == (HEADER, PARTS)
    assert {name: load_part(path, name) for name in PARTS} == PARTS
    assert load_part(path, "other") is None
    assert verify(folder.folder.parent) == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_parts_begin_where_any_number_may(folder: IndexFolder) -> None:
    content = write(folder).read_bytes()
    assert content.index(PARTS["body"]) % 64 == 0
    assert content.index(PARTS["rows"]) % 64 == 0


def test_where_there_is_no_file_there_is_none(folder: IndexFolder) -> None:
    assert folder.load("vectors:x") is None
    assert load_part(folder.path("vectors:x"), "rows") is None
    assert folder.paths() == []
    assert verify(folder.folder.parent) == []
    assert not folder.folder.exists()


def test_any_kind_has_a_file_of_its_own_inside_the_folder(folder: IndexFolder) -> None:
    kinds = ["a", "A", "vectors:../../x", "vectors:..%2f", "vectors:x", "..", "/etc/passwd:1", "\x00:", ":", "a" * 900]
    paths = {folder.path(kind) for kind in kinds}
    assert len(paths) == len(kinds)
    assert {path.resolve().parent for path in paths} == {folder.folder.resolve()}


def test_every_flipped_bit_and_every_cut_is_known(folder: IndexFolder, tmp_path: Path) -> None:
    """Not drawn by chance: every byte of a small file, its lowest and another bit; every length."""
    path = write(folder, parts={"rows": b"some rows", "body": b"and a body of it"})
    whole, chance = path.read_bytes(), random.Random(3)
    damaged = [whole[:length] for length in range(len(whole))] + [whole + b"\0", whole + b" " * 64, whole * 2]
    for at in range(len(whole)):
        for bit in (1, 1 << chance.randrange(1, 8)):
            damaged.append(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
    for content in damaged:
        path.write_bytes(content)
        for mapped in (False, True):
            with pytest.raises(DamagedIndex) as caught:
                folder.load(HEADER.kind, mapped=mapped)
            assert str(path) in caught.value.cause
            assert caught.value.hint.endswith("spandraft corpus rebuild mine")
        (problem,) = verify(folder.folder.parent)
        assert (problem.file, problem.cause, problem.hint) == (path, caught.value.cause, caught.value.hint)


def test_a_part_is_checked_without_the_others(folder: IndexFolder) -> None:
    path = write(folder)
    whole = path.read_bytes()
    at = whole.index(PARTS["body"])
    path.write_bytes(whole[:at] + b"X" + whole[at + 1 :])
    assert load_part(path, "rows") == PARTS["rows"]
    with pytest.raises(DamagedIndex):
        load_part(path, "body")
    path.write_bytes(whole[: at - 64])
    with pytest.raises(DamagedIndex):
        load_part(path, "body")


def test_a_file_in_the_place_of_another_is_known(folder: IndexFolder) -> None:
    path = write(folder)
    path.rename(folder.path("vectors:other"))
    with pytest.raises(DamagedIndex, match="it holds vectors:some/model@1"):
        folder.load("vectors:other")
    assert [problem.file for problem in verify(folder.folder.parent)] == [folder.path("vectors:other")]


def in_format(number: int, described: bytes = b'{"new": 1}\n') -> bytes:
    digest = hashlib.sha256(b"%d " % number + described).hexdigest()
    return b"spandraft index %d %s\n" % (number, digest.encode()) + described


def test_a_newer_format_names_itself_and_an_older_one_is_made_anew(folder: IndexFolder) -> None:
    path = write(folder)
    path.write_bytes(in_format(2))
    with pytest.raises(NewerSchema) as caught:
        folder.load(HEADER.kind)
    assert "format 2, this one reads 1" in caught.value.cause
    assert caught.value.hint.endswith("spandraft corpus rebuild mine")
    path.write_bytes(in_format(0))
    assert folder.load(HEADER.kind) is None
    assert verify(folder.folder.parent) == []


@pytest.mark.parametrize(
    "described",
    [b"[]\n", b"{}\n", b"not json\n", b'{"kind": "k", "last_row": "x", "version": 1, "generation": 1, "count": 1}\n'],
)
def test_a_header_that_was_made_up_is_refused(folder: IndexFolder, described: bytes) -> None:
    path = write(folder)
    path.write_bytes(in_format(1, described))
    with pytest.raises(DamagedIndex):
        folder.load(HEADER.kind)


def test_made_up_sizes_take_no_memory(folder: IndexFolder) -> None:
    path = write(folder)
    for size in (1 << 60, -(1 << 60)):
        fields = (
            f'{{"kind": "k", "last_row": 1, "version": 1, "generation": 1, "count": 1, "parts": [["a", {size}, ""]]}}'
        )
        path.write_bytes(in_format(1, fields.encode() + b"\n"))
        with pytest.raises(DamagedIndex):
            load(path)
        with pytest.raises(DamagedIndex):
            load_part(path, "a")


def test_a_file_that_cannot_be_read_is_no_missing_one(folder: IndexFolder) -> None:
    folder.path(HEADER.kind).mkdir(parents=True)
    with pytest.raises(DamagedIndex):
        folder.load(HEADER.kind)


def test_what_a_kill_left_is_ignored_by_readers_and_deleted_by_the_next_writer(folder: IndexFolder) -> None:
    path = write(folder)
    left = folder.folder / f"{atomic_write.UNFINISHED}12-{path.name}"
    left.write_bytes(b"half")
    assert folder.paths() == [path]
    assert verify(folder.folder.parent) == []
    assert contents(folder.load(HEADER.kind)) == (HEADER, PARTS)
    with folder.writing():
        assert not left.exists()


def test_what_reads_back_otherwise_never_takes_the_place(folder: IndexFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder)
    before = path.read_bytes()
    forced = os.fsync

    def losing_a_byte(handle: int) -> None:
        if os.fstat(handle).st_size > 100:
            os.truncate(handle, os.fstat(handle).st_size - 1)
        forced(handle)

    monkeypatch.setattr(os, "fsync", losing_a_byte)
    with pytest.raises(DamagedIndex):
        write(folder, parts={"rows": b"new" * 100})
    assert path.read_bytes() == before
    assert folder.paths() == [path]
    assert not list(folder.folder.glob(f"{atomic_write.UNFINISHED}*"))


def test_a_full_disk_leaves_the_old_file(folder: IndexFolder) -> None:
    path = write(folder)
    before = path.read_bytes()
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from corpora.store.index_files import IndexFolder, IndexHeader\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "folder = IndexFolder(Path(sys.argv[1])); limit = int(sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "with folder.writing():\n"
        "    folder.save(IndexHeader('vectors:some/model@1', 1, 2, 3, 4), {'body': memoryview(b'x' * 20000)})\n"
    )
    for limit in (1, 64, 4096, 20000):
        command = [sys.executable, "-c", script, str(folder.folder), str(limit)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert "OSError: [Errno 27]" in done.stderr
        assert path.read_bytes() == before
    done = subprocess.run([*command[:-1], "1000000"], cwd=ROOT, check=True)
    assert contents(folder.load(HEADER.kind))[1] == {"body": b"x" * 20000}


def test_one_writes_at_a_time_whether_thread_or_process(folder: IndexFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import sys; from pathlib import Path; from corpora.store.index_files import IndexFolder\n"
        "with IndexFolder(Path(sys.argv[1])).writing(): print('in', flush=True); sys.stdin.read()\n"
    )
    folder.folder.mkdir()
    command = [sys.executable, "-c", script, str(folder.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        monkeypatch.setattr(index_files, "_LOCK_TIMEOUT_S", 0.1)
        with pytest.raises(LibraryBusy), folder.writing():
            pass
        process.kill()
    with folder.writing():
        failures: list[CorporaError] = []

        def other() -> None:
            try:
                with folder.writing():
                    pass
            except LibraryBusy as error:
                failures.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert len(failures) == 1


def test_all_files_are_deleted_at_once(folder: IndexFolder) -> None:
    write(folder)
    write(IndexFolder(folder.folder.parent / "drafts"))
    index_files.delete_all(folder.folder.parent)
    assert folder.paths() == []
    assert folder.load(HEADER.kind) is None
