"""Errors of the corpora floor: one line of cause, one line of remedy.

CorporaError
├── LoaderError            a file did not become a document
│   ├── MissingFile        there is nothing at that path
│   ├── UnreadableFile     it exists, but may not or cannot be read
│   ├── UnknownSuffix      no loader reads this kind of file
│   ├── EmptyFile          no text in it
│   ├── BinaryText         a text suffix on something that is not text
│   ├── EncryptedFile      it needs a password
│   ├── DamagedFile        it is not what its suffix says
│   ├── TooLarge           file or text is over the limit
│   ├── HostileArchive     an archive that breaks a limit: count, ratio, depth, links, paths
│   ├── LoaderTimeout      its loader ran too long and was killed
│   └── LoaderCrashed      its loader died or ran out of memory
└── LibraryError           the library cannot do what was asked
    ├── CorpusNotFound     no corpus of that name
    ├── CorpusExists       there is one already
    ├── InvalidName        a corpus may not be called that
    ├── DocumentNotFound   no document of that name or id in the corpus
    ├── UnstorableDocument text that cannot be stored, or passages that are not spans of it
    ├── NewerSchema        written by a later version
    ├── LibraryBusy        another process is writing
    ├── ChunkingChanged    passages of two chunkings must not be mixed
    ├── JobNotFound        no job of that number in the corpus
    ├── DamagedIndex       an index file is not what was written; it can be made anew
    ├── DamagedExport      a file to import is not what an export writes, or breaks a limit
    └── DamagedLibrary     the database on disk is damaged
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CorporaError(Exception):
    """Base of all errors of this floor: ``cause`` and ``hint``, one line each; ``str()`` is both."""

    def __init__(self, cause: str, *, hint: str) -> None:
        self.cause = one_line(cause)
        self.hint = one_line(hint)
        super().__init__(f"{self.cause}\n{self.hint}")


class LoaderError(CorporaError):
    """A file did not become a document."""


class MissingFile(LoaderError):
    """There is nothing at that path."""


class UnreadableFile(LoaderError):
    """The file exists, but may not or cannot be read."""


class UnknownSuffix(LoaderError):
    """No loader reads this kind of file."""


class EmptyFile(LoaderError):
    """There is no text in the file."""


class BinaryText(LoaderError):
    """The suffix says text, the bytes say otherwise."""


class EncryptedFile(LoaderError):
    """The file needs a password."""


class DamagedFile(LoaderError):
    """The file is not what its suffix says, or is broken."""


class TooLarge(LoaderError):
    """The file, or the text in it, is over the limit."""


class HostileArchive(LoaderError):
    """An archive that breaks a limit: too many files, too much in too little, too deep, links, paths that lead out."""


class LoaderTimeout(LoaderError):
    """The loader ran too long and was killed."""


class LoaderCrashed(LoaderError):
    """The loader died or ran out of memory."""


class LibraryError(CorporaError):
    """The library cannot do what was asked."""


class CorpusNotFound(LibraryError):
    """No corpus of that name."""


class CorpusExists(LibraryError):
    """There is a corpus of that name already."""


class InvalidName(LibraryError):
    """A corpus may not be called that."""


class DocumentNotFound(LibraryError):
    """No document of that name or id in the corpus."""


class UnstorableDocument(LibraryError):
    """A document whose text cannot be stored, or whose passages or derived rows do not belong to it."""


class NewerSchema(LibraryError):
    """The corpus was written by a later version."""


class LibraryBusy(LibraryError):
    """Another process is writing and did not finish in time."""


class ChunkingChanged(LibraryError):
    """The corpus has another chunking; passages of two chunkings must not be mixed."""


class JobNotFound(LibraryError):
    """No job of that number in the corpus."""


class DamagedIndex(LibraryError):
    """An index file is not what was written. Nothing is lost: it is made anew from the database."""


class DamagedExport(LibraryError):
    """A file to import is not what an export writes, or breaks a limit."""


class DamagedLibrary(LibraryError):
    """The database on disk is damaged."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, ignoring case; None if none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.75)
    return by_folded[close[0]] if close else None


def one_line(message: str) -> str:
    """The message on one line without control characters, since it may quote file names and other programs' errors."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in message).split())
