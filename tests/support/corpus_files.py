"""A corpus for tests of its files: documents whose texts share no 24 characters, with derived rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora.documents import Document, Mark, Passage
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking, passages

CHUNKING = Chunking(target_chars=200, overlap_sentences=0)


@dataclass(frozen=True, slots=True)
class Copies:
    """Derives from each passage a copy of its text."""

    kind: str = "copy"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        return [passage.text.encode() for passage in passages]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Derives four bytes from each passage."""

    kind: str = "vectors:sizes"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        return [len(passage.text).to_bytes(4, "little") for passage in passages]


def document(name: str, word: str, sentences: int = 20) -> Document:
    text = " ".join(f"{word}{n:04d} and {word}{n:04d}b." for n in range(sentences))
    return Document.of(name, text, {"title": name}, [Mark(0, 12, "page", "1")])


def add(store: CorpusStore, one: Document, chunking: Chunking = CHUNKING) -> None:
    cut = passages(one, target_chars=chunking.target_chars, overlap_sentences=chunking.overlap_sentences)
    assert store.add(one, cut, [Copies(), Sizes()])


def all_bytes(folder: Path) -> bytes:
    """All that is in the files of a folder and below."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
