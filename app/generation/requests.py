"""One loaded target with its tokenizer and prompts, and what each call's options come to.

Knows nothing of corpora, answers, corrections or events: ``app.answering.stream`` and ``app.correction.stream``
make requests with it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.errors import InputError
from app.generation.drafter_state import DrafterState
from app.generation.logit_biases import LogitBiases
from app.generation.modes import Mode, asks_for_more_than_a_fact
from app.generation.prompts import Message, Prompt, Template
from app.generation.token_rules import criterion, lossy_remark, token_rules
from app.generation.tokenizer import TextTokenizer
from decoding.engine import Engine
from decoding.interfaces import AcceptanceCriterion, Processor, Request, Sampling
from decoding.processors.token_rules import TokenRules
from decoding.scheduling.session import Session
from decoding.verification import sampling
from retrieval.evidence.extractive_summary import summary_topic
from retrieval.interfaces import Retrieved

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingOptions:
    """The options of one call, laid over the settings and the model's own defaults once.

    ``criterion`` None is the exact one, which the decoder has built in; ``remark`` says that it is a lossy one.
    ``end_repeats``: an output ends where it begins to repeat itself. ``is_limit_set``: somebody set ``max_new_tokens``.
    """

    max_new_tokens: int
    sampling: Sampling
    rules: TokenRules
    criterion: AcceptanceCriterion | None
    speculate: bool
    mode: Mode = Mode.QUOTATION
    stop_strings: Sequence[str] = ()
    end_repeats: bool = False
    scope: str | None = ""
    remark: str | None = None
    is_limit_set: bool = False


@dataclass(frozen=True, slots=True)
class RequestBuilder:
    """One loaded target, ready to write for many requests at once. ``drafts_corpus``: it drafts from whole corpora."""

    engine: Engine
    tokens: TextTokenizer
    template: Template
    settings: Settings
    biases: LogitBiases = field(default_factory=LogitBiases)
    drafter_state: DrafterState | None = None
    drafts_corpus: bool = False

    @property
    def eos_ids(self) -> frozenset[int]:
        """The tokens that end an output: the model's, else its tokenizer's, and what ends a turn of its template."""
        own = self.tokens.hf.eos_token_id
        ends = self.engine.target.eos_ids or frozenset(() if own is None else (own,))
        return ends | self.template.end_ids

    @property
    def end_id(self) -> int | None:
        """The token with which the model ends its turn; None if nothing ends an output."""
        return min(self.template.end_ids or self.eos_ids, default=None)

    def mode(self, question: str) -> Mode:
        """How a question of documents is answered: as the setting says, else in quotations by a target that was made
        for them or calibrated, unless it asks for more than a fact; a summary can be quoted, too.
        """
        quotes = self.settings.quote
        if quotes is None:
            is_quotable = summary_topic(question) is not None or not asks_for_more_than_a_fact(question)
            is_calibrated = self.biases.evidence_slope > 0 and is_quotable
            quotes = self.template.quotes_by_default or is_calibrated
        return Mode.QUOTATION if quotes else Mode.ANSWER

    def answer_prompt(
        self,
        question: str,
        found: Retrieved,
        options: DecodingOptions,
        history: Sequence[Message] = (),
    ) -> Prompt:
        """The prompt for a question of documents. Raises InputError if it does not fit."""
        room = self.room(options.max_new_tokens)
        return self.template.answer(question, found.hits, found.evidence, room, mode=options.mode, history=history)

    def chat_prompt(self, messages: Sequence[Message], options: DecodingOptions) -> Prompt:
        """The prompt for the next turn of a conversation without documents. Raises InputError."""
        return self.template.chat(messages, self.room(options.max_new_tokens))

    def room(self, max_new_tokens: int) -> int:
        """How many tokens a prompt may have. Raises InputError if there is none."""
        room = self.engine.target.context_length - max_new_tokens
        if room < 1:
            raise InputError(
                f"max_new_tokens is {max_new_tokens}, the context of the target {self.engine.target.context_length}",
                hint="lower --max-new-tokens so that a prompt fits before the answer",
            )
        return room

    def resolve(self, options: GenerationOptions, mode: Mode = Mode.QUOTATION) -> DecodingOptions:
        """Lay the options of one call over the settings, once; ``mode`` has limits of its own.

        Raises InputError, InvalidRequest.
        """
        target = self.engine.target
        chosen = options.sampling(self.settings, target)
        sampling.check(chosen)
        settings = options.over(self.settings)
        rules = token_rules(settings, target, self.tokens)
        remark = lossy_remark(settings)
        if options.criterion is not None and remark:
            log.warning("%s", remark)
        decoding = DecodingOptions(
            mode=mode,
            max_new_tokens=options.limit(self.settings, target, usual=mode.usual_limit),
            sampling=chosen,
            rules=rules,
            criterion=criterion(settings),
            speculate=settings.speculate and options.speculate is not False,
            stop_strings=options.stop_strings,
            end_repeats=settings.end_repeats and mode is not Mode.QUOTATION,
            scope=options.scope,
            remark=remark,
            is_limit_set=options.max_new_tokens is not None or self.settings.origin("max_new_tokens") != "default",
        )
        self.processors((), decoding)  # Penalties that cannot be are refused now, not at the first token.
        return decoding

    def processors(self, prompt: tuple[int, ...], options: DecodingOptions) -> tuple[Processor, ...]:
        """The penalties and forbidden tokens of a request."""
        vocab_size = self.engine.target.vocab_size
        return options.rules.processors(prompt, eos_ids=self.eos_ids, vocab_size=vocab_size)

    def drafting_note(self, *, speculate: bool) -> str:
        """What keeps a run from drafting, or from drafting trees, and why, in one line; empty if nothing does."""
        return self.engine.drafting_note if speculate else "it writes without drafts: they are switched off (speculate)"

    def begin(self, request: Request, *, speculate: bool) -> Session:
        """Start a request, with drafts or without."""
        if self.drafter_state is not None:
            self.drafter_state.saw_a_request()
        return self.engine.session(request, speculate=speculate)
