"""Prompts: token ids, what of the documents stands in them and where, and what an answer may quote of it; messages.

Templates (``templates.py``) make them from a question and evidence. Knows nothing of models; what does not fit is
left out from the end and said in a line. Offsets are Unicode code points in the document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from app.errors import InputError
from app.generation.events import REFUSAL as REFUSAL
from app.generation.modes import Mode
from app.generation.tokenizer import Encoded, TextTokenizer
from corpora.counts import count
from decoding.interfaces import Reference
from decoding.processors.quote import QuotedSpan
from retrieval.interfaces import Evidence, Hit


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, with Hugging Face's names."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """Where a reference's tokens stand in a document: token i covers ``[starts[i], ends[i])`` of hit ``hit``'s.

    Those of what was computed stand in none: both are empty.
    """

    hit: int
    starts: tuple[int, ...]
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the target reads, and what is known about it.

    ``references`` are what drafts may copy, ``source_spans`` say where each stands in its document. ``numbers`` has for
    each hit the ``[n]`` it carries, None for a hit that is not in the prompt. ``quotes`` and ``refusal`` are the
    forms in which the output writes evidence and the refusal; ``relevances`` are the log-odds
    of that evidence to answer the question. ``notice`` says what was left out. ``mode`` is how the output is written.
    """

    ids: tuple[int, ...]
    references: tuple[Reference, ...]
    source_spans: tuple[SourceSpan, ...]
    numbers: tuple[int | None, ...]
    quotes: tuple[QuotedSpan, ...]
    refusal: tuple[int, ...]
    relevances: tuple[float, ...] = ()
    notice: str | None = None
    mode: Mode = Mode.QUOTATION

    @property
    def relevance(self) -> float | None:
        """Log-odds of the best evidence, None if the prompt has none."""
        return max(self.relevances, default=None)

    def weighted_quotes(self, slope: float) -> tuple[QuotedSpan, ...]:
        """The quotes, each the less likely the less likely it answers: ``slope`` nats for one of the log-odds.

        Each is compared with the best one for the same part of the question.
        """
        judged = list(zip(self.quotes, self.relevances, strict=True))
        best: dict[int, float] = {}
        for quote, relevance in judged:
            best |= {part: max(relevance, best.get(part, relevance)) for part in quote.parts}
        return tuple(
            replace(quote, weight=slope * (relevance - max(best[part] for part in quote.parts)))
            for quote, relevance in judged
        )


@dataclass(frozen=True, slots=True)
class CorrectionPrompt:
    """A text to be corrected; ``source`` are its ids in the form the output would write them unchanged."""

    ids: tuple[int, ...]
    source: tuple[int, ...]
    prompt_start: int | None


class Template(Protocol):
    """One family of prompts. ``room`` is how many tokens a prompt may have, ``history`` the conversation so far.

    ``quotes_by_default``: trained to quote, so its answers are held to quotations unless a setting says otherwise.
    ``longest_correction``: most tokens of one text that it was made to correct, None for no limit of its own.
    """

    @property
    def quotes_by_default(self) -> bool:
        """Whether answers are quotations unless a setting says otherwise."""
        ...

    @property
    def longest_correction(self) -> int | None:
        """Most tokens of a text to be corrected."""
        ...

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end an output, as far as the format tells."""
        ...

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
        """The prompt for a question of documents. Raises InputError if not even the question fits."""
        ...

    def chat(self, messages: Sequence[Message], room: int) -> Prompt:
        """The prompt for the next turn of a conversation without documents; the last message is the user's.

        Raises InputError if not even that message fits, or for a target that cannot chat.
        """
        ...

    def correction(self, text: str, room: int) -> CorrectionPrompt | None:
        """The prompt for a text to correct, which stands on one line; None if it does not fit."""
        ...


@dataclass(frozen=True, slots=True)
class Collapsed:
    """A text with each run of whitespace made one space, and for each of its characters the index it came from."""

    text: str
    indices: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Collapsed:
        """Collapse ``text``; whitespace at both ends goes."""
        characters: list[str] = []
        indices: list[int] = []
        for index, character in enumerate(text):
            blank = character.isspace()
            if blank and (not characters or characters[-1] == " "):
                continue
            characters.append(" " if blank else character)
            indices.append(index)
        if characters and characters[-1] == " ":
            characters.pop()
            indices.pop()
        return cls("".join(characters), tuple(indices))


def locate(hit: int, base: int, encoded: Encoded, tokens: range, indices: Sequence[int], shift: int = 0) -> SourceSpan:
    """Map ``tokens`` of an encoded text to a document.

    ``base`` is where the text begins in the document, ``indices`` the index in it of each encoded character,
    ``shift`` how many encoded characters precede the first of them.
    """
    last = len(indices) - 1
    starts = [max(0, min(last, encoded.starts[i] - shift)) for i in tokens]
    ends = [max(0, min(last, encoded.ends[i] - shift - 1)) for i in tokens]
    return SourceSpan(hit, tuple(base + indices[at] for at in starts), tuple(base + indices[at] + 1 for at in ends))


def outside(
    tokens: TextTokenizer, hits: Sequence[Hit], numbers: Sequence[int | None]
) -> list[tuple[Reference, SourceSpan]]:
    """References for the hits that are not in the prompt: drafts may copy them all the same."""
    found = []
    for index, hit in enumerate(hits):
        if numbers[index] is None and hit.passage.text:
            encoded = tokens.continued("]", " " + hit.passage.text)
            every = range(len(encoded.ids))
            where = locate(index, hit.passage.start, encoded, every, range(len(hit.passage.text)), shift=1)
            found.append((Reference(encoded.ids), where))
    return found


def require_room(needed: int, room: int) -> None:
    """Raise InputError unless a question of ``needed`` tokens fits."""
    if needed > room:
        raise InputError(
            f"the question needs {count(needed, 'token')}, and the target's context has room for {max(0, room):,}",
            hint="ask a shorter question, lower --max-new-tokens, or choose a --target with a longer context",
        )


def left_out(missing: int, total: int, what: str, room: int) -> str | None:
    """The line that says how many ``what`` (one of them, such as ``sentence``) did not fit; None if all did."""
    if not missing:
        return None
    return (
        f"{missing:,} of {count(total, what)} did not fit the {count(room, 'token')} that the target has for a prompt "
        f"and {'was' if missing == 1 else 'were'} left out."
    )
