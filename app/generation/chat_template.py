"""Prompts for a model with a chat template, or with none at all.

    system     what to do; fixed, so that prompts begin alike
    ...        the conversation so far, as much of it as its budget allows
    user       [1] SENTENCE SENTENCE ...
               [2] SENTENCE ...

               Question: QUESTION

The sentences are the best of the evidence with their neighbours (``excerpts.py``), runs of white space in them are one
blank. All of it is plain text, each message encoded as a whole, so that the tokens of a sentence are those it has in
the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from app.errors import InputError
from app.generation.chat_frames import ChatFrames, Framed
from app.generation.excerpts import Excerpt, by_passage, choose_excerpts, text_of
from app.generation.modes import Mode
from app.generation.prompts import (
    REFUSAL,
    Collapsed,
    CorrectionPrompt,
    Message,
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

EVIDENCE_TOKENS: Final = 160
HISTORY_BESIDE_EVIDENCE: Final = 256
HISTORY_OF_A_CHAT: Final = 2048
"""Usual budgets in tokens. One that goes beyond it is never cut in the middle: the oldest messages are left out."""

_QUOTE: Final = (
    "Answer the question with the sentences that answer it, word for word, each after the number of its passage, like "
    f"this: [1] The sentence. If no sentence answers it, write: {REFUSAL}"
)
_ANSWER: Final = (
    "Answer the question from the numbered passages, briefly and in your own words. If the passages do not hold the "
    f"answer, write: {REFUSAL}"
)
_CORRECT: Final = (
    "Correct the grammar and the spelling of the text below. Change nothing that is right, and write only the "
    "corrected text.\n\nText: "
)
_GAP: Final = " ... "
# Sentences on each side of one of evidence: what is only quoted needs no surroundings, and is there sooner without.
_NEIGHBOURS: Final = {Mode.QUOTATION: 0, Mode.ANSWER: 1}


@dataclass(frozen=True, slots=True)
class _Placed:
    """An excerpt in the user's turn: its text, which begins at character ``at``, and the number of its passage."""

    excerpt: Excerpt
    text: Collapsed
    at: int
    number: int


@dataclass(frozen=True, slots=True)
class _Turn:
    """The user's turn: its text and where the excerpts stand in it."""

    text: str
    placed: tuple[_Placed, ...]


