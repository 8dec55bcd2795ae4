"""Work that one question needs is done once: the question is embedded once, its language guessed once, options overlaid
once; and what is learned is what the settings name.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.errors import ModelError
from app.library.corpus import Corpus
from app.likely_edits.proposer import LikelyEdits
from app.loading import edit_proposer as edit_proposer_module
from app.loading.bundled import EDITS, RELEVANCE
from app.loading.edit_proposer import edit_proposer
from app.loading.search_models import SearchModels, relevance_for
from app.pipeline import Pipeline
from corpora.store.library import Library
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evidence.relevance import CosineRelevance, LearnedRelevance
from retrieval.hybrid import HybridRetriever
from retrieval.interfaces import Encoder, log_odds
from retrieval.language import guess_language
from tests.support.tiny import QUESTION, TEXTS, hits_of, pipeline_of


class CountingEncoder:
    """The real encoder, with a note of every batch of questions."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.dimension = encoder.name, encoder.dimension
        self.asked: list[list[str]] = []

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        return self._encoder.encode_queries(texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encoder.encode_passages(texts)


@pytest.fixture
def pipeline(tiny_bundled: Path, settings: Settings) -> Pipeline:
    return pipeline_of(tiny_bundled, settings.replace(max_new_tokens=8))


@pytest.fixture
def counting(pipeline: Pipeline) -> CountingEncoder:
    pipeline.models.relevance()  # It loads the encoder, which encodes an empty text.
    counted = CountingEncoder(pipeline.models.encoder)
    pipeline.models._encoder = cast(SentenceTransformerEncoder, counted)
    pipeline._find_evidence = pipeline.models.evidence_finder()
    return counted


@pytest.fixture
def corpus(counting: CountingEncoder, pipeline: Pipeline, tmp_path: Path) -> Corpus:
    store = Library(pipeline.settings.home).create("mine")
    made = Corpus(store, counting, HybridRetriever(store, counting), relevance=pipeline.models.relevance)
    for number, text in enumerate(TEXTS):
        file = tmp_path / f"doc{number}.txt"
        file.write_text(text)
        made.add(file)
    return made


def test_a_question_is_embedded_once_and_its_language_guessed_once(
    pipeline: Pipeline, corpus: Corpus, counting: CountingEncoder
) -> None:
    guess_language.cache_clear()
    answer = pipeline.answer(QUESTION, corpus=corpus, k=2)
    assert len(answer.passages) == 2
    assert counting.asked == [[QUESTION]]
    assert guess_language.cache_info().misses == 1
    pipeline.answer_from(QUESTION, hits_of())
    assert counting.asked == [[QUESTION]] * 2, "from given passages, too"
    assert guess_language.cache_info().misses == 1


def test_a_file_of_edits_is_read_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    original = LikelyEdits.read

    def noted(file: Path, **options: Any) -> LikelyEdits:
        read.append(file)
        return original(file, **options)

    monkeypatch.setattr(LikelyEdits, "read", noted)
    pipeline = Pipeline.from_pretrained(corpus=None, settings=settings.replace(target="bundled"))
    pipeline.correct("He go home. She buyed bread.")
    pipeline.correct("They is here.")
    assert read == [EDITS]


def test_retrieving_at_once_finds_what_searching_and_selecting_find(corpus: Corpus) -> None:
    found = corpus.retrieve(QUESTION, 2, 3)
    hits = corpus.search(QUESTION, 2)
    assert [replace(hit, chance=None) for hit in found.hits] == hits
    assert list(found.evidence) == corpus.evidence(QUESTION, hits, 3)
    assert found.language is None


def test_options_are_laid_over_the_settings_once(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    overlaid: list[Settings] = []
    over = GenerationOptions.over

    def noted(options: GenerationOptions, settings: Settings) -> Settings:
        overlaid.append(settings)
        return over(options, settings)

    monkeypatch.setattr(GenerationOptions, "over", noted)
    pipeline.answer_from(QUESTION, hits_of(), repetition_penalty=1.2)
    assert len(overlaid) == 1
    pipeline.correct("This is fine. So is this.")
    assert len(overlaid) == 2, "a correction of two sentences"


def test_the_relevance_scorer_is_the_one_that_is_set(settings: Settings, tmp_path: Path) -> None:
    encoder = SearchModels(settings).encoder.name
    assert isinstance(relevance_for(encoder), LearnedRelevance)
    assert isinstance(relevance_for("another/encoder@1"), CosineRelevance)
    assert isinstance(SearchModels(settings.replace(relevance="none")).relevance(), CosineRelevance)
    other = LearnedRelevance.read(RELEVANCE)
    file = tmp_path / "other.npz"
    LearnedRelevance(encoder, type(other.rarity)({"zebra": 1.0}, 2.0), other.layers).write(file)
    models = SearchModels(settings.replace(relevance=str(file)))
    scorer = models.relevance()
    assert isinstance(scorer, LearnedRelevance)
    assert scorer.rarity.known == {"zebra": 1.0}, "of this file, not the bundled one"
    assert models.relevance() is scorer, "read once"
    assert models.evidence_finder()(QUESTION, hits_of(), 3)


def test_a_pipeline_and_its_corpus_have_what_the_settings_name(settings: Settings, tmp_path: Path) -> None:
    without = settings.replace(target="bundled", relevance="none", edit_proposer="none")
    pipeline = Pipeline.from_pretrained(corpus=None, settings=without)
    assert pipeline.edit_proposer is None
    corpus = Corpus.create("mine", settings=without, models=pipeline.models)
    file = tmp_path / "doc.txt"
    file.write_text(TEXTS[0])
    corpus.add(file)
    hits = corpus.search(QUESTION, 2)
    by_corpus = corpus.evidence(QUESTION, hits)
    for evidence in (*by_corpus, *pipeline.models.evidence_finder()(QUESTION, hits, 3)):
        assert evidence.relevance == pytest.approx(log_odds(evidence.similarity)), "the cosine's, not the scorer's"
    assert by_corpus


def test_bundled_is_what_auto_takes(settings: Settings) -> None:
    encoder = SearchModels(settings).encoder.name
    assert isinstance(relevance_for(encoder, "bundled"), LearnedRelevance)
    assert edit_proposer(settings.replace(edit_proposer="bundled")) is not None


def test_questions_do_without_a_bundled_file_of_edits(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit_proposer_module, "EDITS", tmp_path / "gone.npz")
    proposer = edit_proposer(settings)
    assert proposer is not None
    with pytest.raises(ModelError) as missing:
        proposer.edits("It is.", (), lambda text: None)  # type: ignore[arg-type,return-value]
    assert missing.value.hint == "install Spandraft again"


@pytest.mark.parametrize("broken", ["missing", "damaged", "another encoder"])
def test_a_relevance_scorer_that_cannot_be_used_is_an_error(settings: Settings, tmp_path: Path, broken: str) -> None:
    file = tmp_path / "scorer.npz"
    if broken == "damaged":
        file.write_bytes(RELEVANCE.read_bytes()[:-300])
    if broken == "another encoder":
        bundled = LearnedRelevance.read(RELEVANCE)
        LearnedRelevance("other@1", bundled.rarity, bundled.layers).write(file)
    with pytest.raises(ModelError, match=r"relevance|scorer|judges") as caught:
        SearchModels(settings.replace(relevance=str(file))).relevance()
    assert caught.value.hint and "Spandraft again" not in caught.value.hint


def test_the_edit_proposer_is_the_one_that_is_set(settings: Settings, tmp_path: Path) -> None:
    assert edit_proposer(settings.replace(edit_proposer="none")) is None
    assert edit_proposer(settings) is not None
    with pytest.raises(ModelError, match=r"the edit proposer .* does not exist") as missing:
        edit_proposer(settings.replace(edit_proposer=str(tmp_path / "nowhere.npz")))
    assert missing.value.hint
    file = tmp_path / "mine.npz"
    shutil.copy(EDITS, file)
    named = edit_proposer(settings.replace(edit_proposer=str(file)))
    assert named is not None
    with pytest.raises(ModelError, match=r"mine\.safetensors") as damaged:
        named.edits("It is.", (), lambda text: None)  # type: ignore[arg-type,return-value]
    assert damaged.value.hint


def test_a_correction_asks_the_proposer_that_is_handed_in(pipeline: Pipeline) -> None:
    asked: list[str] = []

    class Noting:
        def edits(self, text: str, ids: Sequence[int], encode: Any) -> tuple[()]:
            asked.append(text)
            return ()

    pipeline.edit_proposer = Noting()
    pipeline.correct("This is fine. So is this.")
    assert asked == ["This is fine.", "So is this."]
