"""A corpus as the first released format wrote it, by its own SQL: it stays as it is when formats change."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from corpora.documents import Document

TABLES = """
CREATE TABLE documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    text TEXT NOT NULL,
    chars INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    added_at TEXT NOT NULL
) STRICT;
CREATE INDEX documents_by_digest ON documents (digest);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    start_offset INTEGER NOT NULL,
    end_offset INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX passages_by_document ON passages (document);
CREATE TABLE derived (
    kind TEXT NOT NULL,
    row INTEGER NOT NULL REFERENCES passages (row) ON DELETE CASCADE,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, row)
) STRICT;
CREATE INDEX derived_by_row ON derived (row);
CREATE TABLE removals (row INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT;
CREATE INDEX removals_by_version ON removals (version);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE state (version INTEGER NOT NULL) STRICT;
INSERT INTO state (version) VALUES (9);
INSERT INTO settings VALUES ('sample', 'Python 3.11');
INSERT INTO removals VALUES (3, 5);
"""
ADDED_AT = "2026-01-02T03:04:05+00:00"


def write_format_1(path: Path, count: int = 6) -> dict[str, Document]:
    """Two passages a document, from row 4 on, each with a derived row that is its text; what is in it by name."""
    path.parent.mkdir(parents=True)
    documents = [Document.of(f"old {n}", f"Old wörd {n}. " * 50, {"title": f"Old {n}"}) for n in range(count)]
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = 1;")
    connection.execute(f"PRAGMA application_id = {0x53704472}")
    row = 3
    for number, one in enumerate(documents, start=1):
        digest = hashlib.sha256(one.text.encode()).digest()
        fields = (
            number,
            one.id,
            one.name,
            digest,
            one.text,
            len(one.text),
            f'{{"title": "Old {number - 1}"}}',
            ADDED_AT,
        )
        connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fields)
        half = len(one.text) // 2
        for start, end in ((0, half), (half, len(one.text))):
            row += 1
            connection.execute(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?)", (row, number, start, end, one.text[start:end])
            )
            connection.execute("INSERT INTO derived VALUES ('copy', ?, ?)", (row, one.text[start:end].encode()))
    connection.execute("COMMIT")
    connection.close()
    return {one.name: one for one in documents}
