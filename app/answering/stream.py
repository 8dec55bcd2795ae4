"""One question on its way: an iterator of events that another thread may cancel.

The work is done in the thread that iterates: retrieval, prompt, generation step by step, citations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from app.answering.citations import cite
from app.answering.live_citations import LiveCitations
from app.answering.request import answer_request
from app.generation.cancellable import CancellableStream
from app.generation.detokenizer import TextStream
from app.generation.events import Answer, Citation, Done, Event, Retrieval, SourcePassage, TextDelta
from app.generation.requests import DecodingOptions, RequestBuilder
from app.generation.run_stats import RunTally
from corpora.documents import describe_location
from decoding.interfaces import Commit, FinishReason, TokenIndex
from decoding.scheduling.session import Session
from retrieval.hits import Hit, Retrieved


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the ways to find passages for it and what else may be drafted.

    ``remark_on`` gives what there is to say about the language that the question seems to be in.
    """

    text: str
    retrieve: Callable[[], Retrieved]
    remark_on: Callable[[str | None], str | None] = lambda language: None
    find_drafts: Callable[[], TokenIndex | None] = lambda: None


class AnswerStream(CancellableStream[Event]):
    """Events of one answer: Retrieval, then TextDelta and Citation (live ones), last Done.

    ``cancel`` takes effect within one step or prefill chunk, while waiting for the model, too; Done then says
    ``cancelled``. As a context manager it cancels on leaving. Iterating raises what retrieval and prompt raise.
    """

    def __init__(self, builder: RequestBuilder, question: Question, options: DecodingOptions) -> None:
        self._builder = builder
        self._question = question
        self._options = options
        self._figures = RunTally()
        super().__init__()

    def answer(self) -> Answer:
        """Run to the end and return the answer."""
        for event in self:
            if isinstance(event, Done):
                return event.answer
        raise RuntimeError("this stream has been read already")

    def _run(self) -> Iterator[Event]:
        with self._figures.stage("retrieve"):
            found = self._question.retrieve()
        with self._figures.stage("prompt"):
            room = self._builder.room(self._options.max_new_tokens)
            prompt = self._builder.template.answer(self._question.text, found.hits, found.evidence, room)
            corpus = self._question.find_drafts()
        passages = tuple(_shown(hit, number) for hit, number in zip(found.hits, prompt.numbers, strict=True))
        notice = _one_line((self._question.remark_on(found.language), self._options.remark, prompt.notice))
        yield Retrieval(passages, notice)
        request = answer_request(self._builder, prompt, self._options, corpus=corpus)
        session = self._began(self._builder.begin(request, speculate=self._options.speculate))
        stream = TextStream(self._builder.tokens, self._options.stop_strings)
        yield from self._generate(session, stream, LiveCitations(prompt, passages))
        self._figures.add(session.stats)
        yield Done(self._answer(stream.text, passages, notice, session.finish_reason or FinishReason.CANCELLED))

    def _generate(self, session: Session, stream: TextStream, live: LiveCitations) -> Iterator[Event]:
        for commit in self._builder.engine.iterate(session):
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

    def _answer(
        self, text: str, passages: tuple[SourcePassage, ...], notice: str | None, reason: FinishReason
    ) -> Answer:
        encoded = self._builder.tokens.plain(text)
        return Answer(
            question=self._question.text,
            text=text,
            citations=cite(text, list(zip(encoded.starts, encoded.ends, strict=True)), passages),
            passages=passages,
            stats=self._figures.result(),
            finish_reason=reason.value,
            notice=notice,
        )


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
    )
