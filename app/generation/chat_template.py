"""Prompts for a model with a chat template, or with none at all: our words in a user's turn.

The model's own template is trusted and its control tokens are recognised; everything inside the user's turn is plain
text, encoded as a whole, so that the tokens of a passage are those it has in the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jinja2 import TemplateError

from app.errors import ModelError
from app.generation.prompts import (
    REFUSAL,
    Collapsed,
    CorrectionPrompt,
    Prompt,
    SourceSpan,
    left_out,
    locate,
    outside,
    require_room,
)
from app.generation.tokenizer import Encoded, TextTokenizer
from decoding.interfaces import Reference
from decoding.processors.quote import QuotedSpan
from retrieval.interfaces import Evidence, Hit

_TURN: Final = "@@the user's turn@@"
_ANSWER: Final = (
    "Answer the question from the numbered passages below and from nothing else. Quote the sentences that answer "
    "it word for word, each after the number of its passage in brackets, like this: [1] The quoted sentence. "
    f"If the passages do not hold the answer, write exactly: {REFUSAL}\n\n"
)
_CORRECT: Final = (
    "Correct the grammar and the spelling of the text below. Change nothing that is right, and write only the "
    "corrected text.\n\nText: "
)


class ChatTemplate:
    """Prompts for a model with a chat template, thinking switched off where the template has a switch for it."""

    quotes_by_default = False
    longest_correction: int | None = None

    def __init__(self, tokens: TextTokenizer) -> None:
        self._tokens = tokens
        rendered = _rendered_turn(tokens)
        self._is_chat = rendered is not None
        head, tail = rendered or ("", "")
        self._head = tokens.trusted(head) if self._is_chat else tokens.begin_ids
        self._tail = tokens.trusted(tail)

    def answer(self, question: str, hits: Sequence[Hit], evidence: Sequence[Evidence], room: int) -> Prompt:
        """The prompt for a question, with as many of the best passages as fit, whole."""
        asked = Collapsed.of(question).text
        for kept in range(len(hits), -1, -1):
            encoded, starts = self._turn(asked, hits[:kept])
            if len(self._head) + len(encoded.ids) + len(self._tail) <= room:
                break
        require_room(len(self._head) + len(encoded.ids) + len(self._tail), room)
        numbers = [index + 1 if index < kept else None for index in range(len(hits))]
        references = self._inside(encoded, hits, starts) + outside(self._tokens, hits, numbers)
        refusal = self._tokens.plain(REFUSAL) if self._is_chat else self._tokens.continued(":", " " + REFUSAL)
        return Prompt(
            ids=self._head + encoded.ids + self._tail,
            references=tuple(reference for reference, _ in references),
            source_spans=tuple(where for _, where in references),
            numbers=tuple(numbers),
            quotes=tuple(self._quote(sentence) for sentence in evidence if sentence.hit < kept),
            refusal=refusal.ids,
            relevances=tuple(sentence.relevance for sentence in evidence if sentence.hit < kept),
            notice=left_out(len(hits) - kept, len(hits), "passages", room),
        )

    def correction(self, text: str, room: int) -> CorrectionPrompt | None:
        """The prompt for a text on one line; None if it does not fit."""
        collapsed = Collapsed.of(text).text
        turn = _CORRECT + collapsed + ("" if self._is_chat else "\n\nCorrected text:")
        ids = self._head + self._tokens.plain(turn).ids + self._tail
        source = self._tokens.plain(collapsed) if self._is_chat else self._tokens.continued(":", " " + collapsed)
        return CorrectionPrompt(ids, source.ids, prompt_start=None) if len(ids) <= room else None

    def _turn(self, question: str, hits: Sequence[Hit]) -> tuple[Encoded, list[int]]:
        """The user's turn, and at which character each passage begins in it."""
        text, starts = _ANSWER, []
        for number, hit in enumerate(hits, start=1):
            text += f"[{number}] "
            starts.append(len(text))
            text += hit.passage.text + "\n\n"
        text += f"Question: {question}" + ("" if self._is_chat else "\n\nAnswer:")
        return self._tokens.plain(text), starts

    def _inside(
        self, encoded: Encoded, hits: Sequence[Hit], starts: Sequence[int]
    ) -> list[tuple[Reference, SourceSpan]]:
        found = []
        for index, start in enumerate(starts):
            passage = hits[index].passage
            inside = encoded.span(start, start + len(passage.text))
            if not inside:
                continue
            reference = Reference(encoded.ids[inside.start : inside.stop], prompt_start=len(self._head) + inside.start)
            where = locate(index, passage.start, encoded, inside, range(len(passage.text)), shift=start)
            found.append((reference, where))
        return found

    def _quote(self, sentence: Evidence) -> QuotedSpan:
        """Behind other text, a marker and a sentence as the tokenizer writes them in running text."""
        marker, body = f"[{sentence.hit + 1}]", " " + Collapsed.of(sentence.text).text
        return QuotedSpan(
            marker=self._tokens.continued(".", " " + marker).ids,
            body=self._tokens.continued(marker, body).ids,
            opening=self._tokens.plain(marker).ids if self._is_chat else None,
        )


def _rendered_turn(tokens: TextTokenizer) -> tuple[str, str] | None:
    """What the model's chat template puts before and behind a user's turn; None if it has no usable template."""
    if not tokens.hf.chat_template:
        return None
    turn = [{"role": "user", "content": _TURN}]
    try:
        text = tokens.hf.apply_chat_template(turn, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    except TemplateError as error:
        raise ModelError(
            f"the model's chat template cannot be used: {error}",
            hint="choose a model whose template takes a single user's turn, or remove its chat_template",
        ) from error
    head, found, tail = str(text).partition(_TURN)
    return (head, tail) if found else None
