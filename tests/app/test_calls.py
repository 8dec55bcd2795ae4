"""Calls from Python: what they take, what they refuse and in which words, and what they close."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.config.settings import Settings
from app.errors import ArgumentError, InputError
from app.generation.events import TextDelta
from app.generation.prompts import Message, Prompt
from app.generation.requests import RequestBuilder
from app.library.corpus import Corpus
from app.pipeline import Pipeline
from corpora.errors import CorpusNotFound, InvalidName
from tests.support.tiny import QUESTION, TEXTS, hits_of, pipeline_of


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def pipeline(tiny_chat: Path, home: Path) -> Pipeline:
    return pipeline_of(tiny_chat, Settings(home=home, max_new_tokens=16))


class Prompts:
    """Remembers what a pipeline searches for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def search(self, query: str, k: int) -> list[str]:
        self.asked.append(query)
        return list(TEXTS)


@pytest.mark.parametrize("call", ["answer", "stream", "answer_from", "stream_from", "chat", "stream_chat"])
def test_a_misspelt_option_is_told_with_the_nearest(pipeline: Pipeline, call: str) -> None:
    further = {"hits": hits_of()} if call.endswith("from") else {}
    with pytest.raises(ArgumentError) as caught:
        getattr(pipeline, call)(QUESTION, **further, max_new_token=5)
    assert "has no keyword max_new_token" in caught.value.cause
    assert caught.value.hint == "did you mean max_new_tokens?"
    with pytest.raises(ArgumentError) as far:
        getattr(pipeline, call)(QUESTION, **further, wibble=5)
    assert "max_new_tokens" in far.value.hint


@pytest.mark.parametrize("question", [None, 5, ["a"], b"bytes"])
def test_a_question_that_is_no_text_is_told(pipeline: Pipeline, question: Any) -> None:
    with pytest.raises(ArgumentError, match=r"question is .*, not a text"):
        pipeline.answer_from(question, hits_of())
    with pytest.raises(ArgumentError, match=r"question is .*, not a text"):
        pipeline.chat(question)
    with pytest.raises(ArgumentError, match=r"text is .*, not a text"):
        pipeline.correct(question)


