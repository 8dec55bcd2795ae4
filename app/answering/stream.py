"""One question on its way: an iterator of events that another thread may cancel.

The work is done in the thread that iterates: retrieval, prompt, generation step by step, citations. The decoder's
request has quotations and refusal as the prompt and the biases of the target have them (``answer_request``); that part
knows prompts, not how passages were found.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from app.answering.citations import cite
from app.answering.live_citations import LiveCitations
from app.errors import ModelError
from app.generation.cancellable import CancellableStream, Cancellation
from app.generation.detokenizer import TextStream, stop_factory
from app.generation.events import (
    NO_STATS,
    UNFINISHED,
    Answer,
    Citation,
    Computation,
    Done,
    Event,
    Retrieval,
    SourcePassage,
    TextDelta,
)
from app.generation.modes import Mode
from app.generation.prompts import Collapsed, Message, Prompt
from app.generation.requests import DecodingOptions, RequestBuilder
from app.generation.run_stats import RunTally
from corpora.counts import percent
from corpora.documents import describe_location
from decoding.interfaces import Commit, FinishReason, Opening, Processor, Request, TokenIndex
from decoding.processors.quote import QuoteProcessor
from decoding.scheduling.session import Session
from retrieval.interfaces import Hit, Retrieved

REPEATS: Final = "the answer began to repeat itself and was ended there"
_NOTHING: Final = Retrieved((), ())


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the ways to find passages for it and what else may be drafted.

    ``retrieve`` None: a turn of a chat, without documents. ``history`` is the conversation so far. ``remark_on`` gives
    what there is to say about the language that the question seems to be in.
    """

    text: str
    retrieve: Callable[[], Retrieved] | None
    history: tuple[Message, ...] = ()
    remark_on: Callable[[str | None], str | None] = lambda language: None
    find_drafts: Callable[[], TokenIndex | None] = lambda: None


class AnswerStream(CancellableStream[Event]):
    """Events of one answer: Retrieval, then TextDelta and Citation (live ones), last Done.

    ``cancel`` takes effect within one step or prefill chunk, while waiting for the model, too; Done then says
    ``cancelled``. As a context manager it cancels on leaving. Iterating raises what retrieval and prompt raise. A
    stream that is broken off, by whatever means, keeps what it has given: ``text`` and ``so_far``.
    """

    def __init__(self, builder: RequestBuilder, question: Question, options: DecodingOptions) -> None:
        cancellation = Cancellation()
        self._builder = builder
        self._question = question.text
        self._seen = Retrieval(())
        self._texts: list[str] = []
        self._whole: Answer | None = None
        super().__init__(_Answering(builder, question, options, cancellation).events(), cancellation)

    def __next__(self) -> Event:
        event = super().__next__()
        match event:
            case Retrieval():
                self._seen = event
            case TextDelta(text):
                self._texts.append(text)
            case Done(answer):
                self._whole = answer
        return event

    @property
    def text(self) -> str:
        """The text as far as it has been read."""
        return "".join(self._texts)

    @property
    def so_far(self) -> Answer:
        """The whole answer once it has been read to its end; before that, or if it was broken off, what there is of it.

        Its citations are exact for the text that it has, its ``finish_reason`` is ``unfinished``, it has no figures.
        """
        if self._whole is not None:
            return self._whole
        seen, text = self._seen, self.text
        citations = _citations(self._builder, text, seen)
        return Answer(self._question, text, citations, seen.passages, NO_STATS, UNFINISHED, seen.notice)

    def answer(self) -> Answer:
        """Run to the end and return the answer; of a stream that was read or closed before, ``so_far``."""
        with closing(self):
            for _ in self:
                pass
        return self.so_far


class _Answering:
    """One answer while it is written."""

    def __init__(
        self, builder: RequestBuilder, question: Question, options: DecodingOptions, cancellation: Cancellation
    ) -> None:
        self._builder = builder
        self._question = question
        self._options = options
        self._cancellation = cancellation
        self._figures = RunTally(drafting_note=builder.drafting_note(speculate=options.speculate))

    def events(self) -> Generator[Event, None, None]:
        """Retrieve, prompt, generate, cite."""
        question = self._question
        with self._figures.stage("retrieve"):
            found = question.retrieve() if question.retrieve is not None else _NOTHING
        with self._figures.stage("prompt"):
            if question.retrieve is None:
                messages = (*question.history, Message("user", question.text))
                prompt = self._builder.chat_prompt(messages, self._options)
            else:
                prompt = self._builder.answer_prompt(question.text, found, self._options, question.history)
            corpus = question.find_drafts()
        passages = tuple(_shown(hit, number) for hit, number in zip(found.hits, prompt.numbers, strict=True))
        why = _why_refused(found) if prompt.mode is Mode.QUOTATION else None
        remarks = (question.remark_on(found.language), *_remarks(found), why, self._options.remark, prompt.notice)
        notice = _one_line(remarks)
        seen = Retrieval(passages, notice, _computations(found, passages))
        yield seen
        request = answer_request(self._builder, prompt, self._options, corpus=corpus)
        session = self._cancellation.began(self._builder.begin(request, speculate=self._options.speculate))
        stream = TextStream(self._builder.tokens, self._options.stop_strings, end_repeats=self._options.end_repeats)
        yield from self._generate(session, stream, LiveCitations(prompt, passages, seen.computed))
        self._figures.add(session.stats)
        if stream.repeats:
            notice = _one_line((notice, REPEATS))
        yield Done(self._answer(stream.text, seen, notice, session.finish_reason or FinishReason.CANCELLED))

    def _generate(self, session: Session, stream: TextStream, live: LiveCitations) -> Iterator[Event]:
        with closing(self._builder.engine.iterate(session)) as commits:
            for commit in commits:
                text, found = self._text_of(commit, stream, live)
                if text:
                    self._figures.saw_text()
                    yield TextDelta(text)
                yield from found
        if rest := stream.finish():
            self._figures.saw_text()
            yield TextDelta(rest)
        if citation := live.finish(stream.text):
            yield citation

    def _text_of(self, commit: Commit, stream: TextStream, live: LiveCitations) -> tuple[str, list[Citation]]:
        new, found = "", []
        for token, origin in zip(commit.tokens, commit.origins, strict=True):
            start = len(stream.text)
            new += stream.push(token)
            if citation := live.push(token, origin, start, len(stream.text), stream.text):
                found.append(citation)
        return new, found

    def _answer(self, text: str, seen: Retrieval, notice: str | None, reason: FinishReason) -> Answer:
        return Answer(
            question=self._question.text,
            text=text,
            citations=_citations(self._builder, text, seen),
            passages=seen.passages,
            stats=self._figures.result(),
            finish_reason=reason.value,
            notice=notice,
        )


