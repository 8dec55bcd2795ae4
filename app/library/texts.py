"""Texts in memory as something to ask: cut, embedded and indexed as a corpus is, and kept nowhere.

For a few texts of a program; what is to stay, or is large, belongs into a corpus. D dimensions, N passages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from app.library.found import document_of
from app.library.judging import Judges
from corpora.text.chunking import passages

if TYPE_CHECKING:
    from app.generation.tokenizer import TextTokenizer
    from app.loading.search_models import SearchModels
    from corpora.documents import Document, Passage
    from decoding.interfaces import TokenIndex
    from retrieval.interfaces import Hit, Query, Retrieved, Spelled

_DEPTH: Final = 50  # ranks that are fused at least, as in a corpus


class Texts:
    """A ``Searchable`` over documents in memory. Any thread may ask; nothing is added later."""

    def __init__(self, documents: Sequence[Document], models: SearchModels) -> None:
        """Cut and embed them all now. Raises what the encoder raises."""
        from retrieval.dense import DenseIndex
        from retrieval.evidence.extractive_summary import Summaries
        from retrieval.evidence.sentences import SentenceCache
        from retrieval.lexical import LexicalIndex
        from retrieval.tables.answers import TableAnswers
        from retrieval.terms import searched_text

        self._models = models
        self._passages = [passage for document in documents for passage in passages(document)]
        rows, texts = range(len(self._passages)), [passage.text for passage in self._passages]
        self._dense, self._lexical = DenseIndex(), LexicalIndex()
        by_id = {document.id: document for document in documents}
        find_evidence = models.evidence_finder()
        self._judges = Judges(
            Summaries(self._passages_at, SentenceCache(models.encoder).lookup),
            TableAnswers(models.encoder, by_id.get, self._passages_at),
            lambda query, hits: find_evidence(query, hits, None),
            models.relevance,
        )
        if texts:
            self._dense.add(rows, models.encoder.encode_passages(texts))
            self._lexical.add(rows, [searched_text(passage) for passage in self._passages])

    @classmethod
    def of(cls, texts: Iterable[Any], models: SearchModels) -> Self:
        """Texts and documents in any form that ``document_of`` takes; a text without a name is called ``text 3``."""
        return cls([document_of(text, f"text {number}") for number, text in enumerate(texts, start=1)], models)

    def retrieve(self, question: str, k: int, sentences: int) -> Retrieved:
        """The best ``k`` passages by meaning and words, and their most telling sentences. Raises ``EmptyCorpus``."""
        query = self._models.query(question, spelled=self._spelled(question))
        return self._judges.retrieved(query, self._hits, k, sentences)

    def token_index(self, tokens: TextTokenizer) -> TokenIndex | None:
        """Nothing: they are few, and what is found of them is drafted from anyway."""
        return None

    def _spelled(self, question: str) -> Spelled:
        from retrieval.spelling import Spelling

        words = self._lexical.words(lambda rows: [self._passages[row].text for row in rows])
        return Spelling(words, self._models.english)(question)

    def _passages_at(self, document_id: str, start: int, end: int) -> list[Passage]:
        of_it = [passage for passage in self._passages if passage.document_id == document_id]
        return [passage for passage in of_it if passage.start < end and start < passage.end]

    def _hits(self, query: Query, k: int) -> list[Hit]:
        from retrieval.errors import EmptyCorpus
        from retrieval.fusion import convex_fusion
        from retrieval.interfaces import Hit

        if not self._passages:
            raise EmptyCorpus
        depth = max(k, _DEPTH)
        by_meaning = self._dense.search(query.vector_D[None], depth)[0]
        fused = convex_fusion(by_meaning, self._lexical.search([query.spelled], depth)[0])
        return [Hit(self._passages[row], score) for row, score in fused[:k]]
