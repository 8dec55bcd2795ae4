"""The staging folder: uploads wait inside the corpus' folder until they are documents.

    corpus/staging/TOKEN/0001.pdf       copies, forced to the disk before their job is committed
    corpus/staging/job-7.lock           held by the process that runs job 7, see ``corpora.store.locks``

A copy is deleted when its file has been read; copies that belong to no job are deleted, too. Knows nothing of the
database.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from corpora.errors import LibraryError
from corpora.store.atomic_write import move_file, remove_file, sync_folder, write_file
from corpora.store.locks import is_held, process_lock

_FOLDER = "staging"
_CHUNK_BYTES = 2**20
_COPIERS = 8  # The disk serves the syncs of several threads together.
_RECENT_S = 60.0  # A folder is created an instant before it is locked.


class Staging:
    """The staging folder of one corpus."""

    def __init__(self, corpus: Path) -> None:
        self.folder = corpus.resolve() / _FOLDER

    def lock_of(self, job: int) -> Path:
        """The file that the process running this job has locked."""
        return self.folder / f"job-{job}.lock"

    @contextmanager
    def copies(self, paths: Sequence[Path], *, move: bool = False) -> Iterator[tuple[str, list[Path]]]:
        """Copy files here; yields a token and the copies, which ``sweep`` spares until their job is committed inside.

        With ``move`` the files themselves are moved here, so that their bytes are not written a second time. They are
        deleted if anything is raised, moved files, too. Raises ``LibraryError``.
        """
        token = secrets.token_hex(8)
        folder = self.folder / token
        try:
            self.folder.mkdir(exist_ok=True, mode=0o700)
            with process_lock(self.folder / f"{token}.lock"):
                folder.mkdir(mode=0o700)
                with ThreadPoolExecutor(_COPIERS, thread_name_prefix="staging") as pool:
                    copied = list(pool.map(_move if move else _copy, paths, repeat(folder), range(1, len(paths) + 1)))
                sync_folder(self.folder)
                yield token, copied
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise LibraryError(
                f"an upload cannot be kept in {self.folder}: {error.strerror or error}",
                hint="free some space and check the folder's permissions, then upload again",
            ) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def holds(self, path: Path) -> bool:
        """Whether this path is a copy in the staging folder."""
        return path.is_relative_to(self.folder)

    def discard(self, path: Path) -> None:
        """Delete a copy that is needed no more; other files stay."""
        if self.holds(path) and path.parent.is_dir():
            remove_file(path)

    def discard_some(self, paths: Iterable[Path]) -> None:
        """Delete copies that are needed no more."""
        for path in paths:
            self.discard(path)

    def discard_all(self, token: str) -> None:
        """Delete all copies of the job with this token."""
        folder = self.folder / token
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
            sync_folder(self.folder)

    def sweep(self, tokens: Collection[str]) -> None:
        """Delete copies of no job, which a kill left between copying and committing."""
        if not self.folder.is_dir():
            return
        for entry in list(self.folder.iterdir()):
            recent = _age_s(entry) < _RECENT_S
            if entry.is_dir() and entry.name not in tokens and not recent and not is_held(self._lock(entry)):
                self._lock(entry).unlink(missing_ok=True)
                self.discard_all(entry.name)

    def _lock(self, entry: Path) -> Path:
        return self.folder / f"{entry.name}.lock"


def _copy(path: Path, folder: Path, number: int) -> Path:
    copy = folder / _name(path, number)
    with path.open("rb") as file:
        write_file(copy, iter(lambda: file.read(_CHUNK_BYTES), b""))
    return copy


def _move(path: Path, folder: Path, number: int) -> Path:
    moved = folder / _name(path, number)
    move_file(path, moved)
    return moved


def _name(path: Path, number: int) -> str:
    """The name of a copy: a number, and of the upload's own name, which is not trusted, only the suffix."""
    suffix = path.suffix if path.suffix.removeprefix(".").isalnum() and len(path.suffix) < 16 else ""
    return f"{number:06d}{suffix}"


def _age_s(entry: Path) -> float:
    try:
        return time.time() - os.stat(entry).st_mtime
    except FileNotFoundError:  # another process was sweeping
        return 0.0
