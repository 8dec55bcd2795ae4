"""What may be asked instead of a corpus: texts, objects that search, retrievers of LangChain's; and what may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever

from app.config.settings import Settings
from app.errors import ArgumentError, InputError
from app.library.found import document_of, passage_of
from app.library.searchable import Searchable, require_kind, searchable_of
from app.loading.search_models import SearchModels
from corpora.documents import Document, Mark, Passage
from retrieval.interfaces import Hit, Retrieved

TREES = "The garden committee met on Monday. The budget for new trees is 400 euros."
CATS = "A cat sleeps about fifteen hours a day. Kittens sleep longer."
QUESTION = "What is the budget for new trees?"


@pytest.fixture(scope="module")
def models() -> SearchModels:
    return SearchModels(Settings())


@pytest.fixture
def asked(models: SearchModels) -> Callable[..., Retrieved]:
    def ask(corpus: Any, k: int = 3) -> Retrieved:
        return searchable_of(corpus, models, _no_corpus).retrieve(QUESTION, k, 4)

    return ask


def _no_corpus(name: str) -> Searchable:
    raise AssertionError(f"no name is opened: {name}")


class Own:
    """An object that searches; it notes what it was asked."""

    def __init__(self, *found: Any) -> None:
        self.found = found
        self.asked: list[tuple[str, int]] = []

    def search(self, query: str, k: int) -> list[Any]:
        self.asked.append((query, k))
        return list(self.found)


class Retriever(BaseRetriever):
    """LangChain's way: a method that finds documents."""

    found: list[Any]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[LangChainDocument]:
        return self.found


def names(found: Retrieved) -> list[str]:
    return [hit.passage.document_name for hit in found.hits]


def assert_exact(found: Retrieved) -> None:
    """Evidence is where it says it is."""
    for evidence in found.evidence:
        passage = found.hits[evidence.hit].passage
        assert passage.text[evidence.start - passage.start : evidence.end - passage.start] == evidence.text


def test_texts_are_searched_and_named_by_their_place(asked: Callable[..., Retrieved]) -> None:
    found = asked([CATS, TREES])
    assert names(found) == ["text 2", "text 1"]
    assert found.evidence[0].text == "The budget for new trees is 400 euros."
    assert_exact(found)
    assert names(asked((TREES,), k=1)) == ["text 1"]
    assert len(asked([CATS, TREES], k=1).hits) == 1


def test_texts_may_be_any_iterable_and_carry_names(asked: Callable[..., Retrieved]) -> None:
    def texts() -> Iterator[Any]:
        yield ("cats.txt", CATS)
        yield Document.of("minutes.pdf", TREES, marks=[Mark(0, len(TREES), "page", "7")])

    found = asked(texts())
    assert names(found) == ["minutes.pdf", "cats.txt"]
    assert found.hits[0].passage.marks[0].label == "7"
    assert names(asked([LangChainDocument(TREES, metadata={"source": "minutes.pdf"})])) == ["minutes.pdf"]


def test_a_long_text_is_cut_into_passages(asked: Callable[..., Retrieved]) -> None:
    text = "\n\n".join(f"Paragraph {n} is about cats. {CATS}" for n in range(40)) + f"\n\n{TREES}"
    found = asked([text])
    assert len(found.hits) == 3
    assert all(hit.passage.document_name == "text 1" for hit in found.hits)
    for hit in found.hits:
        assert text[hit.passage.start : hit.passage.end] == hit.passage.text


def test_no_texts_and_blank_texts_are_told(asked: Callable[..., Retrieved]) -> None:
    with pytest.raises(InputError, match="the list of texts is empty"):
        asked([])
    with pytest.raises(Exception, match="no documents to search"):
        asked(["  ", ""])


def test_an_own_object_is_asked_with_k_and_keeps_its_order(asked: Callable[..., Retrieved]) -> None:
    own = Own(CATS, ("minutes.pdf", TREES))
    found = asked(own, k=2)
    assert own.asked == [(QUESTION, 2)]
    assert names(found) == ["Own 1", "minutes.pdf"]
    assert [hit.score for hit in found.hits] == [1.0, 0.5]
    assert found.evidence[0].text == "The budget for new trees is 400 euros."
    assert_exact(found)
    assert names(asked(Own(*(f"Text {n}." for n in range(9))), k=4)) == [f"Own {n}" for n in range(1, 5)]


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (TREES, "Own 1"),
        (("minutes.pdf", TREES), "minutes.pdf"),
        ((TREES, 0.25), "Own 1"),
        ({"text": TREES, "source": "minutes.pdf", "score": 0.25}, "minutes.pdf"),
        ({"page_content": TREES, "metadata": {"title": "Minutes"}}, "Minutes"),
        (LangChainDocument(TREES, metadata={"source": "minutes.pdf"}), "minutes.pdf"),
        ((LangChainDocument(TREES, metadata={"source": "minutes.pdf"}), 0.25), "minutes.pdf"),
        (SimpleNamespace(text=TREES, metadata={"file_name": "minutes.pdf"}, score=0.25), "minutes.pdf"),
        (Document.of("minutes.pdf", TREES), "minutes.pdf"),
        (Passage.of(Document.of("minutes.pdf", f"Before. {TREES}"), 8, 8 + len(TREES)), "minutes.pdf"),
        (Hit(Passage.of(Document.of("minutes.pdf", TREES), 0, len(TREES)), 0.25), "minutes.pdf"),
    ],
)
def test_what_an_own_object_finds_may_have_many_forms(asked: Callable[..., Retrieved], item: Any, name: str) -> None:
    found = asked(Own(item))
    assert names(found) == [name]
    assert found.hits[0].passage.text == TREES
    assert found.hits[0].score in (1.0, 0.25)
    assert found.evidence[0].text == "The budget for new trees is 400 euros."
    assert_exact(found)


