"""Conversations that quote a document: found by the passages they cite and by its text, and removed for good.

Works on the stored turns of all browsers, as the owner of this machine may. Must not know HTML or Gradio.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.conversations.store import FILE_NAME
from corpora.store import schema

# Two texts that share this many characters in a row share a window: one has them at every place, the other at each
# second half.
_WINDOW: Final = 40
SHARED_CHARACTERS: Final = 3 * _WINDOW // 2


@dataclass(frozen=True, slots=True)
class Quoting:
    """A conversation that quotes: its id, its first question, and in how many of its turns."""

    id: str
    title: str
    turns: int


@dataclass(frozen=True, slots=True)
class Quoted:
    """What is looked for: documents of a corpus by id and name, and their texts. No ids: the whole corpus."""

    corpus: str
    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    texts: Iterable[str] = ()


def quoting(home: Path, quoted: Quoted) -> list[Quoting]:
    """The conversations that cite one of these documents, or share 60 characters in a row with its text."""
    turns = list(_turns(home))
    suspects = {index: _windows(turn) for index, (_, _, turn) in enumerate(turns)}
    found = {index for index, (_, _, turn) in enumerate(turns) if _cites(turn, quoted)}
    found |= _sharing(suspects, quoted.texts)
    counts: dict[str, list[int]] = {}
    for index in sorted(found):
        counts.setdefault(turns[index][0], []).append(index)
    return [Quoting(key, turns[indexes[0]][1], len(indexes)) for key, indexes in counts.items()]


def remove_conversations(home: Path, ids: Iterable[str]) -> int:
    """Delete conversations of any browser for good: overwritten, and nothing left in the write-ahead log."""
    with _database(home) as db:
        if db is None:
            return 0
        with db:
            db.execute("PRAGMA foreign_keys = ON")
            gone = sum(db.execute("DELETE FROM conversations WHERE id = ?", (key,)).rowcount for key in ids)
        db.execute("VACUUM")  # Pages that were filled anew may hold remains between their cells.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return gone


def _turns(home: Path) -> Iterator[tuple[str, str, Any]]:
    query = (
        "SELECT conversations.id, conversations.title, turns.turn FROM turns "
        "JOIN conversations ON conversations.id = turns.conversation ORDER BY conversations.started_s, turns.id"
    )
    with _database(home) as db:
        if db is not None:
            for key, title, turn in db.execute(query):
                yield key, title, json.loads(turn)


def _cites(turn: Any, quoted: Quoted) -> bool:
    answer = turn.get("answer")
    if turn.get("corpus") != quoted.corpus or not answer:
        return False
    if not quoted.ids and not quoted.names:
        return bool(answer.get("passages") or answer.get("citations"))
    return any(
        one.get("passage_id", "").rpartition(":")[0] in quoted.ids or one.get("document") in quoted.names
        for one in (*answer.get("passages", ()), *answer.get("citations", ()))
    )


def _windows(turn: Any) -> set[str]:
    """Pieces of all that stands in a turn, each at half a window's distance from the one before."""
    step = _WINDOW // 2
    return {
        text[at : at + _WINDOW]
        for text in _texts(turn)
        if len(text) >= _WINDOW
        for at in range(0, len(text) - _WINDOW + 1, step)
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _sharing(windows: dict[int, set[str]], texts: Iterable[str]) -> set[int]:
    """Which turns have a window that stands in one of the texts: each text is gone through once."""
    owners: dict[str, set[int]] = {}
    for index, pieces in windows.items():
        for piece in pieces:
            owners.setdefault(piece, set()).add(index)
    found: set[int] = set()
    for text in texts if owners else ():
        for at in range(len(text) - _WINDOW + 1):
            if (piece := text[at : at + _WINDOW]) in owners:
                found |= owners[piece]
    return found


@contextlib.contextmanager
def _database(home: Path) -> Iterator[sqlite3.Connection | None]:
    """The conversations of this home, if there are any; what is deleted in it is overwritten."""
    path = home / FILE_NAME
    if not path.is_file():
        yield None
        return
    with schema.explained(path), contextlib.closing(sqlite3.connect(path, timeout=schema.BUSY_TIMEOUT_S)) as db:
        db.execute("PRAGMA secure_delete = ON")
        yield db
