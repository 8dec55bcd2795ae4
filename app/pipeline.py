"""The pipeline: ask documents, correct text. What ``from app import Pipeline`` gives.

    pipeline = Pipeline(corpus="sample")
    answer = pipeline.answer("When is a finally clause executed?")
    for event in pipeline.stream("..."): ...
    pipeline.answer("And if it returns?", history=[(answer.question, answer.text)])
    pipeline.chat("Say hello.")
    correction = pipeline.correct("He go to school.")

One pipeline may serve many threads and many corpora; requests share each forward of the model. What is heavy is
imported where it is first needed: a wrong name is told before that.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict, Unpack

from app.answering.question_parts import retrieve_parts
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings, keys
from app.errors import ArgumentError, InputError, kind_of, require_text, unknown_keyword
from app.generation.history import History, messages_of
from app.generation.modes import Mode
from app.library.corpus import Corpus
from app.library.deletion_signal import DeletionWatch
from app.library.opening import require_corpus
from app.library.searchable import AnyCorpus, Searchable, require_kind, searchable_of
from app.loading.edit_proposer import edit_proposer
from app.loading.engine import request_builder
from app.loading.models import require_target
from app.loading.search_models import SearchModels
from app.model_store.choice import settle
from retrieval.language import unknown_to_encoder

if TYPE_CHECKING:
    from types import TracebackType

    from app.answering.stream import AnswerStream
    from app.correction.stream import CorrectionStream, EditProposer
    from app.generation.events import Answer, Correction
    from app.generation.prompts import Message
    from app.generation.requests import RequestBuilder
    from decoding.engine import Engine
    from decoding.interfaces import TokenIndex
    from retrieval.interfaces import Evidence, Hit, Query, Retrieved

__all__ = ["Options", "Pipeline", "Searchable"]

_LOADING: Final = frozenset(
    """adapter_kwargs attn_implementation cache_dir code_revision config device_map device_mesh disable_mmap
    distributed_config experts_implementation force_download fusion_config gguf_file ignore_mismatched_sizes
    kernel_config key_mapping local_files_only low_cpu_mem_usage max_memory offload_buffers offload_folder
    offload_state_dict proxies quantization_config revision state_dict subfolder token tp_plan tp_size use_kernels
    variant weights_only""".split()
)
"""What transformers' ``from_pretrained`` takes, as far as it may be given: the rest are settings."""


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
        target: str | None = None,
        *,
        corpus: AnyCorpus | None = "sample",
        settings: Settings | None = None,
        dtype: str | None = None,
        **hf_options: Any,
    ) -> None:
        """Load a target by path or name (None: what the settings say) and open what questions are asked of.

        ``corpus`` is the name of one, a ``Corpus``, a list of texts or documents, an object with ``search(query, k)``,
        a retriever of LangChain's, or None for none. ``target`` and ``dtype`` win over the settings. Further options,
        such as ``device_map`` and ``quantization_config``, go to transformers as they are. A wrong keyword, name or
        path is told before anything is loaded. Raises ArgumentError, which is a TypeError, and the errors of loading
        and opening, all with ``cause`` and ``hint``.
        """
        _require_arguments(target, corpus, settings, hf_options)
        settings = settings if settings is not None else Settings.load()
        changes = {key: value for key, value in (("target", target), ("dtype", dtype)) if value is not None}
        settings = settings.replace(**changes) if changes else settings
        if isinstance(corpus, str):
            require_corpus(corpus, settings)
        require_target(settings)
        proposer = edit_proposer(settings)
        models = SearchModels(settings)
        if settings.relevance is not None:
            models.relevance()  # A wrong path is said now, not at the first question.
        settings = settle(settings)  # What is missing is said before a corpus is built.
        opened = None if corpus is None else _searchable(corpus, settings, models)
        if opened is not None:
            models.load_encoder()
            models.relevance()
        builder = request_builder(settings, **hf_options)
        _draft_index(opened, builder)  # The first question does not wait for it.
        self._assemble(builder, models, target_name=settings.target, corpus=opened, edit_proposer=proposer)
        if isinstance(corpus, str) and opened is not None:
            self._opened[corpus] = opened

    @classmethod
    def from_pretrained(
        cls,
        target: str | None = None,
        *,
        corpus: AnyCorpus | None = "sample",
        settings: Settings | None = None,
        dtype: str | None = None,
        **hf_options: Any,
    ) -> Self:
        """The same as calling the class, under the name that Hugging Face's classes have for it."""
        return cls(target, corpus=corpus, settings=settings, dtype=dtype, **hf_options)

    @classmethod
    def of(
        cls,
        builder: RequestBuilder,
        models: SearchModels,
        *,
        target_name: str,
        corpus: Searchable | None = None,
        edit_proposer: EditProposer | None = None,
    ) -> Self:
        """A pipeline of parts that are loaded already.

        ``models`` find the evidence in passages that a call hands in; a corpus has its own, or shares these.
        """
        pipeline = cls.__new__(cls)
        pipeline._assemble(builder, models, target_name=target_name, corpus=corpus, edit_proposer=edit_proposer)
        return pipeline

    def _assemble(
        self,
        builder: RequestBuilder,
        models: SearchModels,
        *,
        target_name: str,
        corpus: Searchable | None,
        edit_proposer: EditProposer | None,
    ) -> None:
        self.corpus = corpus
        self.target_name = target_name
        self.models = models
        self.edit_proposer = edit_proposer
        self._builder = builder
        self._find_evidence = models.evidence_finder()
        self._deletions = DeletionWatch(builder.settings.home)
        self._lock = threading.Lock()
        self._opened: dict[str, Searchable] = {}
        self._is_closed = False
        self._outlived: deque[None] = deque()  # For each request that a deletion came into.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what drafting learned, and close the corpora that it opened by name; what was handed in stays open.

        A closed pipeline cannot be asked. Closing it again does nothing.
        """
        with self._lock:
            opened, self._opened, self._is_closed = self._opened, {}, True
        for corpus in opened.values():
            if isinstance(corpus, Corpus):
                corpus.close()
        if self._builder.drafter_state is not None:
            self._builder.drafter_state.save()

    def answer(
        self,
        question: str,
        *,
        corpus: AnyCorpus | None = None,
        history: History = (),
        **options: Unpack[Options],
    ) -> Answer:
        """Answer from the corpus; ``history`` is the conversation so far. Raises InputError, what searching raises."""
        return self.stream(question, corpus=corpus, history=history, **options).answer()

    def answer_from(
        self, question: str, hits: Sequence[Hit], *, history: History = (), **options: Unpack[Options]
    ) -> Answer:
        """Answer from given passages, best first, instead of a corpus."""
        return self.stream_from(question, hits, history=history, **options).answer()

    def chat(self, message: str, *, history: History = (), **options: Unpack[Options]) -> Answer:
        """The next turn of a conversation without documents. Raises InputError, also for a target that cannot chat."""
        return self.stream_chat(message, history=history, **options).answer()

    def stream(
        self,
        question: str,
        *,
        corpus: AnyCorpus | None = None,
        history: History = (),
        **options: Unpack[Options],
    ) -> AnswerStream:
        """The events of an answer, computed while they are read. Raises InputError before the first."""
        checked = GenerationOptions.given("Pipeline.stream", options)
        searched = self.corpus if corpus is None else self._searchable(corpus)
        if searched is None:
            raise InputError("there is no corpus to ask", hint="name one: corpus=... here or in Pipeline(...)")
        k, sentences = checked.k or self.settings.k, self.settings.evidence_sentences
        earlier = messages_of(history)

        def retrieve() -> Retrieved:
            return retrieve_parts(
                lambda text: searched.retrieve(text, k, sentences), question, earlier, sentences=sentences
            )

        return self._stream(question, earlier, retrieve, checked, searched)

    def stream_from(
        self, question: str, hits: Sequence[Hit], *, history: History = (), **options: Unpack[Options]
    ) -> AnswerStream:
        """Like ``answer_from``, as events."""
        from retrieval.evidence.selection import retrieved

        checked = GenerationOptions.given("Pipeline.stream_from", options)
        kept = tuple(hits if checked.k is None else hits[: checked.k])
        sentences = self.settings.evidence_sentences
        earlier = messages_of(history)

        def judged(text: str) -> Retrieved:
            query = self.models.query(text)
            return retrieved(query, kept, self._find_evidence(query, kept, None), sentences, self.models.relevance())

        def retrieve() -> Retrieved:
            return retrieve_parts(judged, question, earlier, sentences=sentences)

        return self._stream(question, earlier, retrieve, checked)

    def stream_chat(self, message: str, *, history: History = (), **options: Unpack[Options]) -> AnswerStream:
        """Like ``chat``, as events."""
        checked = GenerationOptions.given("Pipeline.stream_chat", options)
        return self._stream(message, messages_of(history), None, checked)

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
        from app.correction.stream import CorrectionStream

        self._require_open()
        require_text("text", text)
        self._forget_removed()
        stream = CorrectionStream(
            self._builder,
            text,
            proposer=self.edit_proposer,
            max_new_tokens=max_new_tokens,
            speculate=speculate,
            scope=scope,
        )
        return stream.followed_by(self._mark_of_removals(), self._forget_removed)

    def _stream(
        self,
        question: str,
        history: tuple[Message, ...],
        retrieve: Callable[[], Retrieved] | None,
        options: GenerationOptions,
        corpus: Searchable | None = None,
    ) -> AnswerStream:
        from app.answering.stream import AnswerStream, Question

        self._require_open()
        require_text("question", question)
        if not question.strip():
            raise InputError("the question is empty", hint="ask something about the documents")
        self._forget_removed()
        resolved = self._builder.resolve(options, Mode.CHAT if retrieve is None else self._builder.mode(question))
        asked = Question(
            text=question,
            retrieve=retrieve,
            history=history,
            remark_on=self._remark_on,
            find_drafts=lambda: _draft_index(corpus, self._builder) if resolved.speculate else None,
        )
        stream = AnswerStream(self._builder, asked, resolved)
        return stream.followed_by(self._mark_of_removals(), self._forget_removed)

    def _searchable(self, corpus: AnyCorpus) -> Searchable:
        """A corpus that a call names, opened once; anything else as something to ask."""
        if not isinstance(corpus, str):
            return _searchable(corpus, self.settings, self.models)
        with self._lock:
            self._require_open()
            if corpus not in self._opened:
                self._opened[corpus] = _searchable(corpus, self.settings, self.models)
            return self._opened[corpus]

    def _require_open(self) -> None:
        if self._is_closed:
            raise InputError("the pipeline is closed", hint="ask before close(), or inside its with block")

    def _forget_removed(self) -> None:
        """A document may have been deleted by another process: nothing that was written from it is repeated."""
        happened = self._deletions.happened()
        if happened or self._outlived:
            self._outlived.clear()
            self.forget()

    def _mark_of_removals(self) -> Callable[[], None]:
        """For the end of a request: it may have kept what it wrote from a document that was deleted meanwhile.

        What it returns only leaves a mark, because a request that is given up may end in the middle of a step.
        """
        deletions = DeletionWatch(self._builder.settings.home)

        def mark() -> None:
            if deletions.happened():
                self._outlived.append(None)

        return mark

    def _remark_on(self, language: str | None) -> str | None:
        """A line if the question is in a language that the encoder or the target does not know."""
        if self.models.encoder_is_english and (remark := unknown_to_encoder(language)):
            return remark
        if language is not None and self._builder.template.quotes_by_default:
            return f"This looks like {language}; the bundled target knows English. Name another with --target."
        return None


def _searchable(corpus: AnyCorpus, settings: Settings, models: SearchModels) -> Searchable:
    return searchable_of(corpus, models, lambda name: Corpus.open(name, settings=settings, models=models))


def _require_arguments(target: object, corpus: object, settings: object, hf_options: Mapping[str, Any]) -> None:
    """Raise ArgumentError for a keyword that there is not, or a value that cannot be: before anything is loaded."""
    own = ("target", "corpus", "settings", "dtype")
    for name in hf_options:
        if name == "torch_dtype":
            raise ArgumentError("Pipeline has no keyword torch_dtype", hint="write dtype")
        if name in _LOADING:
            continue
        if name in keys():
            raise ArgumentError(
                f"Pipeline has no keyword {name}, which is a setting",
                hint=f"write settings=Settings.load().replace({name}=...)",
            )
        further = "it takes target, corpus, settings, dtype, and what from_pretrained of transformers takes"
        raise unknown_keyword("Pipeline", name, (*own, *keys(), *sorted(_LOADING)), hint=further)
    if target is not None and not isinstance(target, str):
        hint = "give its name or its folder as a text; what is asked is named so: Pipeline(corpus=...)"
        raise ArgumentError(f"target is {kind_of(target)}, not a text", hint=hint)
    if settings is not None and not isinstance(settings, Settings):
        hint = "write settings=Settings.load({...}), or Settings.load().replace(...)"
        raise ArgumentError(f"settings is {kind_of(settings)}", hint=hint)
    if corpus is not None:
        require_kind(corpus)


def _draft_index(corpus: Searchable | None, builder: RequestBuilder) -> TokenIndex | None:
    """What ``builder`` may draft from the whole of ``corpus``; None if it drafts from none, or there is nothing."""
    if corpus is None or not (builder.drafts_corpus and builder.settings.speculate):
        return None
    token_index = getattr(corpus, "token_index", None)  # A class that only looks like a corpus may have none.
    index: TokenIndex | None = None if token_index is None else token_index(builder.tokens)
    return index
