"""What can go wrong on this floor. Every error carries a ``hint``: one line of remedy for its cause.

RetrievalError
 +-- EncoderNotFound      no such model folder, or a name that is neither here nor to be had
 +-- UnsafeWeights        the model has no safetensors file
 +-- ChecksumMismatch     the bundled encoder's file is not the one this release was tested with
 +-- EncoderChanged       the corpus holds vectors of another encoder
 +-- DamagedRelevance     the file that judges sentences is not there or cannot be read
 +-- IndexLibraryMissing  FAISS is not installed
 +-- EmptyCorpus          a question to a corpus without passages
"""

from __future__ import annotations

from pathlib import Path

from corpora.store.corpus_names import in_shell


class RetrievalError(Exception):
    """An error that a person can act upon; ``str(error)`` is the cause and the hint, each on a line."""

    def __init__(self, cause: str, *, hint: str) -> None:
        super().__init__(f"{cause}\n{hint}")
        self.cause = cause
        self.hint = hint


class EncoderNotFound(RetrievalError):
    """The encoder named in the settings cannot be found or loaded."""


class UnsafeWeights(RetrievalError):
    """The encoder's weights come only in a format that may run code when it is read."""


class ChecksumMismatch(RetrievalError):
    """The weights on disk are not those that the checksum names."""


class DamagedRelevance(RetrievalError):
    """The relevance scorer or the cross-encoder cannot be used. ``what`` says of the file what is wrong with it."""

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(f"{file} {what}", hint="install Spandraft again")


class IndexLibraryMissing(RetrievalError):
    """No distribution provides the ``faiss`` module."""

    def __init__(self) -> None:
        super().__init__(
            "FAISS, which searches the vectors, is not installed",
            hint="install it: pip install faiss-cpu, or faiss-gpu on Linux with an NVIDIA GPU; never both",
        )


class EncoderChanged(RetrievalError):
    """The corpus was indexed by another encoder; vectors of two encoders cannot be compared."""

    def __init__(self, *, corpus: str, stored: str, wanted: str) -> None:
        super().__init__(
            f"the corpus {corpus} was indexed with the encoder {stored}, but the setting names {wanted}",
            hint=f"make its index anew: spandraft corpus rebuild {in_shell(corpus)} --encoder {_as_setting(wanted)}, "
            f"or search it with --encoder {_as_setting(stored)}",
        )
        self.corpus = corpus
        self.stored = stored
        self.wanted = wanted


class EmptyCorpus(RetrievalError):
    """A question was asked, but there is nothing to search."""

    def __init__(self) -> None:
        super().__init__(
            "there are no documents to search yet",
            hint="add some: spandraft corpus add NAME PATH... (or on the Library page)",
        )


def _as_setting(name: str) -> str:
    """The value of ``--encoder`` that gives the encoder ``name``, which may end in ``@revision``."""
    return name.rpartition("@")[0] or name
