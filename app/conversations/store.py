"""Conversations on disk: SQLite under the data folder, each one visible to the browser that made it and no other.

A browser is known by its scope, a random secret in a cookie. The file stores only a digest of it, so that whoever reads
the file has nobody's cookie. Must not know HTML or Gradio.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.conversations.turns import Turn, from_json, to_json
from corpora.store import schema

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, scope TEXT NOT NULL, title TEXT NOT NULL, started_s REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS conversations_of_scope ON conversations (scope, started_s);
CREATE TABLE IF NOT EXISTS turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS turns_of_conversation ON turns (conversation);
"""
FILE_NAME = "conversations.sqlite3"
_TITLE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation in the list: its id and its first question."""

    id: str
    title: str


class Conversations:
    """The store. Safe to use from several threads: each call opens its own connection."""

    def __init__(self, path: Path) -> None:
        """Open or create the file ``path``."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)

    def of(self, scope: str) -> list[Conversation]:
        """The conversations of ``scope``, newest first."""
        query = "SELECT id, title FROM conversations WHERE scope = ? ORDER BY started_s DESC, rowid DESC"
        with self._connection() as db:
            return [Conversation(id=key, title=title) for key, title in db.execute(query, (_digest(scope),))]

    def turns(self, scope: str, conversation: str) -> list[Turn]:
        """The turns of a conversation in order; none if it is not of this scope."""
        query = (
            "SELECT turns.turn, turns.id FROM turns JOIN conversations ON conversations.id = turns.conversation"
            " WHERE conversations.id = ? AND scope = ? ORDER BY turns.id"
        )
        with self._connection() as db:
            return [from_json(text, key) for text, key in db.execute(query, (conversation, _digest(scope)))]

    def add(self, scope: str, conversation: str, turn: Turn) -> tuple[str, int]:
        """Append a turn; an unknown or foreign conversation starts a new one. Returns both ids."""
        with self._connection() as db:
            if not self._owned(db, scope, conversation):
                conversation = secrets.token_urlsafe(12)
                title = " ".join(turn.question.split())[:_TITLE_CHARACTERS]
                row = (conversation, _digest(scope), title, time.time())
                db.execute("INSERT INTO conversations VALUES (?, ?, ?, ?)", row)
            cursor = db.execute("INSERT INTO turns (conversation, turn) VALUES (?, ?)", (conversation, to_json(turn)))
            assert cursor.lastrowid is not None  # an INSERT always has one
            return conversation, cursor.lastrowid

    def replace(self, scope: str, conversation: str, turn: Turn) -> None:
        """Write a turn again, by its id; nothing happens if it is not of this scope."""
        with self._connection() as db:
            if self._owned(db, scope, conversation):
                db.execute(
                    "UPDATE turns SET turn = ? WHERE id = ? AND conversation = ?",
                    (to_json(turn), turn.id, conversation),
                )

    def remove(self, scope: str, *conversations: str) -> None:
        """Delete conversations of this scope for good; nothing happens to one that is not of this scope."""
        with self._connection() as db:
            owned = [conversation for conversation in conversations if self._owned(db, scope, conversation)]
        if owned:
            remove_conversations(self._path, owned)

    @staticmethod
    def _owned(db: sqlite3.Connection, scope: str, conversation: str) -> bool:
        query = "SELECT 1 FROM conversations WHERE id = ? AND scope = ?"
        return db.execute(query, (conversation, _digest(scope))).fetchone() is not None

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=10.0)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            with db:
                yield db


def remove_conversations(path: Path, ids: Iterable[str]) -> int:
    """Delete conversations of any scope for good: overwritten, and nothing left in the write-ahead log.

    Where that has to wait, for a reader or for room on the disk, they are deleted all the same, and a warning says that
    remains go with the next deletion. Returns how many there were; 0 if the file ``path`` does not exist. Raises
    ``LibraryError``; then nothing was deleted.
    """
    with existing_database(path) as db:
        if db is None:
            return 0
        with db:
            db.execute("PRAGMA foreign_keys = ON")
            removed = sum(db.execute("DELETE FROM conversations WHERE id = ?", (key,)).rowcount for key in ids)
        try:
            db.execute("VACUUM")  # Pages that were filled anew may hold remains between their cells.
            is_busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            log.warning("conversations are deleted, but remains in %s go with the next deletion: %s", path, error)
            return removed
        if is_busy:
            log.warning(
                "conversations are deleted, but remains in %s go with the next deletion: it is being read", path
            )
        return removed


@contextlib.contextmanager
def existing_database(path: Path) -> Iterator[sqlite3.Connection | None]:
    """The database of conversations; None if the file does not exist. What is deleted in it is overwritten."""
    if not path.is_file():
        yield None
        return
    with schema.explained(path), contextlib.closing(sqlite3.connect(path, timeout=schema.BUSY_TIMEOUT_S)) as db:
        db.execute("PRAGMA secure_delete = ON")
        yield db


def _digest(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()
