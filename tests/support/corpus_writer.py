"""A process that adds numbered documents to a corpus and says after each that it is committed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from corpora.documents import Document, Passage
from corpora.store.library import Library
from corpora.text.chunking import passages


class Numbered:
    kind = "copy"

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        return [passage.text.encode() for passage in passages]


def text_of(number: int) -> str:
    return " ".join(f"Sentence {n} of document {number} is here." for n in range(40))


def main(home: str, first: int, count: int) -> None:
    store = Library(Path(home)).open("x")
    for number in range(first, first + count):
        one = Document.of(f"document {number}", text_of(number))
        store.add(one, passages(one, target_chars=100), [Numbered()])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
