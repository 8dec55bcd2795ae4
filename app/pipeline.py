"""The pipeline: ask documents, correct text. What ``from app import Pipeline`` gives.

    pipeline = Pipeline.from_pretrained(corpus="sample")
    answer = pipeline.answer("When is a finally clause executed?")
    for event in pipeline.stream("..."): ...
    correction = pipeline.correct("He go to school.")

One pipeline may serve many threads and many corpora; requests share each forward of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypedDict, Unpack, runtime_checkable

from app.answering.stream import AnswerStream, Question
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.correction.stream import CorrectionStream
from app.errors import InputError
from app.generation.events import Answer, Correction
from app.generation.requests import RequestBuilder
from app.generation.token_rules import lossy_remark
from app.generation.tokenizer import TextTokenizer
from app.library.deletion_signal import DeletionWatch
from decoding.engine import Engine
from decoding.interfaces import TokenIndex
from decoding.target.capability import Verification
from retrieval.hits import Evidence, Hit
from retrieval.language import guess_language, unknown_language

__all__ = ["AnswerStream", "CorrectionStream", "Options", "Pipeline", "Searchable"]

FindEvidence: TypeAlias = Callable[[str, Sequence[Hit], int], Sequence[Evidence]]


class Searchable(Protocol):
    """What questions are asked of: ``app.library.corpus.Corpus``, or anything else that finds passages."""

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The at most ``k`` best passages, best first."""
        ...

    def evidence(self, query: str, hits: Sequence[Hit], limit: int = 8) -> Sequence[Evidence]:
        """The at most ``limit`` most telling sentences of the hits, best first."""
        ...


@runtime_checkable
class Draftable(Protocol):
    """A corpus from which drafts may be copied as a whole."""

    def token_index(self, tokens: TextTokenizer) -> TokenIndex | None:
        """Its draft index for a tokenizer, if there is one by now."""
        ...


def draft_index(corpus: Searchable | None, writer: RequestBuilder) -> TokenIndex | None:
    """What ``writer`` may draft from the whole of ``corpus``; None if it drafts from none, or there is nothing."""
    if writer.drafts_corpus and writer.settings.speculate and isinstance(corpus, Draftable):
        return corpus.token_index(writer.tokens)
    return None


class Options(TypedDict, total=False):
    """Keyword options of one call, as in ``app.config.generation_options.GenerationOptions``."""

    k: int | None
    max_new_tokens: int | None
    speculate: bool | None
    do_sample: bool | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    seed: int | None
    repetition_penalty: float | None
    frequency_penalty: float | None
    presence_penalty: float | None
    no_repeat_ngram_size: int | None
    min_new_tokens: int | None
    bad_words: Sequence[str] | None
    logit_bias: Mapping[int, float] | None
    criterion: str | None
    stop_strings: Sequence[str]
    scope: str | None


