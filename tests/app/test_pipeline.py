"""The pipeline on tiny real models: events in order, speculation invisible, every stop and every wrong input."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config.settings import TINY, Settings
from app.errors import InputError, MissingPartError, ModelError
from app.generation.events import Answer, Citation, Done, Retrieval, TextDelta
from app.generation.logit_biases import LogitBiases
from app.generation.prompts import REFUSAL
from app.loading.bundled import TARGET, bundled_folder
from app.loading.search_models import SearchModels
from app.pipeline import Pipeline, Searchable
from decoding.errors import ModelNotFound
from decoding.target.loading import load_target
from retrieval.interfaces import Retrieved
from tests.support.fakes import ARCHITECTURES
from tests.support.tiny import QUESTION, TEXTS, hits_of, pipeline_of, save_tiny, small_tokenizer


@pytest.fixture(scope="module")
def quoting(tiny_bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A random target that never refuses."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    return pipeline_of(tiny_bundled, settings, biases=LogitBiases(least_odds=-1000.0))


@pytest.fixture(scope="module")
def chatting(tiny_chat: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return pipeline_of(tiny_chat, Settings(home=tmp_path_factory.mktemp("home"), max_new_tokens=40))


def what_was_said(answer: Answer) -> tuple[object, ...]:
    """An answer without its figures, and without chances, which a search of somebody else's may not tell."""
    passages = tuple(replace(passage, chance=None) for passage in answer.passages)
    return answer.text, answer.citations, passages, answer.finish_reason, answer.notice


def assert_true_to_sources(answer: Answer) -> None:
    """Every citation's characters are those of its passage's document."""
    passages = {passage.passage_id: passage for passage in answer.passages}
    for citation in answer.citations:
        passage = passages[citation.passage_id]
        assert passage.start <= citation.source_start < citation.source_end <= passage.end
        if citation.kind == "copied":
            source = passage.text[citation.source_start - passage.start : citation.source_end - passage.start]
            assert source == answer.text[citation.answer_start : citation.answer_end]


def test_a_target_that_quotes_can_only_quote_or_refuse(quoting: Pipeline) -> None:
    for question in (QUESTION, "What does a lambda create?", "What is a context manager?"):
        answer = quoting.answer_from(question, hits_of())
        assert answer.finish_reason == "eos"
        assert_true_to_sources(answer)
        numbered = {passage.number: passage for passage in answer.passages}
        for part in answer.text.split("[")[1:]:
            number, _, sentence = part.partition("] ")
            assert sentence.strip() in numbered[int(number)].text
        assert any(citation.kind == "copied" for citation in answer.citations)


def test_speculation_changes_figures_and_nothing_else(quoting: Pipeline, chatting: Pipeline) -> None:
    for pipeline in (quoting, chatting):
        drafted = pipeline.answer_from(QUESTION, hits_of())
        plain = pipeline.answer_from(QUESTION, hits_of(), speculate=False)
        assert what_was_said(drafted) == what_was_said(plain)
        assert plain.stats.target_forwards == plain.stats.tokens == drafted.stats.tokens
        assert plain.stats.by_source == {}
        assert drafted.stats.target_forwards < plain.stats.target_forwards
        assert sum(counts.accepted for counts in drafted.stats.by_source.values()) > 0


def test_events_come_in_order_and_deltas_are_the_answer(quoting: Pipeline) -> None:
    with quoting.stream_from(QUESTION, hits_of()) as stream:
        first, *middle, last = stream
    assert isinstance(first, Retrieval)
    assert isinstance(last, Done)
    assert first.passages == last.answer.passages
    assert "".join(event.text for event in middle if isinstance(event, TextDelta)) == last.answer.text
    hints = [event for event in middle if isinstance(event, Citation)]
    assert len(hints) + sum(isinstance(event, TextDelta) for event in middle) == len(middle)
    by_id = {passage.passage_id: passage for passage in first.passages}
    for hint in hints:
        passage = by_id[hint.passage_id]
        source = passage.text[hint.source_start - passage.start : hint.source_end - passage.start]
        assert source == last.answer.text[hint.answer_start : hint.answer_end]


def test_a_drafted_quotation_is_hinted_at_while_it_streams(quoting: Pipeline) -> None:
    *events, done = quoting.stream_from(QUESTION, hits_of())
    assert isinstance(done, Done)
    hints = [e for e in events if isinstance(e, Citation)]
    # The first token of a quotation may be the target's own: a hint lies inside the citation it foretells.
    assert any(
        hint.passage_id == found.passage_id
        and found.source_start <= hint.source_start < hint.source_end <= found.source_end
        for hint in hints
        for found in done.answer.citations
    )


