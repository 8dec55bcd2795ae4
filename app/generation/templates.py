"""The two families of prompts, and which one a tokenizer calls for.

The bundled target's prompts are exactly those it was trained on:

    answer      <|q|> QUESTION<|e|><|sK|> [n] SENTENCE ... <|a|>     ->  [n] SENTENCE ... <|eos|>, or the refusal
    correction  <|g|> TEXT<|c|>                                      ->  CORRECTED<|eos|>

Every text in them begins with one space and has no other runs of whitespace, so that a copied sentence has the same
ids in prompt and output. K is the retriever's confidence, ten times the cosine cut off to 0..9; n numbers the
passages by first appearance.

Any other model gets its own chat template around our words, or plain text where it has none (``chat_template.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.errors import InputError
from app.generation.chat_template import EVIDENCE_TOKENS, ChatTemplate
from app.generation.modes import Mode
from app.generation.prompts import (
    REFUSAL,
    Collapsed,
    CorrectionPrompt,
    Message,
    Prompt,
    SourceSpan,
    Template,
    left_out,
    locate,
    outside,
    require_room,
)
from app.generation.tokenizer import TextTokenizer
from decoding.interfaces import Reference
from decoding.processors.quote import QuotedSpan
from retrieval.interfaces import Evidence, Hit

_CONTROL: Final = ("<|q|>", "<|e|>", "<|a|>", "<|g|>", "<|c|>", *(f"<|s{k}|>" for k in range(10)))
_HIGHEST_SCORE: Final = 9
_LONGEST_CORRECTION: Final = 200


class BundledTemplate:
    """Prompts for a target that was trained on the format above."""

    quotes_by_default = True
    longest_correction: int | None = _LONGEST_CORRECTION
    end_ids: frozenset[int] = frozenset()

    def __init__(self, tokens: TextTokenizer) -> None:
        self._tokens = tokens
        self._ids = {name: tokens.trusted(name) for name in _CONTROL}

    @staticmethod
    def fits(tokens: TextTokenizer) -> bool:
        """Whether the tokenizer has the control tokens of this format."""
        return all(len(tokens.trusted(name)) == 1 for name in _CONTROL)

    def answer(
        self,
        question: str,
        hits: Sequence[Hit],
        evidence: Sequence[Evidence],
        room: int,
        *,
        mode: Mode = Mode.QUOTATION,
        history: Sequence[Message] = (),
    ) -> Prompt:
        """The prompt for a question, with as many of the best evidence sentences as fit.

        It was trained on no conversations: ``history`` is for the search alone.
        """
        ids = list(self._ids["<|q|>"] + self._tokens.plain(" " + Collapsed.of(question).text).ids)
        answer = self._ids["<|a|>"]
        require_room(len(ids) + len(answer), room)
        numbers: list[int | None] = [None] * len(hits)
        quotes: list[QuotedSpan] = []
        references: list[tuple[Reference, SourceSpan]] = []
        for kept, sentence in enumerate(evidence):
            parts = self._parts(sentence, numbers)
            if len(ids) + sum(len(part.head) + len(part.ids) for part in parts) + len(answer) > room:
                notice = left_out(len(evidence) - kept, len(evidence), "evidence sentence", room)
                break
            for part in parts:
                numbers[part.where.hit] = part.number
                ids += part.head
                references.append((Reference(part.ids, prompt_start=len(ids), lead=part.marker), part.where))
                ids += part.ids
            quotes.append(_quote(parts, sentence.parts))
        else:
            notice = None
        references += outside(self._tokens, hits, numbers)
        return Prompt(
            ids=(*ids, *answer),
            references=tuple(reference for reference, _ in references),
            source_spans=tuple(where for _, where in references),
            numbers=tuple(numbers),
            quotes=tuple(quotes),
            refusal=self._tokens.plain(" " + REFUSAL).ids,
            relevances=tuple(one.relevance for one in evidence[: len(quotes)]),
            notice=notice,
            mode=mode,
        )

    def chat(self, messages: Sequence[Message], room: int) -> Prompt:
        """Raises InputError: it was trained to quote and to correct."""
        raise InputError(
            "the small target answers from documents and corrects text, it does not chat",
            hint="choose a model that chats with --target; `spandraft models` lists what there is",
        )

    def correction(self, text: str, room: int) -> CorrectionPrompt | None:
        """The prompt for one to three sentences on a line; None if it does not fit."""
        source = self._tokens.plain(" " + Collapsed.of(text).text).ids
        ids = (*self._ids["<|g|>"], *source, *self._ids["<|c|>"])
        return CorrectionPrompt(ids, source, prompt_start=1) if len(ids) <= room else None

    def _parts(self, evidence: Evidence, numbers: Sequence[int | None]) -> list[_Part]:
        """A sentence and what goes along with it, each with the number of its passage."""
        given = {hit: number for hit, number in enumerate(numbers) if number}
        parts: list[_Part] = []
        for sentence in (evidence, *evidence.along):
            number = given.setdefault(sentence.hit, 1 + max(given.values(), default=0))
            marker = self._tokens.plain(f" [{number}]").ids
            ids, where = self._sentence(sentence)
            head = self._ids["<|e|>"] + self._ids[f"<|s{_score(sentence.similarity)}|>"] + marker
            parts.append(_Part(number, marker, head, ids, where))
        return parts

    def _sentence(self, sentence: Evidence) -> tuple[tuple[int, ...], SourceSpan]:
        collapsed = Collapsed.of(sentence.text)
        encoded = self._tokens.plain(" " + collapsed.text)
        if sentence.is_computed:
            return encoded.ids, SourceSpan(sentence.hit, (), ())
        every = range(len(encoded.ids))
        return encoded.ids, locate(sentence.hit, sentence.start, encoded, every, collapsed.indices or (0,), shift=1)


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence in a prompt: the number of its passage, its marker, what stands before its ids, where it stands."""

    number: int
    marker: tuple[int, ...]
    head: tuple[int, ...]
    ids: tuple[int, ...]
    where: SourceSpan


def _quote(shown: Sequence[_Part], parts: frozenset[int]) -> QuotedSpan:
    body = shown[0].ids
    for part in shown[1:]:
        body += part.marker + part.ids
    return QuotedSpan(marker=shown[0].marker, body=body, parts=parts)


def _score(similarity: float) -> int:
    return min(_HIGHEST_SCORE, max(0, int(10 * similarity)))


def template_for(
    tokens: TextTokenizer, *, evidence_tokens: int = EVIDENCE_TOKENS, history_tokens: int | None = None
) -> Template:
    """The bundled target's own format if the tokenizer has its control tokens, else a chat or plain text."""
    if BundledTemplate.fits(tokens):
        return BundledTemplate(tokens)
    return ChatTemplate(tokens, evidence_tokens=evidence_tokens, history_tokens=history_tokens)