class ChatTemplate:
    """Prompts for a model with a chat template, thinking switched off where the template has a switch for it."""

    quotes_by_default = False
    longest_correction: int | None = None

    def __init__(
        self, tokens: TextTokenizer, *, evidence_tokens: int = EVIDENCE_TOKENS, history_tokens: int | None = None
    ) -> None:
        """``evidence_tokens``: how much of the passages a prompt shows; ``history_tokens``: of the conversation."""
        self._tokens = tokens
        self._frames = ChatFrames(tokens)
        self._is_chat = self._frames.is_chat
        self._evidence_tokens = evidence_tokens
        self._history_tokens = history_tokens

    @property
    def end_ids(self) -> frozenset[int]:
        """What the chat template writes behind the model's turn."""
        return self._frames.end_ids

    def answer(
        self,
        question: str,
        hits: Sequence[Hit],
        evidence: Sequence[Evidence],
        room: int,
        *,
        mode: Mode = Mode.ANSWER,
        history: Sequence[Message] = (),
    ) -> Prompt:
        """The prompt for a question, with the best sentences and the latest messages that fit."""
        asked = "Question: " + Collapsed.of(question).text
        system = Message("system", _QUOTE if mode is Mode.QUOTATION else _ANSWER)
        require_room(len(self._framed([system, Message("user", asked)]).ids), room)
        budget, neighbours = min(self._evidence_tokens, room), _NEIGHBOURS[mode]
        wanted = choose_excerpts(hits, evidence, budget=budget, cost=self._cost, neighbours=neighbours)
        kept, excerpts = self._latest(history, HISTORY_BESIDE_EVIDENCE), wanted
        while True:
            turn = _turn(hits, excerpts, asked)
            framed = self._frames.frame([system, *kept, Message("user", turn.text)])
            if framed is not None and len(framed.ids) <= room:
                break
            if kept:
                kept = _without_oldest(kept)
            else:
                excerpts = excerpts[:-1]
        numbers: list[int | None] = [None] * len(hits)
        for one in turn.placed:
            numbers[one.excerpt.hit] = one.number
        shown = _quotable(turn.placed)
        quotes = tuple(self._quote(one, evidence[one[0].excerpt.evidence or 0].parts) for one in shown)
        references = list(self._references(framed, turn, shown, mode))
        if mode is not Mode.QUOTATION:
            references += outside(self._tokens, hits, [None] * len(hits))
        return Prompt(
            ids=framed.ids,
            references=tuple(reference for reference, _ in references),
            source_spans=tuple(where for _, where in references),
            numbers=tuple(numbers),
            quotes=quotes,
            refusal=self._answered(REFUSAL).ids,
            relevances=tuple(evidence[parts[0].excerpt.evidence or 0].relevance for parts in shown),
            notice=left_out(len(wanted) - len(excerpts), len(wanted), "sentence", room),
            mode=mode,
        )

    def chat(self, messages: Sequence[Message], room: int) -> Prompt:
        """The prompt for the next turn of a conversation, with the latest messages that fit.

        Raises InputError unless the last message is the user's and fits.
        """
        if not messages or messages[-1].role != "user":
            raise InputError("a conversation must end with a message of the user", hint="add one")
        system = [message for message in messages[:-1] if message.role == "system"]
        said = [message for message in messages[:-1] if message.role != "system"]
        require_room(len(self._framed([*system, messages[-1]]).ids), room)
        kept = self._latest(said, HISTORY_OF_A_CHAT)
        while True:
            framed = self._frames.frame([*system, *kept, messages[-1]])
            if framed is not None and len(framed.ids) <= room:
                break
            kept = _without_oldest(kept)
        return Prompt(
            ids=framed.ids,
            references=(),
            source_spans=(),
            numbers=(),
            quotes=(),
            refusal=(),
            notice=left_out(len(said) - len(kept), len(said), "earlier message", room),
            mode=Mode.CHAT,
        )

    def correction(self, text: str, room: int) -> CorrectionPrompt | None:
        """The prompt for a text on one line; None if it does not fit."""
        collapsed = Collapsed.of(text).text
        ids = self._framed([Message("user", _CORRECT + collapsed)], cue="Corrected text:").ids
        return CorrectionPrompt(ids, self._answered(collapsed).ids, prompt_start=None) if len(ids) <= room else None

    def _framed(self, messages: Sequence[Message], *, cue: str = "Answer:") -> Framed:
        """Messages that every usable template takes."""
        framed = self._frames.frame(messages, cue=cue)
        assert framed is not None, "a template that takes no user's turn has been refused"
        return framed

    def _answered(self, text: str) -> Encoded:
        """A text in the form it has at the beginning of the model's turn."""
        return self._tokens.plain(text) if self._is_chat else self._tokens.continued(":", " " + text)

    def _cost(self, text: str) -> int:
        return len(self._tokens.plain(" " + Collapsed.of(text).text).ids)

    def _latest(self, history: Sequence[Message], usual: int) -> list[Message]:
        """The end of the conversation within its budget, beginning with a message of the user."""
        budget = usual if self._history_tokens is None else self._history_tokens
        kept = list(history)
        sizes = [self._cost(message.content) for message in kept]
        while kept and (sum(sizes) > budget or kept[0].role != "user"):
            del kept[0], sizes[0]
        return kept

    def _references(
        self, framed: Framed, turn: _Turn, shown: Sequence[Sequence[_Placed]], mode: Mode
    ) -> Iterator[tuple[Reference, SourceSpan]]:
        """Evidence first, best first; then its neighbours."""
        encoded, first = framed.messages[-1], framed.starts[-1]
        # Where the template has no system message the turn begins with what that would say.
        shift = max(encoded.ends, default=0) - len(turn.text)
        for one in chain.from_iterable(shown):
            if mode is Mode.QUOTATION:
                yield self._as_quoted(one, framed)
            else:
                yield self._in_prompt(one, encoded, first, shift)
        for one in turn.placed:
            if one.excerpt.evidence is None:
                yield self._in_prompt(one, encoded, first, shift)

    def _in_prompt(self, one: _Placed, encoded: Encoded, first: int, shift: int) -> tuple[Reference, SourceSpan]:
        at = shift + one.at
        inside = encoded.span(at, at + len(one.text.text))
        where = _located(one, encoded, inside, shift=at)
        return Reference(encoded.ids[inside.start : inside.stop], prompt_start=first + inside.start), where

    def _as_quoted(self, one: _Placed, framed: Framed) -> tuple[Reference, SourceSpan]:
        """The sentence as a quotation writes it, which is how the prompt has it unless its tokenizer joins lines."""
        encoded = self._tokens.continued("]", " " + one.text.text)
        where = _located(one, encoded, range(len(encoded.ids)), shift=1)
        return Reference(encoded.ids, _place(encoded.ids, framed), lead=self._marker(one)), where

    def _quote(self, shown: Sequence[_Placed], parts: frozenset[int]) -> QuotedSpan:
        """A marker and a sentence as the tokenizer writes them in running text; so all that goes along with it."""
        bodies = [self._tokens.continued(f"[{one.number}]", " " + one.text.text).ids for one in shown]
        body = bodies[0]
        for one, ids in zip(shown[1:], bodies[1:], strict=True):
            body += self._marker(one) + ids
        return QuotedSpan(marker=self._marker(shown[0]), body=body, parts=parts)

    def _marker(self, one: _Placed) -> tuple[int, ...]:
        return self._tokens.continued(".", f" [{one.number}]").ids


