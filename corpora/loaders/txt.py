"""Plain text to reading text: hard-wrapped lines joined, everything that is meant line by line kept."""

from __future__ import annotations

from corpora.documents import Document
from corpora.loaders.decode import decoded
from corpora.reflow import reflowed


def load(data: bytes, name: str) -> Document:
    """Raises ``BinaryText``. The title is the first line if it stands alone and is short."""
    text = reflowed(decoded(data, name))
    first = text.split("\n\n", 1)[0]
    is_title = "\n" not in first and len(first) <= 100 and not first.endswith((".", ":", ",", ";"))
    return Document.of(name, text, {"title": first if is_title and first else name})
