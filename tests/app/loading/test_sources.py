"""Who drafts, from settings to accepted tokens: sources by name, a draft model, the whole corpus."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from app.config.settings import TINY, Settings, about
from app.errors import MissingPartError, ModelError, SettingError, SpandraftError, UnknownNameError, as_user_error
from app.library.corpus import Corpus
from app.loading import bundled, engine
from app.loading import sources as drafts
from app.loading.sources import Drafters, drafters_of, is_drafter, setting_of, source_names, sources_of, with_bundled
from app.pipeline import Pipeline, Searchable
from corpora.store.library import Library
from decoding.drafting.cost_model import CostModel
from decoding.errors import DecodingError
from decoding.interfaces import Request
from decoding.sources.base import DraftSource
from decoding.sources.table import DEFAULT_SOURCES, SOURCES, make_sources
from retrieval.hybrid import HybridRetriever
from retrieval.interfaces import Retrieved
from tests.support.drafts import proposed
from tests.support.retrieval_fakes import LetterEncoder
from tests.support.tiny import QUESTION, TEXTS, save_heads, save_parallel, save_tiny, small_tokenizer

SURE = Settings(home=Path("nowhere"), target=TINY)
DRAFTERS = {
    "draft_model": "draft-model",
    "heads": "heads",
    "parallel_model": "parallel",
    "skipped_layers": "layer-skip",
}


def test_sources_unless_they_are_named() -> None:
    assert source_names(SURE) == (*DEFAULT_SOURCES, "corpus")
    for key, source in DRAFTERS.items():
        for value in ("none", "auto") if key != "skipped_layers" else ("",):
            assert source_names(SURE.replace(**{key: value})) == (*DEFAULT_SOURCES, "corpus")
        assert source_names(SURE.replace(**{key: "3"})) == (*DEFAULT_SOURCES, "corpus", source)
    both = SURE.replace(draft_model="small", heads="mine")
    assert source_names(both) == (*DEFAULT_SOURCES, "corpus", "draft-model", "heads")
    assert source_names(both.replace(sources="prompt-lookup,draft-tree,heads-chain")) == (
        "prompt-lookup",
        "draft-tree",
        "heads-chain",
    )
    assert source_names(SURE.replace(sources="prompt-lookup, recycled")) == ("prompt-lookup", "recycled")
    assert source_names(SURE.replace(sources="")) == ()
    sampled = SURE.replace(criterion="speculative-sampling", draft_model="small")
    assert source_names(sampled) == source_names(sampled.replace(sources="draft-model")) == ("draft-model",)
    assert set(source_names(SURE)) <= set(SOURCES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": "prompt-lookup,draft-model"}, "draft-model"),
        ({"sources": "draft-tree"}, "draft-tree"),
        ({"sources": "prompt-lookup", "draft_model": "small"}, "draft_model"),
        ({"sources": "prompt-lookup,draft-model", "draft_model": "none"}, "draft-model"),
        ({"sources": "heads"}, "source heads has no heads"),
        ({"sources": "parallel-chain"}, "parallel-chain"),
        ({"sources": "layer-skip"}, "layer-skip has no skipped layers"),
        ({"sources": "prompt-lookup", "heads": "mine"}, "heads"),
        ({"sources": "heads", "heads": "mine", "parallel_model": "other"}, "parallel_model"),
        ({"sources": "prompt-lookup", "skipped_layers": "1"}, "skipped_layers"),
        ({"criterion": "speculative-sampling"}, "speculative-sampling"),
        ({"criterion": "speculative-sampling", "draft_model": "small", "sources": "prompt-lookup"}, "alone"),
        ({"criterion": "speculative-sampling", "draft_model": "small", "heads": "mine"}, "alone"),
    ],
)
def test_what_would_be_ignored_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError) as caught:
        source_names(SURE.replace(**changes))
    assert said in caught.value.cause
    assert caught.value.hint


def test_an_unknown_source_has_its_nearest_name() -> None:
    with pytest.raises(UnknownNameError) as caught:
        source_names(SURE.replace(sources="prompt-lockup"))
    assert "prompt-lookup" in caught.value.hint


def test_every_source_that_needs_something_is_known() -> None:
    """A source without its model is silent: the table must name each, or it would be ignored."""
    request = Request((1,), 1)
    silent = []
    for name in SOURCES:
        (source,) = make_sources([name])
        if type(source).cost_s is not DraftSource.cost_s:
            source.start(request)
            assert proposed(source, [], 4) == []
            silent.append(name)
    assert {name for name in SOURCES if is_drafter(name)} >= set(silent)
    assert set(silent) >= set(DRAFTERS.values())
    assert {setting_of(name) for name in SOURCES if is_drafter(name)} == set(DRAFTERS)
    assert [sources_of(key)[0] for key in DRAFTERS] == list(DRAFTERS.values())
    assert {source for key in DRAFTERS for source in sources_of(key)} <= set(SOURCES)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An installation whose bundled drafters are there; the product takes the draft model by itself."""
    for part in ("draft", "heads"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "some.safetensors").touch()
    monkeypatch.setattr(drafts, "bundled_folder", lambda part: tmp_path / part)
    monkeypatch.setattr(drafts, "BY_DEFAULT", frozenset({"draft_model", "parallel_model"}))
    return tmp_path


