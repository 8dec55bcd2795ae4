"""Finding a document by what somebody calls it: by id, name or the end of its name, never by a guess."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.library.lookup import find_document
from corpora.errors import DocumentNotFound
from corpora.store.records import DocumentInfo


def test_a_document_is_found_only_if_the_name_is_unambiguous() -> None:
    infos = [DocumentInfo(f"id{name}", name, 1, 1, datetime.now(UTC)) for name in ("a/x.txt", "b/x.txt", "y.txt", "x")]
    assert find_document("x", infos, corpus="mine").name == "x"
    assert find_document("ida/x.txt", infos, corpus="mine").name == "a/x.txt"
    assert find_document("Y.", infos, corpus="mine", parts=True).name == "y.txt"
    for wanted, parts in (("x.txt", False), ("Y.", False), ("", True), (".txt", True), ("z", True)):
        with pytest.raises(DocumentNotFound):
            find_document(wanted, infos, corpus="mine", parts=parts)
