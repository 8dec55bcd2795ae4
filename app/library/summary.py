"""Summarises a corpus: what is in it, how it was made, what it takes on disk, and what state its files are in.

Reads only, loads no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from corpora.errors import LibraryError
from corpora.jobs.job_records import ENDED
from corpora.jobs.jobs import Jobs
from corpora.store import checksum, generations, schema
from corpora.store.index_files import FOLDERS, IndexFolder, load
from corpora.store.records import CURRENT_GENERATION
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking

_VECTORS = "vectors:"


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """One index file. One that is not current is updated by the next search; ``cause`` says why a file is damaged."""

    kind: str
    rows: int
    bytes: int
    is_current: bool
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class CorpusSummary:
    """A corpus. ``derived`` counts rows by kind, ``bytes`` the size on disk by use, ``jobs`` the unfinished ones."""

    name: str
    folder: Path
    documents: int
    passages: int
    characters: int
    encoder: str | None
    chunking: Chunking
    derived: Mapping[str, int]
    bytes: Mapping[str, int]
    indexes: tuple[IndexSummary, ...]
    is_sealed: bool
    format: int
    rebuild_under_way: bool
    jobs: int


def summary_of(store: CorpusStore) -> CorpusSummary:
    """Look at a corpus. Raises ``LibraryError``."""
    with store.connections.reading() as connection:
        documents, characters = connection.execute("SELECT count(*), total(chars) FROM documents").fetchone()
        derived = connection.execute(
            "SELECT v.kind, count(*) FROM derived v JOIN passages p ON p.row = v.row "
            f"WHERE p.generation = {CURRENT_GENERATION} GROUP BY v.kind ORDER BY v.kind"
        ).fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    encoders = [kind.removeprefix(_VECTORS) for kind, _ in derived if kind.startswith(_VECTORS)]
    return CorpusSummary(
        name=store.name,
        folder=store.folder,
        documents=documents,
        passages=len(store.rows_alive()),
        characters=int(characters),
        encoder=encoders[0] if encoders else store.encoder(),
        chunking=store.chunking() or Chunking(),
        derived=dict(derived),
        bytes=_sizes(store.folder),
        indexes=tuple(_indexes(store)),
        is_sealed=(store.folder / checksum.FILE_NAME).is_file(),
        format=version,
        rebuild_under_way=generations.unfinished_build(store) is not None,
        jobs=len([job for job in Jobs(store).all() if job.state not in ENDED]),
    )


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of the database with its log, and of each folder beside it."""
    sizes = {"database": 0}
    for path in folder.rglob("*"):
        if path.is_file():
            part = path.relative_to(folder).parts
            key = part[0] if len(part) > 1 else "database" if path.name.startswith(schema.FILE_NAME) else "other"
            sizes[key] = sizes.get(key, 0) + path.stat().st_size
    return sizes


def _indexes(store: CorpusStore) -> list[IndexSummary]:
    version, summaries = store.version(), []
    for folder in (IndexFolder(store.folder / name) for name in FOLDERS):
        for path in folder.paths():
            size = path.stat().st_size
            try:
                file = load(path, mapped=True)
            except LibraryError as error:
                summaries.append(IndexSummary(path.name, 0, size, False, error.cause))
                continue
            if file is not None:
                summaries.append(
                    IndexSummary(file.header.kind, file.header.count, size, file.header.version == version)
                )
    return summaries
