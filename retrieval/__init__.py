"""Finds passages for questions, and the sentences of them that may answer. Works on passages and never sees token ids.

What goes in and comes out:

    interfaces           `Encoder` and `PassageStore`: what this floor is given; `Query`: a question, embedded at most
                         once; `Retriever`: finds passages for it; `Hit`, `Evidence`, `Retrieved`: what comes out; the
                         scale of relevance
    errors               every error of this floor

From a question to hits:

    spelling             a question in the spelling of a corpus: slips mended, names and numbers left alone
    hybrid               the default retriever: vectors and words, fused by rank
    fusion               reciprocal rank fusion
    indexes              both indexes of a corpus, kept in step with its store
    dense                vectors: exact search with FAISS
    lexical              words: BM25
    postings             the inverted index that BM25 is computed from
    terms                text to the terms of the word index
    document_names       the words of a document's name
    vocabulary           the words of a segment: which begin alike, hold a part, are spelled almost so
    word_forms           the other forms of a word that a corpus has: by stem, without accents, in compounds
    segments             immutable segments that indexes are made of
    index_file           a segment as a file, which names the passages it is made from
    background_writer    decides when index files are written

Questions over tables:

    tables               the rows that have every key of a question, and what can be computed of rows exactly

From hits to evidence:

    evidence             the units of the hits that most likely answer, or tell what a document is about

The encoder:

    encoder              sentence-transformers: texts to unit vectors
    encoder_files        locates an encoder's files, and says whether they may be loaded
    fair_lock            a lock in order of arrival
    language             guesses the language of a question

Imports `corpora` and nothing of the other floors; imported by `app`. Importing this package imports none of its
modules: the public names are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from retrieval.dense import VectorRows
    from retrieval.encoder import SentenceTransformerEncoder
    from retrieval.errors import EmptyCorpus, EncoderChanged, EncoderNotFound, RetrievalError
    from retrieval.evidence.relevance import CosineRelevance, LearnedRelevance, Relevance
    from retrieval.evidence.selection import select_evidence
    from retrieval.evidence.sentences import SentenceCache, SentenceRows
    from retrieval.fusion import reciprocal_rank_fusion
    from retrieval.hybrid import HybridRetriever
    from retrieval.interfaces import Encoder, Evidence, Hit, PassageStore, Query, Retrieved, Retriever

__all__ = [
    "CosineRelevance",
    "EmptyCorpus",
    "Encoder",
    "EncoderChanged",
    "EncoderNotFound",
    "Evidence",
    "Hit",
    "HybridRetriever",
    "LearnedRelevance",
    "PassageStore",
    "Query",
    "Relevance",
    "RetrievalError",
    "Retrieved",
    "Retriever",
    "SentenceCache",
    "SentenceRows",
    "SentenceTransformerEncoder",
    "VectorRows",
    "reciprocal_rank_fusion",
    "select_evidence",
]

_MODULES: Final = {
    "CosineRelevance": "retrieval.evidence.relevance",
    "EmptyCorpus": "retrieval.errors",
    "Encoder": "retrieval.interfaces",
    "EncoderChanged": "retrieval.errors",
    "EncoderNotFound": "retrieval.errors",
    "Evidence": "retrieval.interfaces",
    "Hit": "retrieval.interfaces",
    "HybridRetriever": "retrieval.hybrid",
    "LearnedRelevance": "retrieval.evidence.relevance",
    "PassageStore": "retrieval.interfaces",
    "Query": "retrieval.interfaces",
    "Relevance": "retrieval.evidence.relevance",
    "RetrievalError": "retrieval.errors",
    "Retrieved": "retrieval.interfaces",
    "Retriever": "retrieval.interfaces",
    "SentenceCache": "retrieval.evidence.sentences",
    "SentenceRows": "retrieval.evidence.sentences",
    "SentenceTransformerEncoder": "retrieval.encoder",
    "VectorRows": "retrieval.dense",
    "reciprocal_rank_fusion": "retrieval.fusion",
    "select_evidence": "retrieval.evidence.selection",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
