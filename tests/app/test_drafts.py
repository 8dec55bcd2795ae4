"""Who drafts, from settings to accepted tokens: sources by name, a draft model, the whole corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app import build
from app.corpus import Corpus
from app.drafts import source_names
from app.errors import ModelError, SettingError, UnknownNameError
from app.pipeline import Pipeline
from app.settings import Settings
from corpora.library import Library
from decoding.sources import DEFAULT_SOURCES, SOURCES
from retrieval.hybrid import HybridRetriever
from tests.app.tiny import QUESTION, TEXTS, save_tiny, small_tokenizer
from tests.retrieval.fakes import LetterEncoder

SURE = Settings(home=Path("nowhere"))


def test_sources_unless_they_are_named() -> None:
    assert source_names(SURE) == (*DEFAULT_SOURCES, "corpus")
    assert source_names(SURE.replace(draft_model="small")) == (*DEFAULT_SOURCES, "corpus", "draft-model")
    assert source_names(SURE.replace(sources="spans, recycled")) == ("spans", "recycled")
    assert source_names(SURE.replace(sources="")) == ()
    sampled = SURE.replace(criterion="speculative-sampling", draft_model="small")
    assert source_names(sampled) == source_names(sampled.replace(sources="draft-model")) == ("draft-model",)
    assert set(source_names(SURE)) <= set(SOURCES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": "spans,draft-model"}, "draft-model"),
        ({"sources": "draft-tree"}, "draft-tree"),
        ({"sources": "spans", "draft_model": "small"}, "draft_model"),
        ({"criterion": "speculative-sampling"}, "speculative-sampling"),
        ({"criterion": "speculative-sampling", "draft_model": "small", "sources": "spans"}, "alone"),
    ],
)
def test_what_would_be_ignored_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError) as caught:
        source_names(SURE.replace(**changes))
    assert said in caught.value.cause
    assert caught.value.hint


def test_an_unknown_source_has_its_nearest_name() -> None:
    with pytest.raises(UnknownNameError) as caught:
        source_names(SURE.replace(sources="spanns"))
    assert "spans" in caught.value.hint


@pytest.fixture
def corpus(settings: Settings, tmp_path: Path) -> Corpus:
    store, encoder = Library(settings.home).create("mine"), LetterEncoder()
    made = Corpus(store, encoder, HybridRetriever(store, encoder))
    for number, text in enumerate(TEXTS):
        file = tmp_path / f"doc{number}.txt"
        file.write_text(text)
        made.add(file)
    return made


def test_a_draft_model_drafts_and_the_answer_stays(settings: Settings, corpus: Corpus, tiny_chat: Path) -> None:
    chosen = settings.replace(target=str(tiny_chat), draft_model=str(tiny_chat), max_new_tokens=40)
    pipeline = build.open_pipeline(chosen, corpus=corpus)
    plain = pipeline.answer(QUESTION, k=1, speculate=False)
    drafted = pipeline.answer(QUESTION, k=1)
    assert drafted.text == plain.text
    assert drafted.stats.by_source["draft-model"].accepted > 0


def test_a_draft_model_with_other_tokens_is_refused(
    settings: Settings, tiny_chat: Path, tiny_bundled: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        build.writer(settings.replace(target=str(tiny_chat), draft_model=str(tiny_bundled)))
    assert str(tiny_bundled) in caught.value.cause
    assert "family" in caught.value.hint
    swapped = _with_two_tokens_swapped(tmp_path)
    with pytest.raises(ModelError):
        build.writer(settings.replace(target=str(tiny_chat), draft_model=str(swapped)))


def _with_two_tokens_swapped(folder: Path) -> Path:
    """A tokenizer of the same size in which two tokens have each other's id."""
    tokenizer = small_tokenizer()
    path = save_tiny(folder / "swapped", tokenizer)
    file = path / "tokenizer.json"
    first, second = (f'"{tokenizer.convert_ids_to_tokens(i)}": {i}' for i in (40, 41))
    text = file.read_text(encoding="utf-8")
    assert text.count(first) == text.count(second) == 1
    a, b = (f'"{tokenizer.convert_ids_to_tokens(i)}": {81 - i}' for i in (40, 41))
    file.write_text(text.replace(first, a).replace(second, b), encoding="utf-8")
    return path


def test_drafts_come_from_the_whole_corpus_and_the_answer_stays(
    settings: Settings, corpus: Corpus, tiny_chat: Path, tmp_path: Path
) -> None:
    chosen = settings.replace(target=str(tiny_chat), sources="corpus", quote=True, max_new_tokens=60)
    pipeline = build.open_pipeline(chosen, corpus=corpus)
    pipeline.engine.budget.cost_s = None  # Every draft is verified: what pays is not the question here.
    plain = pipeline.answer(QUESTION, k=1, speculate=False)
    assert len(plain.text) > 20
    assert "corpus" not in plain.stats.by_source
    file = tmp_path / "said.txt"
    file.write_text(f"What it says is this: {plain.text}")
    corpus.add(file)
    drafted = pipeline.answer(QUESTION, k=1)
    assert drafted.passages == plain.passages, "the new passage is not among the hits"
    assert drafted.text == plain.text
    assert drafted.stats.by_source["corpus"].accepted > 5


def test_a_corpus_is_left_alone_where_nothing_is_drafted_from_it(
    settings: Settings, corpus: Corpus, tiny_chat: Path
) -> None:
    pipeline = build.open_pipeline(
        settings.replace(target=str(tiny_chat), sources="spans", max_new_tokens=8), corpus=corpus
    )
    pipeline.answer(QUESTION, k=1)
    assert not (settings.home / "corpora" / "mine" / "drafts").exists()


def test_anything_searchable_can_be_asked(settings: Settings, corpus: Corpus, tiny_chat: Path) -> None:
    class Plain:
        """Finds passages, has no index."""

        def search(self, query: str, k: int = 5) -> Any:
            return corpus.search(query, k)

        def evidence(self, query: str, hits: Any, limit: int = 8) -> Any:
            return corpus.evidence(query, hits, limit)

    chosen = settings.replace(target=str(tiny_chat), max_new_tokens=8)
    assert Pipeline.from_pretrained(corpus=Plain(), settings=chosen).answer(QUESTION, k=1).text is not None