class Pipeline:
    """A target, an encoder's eye for evidence and, unless every call names its own, a corpus."""

    def __init__(
        self,
        writer: RequestBuilder,
        find_evidence: FindEvidence,
        *,
        corpus: Searchable | None = None,
        target_name: str,
        encoder_is_english: bool = True,
    ) -> None:
        self.corpus = corpus
        self.target_name = target_name
        self._writer = writer
        self.find_evidence = find_evidence
        self._encoder_is_english = encoder_is_english
        self._deletions = DeletionWatch(writer.settings.home)

    @classmethod
    def from_pretrained(
        cls,
        target: str | None = None,
        *,
        corpus: str | Searchable | None = "sample",
        settings: Settings | None = None,
        dtype: str | None = None,
        **hf_options: Any,
    ) -> Pipeline:
        """Load a target by path or name (None: the bundled one) and open a corpus by name.

        Further options, such as ``device_map`` and ``quantization_config``, go to transformers as they are.
        Raises the errors of loading and opening, all with ``cause`` and ``hint``.
        """
        from app.loading import engine as build

        return build.open_pipeline(settings, corpus=corpus, target=target, dtype=dtype, **hf_options)

    @property
    def target_note(self) -> str:
        """What the target's drafts cannot do, in one line; nothing if they are verified as trees."""
        verification = self.engine.target.verification
        return "" if verification is Verification.TREE else verification.about

    @property
    def engine(self) -> Engine:
        """The decoder's engine, for benches."""
        return self._writer.engine

    @property
    def writer(self) -> RequestBuilder:
        """The target with its tokenizer and prompts, for benches."""
        return self._writer

    @property
    def settings(self) -> Settings:
        """The settings that calls fall back to."""
        return self._writer.settings

    def answer(self, question: str, *, corpus: Searchable | None = None, **options: Unpack[Options]) -> Answer:
        """Answer from the corpus. Raises InputError and what searching raises."""
        return self.stream(question, corpus=corpus, **options).answer()

    def answer_from(self, question: str, hits: Sequence[Hit], **options: Unpack[Options]) -> Answer:
        """Answer from given passages, best first, instead of a corpus."""
        return self.stream_from(question, hits, **options).answer()

    def stream(self, question: str, *, corpus: Searchable | None = None, **options: Unpack[Options]) -> AnswerStream:
        """The events of an answer, computed while they are read. Raises InputError before the first."""
        searched = corpus if corpus is not None else self.corpus
        if searched is None:
            raise InputError(
                "There is no corpus to ask.", hint="Name one: corpus=... here or in Pipeline.from_pretrained."
            )
        checked = GenerationOptions(**options)
        k = checked.k or self.settings.k
        return self._stream(
            question,
            lambda: searched.search(question, k),
            lambda hits, n: searched.evidence(question, hits, n),
            checked,
            searched,
        )

    def stream_from(self, question: str, hits: Sequence[Hit], **options: Unpack[Options]) -> AnswerStream:
        """Like ``answer_from``, as events."""
        checked = GenerationOptions(**options)
        kept = tuple(hits if checked.k is None else hits[: checked.k])
        return self._stream(
            question, lambda: kept, lambda hits, limit: self.find_evidence(question, hits, limit), checked
        )

    def correct(self, text: str, *, max_new_tokens: int | None = None, speculate: bool | None = None) -> Correction:
        """Correct a text. ``max_new_tokens`` holds for each sentence. Raises InputError."""
        return self.stream_correct(text, max_new_tokens=max_new_tokens, speculate=speculate).correction()

    def forget(self, scope: str | None = None) -> None:
        """Keep nothing of earlier calls with this ``scope`` in memory, or of any (None): a text was deleted."""
        self.engine.forget_outputs(scope)

    def stream_correct(
        self,
        text: str,
        *,
        max_new_tokens: int | None = None,
        speculate: bool | None = None,
        scope: str | None = "",
    ) -> CorrectionStream:
        """The events of a correction, sentence by sentence. Raises InputError before the first.

        ``scope`` is that of ``app.config.generation_options.GenerationOptions``.
        """
        self._forget_removed()
        stream = CorrectionStream(self._writer, text, max_new_tokens=max_new_tokens, speculate=speculate, scope=scope)
        return stream.followed_by(self._forget_if_removed_from_now_on())

    def _stream(
        self,
        question: str,
        find_hits: Callable[[], Sequence[Hit]],
        find_evidence: Callable[[Sequence[Hit], int], Sequence[Evidence]],
        options: GenerationOptions,
        corpus: Searchable | None = None,
    ) -> AnswerStream:
        if not question.strip():
            raise InputError("The question is empty.", hint="Ask something about the documents.")
        self._forget_removed()
        self._writer.check(options)
        limit = self.settings.evidence_sentences
        asked = Question(
            text=question,
            find_hits=find_hits,
            find_evidence=lambda hits: find_evidence(hits, limit),
            find_drafts=lambda: draft_index(corpus, self._writer) if options.speculate is not False else None,
            notices=(*self._remarks(question), *filter(None, [lossy_remark(options.over(self.settings))])),
        )
        return AnswerStream(self._writer, asked, options).followed_by(self._forget_if_removed_from_now_on())

    def _forget_removed(self) -> None:
        """A document may have been deleted by another process: nothing that was written from it is repeated."""
        if self._deletions.happened():
            self.forget()

    def _forget_if_removed_from_now_on(self) -> Callable[[], None]:
        """For the end of a request: it may have kept what it wrote from a document that was deleted meanwhile."""
        deletions = DeletionWatch(self._writer.settings.home)

        def look() -> None:
            if deletions.happened():
                self.forget()

        return look

    def _remarks(self, question: str) -> tuple[str, ...]:
        """A line if the question is in a language that the encoder or the target does not know."""
        if self._encoder_is_english and (remark := unknown_language(question)):
            return (remark,)
        language = guess_language(question)
        if language is not None and self._writer.template.quotes_by_default:
            return (f"This looks like {language}; the bundled target knows English. Name another with --target.",)
        return ()