def answer_request(
    builder: RequestBuilder, prompt: Prompt, options: DecodingOptions, *, corpus: TokenIndex | None = None
) -> Request:
    """What the decoder is asked to write an answer; ``corpus`` is what drafts may copy beside the prompt.

    Raises ModelError for a target without an end token that is to quote.
    """
    return Request(
        prompt=prompt.ids,
        max_new_tokens=_enough(builder, prompt, options),
        references=prompt.references,
        sampling=options.sampling,
        eos_ids=builder.eos_ids,
        processors=(*builder.processors(prompt.ids, options), *_quoting(builder, prompt)),
        stop=stop_factory(builder.tokens, options.stop_strings, end_repeats=options.end_repeats),
        criterion=options.criterion,
        scope=options.scope,
        task="chat" if prompt.mode is Mode.CHAT else "answer",
        corpus=corpus,
        openings=_openings(builder, prompt),
    )


def _enough(builder: RequestBuilder, prompt: Prompt, options: DecodingOptions) -> int:
    """Most tokens of the answer; unless somebody set it, as many as the longest quotation needs, if there is room."""
    if options.is_limit_set or prompt.mode is not Mode.QUOTATION:
        return options.max_new_tokens
    longest = max((len(quote.marker) + len(quote.body) for quote in prompt.quotes), default=0)
    return max(options.max_new_tokens, min(longest + 1, builder.engine.target.context_length - len(prompt.ids)))


def _openings(builder: RequestBuilder, prompt: Prompt) -> tuple[Opening, ...]:
    """The refusal, to be drafted whole."""
    chance = builder.biases.refusal_chance(prompt.relevance, quotes=prompt.mode is Mode.QUOTATION)
    return (Opening(prompt.refusal, chance),) if prompt.refusal else ()


def _quoting(builder: RequestBuilder, prompt: Prompt) -> tuple[Processor, ...]:
    if prompt.mode is not Mode.QUOTATION:
        return ()
    if not builder.eos_ids:
        raise ModelError(
            f"{builder.engine.target.name} names no end token, so that a quotation could never end",
            hint="switch quotations off (--set quote=false), or name eos_token_id in its generation_config.json",
        )
    bonus = builder.biases.refusal_bonus(prompt.relevance)
    weighted = prompt.weighted_quotes(builder.biases.evidence_slope)
    return (
        QuoteProcessor(
            weighted,
            eos_ids=builder.eos_ids,
            refusal=prompt.refusal,
            refusal_bonus=bonus,
            end_bonus=builder.biases.end_bonus,
        ),
    )


def _citations(builder: RequestBuilder, text: str, seen: Retrieval) -> tuple[Citation, ...]:
    encoded = builder.tokens.plain(text)
    return cite(text, list(zip(encoded.starts, encoded.ends, strict=True)), seen.passages, seen.computed)


def _computations(found: Retrieved, passages: Sequence[SourcePassage]) -> tuple[Computation, ...]:
    """What of the evidence was computed, with the passage in which the first of its rows stands."""
    return tuple(
        Computation(
            text=Collapsed.of(one.text).text,
            passage_id=passages[one.hit].passage_id,
            document=passages[one.hit].document,
            rows=one.rows,
            place=one.place,
        )
        for one in found.evidence
        if one.is_computed
    )


def _remarks(found: Retrieved) -> Iterator[str]:
    """What was searched for instead of what was written, and what of the question is not answered."""
    if found.mended:
        yield "searched for " + ", ".join(f"“{one.meant}” (you wrote “{one.written}”)" for one in found.mended)
    yield from (f"nothing was found for “{part.rstrip('?')}”" for part in found.unanswered)
    if found.remark:
        yield found.remark


def _why_refused(found: Retrieved) -> str | None:
    """Why nothing can be quoted, if nothing that was found is likely to answer."""
    if not found.hits or found.remark or any(one.is_likely for one in found.evidence):
        return None
    if found.missing:
        return "nothing that was found has " + " or ".join(f"“{name}”" for name in found.missing)
    best = max((hit.chance or 0.0 for hit in found.hits), default=0.0)
    return f"the likeliest of what was found answers with a chance of {percent(best)}"


def _one_line(remarks: Iterable[str | None]) -> str | None:
    """Remarks as sentences on one line; None if there is none."""
    sentences = [remark[:1].upper() + remark[1:].rstrip(".") + "." for remark in remarks if remark]
    return " ".join(sentences) or None


def _shown(hit: Hit, number: int | None) -> SourcePassage:
    passage = hit.passage
    return SourcePassage(
        passage_id=passage.id,
        document=passage.document_name,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        score=hit.score,
        number=number,
        place=describe_location(passage.marks, passage.start, passage.end),
        marks=passage.marks,
        chance=hit.chance,
    )
