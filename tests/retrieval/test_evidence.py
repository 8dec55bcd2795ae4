"""Evidence: the right sentences, with exact offsets, each once, and encoded once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.documents import Document, Passage
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evidence.relevance import CosineRelevance
from retrieval.evidence.selection import retrieved, select_evidence
from retrieval.evidence.sentences import SentenceCache, SentenceRows, sentences_kind
from retrieval.interfaces import Evidence, Hit, Query
from tests.support.retrieval_fakes import LetterEncoder

TOWER = (
    "The tower\n\n"
    "The tower was finished in March 1889 after two years of work. It is 330 metres tall. "
    "Seven million people visit it every year. Iron for it came from the Lorraine.\n\n"
    "    def height(tower): return tower.metres"
)


def hits_of(*documents: Document, target_chars: int = 100) -> list[Hit]:
    cut = [one for document in documents for one in passages(document, target_chars=target_chars)]
    return [Hit(passage, 1.0 / place) for place, passage in enumerate(cut, start=1)]


def test_the_answering_sentence_comes_first(encoder: SentenceTransformerEncoder) -> None:
    document = Document.of("tower.txt", TOWER)
    hits = hits_of(document)
    found = select_evidence("How tall is the tower?", hits, encoder=encoder)
    assert found[0].text == "It is 330 metres tall."
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
    assert all(-1.0 <= one.similarity <= 1.0 + 1e-6 for one in found)
    for one in found:
        assert document.text[one.start : one.end] == one.text
        passage = hits[one.hit].passage
        assert passage.start <= one.start < one.end <= passage.end


def test_headings_and_code_are_passed_over_while_there_is_prose() -> None:
    hits = hits_of(Document.of("tower.txt", TOWER))
    texts = [one.text for one in select_evidence("tower height", hits, encoder=LetterEncoder())]
    assert len(texts) == 4
    assert not any(text.startswith(("The tower\n", "def")) or text == "The tower" for text in texts)


def test_scraps_are_better_than_nothing() -> None:
    hits = hits_of(Document.of("scraps.txt", "Paris: 2.1 M\n\nRome: 2.8 M"))
    texts = [one.text for one in select_evidence("Paris", hits, encoder=LetterEncoder())]
    assert sorted(texts) == ["Paris: 2.1 M", "Rome: 2.8 M"]


def test_limit_and_no_hits() -> None:
    hits = hits_of(Document.of("tower.txt", TOWER))
    letters = LetterEncoder()
    all_of_them = select_evidence("iron tower", hits, encoder=letters)
    assert select_evidence("iron tower", hits, encoder=letters, limit=2) == all_of_them[:2]
    assert select_evidence("iron tower", [], encoder=letters) == []


def test_what_passages_share_counts_once_for_the_higher_hit() -> None:
    document = Document.of("tower.txt", TOWER)
    first, second = document.text.index("The tower was"), document.text.index("It is 330")
    end = document.text.index("Seven")
    shared = [Passage.of(document, second, end), Passage.of(document, first, end)]
    hits = [Hit(passage, 1.0) for passage in shared]
    found = select_evidence("tall tower", hits, encoder=LetterEncoder())
    assert sorted((one.hit, one.text[:5]) for one in found) == [(0, "It is"), (1, "The t")]


def test_a_sentence_split_by_a_passage_border_counts_once_and_whole() -> None:
    document = Document.of("tower.txt", TOWER)
    start = document.text.index("The tower was")
    middle, end = document.text.index("March"), document.text.index(" It is")
    hits = [Hit(Passage.of(document, middle, end), 1.0), Hit(Passage.of(document, start, end), 0.5)]
    found = select_evidence("finished in March", hits, encoder=LetterEncoder())
    assert [(one.hit, one.text) for one in found] == [(1, document.text[start:end])]


def test_repeated_text_of_other_documents_counts_once() -> None:
    hits = hits_of(
        Document.of("a.txt", "The same sentence stands here."),
        Document.of("b.txt", "The same  sentence stands here. Another one follows it."),
    )
    found = select_evidence("sentence", hits, encoder=LetterEncoder())
    assert [one.hit for one in found if one.text.startswith("The same")] == [0]
    assert len(found) == 2


def test_a_second_question_encodes_only_itself() -> None:
    letters = LetterEncoder()
    cache = SentenceCache(letters)
    hits = hits_of(Document.of("tower.txt", TOWER))
    first = select_evidence("How tall?", hits, encoder=letters, cache=cache)
    letters.texts.clear()
    second = select_evidence("How old?", hits, encoder=letters, cache=cache)
    assert letters.texts == ["How old?"]
    assert {one.text for one in first} == {one.text for one in second}
    assert second == select_evidence("How old?", hits, encoder=letters)


def test_a_sentence_that_passages_share_is_encoded_once_and_each_has_its_vector() -> None:
    shared = "The bridge was opened to everybody in the spring of that year."
    documents = [Document.of(f"{n}.txt", f"{shared} It cost {n} million crowns in the end.") for n in range(5)]
    cut = [one for document in documents for one in passages(document)]
    letters = LetterEncoder()
    rows = SentenceRows(letters).compute(cut)
    assert letters.texts.count(shared) == 1 and len(letters.texts) == 6
    assert rows == [row for passage in cut for row in SentenceRows(LetterEncoder()).compute([passage])]


def test_stored_sentences_are_not_encoded_again(store: CorpusStore) -> None:
    letters = LetterEncoder()
    document = Document.of("tower.txt", TOWER)
    assert store.add(document, passages(document, target_chars=100), [SentenceRows(letters)])
    hits = hits_of(document)
    fresh = select_evidence("How tall?", hits, encoder=letters)
    letters.texts.clear()
    kind = sentences_kind(letters.name)
    cache = SentenceCache(letters, stored=lambda wanted: store.derived_of(kind, wanted))
    assert select_evidence("How tall?", hits, encoder=letters, cache=cache) == fresh
    assert letters.texts == ["How tall?"]


def test_what_is_not_stored_or_does_not_fit_is_encoded(store: CorpusStore) -> None:
    letters = LetterEncoder()
    document = Document.of("tower.txt", TOWER)
    hits = hits_of(document)
    for rows in (
        {},
        {hits[0].passage.id: b""},
        {hits[0].passage.id: bytes(4 * 25)},
        {hits[0].passage.id: bytes(4 * 27 * 60)},
    ):
        cache = SentenceCache(letters, stored=lambda _: rows)  # noqa: B023
        found = select_evidence("How tall?", hits, encoder=letters, cache=cache)
        assert found == select_evidence("How tall?", hits, encoder=letters)
    assert store.derived_of(sentences_kind(letters.name), [hits[0].passage]) == {}


def test_the_cache_is_bounded_and_forgets_the_least_recently_used() -> None:
    letters = LetterEncoder()
    cache = SentenceCache(letters, capacity=2)
    cut = [hit.passage for hit in hits_of(*(Document.of(f"{n}", f"Sentence number {n} is here.") for n in "abc"))]
    cache.lookup(cut[:2])
    cache.lookup(cut[:1])
    cache.lookup(cut[2:])
    assert len(cache) == 2
    letters.texts.clear()
    cache.lookup(cut[:1])
    assert letters.texts == []
    cache.lookup(cut[1:2])
    assert letters.texts == ["Sentence number b is here."]
    assert [len(known.units) for known in cache.lookup(cut)] == [1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abc ABC.!?\n é装。", max_size=60), max_size=3), st.integers(20, 80))
def test_offsets_are_exact_and_sentences_apart(texts: list[str], target_chars: int) -> None:
    documents = [Document.of(f"{number}.txt", text) for number, text in enumerate(texts)]
    hits = hits_of(*documents, target_chars=target_chars)
    found = select_evidence("abc", hits, encoder=LetterEncoder(), limit=100)
    by_id = {document.id: document for document in documents}
    taken: list[tuple[str, int]] = []
    for one in found:
        document = by_id[hits[one.hit].passage.document_id]
        assert document.text[one.start : one.end] == one.text == one.text.strip() != ""
        taken.extend((document.id, at) for at in range(one.start, one.end))
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("limit", [1, 3])
def test_deterministic(limit: int, encoder: SentenceTransformerEncoder) -> None:
    hits = hits_of(Document.of("tower.txt", TOWER))
    runs = [select_evidence("Who visits?", hits, encoder=encoder, limit=limit) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_hit_has_the_chance_of_its_likeliest_evidence() -> None:
    hits = hits_of(Document.of("tower.txt", TOWER))
    assert len(hits) > 1
    judged = [Evidence(0, 0, 3, "The", 0.5, relevance) for relevance in (0.0, -2.0)]
    found = retrieved(Query("Why?", LetterEncoder()), hits, judged, 1, CosineRelevance())
    assert [hit.chance for hit in found.hits] == [0.5] + [0.0] * (len(hits) - 1)
    assert found.evidence == (judged[0],)