def test_the_same_found_twice_counts_once(asked: Callable[..., Retrieved]) -> None:
    document = LangChainDocument(TREES, metadata={"source": "a"})
    assert names(asked(Own(document, document, LangChainDocument(TREES, metadata={"source": "b"})))) == ["a", "b"]


def test_search_may_take_k_by_name_second_or_not_at_all(asked: Callable[..., Retrieved]) -> None:
    class ByName:
        def search(self, query: str, *, k: int = 9) -> list[str]:
            return [f"{query} {k}"]

    class Second:
        def search(self, query: str, limit: int) -> list[str]:
            return [f"{query} {limit}"]

    class Without:
        def search(self, query: str) -> list[str]:
            return [query, "another", "a third"]

    class Nothing:
        def search(self) -> list[str]:
            return []

    for own in (ByName(), Second()):
        assert asked(own, k=2).hits[0].passage.text == f"{QUESTION} 2"
    assert len(asked(Without(), k=2).hits) == 2
    with pytest.raises(ArgumentError, match=r"Nothing\.search takes no question"):
        asked(Nothing())


def test_a_retriever_of_langchain_is_asked_and_its_metadata_names_documents_and_pages(
    asked: Callable[..., Retrieved],
) -> None:
    facts = {"source": "files/minutes.pdf", "page": 6, "page_label": "7", "start_index": 120}
    found = asked(Retriever(found=[LangChainDocument(TREES, metadata=facts), LangChainDocument(CATS)]))
    first = found.hits[0].passage
    assert names(found) == ["files/minutes.pdf", "Retriever 2"]
    assert (first.start, first.end, first.marks[0].label) == (120, 120 + len(TREES), "7")
    assert found.evidence[0].start == 120 + TREES.index("The budget")
    assert_exact(found)


def test_two_parts_of_one_source_are_two_passages_of_one_document() -> None:
    parts = [{"text": TREES, "metadata": {"source": "a", "start_index": start}} for start in (0, 500)]
    first, second = (passage_of(part, "?") for part in parts)
    assert first.document_id == second.document_id
    assert first.id != second.id


def test_an_object_that_answers_as_a_corpus_is_one(models: SearchModels) -> None:
    class Whole:
        def retrieve(self, question: str, k: int = 5, sentences: int = 8) -> Retrieved:
            return Retrieved((), ())

        def search(self, query: str) -> list[str]:
            raise AssertionError

    whole = Whole()
    assert searchable_of(whole, models, _no_corpus) is whole  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("found", [None, "text", {"text": "x"}, 7, [7], [None], [{"title": "x"}], [("a", "b", "c")]])
def test_what_is_found_must_hold_texts(asked: Callable[..., Retrieved], found: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        asked(SimpleNamespace(search=lambda query, k: found))
    assert "SimpleNamespace" in caught.value.cause
    assert caught.value.hint.startswith("give texts")


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        (None, "corpus is None"),
        (7, "corpus is an int"),
        ({"a": "b"}, "corpus is a dict"),
        (b"bytes", "corpus is a bytes"),
        (object(), "corpus is an object"),
        (Path("minutes.pdf"), "corpus is a path, minutes.pdf"),
        (Own, "corpus is the class Own"),
    ],
)
def test_what_can_be_no_corpus_is_told_with_what_can(corpus: Any, said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        require_kind(corpus)
    assert said in caught.value.cause
    assert caught.value.hint
    assert isinstance(caught.value, TypeError)


def test_an_error_of_an_own_search_comes_through_as_it_is(asked: Callable[..., Retrieved]) -> None:
    def fail(query: str, k: int) -> list[str]:
        raise ConnectionError("the index is away")

    with pytest.raises(ConnectionError, match="the index is away"):
        asked(SimpleNamespace(search=fail))


def test_facts_that_are_no_plain_values_are_left_out() -> None:
    document = document_of({"text": "x", "metadata": {"source": "a", "tags": ["b"], "year": 1999}}, "?")
    assert dict(document.metadata) == {"source": "a", "year": 1999}
