"""Prompts for other models: evidence within its budget, in the order of the documents; the conversation; its ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.errors import InputError
from app.generation.chat_template import ChatTemplate
from app.generation.modes import Mode
from app.generation.prompts import Message, Prompt
from app.generation.templates import BundledTemplate
from app.generation.tokenizer import TextTokenizer
from corpora.documents import Document, Passage
from retrieval.interfaces import Evidence, Hit
from tests.support.tiny import QUESTION, hits_of, small_tokenizer

ROOM = 2000
MODES = (Mode.QUOTATION, Mode.ANSWER)
TEXT = "".join(
    f"Sentence number {n} says that the word is {'xyzuvw'[n % 6] * 3}.{'  ' if n % 3 else chr(10)}" for n in range(40)
)
HISTORY = [
    Message("user", "What is a lambda?"),
    Message("assistant", "An anonymous function."),
    Message("user", "What is in its body?"),
    Message("assistant", "A single expression."),
]


@pytest.fixture(scope="module")
def tokens(chat_tokenizer: Any) -> TextTokenizer:
    return TextTokenizer(chat_tokenizer)


def text_of(tokens: TextTokenizer, prompt: Prompt) -> str:
    text = tokens.hf.decode(list(prompt.ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text


def long_hits() -> tuple[Document, list[Hit]]:
    """Two passages of one document, the later one found first; they share a sentence."""
    document = Document.of("long.txt", TEXT)
    border = TEXT.index("Sentence number 20")
    shared = TEXT.index("Sentence number 21")
    return document, [
        Hit(Passage.of(document, border, len(TEXT.rstrip())), 0.9),
        Hit(Passage.of(document, 0, shared), 0.8),
    ]


def evidence_on(document: Document, hits: list[Hit], *numbers: int) -> list[Evidence]:
    """The sentences of these numbers, best first, each a little less relevant than the one before."""
    found = []
    for rank, number in enumerate(numbers):
        start = document.text.index(f"Sentence number {number} ")
        end = document.text.index(".", start) + 1
        hit = next(at for at, one in enumerate(hits) if one.passage.start <= start and end <= one.passage.end)
        found.append(Evidence(hit, start, end, document.text[start:end], 0.8, 3.0 - rank))
    return found


@pytest.mark.parametrize("mode", MODES)
def test_the_best_sentences_stand_in_the_order_of_the_document(tokens: TextTokenizer, mode: Mode) -> None:
    document, hits = long_hits()
    prompt = ChatTemplate(tokens, evidence_tokens=400).answer(
        QUESTION, hits, evidence_on(document, hits, 30, 5, 25), ROOM, mode=mode
    )
    text = text_of(tokens, prompt)
    assert text.index("number 5 ") < text.index("number 25 ") < text.index("number 30 ") < text.index(QUESTION)
    assert prompt.numbers == (2, 1)
    assert text.index("[1] ") < text.index("number 5 ") < text.index("[2] ") < text.index("number 25 ")
    assert " ... Sentence number" in text
    has_neighbours = all(f"number {n} " in text for n in (4, 6, 24, 26, 29, 31))
    assert has_neighbours == (mode is Mode.ANSWER)
    assert ("number 7 " in text, "number 23 " in text) == (False, False)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("budget", [1, 60, 130, 250])
def test_a_prompt_keeps_to_its_budget(tokens: TextTokenizer, mode: Mode, budget: int) -> None:
    document, hits = long_hits()
    evidence = evidence_on(document, hits, 30, 5, 25, 10, 12)
    template = ChatTemplate(tokens, evidence_tokens=budget)
    bare = template.answer(QUESTION, [], [], ROOM, mode=mode)
    prompt = template.answer(QUESTION, hits, evidence, ROOM, mode=mode)
    assert "number 30 " in text_of(tokens, prompt), "the best sentence in any case"
    best = len(tokens.plain(" " + evidence[0].text).ids)
    markers = 40  # Numbers, line ends and ellipses are not counted.
    assert len(prompt.ids) - len(bare.ids) <= max(budget, best) + markers
    assert prompt.notice is None, "a budget is not a lack of room"


@pytest.mark.parametrize("mode", MODES)
def test_references_are_the_documents_to_the_character(tokens: TextTokenizer, mode: Mode) -> None:
    document, hits = long_hits()
    prompt = ChatTemplate(tokens).answer(QUESTION, hits, evidence_on(document, hits, 30, 5), ROOM, mode=mode)
    assert prompt.references
    for reference, span in zip(prompt.references, prompt.source_spans, strict=True):
        for token, start, end in zip(reference.ids, span.starts, span.ends, strict=True):
            written, source = tokens.decode([token]), document.text[start:end]
            assert written.strip() in ("", source.strip())
        if reference.prompt_start is not None:
            at = reference.prompt_start
            assert prompt.ids[at : at + len(reference.ids)] == reference.ids
    inside = [reference for reference in prompt.references if reference.prompt_start is not None]
    texts = [tokens.decode(one.ids).strip() for one in inside]
    assert texts[:2] == [one.text for one in evidence_on(document, hits, 30, 5)]
    whole = [one for one in prompt.references if one.prompt_start is None]
    assert len(whole) == (0 if mode is Mode.QUOTATION else len(hits)), "freely, drafts may copy all that was found"


def test_what_may_be_quoted_is_drafted_as_it_is_written(tokens: TextTokenizer) -> None:
    document, hits = long_hits()
    prompt = ChatTemplate(tokens).answer(QUESTION, hits, evidence_on(document, hits, 30, 5), ROOM, mode=Mode.QUOTATION)
    assert [(one.lead, one.ids) for one in prompt.references] == [(one.marker, one.body) for one in prompt.quotes]
    assert [tokens.decode(one.marker) for one in prompt.quotes] == [" [2]", " [1]"]
    assert prompt.relevances == (3.0, 2.0)


def test_evidence_that_hardly_answers_is_not_shown(tokens: TextTokenizer) -> None:
    document, hits = long_hits()
    best, other = evidence_on(document, hits, 30, 5)
    far = Evidence(other.hit, other.start, other.end, other.text, 0.1, best.relevance - 7.0)
    prompt = ChatTemplate(tokens).answer(QUESTION, hits, [best, far], ROOM, mode=Mode.QUOTATION)
    assert "number 5 " not in text_of(tokens, prompt)
    assert len(prompt.quotes) == 1


@pytest.mark.parametrize("mode", MODES)
def test_prompts_of_one_mode_begin_alike(tokens: TextTokenizer, mode: Mode) -> None:
    hits = hits_of()
    template = ChatTemplate(tokens)
    first = template.answer(QUESTION, hits, [], ROOM, mode=mode).ids
    second = template.answer("Who?", hits[1:], [], ROOM, mode=mode).ids
    alike = next(at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other)
    instruction = text_of(tokens, template.answer("Who?", [], [], ROOM, mode=mode)).split("<|im_end|>")[0]
    assert alike >= len(tokens.trusted(instruction))


def test_a_chat_goes_on_where_the_last_prompt_ended(tokens: TextTokenizer) -> None:
    template = ChatTemplate(tokens)
    first = template.chat(HISTORY[:1], ROOM)
    third = template.chat(HISTORY[:3], ROOM)
    assert first.mode is third.mode is Mode.CHAT
    text = text_of(tokens, third)
    assert text == tokens.hf.apply_chat_template(
        [{"role": one.role, "content": one.content} for one in HISTORY[:3]],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    head = text_of(tokens, first).partition(HISTORY[0].content)[0] + HISTORY[0].content
    assert text.startswith(head), "the longest prefix of an earlier prompt is in the cache"


@pytest.mark.parametrize("mode", MODES)
def test_a_follow_up_sees_the_latest_messages_that_fit(tokens: TextTokenizer, mode: Mode) -> None:
    hits = hits_of()

    def asked(budget: int | None, room: int = ROOM) -> str:
        template = ChatTemplate(tokens, history_tokens=budget)
        return text_of(tokens, template.answer(QUESTION, hits, [], room, mode=mode, history=HISTORY))

    contents = [message.content for message in HISTORY]
    assert [one in asked(None) for one in contents] == [True] * 4
    places = [asked(None).rindex(one) for one in [*contents, "[1] ", QUESTION]]
    assert places == sorted(places)
    latest = sum(len(tokens.plain(" " + one).ids) for one in contents[2:])
    assert [one in asked(latest) for one in contents] == [False, False, True, True]
    assert [one in asked(latest + 3) for one in contents] == [False, False, True, True], "never an answer alone"
    assert [one in asked(0) for one in contents] == [False] * 4
    whole = ChatTemplate(tokens).answer(QUESTION, hits, [], ROOM, mode=mode, history=HISTORY)
    short = asked(None, len(whole.ids) - 1)
    assert [one in short for one in contents] == [False, False, True, True], "the passages stay"


def test_a_chat_that_does_not_fit_forgets_its_beginning_and_says_so(tokens: TextTokenizer) -> None:
    template = ChatTemplate(tokens)
    messages = [Message("system", "Be kind."), *HISTORY, Message("user", "Why?")]
    whole = template.chat(messages, ROOM)
    cut = template.chat(messages, len(whole.ids) - 1)
    assert whole.notice is None
    assert cut.notice is not None
    assert cut.notice.startswith("2 of 4 earlier messages")
    text = text_of(tokens, cut)
    assert "Be kind." in text
    assert HISTORY[0].content not in text
    assert HISTORY[2].content in text
    with pytest.raises(InputError):
        template.chat([Message("user", "why " * 900)], 300)
    with pytest.raises(InputError):
        template.chat(HISTORY, ROOM)


def test_the_small_target_does_not_chat(bundled_tokenizer: Any) -> None:
    with pytest.raises(InputError) as caught:
        BundledTemplate(TextTokenizer(bundled_tokenizer)).chat(HISTORY[:1], ROOM)
    assert "--target" in caught.value.hint


def test_what_ends_a_turn_is_read_from_the_template(tokens: TextTokenizer) -> None:
    assert ChatTemplate(tokens).end_ids == set(tokens.trusted("<|im_end|>"))
    assert ChatTemplate(TextTokenizer(small_tokenizer(chat=False))).end_ids == set()
    other = small_tokenizer()
    other.chat_template = other.chat_template.replace("<|im_end|>", "<|endoftext|>")
    assert ChatTemplate(TextTokenizer(other)).end_ids == {other.convert_tokens_to_ids("<|endoftext|>")}


def test_a_template_without_a_system_message_has_it_in_the_users_turn() -> None:
    tokenizer = small_tokenizer()
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
        + tokenizer.chat_template
    )
    tokens = TextTokenizer(tokenizer)
    document, hits = long_hits()
    evidence = evidence_on(document, hits, 30, 5)
    for history in ((), HISTORY):
        prompt = ChatTemplate(tokens).answer(QUESTION, hits, evidence, ROOM, mode=Mode.QUOTATION, history=history)
        text = text_of(tokens, prompt)
        assert text.startswith("<|im_start|>user\nAnswer the question")
        assert "system" not in text
        for reference in prompt.references:
            assert reference.prompt_start is not None
            at = reference.prompt_start
            assert prompt.ids[at : at + len(reference.ids)] == reference.ids


def test_a_template_that_takes_one_turn_alone_forgets_the_conversation() -> None:
    tokenizer = small_tokenizer()
    tokenizer.chat_template = (
        "{% if messages | length > 2 %}{{ raise_exception('one turn') }}{% endif %}" + tokenizer.chat_template
    )
    tokens = TextTokenizer(tokenizer)
    prompt = ChatTemplate(tokens).chat([*HISTORY, Message("user", "Why?")], ROOM)
    assert prompt.notice is not None
    assert "4 of 4" in prompt.notice
    assert HISTORY[3].content not in text_of(tokens, prompt)


def test_what_answers_only_together_is_one_quotation(tokens: TextTokenizer) -> None:
    document, hits = long_hits()
    head, *along = evidence_on(document, hits, 25, 3, 4)
    computed = replace(head, text="3 rows have it.", rows=((head.start, head.end),), along=tuple(along))
    prompt = ChatTemplate(tokens).answer(QUESTION, hits, [computed], ROOM, mode=Mode.QUOTATION)
    (quote,) = prompt.quotes
    written = tokens.hf.decode(list(quote.marker + quote.body), clean_up_tokenization_spaces=False)
    numbers = [prompt.numbers[one.hit] for one in (computed, *along)]
    texts = [" ".join(one.text.split()) for one in (computed, *along)]
    assert written.split() == " ".join(f"[{n}] {text}" for n, text in zip(numbers, texts, strict=True)).split()
    assert [bool(where.starts) for where in prompt.source_spans] == [False, True, True]