@pytest.mark.parametrize(
    ("given", "cause", "hint"),
    [
        ({"corpsu": "x"}, "Pipeline has no keyword corpsu", "did you mean corpus?"),
        ({"Corpus": "x"}, "Pipeline has no keyword Corpus", "did you mean corpus?"),
        ({"device_mpa": "auto"}, "Pipeline has no keyword device_mpa", "did you mean device_map?"),
        ({"torch_dtype": "x"}, "Pipeline has no keyword torch_dtype", "write dtype"),
        ({"max_new_tokens": 3}, "max_new_tokens, which is a setting", "Settings.load().replace(max_new_tokens=...)"),
        ({"max_new_tokns": 3}, "Pipeline has no keyword max_new_tokns", "did you mean max_new_tokens?"),
        ({"wibble": 3}, "Pipeline has no keyword wibble", "it takes target, corpus, settings, dtype"),
        ({"target": ["a", "b"]}, "target is a list, not a text", "Pipeline(corpus=...)"),
        ({"settings": {"k": 3}}, "settings is a dict", "Settings.load"),
        ({"corpus": {"a": "b"}}, "corpus is a dict", "a list of texts"),
        ({"corpus": Path("x")}, "corpus is a path, x", "Corpus.create"),
        ({"corpus": 5}, "corpus is an int", "a list of texts"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_loaded(given: dict[str, Any], cause: str, hint: str) -> None:
    for make in (Pipeline, Pipeline.from_pretrained):
        with pytest.raises(ArgumentError) as caught:
            make(**given)
        assert cause in caught.value.cause
        assert hint in caught.value.hint
        assert str(caught.value) == f"{caught.value.cause}\n{caught.value.hint}"
        assert isinstance(caught.value, TypeError)


def test_a_wrong_name_of_a_corpus_is_told(pipeline: Pipeline, home: Path) -> None:
    with pytest.raises(CorpusNotFound, match="nope"):
        Pipeline(corpus="nope", settings=Settings(home=home))
    with pytest.raises(InvalidName):
        Pipeline(corpus="a/b", settings=Settings(home=home))
    with pytest.raises(CorpusNotFound):
        pipeline.answer(QUESTION, corpus="nope")
    for wrong in (None, Path("x")):
        for call in (Corpus.open, Corpus.create):
            with pytest.raises(ArgumentError, match="the name of a corpus is"):
                call(wrong, settings=Settings(home=home))  # type: ignore[arg-type]


def test_texts_and_own_retrievers_are_asked_and_cited(tiny_chat: Path, home: Path) -> None:
    settings = Settings(home=home, quote=True, speculate=False)
    with Pipeline(str(tiny_chat), corpus=list(TEXTS), settings=settings) as asking:
        answer = asking.answer(QUESTION)
        assert {passage.document for passage in answer.passages} == {"text 1", "text 2", "text 3"}
        own = Prompts()
        assert asking.answer(QUESTION, corpus=own).passages[0].document == "Prompts 1"
        assert own.asked == [QUESTION]
        assert asking.answer(QUESTION, corpus=[("a.txt", TEXTS[0])]).passages[0].document == "a.txt"
    for citation in answer.citations:
        assert citation.document.startswith("text ")


@pytest.mark.parametrize(
    "history",
    [
        [("What is a lambda?", "A small function.")],
        [Message("user", "What is a lambda?"), Message("assistant", "A small function.")],
        [{"role": "user", "content": "What is a lambda?"}, {"role": "assistant", "content": "A small function."}],
    ],
)
def test_a_follow_up_sees_the_conversation_in_any_form(
    pipeline: Pipeline, history: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Prompts()
    pipeline.answer("And what does it return?", corpus=own, history=history)
    assert own.asked == ["what does it return? lambda"]
    prompts: list[str] = []
    write = RequestBuilder.chat_prompt

    def noted(builder: RequestBuilder, *given: Any) -> Prompt:
        prompt = write(builder, *given)
        prompts.append(builder.tokens.hf.decode(prompt.ids))
        return prompt

    monkeypatch.setattr(RequestBuilder, "chat_prompt", noted)
    pipeline.chat("And what does it return?", history=history, max_new_tokens=1)
    assert "A small function." in prompts[0]
    with pytest.raises(ArgumentError, match="part 1 of history"):
        pipeline.chat("x", history=["What is a lambda?"])  # type: ignore[list-item]


def test_a_closed_pipeline_closes_what_it_opened_and_says_so(tiny_chat: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, max_new_tokens=4, speculate=False)
    handed_in = Corpus.create("mine", settings=settings)
    (tmp_path / "a.txt").write_text(TEXTS[0])
    handed_in.add(tmp_path / "a.txt")
    with Pipeline(str(tiny_chat), corpus="mine", settings=settings) as asking:
        assert asking.answer(QUESTION).passages[0].document == "a.txt"
        assert asking.answer(QUESTION, corpus=handed_in).passages
        opened = asking.corpus
        assert isinstance(opened, Corpus)
    asking.close()
    assert handed_in.search(QUESTION)
    for call in (lambda: asking.answer(QUESTION), lambda: asking.chat("x"), lambda: asking.correct("x")):
        with pytest.raises(InputError, match="the pipeline is closed"):
            call()


def test_a_stream_that_is_broken_off_keeps_what_it_had(pipeline: Pipeline) -> None:
    whole = pipeline.answer_from(QUESTION, hits_of())
    stream = pipeline.stream_from(QUESTION, hits_of())
    assert (stream.text, stream.so_far.text, stream.so_far.passages) == ("", "", ())
    pieces: list[str] = []
    for event in stream:
        if isinstance(event, TextDelta):
            pieces.append(event.text)
            break
    stream.close()
    partial = stream.so_far
    assert stream.text == partial.text == pieces[0] != ""
    assert whole.text.startswith(partial.text)
    assert (partial.finish_reason, partial.passages, partial.question) == ("unfinished", whole.passages, QUESTION)
    assert stream.answer() == partial
    for citation in partial.citations:
        source = {passage.passage_id: passage for passage in partial.passages}[citation.passage_id]
        copied = source.text[citation.source_start - source.start : citation.source_end - source.start]
        assert citation.kind == "marked" or copied == partial.text[citation.answer_start : citation.answer_end]


def test_an_open_stream_goes_on_where_it_was_left_and_answers_twice_the_same(pipeline: Pipeline) -> None:
    stream = pipeline.stream_from(QUESTION, hits_of())
    next(stream)
    next(stream)
    answer = stream.answer()
    assert answer.finish_reason != "unfinished"
    assert stream.text == answer.text
    assert stream.answer() is stream.so_far is answer
    assert list(stream) == []


def test_a_search_that_fails_leaves_an_empty_unfinished_answer(pipeline: Pipeline) -> None:
    class Failing:
        def search(self, query: str, k: int) -> list[str]:
            raise ConnectionError("the index is away")

    stream = pipeline.stream(QUESTION, corpus=Failing())
    with pytest.raises(ConnectionError):
        stream.answer()
    assert (stream.so_far.text, stream.so_far.finish_reason) == ("", "unfinished")


def test_a_correction_that_is_broken_off_keeps_its_text(pipeline: Pipeline) -> None:
    stream = pipeline.stream_correct("i think that they are right. He go to school.")
    next(stream)
    stream.close()
    assert stream.text
    with pytest.raises(InputError, match="broken off"):
        stream.correction()
