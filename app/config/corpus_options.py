"""Where a corpus lives and how its documents are cut, as far as the settings say it.

Passages of two ways of cutting must not be mixed, so new documents are cut as the corpus is, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.config.settings import Settings
from corpora.counts import count
from corpora.errors import ChunkingChanged
from corpora.store.corpus_names import in_shell
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """``home`` of all data; how passages are cut: None leaves it as the corpus is cut."""

    home: Path
    chunk_chars: int | None = None
    chunk_overlap: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> CorpusConfig:
        """What the settings say."""
        return cls(settings.home, settings.chunk_chars, settings.chunk_overlap)

    def over(self, chunking: Chunking) -> Chunking:
        """``chunking`` with what is set."""
        return Chunking(
            chunking.target_chars if self.chunk_chars is None else self.chunk_chars,
            chunking.overlap_sentences if self.chunk_overlap is None else self.chunk_overlap,
        )

    @property
    def says_how_to_cut(self) -> bool:
        """Whether anything of it is set."""
        return self.chunk_chars is not None or self.chunk_overlap is not None


def new_chunking(store: CorpusStore, config: CorpusConfig) -> Chunking:
    """How the corpus is to be cut from now on."""
    return config.over(store.chunking() or Chunking())


def fitting_chunking(store: CorpusStore, config: CorpusConfig) -> Chunking:
    """How the next documents are cut. Raises ``ChunkingChanged`` if the corpus is cut in another way."""
    own = store.chunking()
    base, wanted = own or Chunking(), new_chunking(store, config)
    if wanted != base and (own is not None or store.documents()):
        raise ChunkingChanged(
            f"{store.name} is cut at {_named(base)}, not at {_named(wanted)}",
            hint=f"cut it anew: spandraft corpus rebuild {in_shell(store.name)} --chunk-chars {wanted.target_chars} "
            f"--chunk-overlap {wanted.overlap_sentences}; or leave these settings out",
        )
    return wanted


def _named(chunking: Chunking) -> str:
    return f"{count(chunking.target_chars, 'character')} (overlap: {chunking.overlap_sentences})"
