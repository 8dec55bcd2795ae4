"""The writer that most tools have, as control: an index file and a list of documents, each written over the old one.

It must fail the suites that the library passes, or the suites prove nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpora.text.chunking import passages
from tests.crash.acts import TARGET_CHARS, Act, World, after, document_of, version_of
from tests.crash.words import DIMENSION, WordEncoder


class NaiveStore:
    """Everything is saved after every change."""

    def __init__(self, folder: Path) -> None:
        self._index_file, self._list_file = folder / "index.faiss", folder / "documents.json"
        self.world: World = json.loads(self._list_file.read_text())["world"] if self._list_file.exists() else {}

    def save(self) -> None:
        import faiss

        index: Any = faiss.IndexFlatIP(DIMENSION)
        texts = []
        for name, version in sorted(self.world.items()):
            document = document_of(name, version)
            cut = passages(document, target_chars=TARGET_CHARS)
            index.add(WordEncoder().encode_passages([one.text for one in cut]))
            texts.append({"name": name, "text": document.text, "passages": len(cut)})
        faiss.write_index(index, str(self._index_file))
        self._list_file.write_text(json.dumps({"world": self.world, "documents": texts}))

    def problems(self) -> list[str]:
        import faiss

        if not self._list_file.exists():
            return []
        listed = json.loads(self._list_file.read_text())["documents"]
        index = faiss.read_index(str(self._index_file))
        count = sum(one["passages"] for one in listed)
        found = [] if index.ntotal == count else [f"{index.ntotal} vectors for {count} passages"]
        for one in listed:
            if version_of(document_of(one["name"], self.world[one["name"]])) is None:
                found.append(f"{one['name']} is not what was stored")
        return found


def write(report: Any, home: str, acts: Sequence[Act]) -> None:
    """Like ``tasks.write``."""
    store = NaiveStore(Path(home))
    for number, act in enumerate(acts):
        for world in after(store.world, act):
            store.world = world
            store.save()
        report(done=number)


def look(report: Any, home: str) -> None:
    """Like ``tasks.look``; it raises what opening raises."""
    store = NaiveStore(Path(home))
    there = Path(home, "documents.json").exists()
    report(world=store.world if there else None, problems=store.problems())
