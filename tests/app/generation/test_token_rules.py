"""How tokens are chosen: the call over the settings over the model's own advice, and none of it ignored."""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch

from app.answering.stream import answer_request
from app.bench.speed.hugging_face import HuggingFace
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.errors import InputError
from app.generation.requests import RequestBuilder
from app.generation.token_rules import criterion, lossy_remark, token_rules, word_ids
from app.generation.tokenizer import TextTokenizer
from app.pipeline import Options, Pipeline
from decoding.errors import InvalidRequest
from decoding.processors.token_rules import TokenRules
from decoding.verification.acceptance import CRITERIA, TopBetaTau, TypicalAcceptance
from tests.support.tiny import QUESTION, builder_of, hits_of, pipeline_of


@pytest.fixture
def builder(tiny_chat: Path, settings: Settings) -> RequestBuilder:
    return builder_of(tiny_chat, settings.replace(quote=False))


@pytest.fixture
def pipeline(tiny_chat: Path, settings: Settings) -> Pipeline:
    return pipeline_of(tiny_chat, settings.replace(quote=False, max_new_tokens=40))


def advised(builder: RequestBuilder, **values: Any) -> RequestBuilder:
    """A builder whose model recommends ``values``."""
    for name, value in values.items():
        setattr(builder.engine.target.model.generation_config, name, value)
    return builder


def rules_of(builder: RequestBuilder, **changes: Any) -> TokenRules:
    return token_rules(
        builder.settings.replace(**changes) if changes else builder.settings, builder.engine.target, builder.tokens
    )


def test_nothing_set_means_no_rules(builder: RequestBuilder) -> None:
    assert rules_of(builder) == TokenRules()
    assert criterion(builder.settings) is None


def test_the_model_s_own_advice_holds_unless_somebody_sets_more(builder: RequestBuilder) -> None:
    own = advised(
        builder,
        repetition_penalty=1.3,
        no_repeat_ngram_size=4,
        bad_words_ids=[[7]],
        min_new_tokens=2,
        suppress_tokens=[9],
    )
    assert rules_of(own) == TokenRules(((9, -math.inf),), 1.3, 0.0, 0.0, 4, ((7,),), 2)
    changed = rules_of(own, repetition_penalty=1.0, no_repeat_ngram_size=0, min_new_tokens=0, logit_bias={9: 1.0})
    assert changed == TokenRules(((9, 1.0),), bad_words_ids=((7,),))


def test_a_call_wins_over_the_settings(settings: Settings) -> None:
    base = settings.replace(repetition_penalty=1.2, bad_words=["a"], presence_penalty=0.5)
    over = GenerationOptions(repetition_penalty=1.4, bad_words=(), logit_bias={3: 2}).over(base)
    assert (over.repetition_penalty, over.bad_words, over.presence_penalty) == (1.4, (), 0.5)
    assert over.logit_bias == ((3, 2.0),)
    assert GenerationOptions().over(base) is base


@pytest.mark.parametrize(
    "options",
    [
        {"repetition_penalty": 0.0},
        {"repetition_penalty": math.nan},
        {"frequency_penalty": 2.1},
        {"presence_penalty": -math.inf},
        {"no_repeat_ngram_size": -1},
        {"min_new_tokens": -1},
        {"bad_words": [" "]},
        {"logit_bias": {-1: 2.0}},
        {"logit_bias": {1: 101.0}},
        {"logit_bias": {1: math.nan}},
        {"logit_bias": {10**9: 1.0}},
        {"criterion": "best"},
        {"do_sample": True, "min_p": 1.1},
        {"do_sample": True, "temperature": math.nan},
        {"do_sample": True, "temperature": math.inf},
        {"do_sample": True, "top_k": -1},
        {"min_p": 0.1},
        {"stop_strings": [""]},
        {"stop_strings": ["end", 7]},
    ],
)
def test_a_bad_option_is_refused_before_anything_is_done(pipeline: Pipeline, options: Any) -> None:
    with pytest.raises((InputError, InvalidRequest)) as caught:
        pipeline.stream_from(QUESTION, hits_of(), **options)
    assert caught.value.hint


def test_bad_words_as_one_text_are_refused() -> None:
    with pytest.raises(InputError, match="bad_words is one text"):
        GenerationOptions(bad_words="finally")


def test_every_option_of_a_call_can_be_said_to_the_pipeline() -> None:
    assert set(get_type_hints(Options)) == set(GenerationOptions.__dataclass_fields__)


@pytest.mark.parametrize("which", ["bundled_tokenizer", "chat_tokenizer"])
def test_a_bad_word_is_forbidden_in_every_form(which: str, request: pytest.FixtureRequest) -> None:
    tokens = TextTokenizer(request.getfixturevalue(which))
    forms = word_ids(tokens, ["finally clause"])
    assert len(forms) == len(set(forms)) >= 2
    assert {tokens.decode(form).strip() for form in forms} == {"finally clause"}
    for text in ("finally clause", "A finally clause", "(finally clause)", "x\nfinally clause"):
        ids = tokens.plain(text).ids
        assert any(form == ids[at : at + len(form)] for form in forms for at in range(len(ids))), text
    assert word_ids(tokens, []) == ()


