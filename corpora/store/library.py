"""The library: named corpora under one home, one folder and one database each. The database is the truth.

    home/corpora/NAME/corpus.sqlite     all that was added; with -wal and -shm while a process has it open
    home/corpora/NAME/corpus.seal       its checksum, while it is at rest
    home/corpora/NAME/writer.lock       who is writing

Everything else in a corpus' folder is derived from the database and can be made anew. Safe for many threads and
processes. Knows nothing of what indexes hold.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from corpora.errors import CorpusExists, CorpusNotFound, LibraryError, nearest
from corpora.store import locks, schema
from corpora.store.atomic_write import UNFINISHED, sync_folder
from corpora.store.corpus_names import checked_name, in_shell, is_name, same_name
from corpora.store.store import CorpusStore

_DELETED_PREFIX = ".gone-"
_CREATING_S = 3600.0  # without a write for so long, a corpus being created was left by a kill
_DELETING_S = 60.0


class Library:
    """All corpora of one home. Constructing it creates nothing on disk."""

    def __init__(self, home: Path) -> None:
        self._folder = Path(home) / "corpora"

    def create(self, name: str) -> CorpusStore:
        """Create an empty corpus. It appears whole or not at all. Raises ``InvalidName``, ``CorpusExists``."""
        with self.building(name):
            pass
        return self.open(name)

    @contextmanager
    def building(self, name: str) -> Iterator[CorpusStore]:
        """A new corpus that is published when the block ends; if the block raises, nothing is left.

        Raises what ``create`` raises.
        """
        name = checked_name(name, new=True)
        folder = self._folder / name
        other = next((other for other in self.names() if same_name(other, name)), name)
        taken = CorpusExists(f'there is a corpus called "{other}" already', hint="add to it, or choose another name")
        if folder.exists() or other != name:
            raise taken
        # Names of corpora never begin with a dot, so that what a crash leaves here is never taken for a corpus.
        temporary = self._temporary(UNFINISHED)
        try:
            try:
                schema.create(temporary / schema.FILE_NAME)
            except OSError as error:
                raise self._unwritable(error) from error
            with closing(CorpusStore(name, temporary)) as store:
                yield store
            self._publish(temporary, folder, taken)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def open(self, name: str) -> CorpusStore:
        """Open a corpus. Raises ``InvalidName``, ``CorpusNotFound``, ``NewerSchema``, ``DamagedLibrary``."""
        folder = self.folder_of(name)
        return CorpusStore(folder.name, folder)

    def folder_of(self, name: str) -> Path:
        """Where a corpus is, whether or not it can be opened. Raises ``InvalidName``, ``CorpusNotFound``."""
        if self.exists(name):
            return self._folder / checked_name(name)
        names = self.names()
        near = nearest(name, names)
        if near is not None:
            hint = f'did you mean "{near}"?'
        elif names:
            hint = "there are: " + ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        else:
            hint = f"make it first: spandraft corpus create {in_shell(name)}"
        raise CorpusNotFound(f'there is no corpus called "{name}"', hint=hint)

    def exists(self, name: str) -> bool:
        """Whether there is a corpus of that name. Raises ``InvalidName``."""
        return (self._folder / checked_name(name) / schema.FILE_NAME).is_file()

    def names(self) -> list[str]:
        """All corpora, in alphabetical order."""
        if not self._folder.is_dir():
            return []
        return sorted(entry.name for entry in self._folder.iterdir() if _is_corpus(entry))

    def remove(self, name: str) -> None:
        """Delete a corpus with all its files, once nobody writes to it.

        It is renamed first, so that it disappears at once. Raises ``InvalidName``, ``CorpusNotFound``, ``LibraryBusy``.
        """
        folder = self.folder_of(name)
        with locks.WriterLock(folder / locks.WRITER_LOCK_FILE).held(schema.BUSY_TIMEOUT_S):
            deleted = self._temporary(_DELETED_PREFIX)
            folder.rename(deleted / folder.name)
            sync_folder(self._folder)
        shutil.rmtree(deleted, ignore_errors=True)
        if deleted.exists():
            raise LibraryError(
                f"{name} is removed, but some of its files could not be deleted", hint=f"delete the folder {deleted}"
            )

    def _publish(self, temporary: Path, folder: Path, taken: CorpusExists) -> None:
        try:
            sync_folder(temporary)
            temporary.rename(folder)
        except OSError as error:
            raise (taken if folder.exists() else self._unwritable(error)) from error
        try:
            sync_folder(self._folder)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> LibraryError:
        return LibraryError(
            f"{self._folder} cannot be written to: {error.strerror}",
            hint="check its permissions and the disk, or set SPANDRAFT_HOME to another folder",
        )

    def _temporary(self, prefix: str) -> Path:
        """A new folder beside the corpora, on the same file system, so that it can be renamed."""
        try:
            missing = [folder for folder in (self._folder, *self._folder.parents) if not folder.exists()]
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in missing:
                sync_folder(folder.parent)
            self._clear_leftovers()
            return Path(tempfile.mkdtemp(prefix=prefix, dir=self._folder))
        except OSError as error:
            raise self._unwritable(error) from error

    def _clear_leftovers(self) -> None:
        """Delete the folders of corpora that a kill left half created or half deleted."""
        for prefix, patience_s in ((UNFINISHED, _CREATING_S), (_DELETED_PREFIX, _DELETING_S)):
            for leftover in self._folder.glob(f"{prefix}*"):
                if time.time() - _last_change(leftover) > patience_s:
                    shutil.rmtree(leftover, ignore_errors=True)  # Another process may be deleting it, too.


def _last_change(folder: Path) -> float:
    """When something was last written in a folder, in seconds since the epoch; now, if it is being deleted."""
    try:
        return max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
    except OSError:
        return time.time()


def _is_corpus(entry: Path) -> bool:
    return is_name(entry.name) and (entry / schema.FILE_NAME).is_file()