def test_auto_takes_what_pays_where_it_is_there_and_of_use(parts: Path) -> None:
    assert drafters_of(SURE) == Drafters(draft_model="bundled")
    assert source_names(SURE)[-1] == "draft-model"
    for changes in (
        {"draft_model": "none"},
        {"target": "other"},
        {"speculate": "off"},
        {"sources": "prompt-lookup"},
        {"sources": "prompt-lookup", "criterion": "typical"},
    ):
        assert drafters_of(SURE.replace(**changes)) == Drafters(), changes
        source_names(SURE.replace(**changes))
    assert drafters_of(SURE.replace(sources="draft-tree")) == Drafters(draft_model="bundled")
    assert source_names(SURE.replace(criterion="speculative-sampling")) == ("draft-model",)
    (parts / "draft" / "some.safetensors").unlink()
    assert drafters_of(SURE) == Drafters()


def test_the_bundled_drafters_are_loaded_and_the_answer_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings, tiny_bundled: Path
) -> None:
    """As an installation has it whose default is the draft model, beside heads that somebody asks for."""
    folders = {"target": tiny_bundled, "draft": tiny_bundled, "heads": save_heads(tmp_path / "heads")}
    for module in ("app.loading.models", "app.loading.sources"):
        monkeypatch.setattr(f"{module}.bundled_folder", folders.__getitem__)
    monkeypatch.setattr(drafts, "BY_DEFAULT", frozenset({"draft_model"}))
    pipeline = Pipeline.from_pretrained(settings=settings.replace(heads="bundled", max_new_tokens=24), corpus=None)
    pipeline.engine.budget.costs = CostModel()  # Every draft is verified: what pays is not the question here.
    plain, drafted = (pipeline.correct("He go to the school.", speculate=speculate) for speculate in (False, True))
    assert drafted.corrected == plain.corrected
    assert drafted.stats.by_source["draft-model"].accepted > 0
    assert {"draft-model", "heads"} <= set(drafted.stats.by_source)


def test_benches_take_all_that_is_there(parts: Path) -> None:
    assert drafters_of(with_bundled(SURE)) == Drafters(draft_model="bundled", heads="bundled")
    assert drafters_of(with_bundled(SURE.replace(heads="none", draft_model="small"))) == Drafters(draft_model="small")
    assert drafters_of(with_bundled(SURE.replace(target="other"))) == Drafters()


def test_no_drafter_is_taken_unless_it_was_measured_to_pay() -> None:
    assert set(drafts.BY_DEFAULT) <= set(bundled.DRAFTERS)
    if not drafts.BY_DEFAULT:
        assert drafters_of(Settings(home=Path("nowhere"), target=TINY)) == Drafters()


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
    pipeline = Pipeline.from_pretrained(settings=chosen, corpus=corpus)
    plain = pipeline.answer(QUESTION, k=1, speculate=False)
    drafted = pipeline.answer(QUESTION, k=1)
    assert drafted.text == plain.text
    assert drafted.stats.by_source["draft-model"].accepted > 0


@pytest.fixture
def drafters(tmp_path: Path, chat_tokenizer: Any) -> dict[str, str]:
    """Something of each kind for the tiny target with a chat template."""
    return {
        "heads": str(save_heads(tmp_path / "heads")),
        "parallel_model": str(save_parallel(tmp_path / "parallel", chat_tokenizer)),
        "skipped_layers": "1",
    }


def test_all_drafters_draft_and_the_answer_stays(
    settings: Settings, corpus: Corpus, tiny_chat: Path, drafters: dict[str, str]
) -> None:
    chosen = settings.replace(target=str(tiny_chat), max_new_tokens=40, **drafters)
    pipeline = Pipeline.from_pretrained(settings=chosen, corpus=corpus)
    pipeline.engine.budget.costs = CostModel()  # Every draft is verified: what pays is not the question here.
    plain = pipeline.answer(QUESTION, k=1, speculate=False)
    drafted = pipeline.answer(QUESTION, k=1)
    assert drafted.text == plain.text
    assert not drafted.stats.failed_sources
    assert {"heads", "parallel", "layer-skip"} <= set(drafted.stats.by_source)