def test_a_tokenizer_that_marks_spaces_itself_is_understood() -> None:
    """Metaspace, as Llama 2 and Gemma have it: a space before the text is its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "▁", "▁bad", "bad", "(", "▁(", "a", "▁a", "b", "d", "(b"]
    unigram = Tokenizer(models.Unigram([(piece, -float(at)) for at, piece in enumerate(pieces)], unk_id=0))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    tokens = TextTokenizer(PreTrainedTokenizerFast(tokenizer_object=unigram, unk_token="<unk>"))
    assert set(word_ids(tokens, ["bad"])) >= {(2,), (3,)}


def test_a_bad_word_is_not_written(pipeline: Pipeline) -> None:
    written = re.findall(r"[a-z]{3,}", pipeline.answer_from(QUESTION, hits_of()).text)
    assert written
    again = pipeline.answer_from(QUESTION, hits_of(), bad_words=written[:1]).text
    assert written[0] not in re.findall(r"[a-z]{3,}", again)


OPTIONS: list[dict[str, Any]] = [
    {"repetition_penalty": 1.6},
    {"frequency_penalty": 1.5},
    {"presence_penalty": 2.0},
    {"no_repeat_ngram_size": 2},
    {"bad_words": ["methods", "after", "exception", "by", "the"]},
    {"logit_bias": {20: 100.0, 21: 99.5}},
    {"do_sample": True, "seed": 3, "min_p": 0.3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda one: next(reversed(one)))
def test_an_option_changes_the_answer_and_drafts_do_not(pipeline: Pipeline, options: dict[str, Any]) -> None:
    plain = pipeline.answer_from(QUESTION, hits_of(), speculate=False, **options)
    assert pipeline.answer_from(QUESTION, hits_of(), **options).text == plain.text
    basis = {key: value for key, value in options.items() if key in ("do_sample", "seed")}
    assert pipeline.answer_from(QUESTION, hits_of(), **basis).text != plain.text


def test_the_model_s_own_penalty_is_applied_once_here_and_by_hugging_face(builder: RequestBuilder) -> None:
    """generate() takes the penalty from generation_config; the adapter hands ours over: not both."""
    prompt = builder.template.answer(QUESTION, hits_of(), [], 900)
    options = GenerationOptions(max_new_tokens=40)
    bare = answer_request(builder, prompt, builder.resolve(options))
    own = advised(builder, repetition_penalty=1.5, no_repeat_ngram_size=3, bad_words_ids=[[30]])
    request = answer_request(own, prompt, own.resolve(options))
    assert len(request.processors) == 3
    ours = own.engine.generate(request).tokens
    assert HuggingFace(own.engine.target).greedy(request) == ours
    ids = torch.tensor([request.prompt])
    generated = own.engine.target.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, pad_token_id=0
    )
    assert generated[0, len(request.prompt) :].tolist() == ours
    assert own.engine.generate(bare).tokens != ours


def test_what_a_model_asks_for_in_vain_is_said(
    tiny_chat: Path, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    from decoding.target import model_facts

    model = builder_of(tiny_chat, settings).engine.target.model
    model.generation_config.typical_p = 0.9
    with caplog.at_level(logging.WARNING):
        model_facts.read_facts(model)
    assert "typical_p" in caplog.text
    caplog.clear()
    model.generation_config.typical_p = None
    with caplog.at_level(logging.WARNING):
        model_facts.read_facts(model)
    assert not caplog.text


def test_the_settings_know_every_criterion(settings: Settings) -> None:
    assert [criterion(settings.replace(criterion=name)).name for name in list(CRITERIA)[1:]] == list(CRITERIA)[1:]
    typical = settings.replace(criterion="typical", typical_epsilon=0.2, typical_delta=0.05)
    assert criterion(typical) == TypicalAcceptance(0.2, 0.05)
    assert criterion(settings.replace(criterion="top-beta-tau", top_beta=2, top_tau=0.5)) == TopBetaTau(2, 0.5)


def test_a_lossy_criterion_says_so_in_the_answer_and_in_the_log(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        lossy = pipeline.answer_from(QUESTION, hits_of(), criterion="top-beta-tau")
    assert "lossy criterion top-beta-tau" in (lossy.notice or "")
    assert "lossy criterion top-beta-tau" in caplog.text
    caplog.clear()
    exact = pipeline.answer_from(QUESTION, hits_of())
    assert "lossy" not in (exact.notice or "") + caplog.text
    for name in ("exact-match", "speculative-sampling"):
        assert lossy_remark(pipeline.settings.replace(criterion=name)) is None


def test_a_correction_by_a_lossy_criterion_says_so(tiny_chat: Path, settings: Settings) -> None:
    text = "He go to school."
    notices = [
        pipeline_of(tiny_chat, settings.replace(criterion=name)).correct(text).notice or ""
        for name in ("typical", "exact-match")
    ]
    assert ["lossy" in notice for notice in notices] == [True, False]


def test_exact_match_by_name_is_exact_match(pipeline: Pipeline) -> None:
    assert (
        pipeline.answer_from(QUESTION, hits_of(), criterion="exact-match").text
        == pipeline.answer_from(QUESTION, hits_of()).text
    )


def test_the_old_name_of_exact_match_is_still_read() -> None:
    assert Settings.load({"criterion": "one-draw"}, environ={}).criterion == "exact-match"
