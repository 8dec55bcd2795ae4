"""Builds a new generation: all texts chunked and encoded in another way, beside the current one, then swapped in.

    build = Build(store, Chunking(400, 0), derived=[...], encoder="name")
    build.run()

Readers see the old passages until one transaction makes the new ones current and deletes the old. Each batch is a
transaction: a build that was killed continues where it stopped, and includes documents that are added, replaced or
removed meanwhile. Knows nothing of what derived rows mean.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeAlias

from corpora.documents import Document, Passage
from corpora.errors import LibraryError
from corpora.interfaces import Derived
from corpora.store import records, secure_delete
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages

# (documents done, documents in all)
Progress: TypeAlias = Callable[[int, int], None]

_BATCH: Final = 256  # passages computed and committed at a time
_BUILD: Final = "build"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What is being built, as stored in the settings. ``document`` is the number of the last document begun, of which
    ``cut`` passages are stored; ``is_whole``: these are all."""

    generation: int
    chunking: Chunking
    kinds: tuple[str, ...]
    encoder: str | None
    document: int = 0
    cut: int = 0
    is_whole: bool = True

    def is_like(self, other: BuildPlan) -> bool:
        """Whether both lead to the same passages and rows."""
        return (self.chunking, self.kinds, self.encoder) == (other.chunking, other.kinds, other.encoder)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Passages to store by the number of their document, and the plan as it is afterwards."""

    parts: list[tuple[int, list[Passage]]]
    after: BuildPlan


class Build:
    """One build. The constructor begins it, or continues one that a kill left; it abandons a build of another kind."""

    def __init__(
        self, store: CorpusStore, chunking: Chunking, *, derived: Sequence[Derived], encoder: str | None = None
    ) -> None:
        """``derived``: every kind of rows that passages shall have; others go with the old passages.

        Raises ``LibraryError``.
        """
        self._store = store
        self._derived = list(derived)
        self._chunked: tuple[int, list[Passage]] = (0, [])
        kinds = tuple(sorted(rows.kind for rows in derived))
        with store.connections.writing() as connection:
            plan = BuildPlan(_next_generation(connection), chunking, kinds, encoder)
            unfinished = _plan(connection)
            if unfinished is None or not unfinished.is_like(plan):
                _delete_build(connection)
                _store_plan(connection, plan)

    def run(self, progress: Progress | None = None, stop: threading.Event | None = None) -> bool:
        """Build everything, then swap. False if ``stop`` was set: another ``Build`` continues. Raises LibraryError."""
        while True:
            more = self.step()
            if progress is not None:
                progress(*self.done())
            if stop is not None and stop.is_set():
                return False
            if not more and self.swap():
                return True

    def step(self) -> bool:
        """Chunk, compute and store the next batch; False if all documents have theirs. Raises ``LibraryError``."""
        with self._store.connections.reading() as connection:
            plan = _required(connection)
            batch = self._next(connection, plan)
        if batch.after == plan:
            return False
        cut = [passage for _, part in batch.parts for passage in part]
        values = {rows.kind: rows.compute(cut) for rows in self._derived}
        with self._store.connections.writing() as connection:
            if _plan(connection) == plan:  # Otherwise another process was faster, or abandoned the build.
                _store_batch(connection, batch, values)
        return True

    def done(self) -> tuple[int, int]:
        """Documents that have their new passages, and all documents."""
        with self._store.connections.reading() as connection:
            plan = _required(connection)
            whole = plan.document if plan.is_whole else plan.document - 1
            (done,) = connection.execute("SELECT count(*) FROM documents WHERE number <= ?", (whole,)).fetchone()
            (total,) = connection.execute("SELECT count(*) FROM documents").fetchone()
            return done, total

    def swap(self) -> bool:
        """Make the new generation current and delete the old; False if documents have no new passages yet."""
        with self._store.connections.writing() as connection:
            plan = _required(connection)
            if not plan.is_whole or _first_after(connection, plan.document) is not None:
                return False
            old, version = records.generation(connection), records.version(connection) + 1
            connection.execute(
                "INSERT INTO removals (row, version) SELECT row, ? FROM passages WHERE generation = ?", (version, old)
            )
            connection.execute("UPDATE state SET generation = ?, version = ?", (plan.generation, version))
            connection.execute("DELETE FROM passages WHERE generation = ?", (old,))
            records.set_setting(connection, records.CHUNKING, json.dumps(asdict(plan.chunking)))
            if plan.encoder is not None:
                records.set_setting(connection, records.ENCODER, plan.encoder)
            records.set_setting(connection, _BUILD, None)
            secure_delete.request_erase(connection)
        self._store.compact()
        return True

    def abandon(self) -> None:
        """Delete what was built so far; the current generation stays."""
        abandon_build(self._store)

    def _next(self, connection: sqlite3.Connection, plan: BuildPlan) -> _Batch:
        """The next passages in the order of documents; a long document may take several batches."""
        parts: list[tuple[int, list[Passage]]] = []
        room = _BATCH
        while room > 0:
            number = plan.document if not plan.is_whole else _first_after(connection, plan.document)
            if number is None:
                break
            whole = self._cut(connection, number, plan.chunking)
            start = 0 if plan.is_whole else plan.cut
            part = whole[start : start + room]
            parts.append((number, part))
            room -= max(1, len(part))
            plan = replace(plan, document=number, cut=start + len(part), is_whole=start + len(part) >= len(whole))
        return _Batch(parts, plan)

    def _cut(self, connection: sqlite3.Connection, number: int, chunking: Chunking) -> list[Passage]:
        """All passages of a document; none if it is gone."""
        if self._chunked[0] != number:
            record = connection.execute(
                "SELECT id, name, text, marks FROM documents WHERE number = ?", (number,)
            ).fetchone()
            self._chunked = (number, [])
            if record is not None:
                document_id, name, text, marks = record
                document = Document(document_id, name, text, marks=records.marks_from_json(marks))
                self._chunked = (number, passages(document, **asdict(chunking)))
        return self._chunked[1]


def unfinished_build(store: CorpusStore) -> BuildPlan | None:
    """The build that was begun and neither swapped nor abandoned; None if there is none."""
    with store.connections.reading() as connection:
        return _plan(connection)


def abandon_build(store: CorpusStore) -> None:
    """Delete what a build has stored so far; the current generation stays."""
    with store.connections.writing() as connection:
        _delete_build(connection)
        secure_delete.request_erase(connection)
    store.compact()


def _plan(connection: sqlite3.Connection) -> BuildPlan | None:
    stored = records.setting(connection, _BUILD)
    if stored is None:
        return None
    fields = json.loads(stored)
    return BuildPlan(**(fields | {"chunking": Chunking(**fields["chunking"]), "kinds": tuple(fields["kinds"])}))


def _required(connection: sqlite3.Connection) -> BuildPlan:
    plan = _plan(connection)
    if plan is None:
        raise LibraryError("this rebuild was given up or finished by another process", hint="run it again if needed")
    return plan


def _store_plan(connection: sqlite3.Connection, plan: BuildPlan) -> None:
    records.set_setting(connection, _BUILD, json.dumps(asdict(plan)))


def _delete_build(connection: sqlite3.Connection) -> None:
    connection.execute(f"DELETE FROM passages WHERE generation > {records.CURRENT_GENERATION}")
    records.set_setting(connection, _BUILD, None)


def _next_generation(connection: sqlite3.Connection) -> int:
    return records.generation(connection) + 1


def _first_after(connection: sqlite3.Connection, number: int) -> int | None:
    (number_after,) = connection.execute("SELECT min(number) FROM documents WHERE number > ?", (number,)).fetchone()
    return None if number_after is None else int(number_after)


def _store_batch(connection: sqlite3.Connection, batch: _Batch, values: dict[str, list[bytes]]) -> None:
    """Store passages of documents that are still there, with their derived rows."""
    done = 0
    for number, part in batch.parts:
        own = {kind: rows[done : done + len(part)] for kind, rows in values.items()}
        done += len(part)
        if connection.execute("SELECT 1 FROM documents WHERE number = ?", (number,)).fetchone():
            records.insert_passages(connection, number, part, own, generation=batch.after.generation)
    _store_plan(connection, batch.after)
