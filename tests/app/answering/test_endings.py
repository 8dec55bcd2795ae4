"""An answer ends where it should, at the same token with drafts and without, wherever in a block of drafts that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.answering.stream import REPEATS, AnswerStream, Question, answer_request
from app.bench.workload.traces import Forced
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.correction.stream import correction_request
from app.errors import InputError
from app.generation.chat_template import ChatTemplate
from app.generation.detokenizer import TextStream
from app.generation.modes import Mode
from app.generation.prompts import Message
from app.generation.requests import RequestBuilder
from app.generation.tokenizer import TextTokenizer
from app.pipeline import Pipeline
from decoding.interfaces import FinishReason
from retrieval.interfaces import Retrieved
from tests.support.tiny import QUESTION, TEXTS, builder_of, hits_of, pipeline_of, small_tokenizer

FIRST, SECOND, _ = (sentence + "." for sentence in TEXTS[0].removesuffix(".").split(". "))
ENDINGS = {
    "a sentence": (f"{FIRST} {SECOND} {FIRST} {SECOND}", f"{FIRST} {SECOND}"),
    "a line": ("- the finally clause runs\n- the else clause runs\n- the finally clause runs\nMore", None),
    "a phrase": ("It runs " + "in the try block " * 6, "It runs in the try block in the try block in the try block"),
    "none": (f"{FIRST} {SECOND}", None),
}


@pytest.fixture(scope="module")
def builder(tiny_chat: Path, tmp_path_factory: pytest.TempPathFactory) -> RequestBuilder:
    return builder_of(tiny_chat, Settings(home=tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def pipeline(tiny_chat: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return pipeline_of(tiny_chat, Settings(home=tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("lead", ["", "a b\n", "a b c d e\n"])
def test_a_repetition_ends_it_at_the_same_token(builder: RequestBuilder, ending: str, lead: str) -> None:
    text, kept = ENDINGS[ending]
    text = lead + text
    written = builder.tokens.plain(text).ids
    options = builder.resolve(GenerationOptions(max_new_tokens=len(written)), Mode.ANSWER)
    prompt = builder.answer_prompt(QUESTION, Retrieved(tuple(hits_of()), ()), options)
    request = replace(answer_request(builder, prompt, options), processors=(Forced(written),), scope=None)
    plain, drafted = (builder.begin(request, speculate=speculate) for speculate in (False, True))
    for session in (plain, drafted):
        list(builder.engine.iterate(session))
    assert drafted.tokens == plain.tokens
    assert drafted.finish_reason is plain.finish_reason
    assert drafted.stats.target_forwards < plain.stats.target_forwards, "drafts were accepted on the way"
    stream = TextStream(builder.tokens, end_repeats=True)
    shown = "".join(stream.push(token) for token in plain.tokens) + stream.finish()
    if ending == "none":
        assert (plain.finish_reason, stream.repeats, shown) == (FinishReason.LENGTH, False, text)
        return
    assert (plain.finish_reason, stream.repeats) == (FinishReason.STOP, True)
    assert len(plain.tokens) < len(written)
    assert not stream.push(written[len(plain.tokens)])
    assert shown == (lead + kept if kept else text[: text.rindex("\n- ")])


def test_a_repetition_is_said_and_can_be_allowed(builder: RequestBuilder) -> None:
    def written(settings: Settings) -> tuple[str, str | None, str]:
        one = replace(builder, settings=settings)
        ids = one.tokens.plain(ENDINGS["a sentence"][0]).ids
        options = one.resolve(GenerationOptions(max_new_tokens=len(ids)), Mode.ANSWER)
        forced = replace(options, rules=_Forcing(ids))
        question = Question(QUESTION, retrieve=lambda: Retrieved(tuple(hits_of()), ()))
        answer = AnswerStream(one, question, forced).answer()
        return answer.text, answer.notice, answer.finish_reason

    text, whole = ENDINGS["a sentence"][1], ENDINGS["a sentence"][0]
    assert written(builder.settings) == (text, f"{REPEATS[:1].upper()}{REPEATS[1:]}.", "stop")
    assert written(builder.settings.replace(end_repeats=False)) == (whole, None, "length")


class _Forcing:
    """Stands in for the rules of a request: forces its tokens."""

    def __init__(self, ids: tuple[int, ...]) -> None:
        self._ids = ids

    def processors(self, *_: object, **__: object) -> Iterator[Forced]:
        yield Forced(self._ids)


def test_each_mode_has_a_limit_unless_somebody_sets_one(builder: RequestBuilder) -> None:
    def limit(mode: Mode, settings: Settings = builder.settings, **options: int) -> int:
        return replace(builder, settings=settings).resolve(GenerationOptions(**options), mode).max_new_tokens

    assert [limit(mode) for mode in Mode] == [mode.usual_limit for mode in Mode]
    assert limit(Mode.ANSWER) < limit(Mode.CHAT)
    assert limit(Mode.ANSWER, max_new_tokens=700) == 700
    assert limit(Mode.ANSWER, builder.settings.replace(max_new_tokens=300)) == 300


def test_what_ends_a_turn_of_the_template_ends_an_answer(builder: RequestBuilder) -> None:
    tokenizer = small_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", "<|endoftext|>")
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    assert builder.eos_ids == {ends[0]}
    assert replace(builder, template=ChatTemplate(TextTokenizer(tokenizer))).eos_ids == set(ends)


def test_a_chat_takes_no_documents_and_goes_on(pipeline: Pipeline) -> None:
    first = pipeline.chat("Who are you?", max_new_tokens=12)
    assert first.passages == first.citations == ()
    history = [Message("user", "Who are you?"), Message("assistant", "A fox.")]
    again, other = (pipeline.chat("Why?", history=one, max_new_tokens=12) for one in (history, ()))
    assert again.text != other.text, "it sees the conversation"
    assert pipeline.chat("Why?", history=history, max_new_tokens=12, speculate=False).text == again.text
    with pytest.raises(InputError):
        pipeline.chat("  ")


def test_a_follow_up_is_searched_for_and_written_with_the_conversation(pipeline: Pipeline) -> None:
    history = [Message("user", "What is a lambda expression?"), Message("assistant", "An anonymous function.")]
    hits = hits_of()
    alone = pipeline.answer_from("What does it hold?", hits, max_new_tokens=12)
    answer = pipeline.answer_from("What does it hold?", hits, history=history, max_new_tokens=12)
    assert answer.text != alone.text
    plain = pipeline.answer_from("What does it hold?", hits, history=history, max_new_tokens=12, speculate=False)
    assert answer.text == plain.text


def test_a_turn_ends_as_the_template_ends_it(builder: RequestBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many models have an end of all text, too, of a lower number, which they never write behind a turn."""
    (own,) = builder.template.end_ids
    monkeypatch.setattr(RequestBuilder, "eos_ids", frozenset({0, own}))
    biased = replace(builder, settings=builder.settings.replace(copy_bias=5.0))
    request = correction_request(biased, None, "a b", biased.resolve(GenerationOptions()))
    prompt = biased.template.correction("a b", 500)
    assert request is not None
    assert prompt is not None
    (bias,) = request.processors
    state = bias.start()
    for token in prompt.source:
        state = bias.advance(state, token)
    logits_V = np.zeros(biased.engine.target.vocab_size)
    bias.apply(state, logits_V)
    assert np.flatnonzero(logits_V).tolist() == [own]