def _turn(hits: Sequence[Hit], excerpts: Sequence[Excerpt], asked: str) -> _Turn:
    """A line a passage, an ellipsis where sentences are left out; then the question."""
    text, placed = "", []
    for number, (_, group) in enumerate(by_passage(hits, excerpts), start=1):
        text += f"[{number}] "
        for index, excerpt in enumerate(group):
            if index:
                passage, before = hits[excerpt.hit].passage, group[index - 1]
                between = passage.text[before.end - passage.start : excerpt.start - passage.start]
                text += _GAP if between.strip() else " "
            collapsed = Collapsed.of(text_of(hits, excerpt))
            placed.append(_Placed(excerpt, collapsed, len(text), number))
            text += collapsed.text
        text += "\n"
    return _Turn((text + "\n" if text else "") + asked, tuple(placed))


def _quotable(placed: Sequence[_Placed]) -> list[tuple[_Placed, ...]]:
    """What may be quoted, best first, each with what goes along; what is not shown with all of that is left out."""
    by_excerpt = {one.excerpt: one for one in placed}
    along = {other for one in placed for other in one.excerpt.along}
    heads = [one for one in placed if one.excerpt.evidence is not None and one.excerpt not in along]
    heads.sort(key=lambda one: one.excerpt.evidence or 0)
    return [
        (head, *(by_excerpt[other] for other in head.excerpt.along))
        for head in heads
        if all(other in by_excerpt for other in head.excerpt.along)
    ]


def _located(one: _Placed, encoded: Encoded, tokens: range, *, shift: int) -> SourceSpan:
    """Where tokens stand in the document; those of a statement stand in none."""
    if one.excerpt.statement is not None:
        return SourceSpan(one.excerpt.hit, (), ())
    return locate(one.excerpt.hit, one.excerpt.start, encoded, tokens, one.text.indices, shift=shift)


def _place(ids: tuple[int, ...], framed: Framed) -> int | None:
    """Where the last message holds these ids, as an index in the prompt."""
    end = len(framed.ids) - len(ids) + 1
    places = (at for at in range(framed.starts[-1], end) if framed.ids[at : at + len(ids)] == ids)
    return next(places, None)


def _without_oldest(history: Sequence[Message]) -> list[Message]:
    """The conversation without its first exchange."""
    later = (index for index, message in enumerate(history) if index and message.role == "user")
    return list(history[next(later, len(history)) :])
