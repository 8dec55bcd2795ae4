"""The pipeline: ask documents, correct text. What ``from app import Pipeline`` gives.

    pipeline = Pipeline.from_pretrained(corpus="sample")
    answer = pipeline.answer("When is a finally clause executed?")
    for event in pipeline.stream("..."): ...
    history = [Message("user", answer.question), Message("assistant", answer.text)]
    pipeline.answer("And if it returns?", history=history)
    pipeline.chat("Say hello.")
    correction = pipeline.correct("He go to school.")

One pipeline may serve many threads and many corpora; requests share each forward of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypedDict, Unpack

from app.answering.follow_ups import search_text
from app.answering.stream import AnswerStream, Question
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.correction.stream import CorrectionStream, EditProposer
from app.errors import InputError
from app.generation.events import Answer, Correction
from app.generation.modes import Mode
from app.generation.prompts import Message
from app.generation.requests import RequestBuilder
from app.generation.tokenizer import TextTokenizer
from app.library.corpus import Corpus
from app.library.deletion_signal import DeletionWatch
from app.loading.edit_proposer import edit_proposer
from app.loading.engine import request_builder
from app.loading.models import require_target
from app.loading.search_models import SearchModels
from app.model_store.choice import settle
from decoding.engine import Engine
from decoding.interfaces import TokenIndex
from retrieval.interfaces import Evidence, Hit, Query, Retrieved
from retrieval.language import unknown_to_encoder

__all__ = ["AnswerStream", "CorrectionStream", "Options", "Pipeline", "Searchable"]


class Searchable(Protocol):
    """What questions are asked of: ``app.library.corpus.Corpus``, or anything else that finds passages.

    A class that names it as its base need not write ``token_index``.
    """

    def retrieve(self, question: str, k: int, sentences: int) -> Retrieved:
        """The at most ``k`` best passages, and of them the at most ``sentences`` most telling sentences."""
        ...

    def token_index(self, tokens: TextTokenizer) -> TokenIndex | None:
        """What drafts may copy from the whole of it, as a tokenizer writes it; None for nothing, or nothing yet."""
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
    """A target, the models that search and correct beside it and, unless every call names its own, a corpus."""

    def __init__(
        self,
        builder: RequestBuilder,
        models: SearchModels,
        *,
        target_name: str,
        corpus: Searchable | None = None,
        edit_proposer: EditProposer | None = None,
    ) -> None:
        """``models`` find the evidence in passages that a call hands in; a corpus has its own, or shares these."""
        self.corpus = corpus
        self.target_name = target_name
        self.models = models
        self.edit_proposer = edit_proposer
        self._builder = builder
        self._find_evidence = models.evidence_finder()
        self._deletions = DeletionWatch(builder.settings.home)

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
        """Load a target by path or name (None: what the settings say) and open a corpus by name.

        ``target`` and ``dtype`` win over the settings. Further options, such as ``device_map`` and
        ``quantization_config``, go to transformers as they are. A wrong path of the target costs no building of a
        corpus, and a wrong name of a corpus no loading of models. Raises the errors of loading and opening, all with
        ``cause`` and ``hint``.
        """
        settings = settings if settings is not None else Settings.load()
        changes = {key: value for key, value in (("target", target), ("dtype", dtype)) if value is not None}
        settings = settings.replace(**changes) if changes else settings
        require_target(settings)
        proposer = edit_proposer(settings)
        models = SearchModels(settings)
        if settings.relevance is not None:
            models.relevance()  # A wrong path is said now, not at the first question.
        opened = Corpus.open(corpus, settings=settings, models=models) if isinstance(corpus, str) else corpus
        if opened is not None:
            models.load_encoder()
        settings = settle(settings)
        builder = request_builder(settings, **hf_options)
        _draft_index(opened, builder)  # The first question does not wait for it.
        return cls(builder, models, target_name=settings.target, corpus=opened, edit_proposer=proposer)

    @property
    def target_note(self) -> str:
        """What keeps calls from drafting, or from drafting trees, and why, in one line; empty if nothing does."""
        return self._builder.drafting_note(speculate=self.settings.speculate)

    @property
    def engine(self) -> Engine:
        """The decoder's engine, for benches."""
        return self._builder.engine

    @property
    def builder(self) -> RequestBuilder:
        """The target with its tokenizer and prompts, for benches."""
        return self._builder

    @property
    def settings(self) -> Settings:
        """The settings that calls fall back to."""
        return self._builder.settings

    def answer(
        self,
        question: str,
        *,
        corpus: Searchable | None = None,
        history: Sequence[Message] = (),
        **options: Unpack[Options],
    ) -> Answer:
        """Answer from the corpus; ``history`` is the conversation so far. Raises InputError, what searching raises."""
        return self.stream(question, corpus=corpus, history=history, **options).answer()

    def answer_from(
        self, question: str, hits: Sequence[Hit], *, history: Sequence[Message] = (), **options: Unpack[Options]
    ) -> Answer:
        """Answer from given passages, best first, instead of a corpus."""
        return self.stream_from(question, hits, history=history, **options).answer()

    def chat(self, message: str, *, history: Sequence[Message] = (), **options: Unpack[Options]) -> Answer:
        """The next turn of a conversation without documents. Raises InputError, also for a target that cannot chat."""
        return self.stream_chat(message, history=history, **options).answer()

    def stream(
        self,
        question: str,
        *,
        corpus: Searchable | None = None,
        history: Sequence[Message] = (),
        **options: Unpack[Options],
    ) -> AnswerStream:
        """The events of an answer, computed while they are read. Raises InputError before the first."""
        searched = corpus if corpus is not None else self.corpus
        if searched is None:
            raise InputError(
                "there is no corpus to ask", hint="name one: corpus=... here or in Pipeline.from_pretrained"
            )
        checked = GenerationOptions(**options)
        k, sentences = checked.k or self.settings.k, self.settings.evidence_sentences
        wanted = search_text(question, history)
        return self._stream(question, history, lambda: searched.retrieve(wanted, k, sentences), checked, searched)

    def stream_from(
        self, question: str, hits: Sequence[Hit], *, history: Sequence[Message] = (), **options: Unpack[Options]
    ) -> AnswerStream:
        """Like ``answer_from``, as events."""
        checked = GenerationOptions(**options)
        kept = tuple(hits if checked.k is None else hits[: checked.k])

        def retrieve() -> Retrieved:
            query = self.models.query(search_text(question, history))
            return Retrieved(kept, self.find_evidence(query, kept, self.settings.evidence_sentences), query.language)

        return self._stream(question, history, retrieve, checked)

    def stream_chat(self, message: str, *, history: Sequence[Message] = (), **options: Unpack[Options]) -> AnswerStream:
        """Like ``chat``, as events."""
        return self._stream(message, history, None, GenerationOptions(**options))

    def correct(self, text: str, *, max_new_tokens: int | None = None, speculate: bool | None = None) -> Correction:
        """Correct a text. ``max_new_tokens`` holds for each sentence. Raises InputError."""
        return self.stream_correct(text, max_new_tokens=max_new_tokens, speculate=speculate).correction()

    def find_evidence(self, question: str | Query, hits: Sequence[Hit], limit: int) -> tuple[Evidence, ...]:
        """The at most ``limit`` sentences of given hits that are most likely to answer, best first."""
        return tuple(self._find_evidence(question, hits, limit))

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
        stream = CorrectionStream(
            self._builder,
            text,
            proposer=self.edit_proposer,
            max_new_tokens=max_new_tokens,
            speculate=speculate,
            scope=scope,
        )
        return stream.followed_by(self._forget_if_removed_from_now_on())

    def _stream(
        self,
        question: str,
        history: Sequence[Message],
        retrieve: Callable[[], Retrieved] | None,
        options: GenerationOptions,
        corpus: Searchable | None = None,
    ) -> AnswerStream:
        if not question.strip():
            raise InputError("the question is empty", hint="ask something about the documents")
        self._forget_removed()
        resolved = self._builder.resolve(options, Mode.CHAT if retrieve is None else self._builder.mode(question))
        asked = Question(
            text=question,
            retrieve=retrieve,
            history=tuple(history),
            remark_on=self._remark_on,
            find_drafts=lambda: _draft_index(corpus, self._builder) if resolved.speculate else None,
        )
        return AnswerStream(self._builder, asked, resolved).followed_by(self._forget_if_removed_from_now_on())

    def _forget_removed(self) -> None:
        """A document may have been deleted by another process: nothing that was written from it is repeated."""
        if self._deletions.happened():
            self.forget()

    def _forget_if_removed_from_now_on(self) -> Callable[[], None]:
        """For the end of a request: it may have kept what it wrote from a document that was deleted meanwhile."""
        deletions = DeletionWatch(self._builder.settings.home)

        def look() -> None:
            if deletions.happened():
                self.forget()

        return look

    def _remark_on(self, language: str | None) -> str | None:
        """A line if the question is in a language that the encoder or the target does not know."""
        if self.models.encoder_is_english and (remark := unknown_to_encoder(language)):
            return remark
        if language is not None and self._builder.template.quotes_by_default:
            return f"This looks like {language}; the bundled target knows English. Name another with --target."
        return None


def _draft_index(corpus: Searchable | None, builder: RequestBuilder) -> TokenIndex | None:
    """What ``builder`` may draft from the whole of ``corpus``; None if it drafts from none, or there is nothing."""
    if corpus is None or not (builder.drafts_corpus and builder.settings.speculate):
        return None
    return corpus.token_index(builder.tokens)