@pytest.mark.parametrize("key", ["heads", "parallel_model"])
def test_what_is_no_drafter_is_refused(
    settings: Settings, tiny_chat: Path, tmp_path: Path, drafters: dict[str, str], key: str
) -> None:
    def refused(value: object, said: str) -> None:
        with pytest.raises((SpandraftError, DecodingError)) as caught:
            engine.request_builder(settings.replace(target=str(tiny_chat), **{key: value}))
        cause, hint = as_user_error(caught.value) or ("", "")
        assert said in cause and hint
        assert "\n" not in cause + hint

    refused(tmp_path / "absent", "absent")
    refused("somebody/drafter", "somebody/drafter")
    refused("bundeld", "bundeld")
    refused(tiny_chat, str(tiny_chat))
    folder = Path(drafters[key])
    next(folder.glob("*.safetensors")).write_bytes(b"broken")
    refused(folder, str(folder))


def test_a_drafter_for_another_target_is_refused(
    settings: Settings, tiny_chat: Path, tmp_path: Path, bundled_tokenizer: Any
) -> None:
    wide = save_heads(tmp_path / "wide", hidden=64)
    with pytest.raises(DecodingError, match="hidden size of 64"):
        engine.request_builder(settings.replace(target=str(tiny_chat), heads=str(wide)))
    other = save_parallel(tmp_path / "other", bundled_tokenizer)
    with pytest.raises(ModelError, match="tokenizer"):
        engine.request_builder(settings.replace(target=str(tiny_chat), parallel_model=str(other)))
    for layers in ("7", "0,1"):
        with pytest.raises(DecodingError, match="cannot be skipped"):
            engine.request_builder(settings.replace(target=str(tiny_chat), skipped_layers=layers))


@pytest.mark.parametrize("key", bundled.DRAFTERS)
def test_the_help_says_what_auto_takes(key: str) -> None:
    assert ("auto: none" in about(key)) == (key not in drafts.BY_DEFAULT)


@pytest.mark.parametrize("key", ["draft_model", "heads", "parallel_model"])
def test_a_bundled_drafter_that_is_not_there_is_a_missing_part(
    settings: Settings, tiny_chat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr("app.loading.models.bundled_folder", lambda part: tmp_path / part)
    with pytest.raises(MissingPartError, match="no weights") as caught:
        engine.request_builder(settings.replace(target=str(tiny_chat), **{key: "bundled"}))
    assert "--" + key.replace("_", "-") in caught.value.hint


@pytest.mark.parametrize("key", ["draft_model", "heads", "parallel_model"])
def test_a_damaged_bundled_drafter_is_to_be_installed_again(
    settings: Settings, tiny_chat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    if key == "heads":
        save_heads(tmp_path)
    else:
        shutil.copytree(tiny_chat, tmp_path, dirs_exist_ok=True)
    for file in tmp_path.glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-100])
    monkeypatch.setattr("app.loading.models.bundled_folder", lambda part: tmp_path)
    with pytest.raises(ModelError) as caught:
        engine.request_builder(settings.replace(target=str(tiny_chat), **{key: "bundled"}))
    assert caught.value.hint == "install Spandraft again"


def test_a_draft_model_with_other_tokens_is_refused(
    settings: Settings, tiny_chat: Path, tiny_bundled: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        engine.request_builder(settings.replace(target=str(tiny_chat), draft_model=str(tiny_bundled)))
    assert str(tiny_bundled) in caught.value.cause
    assert "family" in caught.value.hint
    swapped = _with_two_tokens_swapped(tmp_path)
    with pytest.raises(ModelError):
        engine.request_builder(settings.replace(target=str(tiny_chat), draft_model=str(swapped)))


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
    pipeline = Pipeline.from_pretrained(settings=chosen, corpus=corpus)
    pipeline.engine.budget.costs = CostModel()  # Every draft is verified: what pays is not the question here.
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
    pipeline = Pipeline.from_pretrained(
        settings=settings.replace(target=str(tiny_chat), sources="prompt-lookup", max_new_tokens=8), corpus=corpus
    )
    pipeline.answer(QUESTION, k=1)
    assert not (settings.home / "corpora" / "mine" / "drafts").exists()


def test_anything_searchable_can_be_asked(settings: Settings, corpus: Corpus, tiny_chat: Path) -> None:
    class Plain(Searchable):
        """Finds passages, has no index."""

        def retrieve(self, question: str, k: int, sentences: int) -> Retrieved:
            return corpus.retrieve(question, k, sentences)

    chosen = settings.replace(target=str(tiny_chat), max_new_tokens=8)
    assert Pipeline.from_pretrained(corpus=Plain(), settings=chosen).answer(QUESTION, k=1).text is not None
