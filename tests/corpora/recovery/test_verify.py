"""What is not what was written is found, with its file, its cause and the command that puts it right."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest

from corpora.errors import DamagedLibrary, LibraryError
from corpora.recovery.verify import Finding, examine, verify
from corpora.store import checksum
from corpora.store.index_files import IndexFolder, IndexHeader
from corpora.store.library import Library
from corpora.store.schema import FILE_NAME
from tests.support.corpus_files import CHUNKING, add, document

SALVAGE = "spandraft corpus rebuild x --salvage"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus at rest."""
    store = Library(tmp_path).create("x")
    for n in range(12):
        add(store, document(f"n{n}", f"word{n}x", 1 + 9 * n))
    store.set_chunking(CHUNKING)
    store.close()
    return store.folder


def changed(folder: Path, *statements: str) -> None:
    """Change the database behind the library's back, and take the seal off."""
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    checksum.remove(folder)


def test_a_corpus_at_rest_is_proved_byte_by_byte(folder: Path, tmp_path: Path) -> None:
    report = examine(folder)
    assert (report.findings, report.proof) == ((), "seal")
    store = Library(tmp_path).open("x")
    assert examine(folder).proof == "seal"  # Reading leaves it as it is.
    store.set_setting("a", "b")
    assert not (folder / checksum.FILE_NAME).exists()
    report = examine(folder)
    assert (report.findings, report.proof) == ((), "rows")
    store.close()
    assert examine(folder).proof == "seal"


def test_every_flipped_bit_and_every_truncation_is_found(folder: Path) -> None:
    chance, database = random.Random(3), folder / FILE_NAME
    good = database.read_bytes()
    places = [*range(0, 100, 19), *(chance.randrange(len(good)) for _ in range(20))]
    damaged = [good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :] for at in places]
    damaged += [good[:size] for size in (0, 1, 99, 100, 4095, 4096, len(good) // 2, len(good) - 4096, len(good) - 1)]
    damaged += [good + b"\0", good + bytes(4096)]
    for content in damaged:
        database.write_bytes(content)
        (finding,) = verify(folder)
        assert finding.file == database
        assert SALVAGE in finding.hint
        with pytest.raises(DamagedLibrary) as caught:
            Library(folder.parents[1]).open("x")
        assert SALVAGE in caught.value.hint
    database.write_bytes(good)
    assert verify(folder) == []


def test_opening_and_reading_what_is_damaged_raises_nothing_raw(folder: Path, tmp_path: Path) -> None:
    chance, database = random.Random(4), folder / FILE_NAME
    good = database.read_bytes()
    hints: list[str] = []
    checksum.remove(folder)  # With it, opening finds all of them.
    for attempt in range(80):
        at = attempt if attempt < 20 else chance.randrange(len(good))
        database.write_bytes(good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :])
        try:
            store = Library(tmp_path).open("x")
            for info in store.documents():
                store.document(info.id)
            list(store.passages_after(0))
            list(store.derived("copy"))
            store.sources()
            store.connections.close()
        except LibraryError as error:
            hints.append(error.hint)
    assert len(hints) > 5
    assert all("spandraft corpus" in hint or "upgrade" in hint for hint in hints)


@pytest.mark.parametrize("size", [0, 100, 5000, -4096])
def test_opening_a_truncated_database_says_what_to_do(folder: Path, tmp_path: Path, size: int) -> None:
    whole = (folder / FILE_NAME).stat().st_size
    os.truncate(folder / FILE_NAME, size % whole)
    with pytest.raises(DamagedLibrary) as caught:
        Library(tmp_path).open("x")
    assert SALVAGE in caught.value.hint


def test_every_flipped_bit_of_the_seal_is_found(folder: Path, tmp_path: Path) -> None:
    path = folder / checksum.FILE_NAME
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        (finding,) = examine(folder).findings if at % 16 == 0 else [broken_seal(folder)]
        assert finding.file == path
    Library(tmp_path).open("x").close()  # It is in nobody's way.
    path.unlink()
    assert verify(folder) == []


def broken_seal(folder: Path) -> Finding:
    with pytest.raises(checksum.BrokenChecksum) as caught:
        checksum.read(folder)
    return Finding(folder / checksum.FILE_NAME, str(caught.value), "")


@pytest.mark.parametrize(
    ("statement", "cause", "remedy"),
    [
        ("UPDATE documents SET text = replace(text, 'word3x', 'word4x')", "the text of n3", SALVAGE),
        ("UPDATE passages SET text = text || '.' WHERE row = 3", "a passage of n", SALVAGE),
        ("UPDATE passages SET end_offset = 1000000 WHERE row = 3", "a passage of n", SALVAGE),
        ("UPDATE passages SET marks = '[]' WHERE row = 1", "its place", SALVAGE),
        ("UPDATE documents SET marks = '[1]' WHERE number = 2", "n1 cannot be read", SALVAGE),
        ("UPDATE documents SET metadata = '{' WHERE number = 2", "n1 cannot be read", SALVAGE),
        ("DELETE FROM derived WHERE kind = 'vectors:sizes' AND row = 4", "1 of ", "spandraft corpus rebuild x"),
        ("UPDATE derived SET value = x'00' WHERE kind = 'vectors:sizes' AND row = 4", "1 to 4 bytes", "rebuild x"),
        ("UPDATE settings SET value = '[]' WHERE key = 'chunking'", "chunking", SALVAGE),
        ("INSERT INTO state (version) VALUES (1)", "2 states", SALVAGE),
        ("INSERT INTO removals (row, version) VALUES (2, 1)", "removed", SALVAGE),
        ("DELETE FROM documents WHERE number = 3", "belongs to nothing", SALVAGE),
        ("DROP TABLE derived", "no such table", SALVAGE),
    ],
)
def test_without_a_seal_the_rows_speak(folder: Path, statement: str, cause: str, remedy: str) -> None:
    changed(folder, statement)
    report = examine(folder)
    assert report.proof == "rows"
    assert any(cause in finding.cause and remedy in finding.hint for finding in report.findings)
    assert {finding.file for finding in report.findings} == {folder / FILE_NAME}


def test_a_thousand_spoilt_rows_are_a_few_findings(folder: Path) -> None:
    changed(folder, "UPDATE passages SET text = 'x'")
    assert 1 < len(verify(folder)) <= 40


def test_a_writer_that_does_not_take_the_seal_off_is_noticed(folder: Path) -> None:
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    connection.execute("UPDATE state SET version = 7")
    (finding,) = verify(folder)  # It stands in the log, the file itself is unchanged.
    assert "in another way" in finding.cause
    connection.close()
    (finding,) = verify(folder)
    assert "SHA-256" in finding.cause


def test_damaged_indexes_and_what_others_check(folder: Path) -> None:
    indexes = IndexFolder(folder / "indexes")
    with indexes.writing():
        indexes.save(IndexHeader("dense", 3, 1, 0, 3), {"rows": memoryview(b"12345678" * 9)})
    assert verify(folder) == []
    (path,) = indexes.paths()
    path.write_bytes(path.read_bytes()[:-1])

    def check(place: Path) -> Iterable[Finding]:
        yield Finding(place / "drafts" / "x", "it is not what was written", "delete it")

    first, second = verify(folder, checkers=[check])
    assert first.file == path
    assert "spandraft corpus rebuild x" in first.hint
    assert second.file == folder / "drafts" / "x"