def test_figures_add_up(quoting: Pipeline) -> None:
    stats = quoting.answer_from(QUESTION, hits_of()).stats
    assert stats.mean_acceptance_length == pytest.approx(stats.tokens / stats.target_forwards)
    assert set(stats.stages_s) == {"retrieve", "prompt", "prefill", "decode"}
    assert all(seconds >= 0 for seconds in stats.stages_s.values())
    assert stats.tokens_per_s == pytest.approx(stats.tokens / stats.stages_s["decode"])
    assert stats.stages_s["retrieve"] < stats.ttft_s


def test_sampling_repeats_with_its_seed_and_is_not_changed_by_drafts(chatting: Pipeline) -> None:
    sampled = [
        chatting.answer_from(QUESTION, hits_of(), do_sample=True, temperature=0.8, seed=seed, speculate=speculate).text
        for seed, speculate in ((1, True), (1, False), (2, True))
    ]
    assert sampled[0] == sampled[1] != sampled[2]


def test_limits_and_stop_strings_end_an_answer_exactly(chatting: Pipeline) -> None:
    whole = chatting.answer_from(QUESTION, hits_of(), max_new_tokens=30)
    assert (whole.stats.tokens, whole.finish_reason) == (30, "length")
    middle = len(whole.text) // 2
    stop = whole.text[middle : middle + 3]
    for speculate in (True, False):
        stopped = chatting.answer_from(
            QUESTION, hits_of(), max_new_tokens=30, stop_strings=["never comes", stop], speculate=speculate
        )
        assert stopped.text == whole.text[: whole.text.index(stop)]
        assert stopped.finish_reason == "stop"


def test_cancelling_between_steps_ends_the_stream(chatting: Pipeline) -> None:
    with chatting.stream_from(QUESTION, hits_of()) as stream:
        for event in stream:
            if isinstance(event, TextDelta):
                stream.cancel()
        assert isinstance(event, Done)
        assert event.answer.finish_reason == "cancelled"
        assert 0 < event.answer.stats.target_forwards <= 2


def test_cancelling_before_the_first_event_generates_nothing(chatting: Pipeline) -> None:
    stream = chatting.stream_from(QUESTION, hits_of())
    stream.cancel()
    answer = stream.answer()
    assert (answer.text, answer.finish_reason, answer.stats.tokens) == ("", "cancelled", 0)


def test_cancelling_while_another_request_has_the_model(chatting: Pipeline) -> None:
    stream = chatting.stream_from(QUESTION, hits_of())
    assert isinstance(next(stream), Retrieval)
    ended: list[Answer] = []
    with chatting.engine._scheduler._lock.turn():
        waiting = threading.Thread(target=lambda: ended.append(stream.answer()))
        waiting.start()
        time.sleep(0.1)
        assert not ended
        stream.cancel()
    waiting.join(timeout=60)
    assert [answer.finish_reason for answer in ended] == ["cancelled"]


