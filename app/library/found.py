"""What others find, as documents and passages: texts, pairs, mappings, LangChain's documents, passages of our own.

A document is named by what its metadata calls its source, so that a citation names it. Offsets are those in the source
where the metadata says where the text begins in it (``start_index``), else those in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from app.errors import ArgumentError, kind_of
from corpora.documents import Document, Mark, Passage

if TYPE_CHECKING:
    from app.generation.tokenizer import TextTokenizer
    from app.loading.search_models import SearchModels
    from decoding.interfaces import TokenIndex
    from retrieval.interfaces import Hit, Retrieved

_NAMES: Final = ("source", "name", "file_name", "filename", "file_path", "path", "title", "url", "id")
_TEXTS: Final = ("page_content", "text", "content")
_START: Final = "start_index"
_PAGE: Final = "page_label"  # What a reader calls a page; "page" counts from 0 or from 1, nobody says which.
_HINT: Final = "give texts, pairs of name and text, documents with page_content, or Hit, Passage and Document of ours"


class FoundPassages:
    """A ``Searchable`` over somebody's own search: what it finds are the passages, in its order."""

    def __init__(self, search: Callable[[str, int], Iterable[Any]], models: SearchModels, *, name: str) -> None:
        """``name`` names what is found without a name of its own, and the search in errors."""
        self._search = search
        self._models = models
        self._name = name
        self._find_evidence = models.evidence_finder()

    def retrieve(self, question: str, k: int, sentences: int) -> Retrieved:
        """The first ``k`` that the search finds. Raises ArgumentError if it finds no texts, and what it raises."""
        from retrieval.evidence.selection import retrieved

        query = self._models.query(question)
        hits = self._hits(self._search(question, k))[:k]
        return retrieved(query, hits, self._find_evidence(query, hits, None), sentences, self._models.relevance())

    def token_index(self, tokens: TextTokenizer) -> TokenIndex | None:
        """Nothing: only what is found is known, not the whole."""
        return None

    def _hits(self, found: Any) -> list[Hit]:
        from retrieval.interfaces import Hit

        if found is None or isinstance(found, str | Mapping) or not isinstance(found, Iterable):
            raise ArgumentError(f"{self._name} found {kind_of(found)} instead of a list", hint=_HINT)
        hits: dict[str, Hit] = {}
        for rank, item in enumerate(found, start=1):
            item, score = _scored(item, 1 / rank)
            hit = item if isinstance(item, Hit) else Hit(passage_of(item, f"{self._name} {rank}"), score)
            hits.setdefault(hit.passage.id, hit)
        return list(hits.values())


def passage_of(item: Any, unnamed: str) -> Passage:
    """What was found as one passage; ``unnamed`` is what a text without a name is called. Raises ArgumentError."""
    if isinstance(item, Passage):
        return item
    document = document_of(item, unnamed)
    start = document.metadata.get(_START)
    if not isinstance(start, int) or isinstance(start, bool) or start < 0:
        return Passage.of(document, 0, len(document.text))
    marks = tuple(Mark(mark.start + start, mark.end + start, mark.kind, mark.label) for mark in document.marks)
    source, end = Document.of(document.name, "").id, start + len(document.text)
    return Passage(f"{source}:{start}-{end}", source, document.name, start, end, document.text, marks)


def document_of(item: Any, unnamed: str) -> Document:
    """A document of a text, a pair of name and text, a mapping, an object with a text. Raises ArgumentError."""
    if isinstance(item, Document):
        return item
    if isinstance(item, str):
        return Document.of(unnamed, item)
    if isinstance(item, Sequence) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return Document.of(item[0] or unnamed, item[1])
    text = next((found for name in _TEXTS if isinstance(found := _value(item, name), str)), None)
    if text is None:
        raise ArgumentError(f"{unnamed} is {kind_of(item)}, which has no text", hint=_HINT)
    metadata = _value(item, "metadata")
    facts = {
        str(key): value
        for key, value in (metadata.items() if isinstance(metadata, Mapping) else ())
        if isinstance(value, str | int | float | bool)
    }
    named = [facts.get(name) for name in _NAMES] + [_value(item, name) for name in _NAMES]
    name = next((name for name in named if isinstance(name, str) and name.strip()), unnamed)
    page = facts.get(_PAGE)
    marks = [Mark(0, len(text), "page", str(page))] if page is not None and text else []
    return Document.of(name, text, facts, marks)


def _scored(item: Any, usual: float) -> tuple[Any, float]:
    """What was found and its score: a pair of both, or a score of its own."""
    if isinstance(item, Sequence) and len(item) == 2 and _is_number(item[1]):
        return item[0], float(item[1])
    score = _value(item, "score")
    return item, float(score) if _is_number(score) else usual


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
