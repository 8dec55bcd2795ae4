"""A text that a program adds under a name, as a document; and whether a corpus has it already.

It is what a file of that name would be, but for its text, which is kept as it is given.
"""

from __future__ import annotations

from app.errors import InputError, quoted, require_text
from corpora.documents import Document
from corpora.store.records import DocumentInfo, check_storable
from corpora.store.store import CorpusStore
from corpora.text.reading_text import as_document


def given_document(text: str, name: str) -> Document:
    """The document. Raises ArgumentError unless both are texts, InputError if one is empty or the name not a line.

    Raises ``UnstorableDocument`` for half a character.
    """
    require_text("the text", text)
    require_text("the name of the text", name)
    if not name.strip() or not name.isprintable():
        raise InputError(
            f"a text cannot be called {quoted(name)}", hint="give it a name of one line, such as notes.txt"
        )
    if not text.strip():
        raise InputError(f"the text {quoted(name)} is empty", hint="give a text with words in it")
    check_storable(Document.of(name, text), ())
    return as_document(name, text)


def same_text(store: CorpusStore, document: Document) -> DocumentInfo | None:
    """The stored document that has this text: the one of that name, or another if there is none of that name."""
    own = store.find(document.name)
    if own is None:
        return store.find_same_text(document)
    return own if store.document(own.id).text == document.text else None