def test_two_answers_grow_side_by_side_and_a_forgotten_one_holds_nothing(chatting: Pipeline) -> None:
    alone = [what_was_said(chatting.answer_from(question, hits_of())) for question in (QUESTION, "And lambda?")]
    forgotten = chatting.stream_from("Who reads this?", hits_of())
    for _ in range(4):
        next(forgotten)
    together: dict[int, Answer] = {}

    def ask(number: int, question: str) -> None:
        together[number] = chatting.answer_from(question, hits_of())

    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate((QUESTION, "And lambda?"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [what_was_said(together[number]) for number in (0, 1)] == alone


class Empty(Searchable):
    """A corpus in which nothing is found."""

    def retrieve(self, question: str, k: int, sentences: int) -> Retrieved:
        return Retrieved((), ())


class SameHits(Searchable):
    """A corpus that finds always the same, and notes what was asked."""

    def __init__(self, texts: Sequence[str] = TEXTS) -> None:
        self.hits = hits_of(texts)
        self.asked: list[tuple[str, int]] = []

    def retrieve(self, question: str, k: int, sentences: int) -> Retrieved:
        self.asked.append((question, k))
        hits = tuple(self.hits[:k])
        find_evidence = SearchModels(Settings()).evidence_finder()
        return Retrieved(hits, tuple(find_evidence(question, hits, sentences)))


def test_a_corpus_may_be_named_for_each_call(quoting: Pipeline) -> None:
    corpus = SameHits()
    answer = quoting.answer(QUESTION, corpus=corpus, k=2)
    assert corpus.asked == [(QUESTION, 2)]
    assert len(answer.passages) == 2
    assert what_was_said(answer) == what_was_said(quoting.answer_from(QUESTION, corpus.hits[:2]))
    quoting.answer(QUESTION, corpus=corpus)
    assert corpus.asked[-1] == (QUESTION, 5)


def test_without_any_passage_the_answer_is_the_refusal(quoting: Pipeline) -> None:
    answer = quoting.answer(QUESTION, corpus=Empty())
    assert (answer.text, answer.citations) == (REFUSAL, ())


@pytest.mark.parametrize(
    ("question", "options", "said"),
    [
        (" \n", {}, "the question is empty"),
        (QUESTION, {"temperature": 0.5}, "temperature is set"),
        (QUESTION, {"k": 0}, "k cannot be 0"),
        (QUESTION, {"max_new_tokens": 0}, "max_new_tokens cannot be 0"),
        (QUESTION, {"stop_strings": "x"}, "stop_strings is one text"),
        (QUESTION, {"max_new_tokens": 5000}, "max_new_tokens is 5000"),
        ("why " * 2000, {}, "the question needs"),
    ],
)
def test_wrong_input_gives_cause_and_remedy(
    quoting: Pipeline, question: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        quoting.answer_from(question, hits_of(), **options)
    assert said in caught.value.cause
    assert caught.value.hint
    assert "\n" not in caught.value.cause + caught.value.hint


def test_a_pipeline_without_a_corpus_cannot_be_asked(quoting: Pipeline) -> None:
    with pytest.raises(InputError, match="no corpus"):
        quoting.answer(QUESTION)


def test_what_was_left_out_and_an_unknown_language_are_said_in_a_line(quoting: Pipeline) -> None:
    many = hits_of([f"{text} Number {n} of them." for n in range(4) for text in TEXTS])
    answer = quoting.answer_from("Wann wird die finally-Klausel ausgeführt und was ist sie?", many, max_new_tokens=900)
    assert answer.notice is not None
    assert answer.notice.endswith("were left out.")
    assert "German" in answer.notice
    assert "--encoder" in answer.notice
    assert "evidence sentences did not fit" in answer.notice
    assert "\n" not in answer.notice
    assert quoting.answer_from(QUESTION, hits_of()).notice is None


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_any_architecture_answers_from_disk(architecture: str, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / architecture, small_tokenizer(chat=architecture != "gpt2"), architecture)
    settings = Settings(home=tmp_path, target=str(folder), max_new_tokens=24)
    pipeline = pipeline_of(folder, settings)
    drafted = pipeline.answer_from(QUESTION, hits_of())
    assert what_was_said(drafted) == what_was_said(pipeline.answer_from(QUESTION, hits_of(), speculate=False))
    assert 0 < drafted.stats.tokens <= 24
    # Passages without likely evidence are not shown; drafts may copy them all the same.
    numbers = [passage.number for passage in drafted.passages]
    assert (len(numbers), numbers[0]) == (3, 1)
    assert [number for number in numbers if number is not None] == list(range(1, 4 - numbers.count(None)))


def test_any_model_can_be_held_to_quotations(tiny_chat: Path, settings: Settings) -> None:
    pipeline = pipeline_of(tiny_chat, settings.replace(quote=True))
    answer = pipeline.answer_from(QUESTION, hits_of())
    assert answer.finish_reason == "eos"
    assert answer.text == REFUSAL or answer.text.startswith("[")
    assert_true_to_sources(answer)
    assert "[" in answer.text or answer.text == REFUSAL


def test_a_short_context_leaves_room_for_the_prompt(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "short", small_tokenizer(), context=512)
    settings = Settings(home=tmp_path).replace(max_new_tokens=330)
    answer = pipeline_of(folder, settings).answer_from("Why?", hits_of())
    assert answer.notice is not None
    assert answer.passages[0].number == 1
    with pytest.raises(InputError, match="question needs"):
        pipeline_of(folder, Settings(home=tmp_path).replace(max_new_tokens=500)).answer_from("Why?", hits_of())


def test_from_pretrained_loads_a_folder_as_the_settings_say(tiny_chat: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, max_new_tokens=8)
    pipeline = Pipeline.from_pretrained(str(tiny_chat), corpus=None, settings=settings, dtype="float64")
    assert pipeline.target_name == str(tiny_chat)
    assert str(pipeline.engine.target.dtype) == "torch.float64"
    assert pipeline.answer_from(QUESTION, hits_of()).stats.tokens == 8
    with pytest.raises(ModelNotFound):
        Pipeline.from_pretrained(str(tmp_path / "nowhere" / "at" / "all"), corpus=None, settings=settings)


def test_what_a_coarse_dtype_does_to_exactness_is_said(
    tiny_chat: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    Pipeline.from_pretrained(str(tiny_chat), corpus=None, settings=settings)
    assert "rounds" not in caplog.text
    Pipeline.from_pretrained(str(tiny_chat), corpus=None, settings=settings, dtype="bfloat16")
    assert "may differ from the one without drafts" in caplog.text


def test_a_damaged_tuning_file_is_named(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", small_tokenizer())
    (folder / "spandraft.json").write_text("{")
    with pytest.raises(ModelError, match=r"spandraft\.json"):
        Pipeline.from_pretrained(settings=Settings(home=tmp_path, target=str(folder)), corpus=None)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", small_tokenizer())
    config = json.loads((folder / "config.json").read_text())
    larger = small_tokenizer()
    larger.add_tokens([f"<extra{number}>" for number in range(10)])
    larger.save_pretrained(folder)
    assert config["vocab_size"] < len(larger)
    with pytest.raises(ModelError, match="tokens, the model"):
        Pipeline.from_pretrained(settings=Settings(home=tmp_path, target=str(folder)), corpus=None)


def test_importing_the_package_is_light() -> None:
    code = "import sys, app; assert not {'torch', 'transformers', 'gradio'} & set(sys.modules); print(app.__all__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"Corpus", "Pipeline"} <= set(ast.literal_eval(done.stdout))


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The target that comes with Spandraft."""
    assert (bundled_folder(TARGET) / "model.safetensors").is_file()
    return Pipeline.from_pretrained(corpus=None, settings=Settings(home=tmp_path_factory.mktemp("home"), target=TINY))


def test_the_bundled_target_quotes(bundled: Pipeline) -> None:
    answer = bundled.answer_from(QUESTION, hits_of())
    assert answer.finish_reason == "eos"
    assert_true_to_sources(answer)
    assert answer.text == REFUSAL or answer.text.startswith("[")
    assert what_was_said(answer) == what_was_said(bundled.answer_from(QUESTION, hits_of(), speculate=False))


def test_the_bundled_target_corrects_without_garbling(bundled: Pipeline) -> None:
    text = "The function is called when the block ends.\n\nIt returns  3 values at most."
    drafted, plain = (bundled.correct(text, speculate=speculate) for speculate in (True, False))
    assert drafted.corrected == plain.corrected
    assert drafted.corrected.count("\n\n") == 1
    assert "3" in drafted.corrected


def test_without_weights_the_bundled_target_is_a_missing_part(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("app.loading.models.bundled_folder", lambda part: tmp_path)
    with pytest.raises(MissingPartError, match="no weights"):
        Pipeline.from_pretrained(settings=settings, corpus=None)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "spandraft.json"])
def test_a_damaged_bundled_target_is_to_be_installed_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    folder = save_tiny(tmp_path / "model", small_tokenizer())
    (folder / name).write_text("{")
    with pytest.raises((ModelError, ModelNotFound)) as caught:
        Pipeline.from_pretrained(settings=settings.replace(target=str(folder)), corpus=None)
    assert "Install" not in caught.value.hint, "this one is the user's own"
    monkeypatch.setattr("app.loading.models.bundled_folder", lambda part: folder)
    with pytest.raises(ModelError) as found:
        Pipeline.from_pretrained(settings=settings, corpus=None)
    assert (found.value.cause, found.value.hint) == (caught.value.cause, "install Spandraft again")


@pytest.mark.parametrize("name", ["./nowhere", "~/nowhere", "/nowhere/at/all", "nowhere/at/all"])
def test_a_path_without_a_target_is_told_before_a_corpus_is_made(settings: Settings, name: str) -> None:
    with pytest.raises(ModelNotFound) as early:
        Pipeline.from_pretrained(name, corpus="sample", settings=settings)
    assert not (settings.home / "corpora").exists(), "the sample would take a minute"
    with pytest.raises(ModelNotFound) as late:
        load_target(name)
    assert str(early.value) == str(late.value)


@pytest.mark.parametrize("options", [{"k": 2.5}, {"k": "3"}, {"max_new_tokens": 1.5}, {"max_new_tokens": True}])
def test_a_count_that_is_no_whole_number_is_refused(chatting: Pipeline, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="cannot be"):
        chatting.answer_from(QUESTION, hits_of(), **options)


def test_what_was_written_is_forgotten_when_asked(chatting: Pipeline) -> None:
    chatting.answer_from(QUESTION, hits_of(), scope="mine")
    chatting.forget("yours")
    assert "mine" in chatting.engine.shared.blend.history.scopes
    chatting.forget("mine")
    assert "mine" not in chatting.engine.shared.blend.history.scopes
    chatting.forget()
    assert chatting.engine.shared.blend.history.scopes == ()
    assert len(chatting.engine._scheduler.prefixes) == 0
