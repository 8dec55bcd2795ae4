"""The model side of the app: a target with its tokenizer and prompts, and what is decided for each request.

Turns prompts into requests for the decoder: end tokens, processors, sampling. Knows nothing of corpora or events.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.errors import InputError, ModelError
from app.generation.detokenizer import stop_factory
from app.generation.drafter_state import DrafterState
from app.generation.logit_biases import LogitBiases
from app.generation.prompts import Collapsed, CorrectionPrompt, Prompt, Template
from app.generation.token_rules import criterion, token_rules, warn_if_lossy
from app.generation.tokenizer import TextTokenizer
from app.likely_edits import proposer as likely_edits
from decoding.engine import Engine
from decoding.interfaces import Edit, Opening, Processor, Reference, Request, TokenIndex
from decoding.processors import CopyBias, QuoteProcessor
from decoding.scheduling.session import Session
from decoding.verification import sampling


@dataclass(frozen=True, slots=True)
class RequestBuilder:
    """One loaded target, ready to write for many requests at once. ``drafts_corpus``: it drafts from whole corpora."""

    engine: Engine
    tokens: TextTokenizer
    template: Template
    settings: Settings
    tuning: LogitBiases = field(default_factory=LogitBiases)
    learned: DrafterState | None = None
    drafts_corpus: bool = False

    @property
    def eos_ids(self) -> frozenset[int]:
        """The tokens that end an output: the model's, else its tokenizer's."""
        own = self.tokens.hf.eos_token_id
        return self.engine.target.eos_ids or frozenset(() if own is None else (own,))

    def room(self, max_new_tokens: int) -> int:
        """How many tokens a prompt may have. Raises InputError if there is none."""
        room = self.engine.target.context_length - max_new_tokens
        if room < 1:
            raise InputError(
                f"max_new_tokens is {max_new_tokens}, the context of the target {self.engine.target.context_length}.",
                hint="Lower --max-new-tokens so that a prompt fits before the answer.",
            )
        return room

    def check(self, options: GenerationOptions) -> None:
        """Raise now what ``answer_request`` would raise for these options: InputError, InvalidRequest."""
        sampling.check(options.sampling(self.settings, self.engine.target))
        settings = options.over(self.settings)
        self._rules((), settings)
        if options.criterion is not None:
            warn_if_lossy(settings)

    def answer_request(
        self, prompt: Prompt, options: GenerationOptions, max_new_tokens: int, *, corpus: TokenIndex | None = None
    ) -> Request:
        """What the decoder is asked to write an answer. Raises InputError, ModelError."""
        return Request(
            prompt=prompt.ids,
            max_new_tokens=max_new_tokens,
            references=prompt.references,
            sampling=options.sampling(self.settings, self.engine.target),
            eos_ids=self.eos_ids,
            processors=(*self._rules(prompt.ids, options.over(self.settings)), *self._quoting(prompt)),
            stop=stop_factory(self.tokens, options.stop_strings),
            criterion=criterion(options.over(self.settings)),
            scope=options.scope,
            task="answer",
            corpus=corpus,
            openings=self._openings(prompt),
        )

    def correction_request(
        self, text: str, max_new_tokens: int | None = None, *, scope: str | None = ""
    ) -> Request | None:
        """What the decoder is asked to correct a sentence, always greedily; None if it is too long for the target.

        Without a limit the correction may be half as long again as the sentence.
        """
        context = self.engine.target.context_length
        prompt = self.template.correction(text, context - 1)
        if prompt is None or len(prompt.source) > (self.template.longest_correction or context):
            return None
        likely = len(prompt.source) * 3 // 2 + 16
        edits = likely_edits.bundled().edits(Collapsed.of(text).text, prompt.source, self.tokens.plain)
        return Request(
            prompt=prompt.ids,
            max_new_tokens=max_new_tokens or min(self.settings.max_new_tokens, likely),
            references=(Reference(prompt.source, prompt.prompt_start, cursor=True, edits=edits),),
            eos_ids=self.eos_ids,
            processors=(*self._rules(prompt.ids, self.settings), *self._copying(prompt, edits)),
            criterion=criterion(self.settings),
            scope=scope,
            task="grammar",
        )

    def begin(self, request: Request, *, speculate: bool | None) -> Session:
        """Start a request; drafts are made unless the caller or the settings say no."""
        wanted = self.settings.speculate and speculate is not False
        if self.learned is not None:
            self.learned.saw_a_request()
        return self.engine.session(request, speculate=wanted)

    def _rules(self, prompt: tuple[int, ...], settings: Settings) -> tuple[Processor, ...]:
        target = self.engine.target
        rules = token_rules(settings, target, self.tokens)
        return rules.processors(prompt, eos_ids=self.eos_ids, vocab_size=target.vocab_size)

    @property
    def _quotes(self) -> bool:
        return self.template.quotes_by_default if self.settings.quote is None else self.settings.quote

    def _openings(self, prompt: Prompt) -> tuple[Opening, ...]:
        """The refusal, to be drafted whole."""
        chance = self.tuning.refusal_chance(prompt.relevance, quotes=self._quotes)
        return (Opening(prompt.refusal, chance),) if prompt.refusal else ()

    def _quoting(self, prompt: Prompt) -> tuple[Processor, ...]:
        if not self._quotes:
            return ()
        if not self.eos_ids:
            raise ModelError(
                f"{self.engine.target.name} names no end token, so that a quotation could never end.",
                hint="Switch quotations off (--set quote=false), or name eos_token_id in its generation_config.json.",
            )
        bonus = self.tuning.refusal_bonus(prompt.relevance)
        quotes = prompt.weighted_quotes(self.tuning.evidence_slope)
        return (QuoteProcessor(quotes, eos_ids=self.eos_ids, refusal=prompt.refusal, refusal_bonus=bonus),)

    def _copying(self, prompt: CorrectionPrompt, edits: tuple[Edit, ...]) -> tuple[Processor, ...]:
        bonus = self.tuning.copy_bias if self.settings.copy_bias is None else self.settings.copy_bias
        if not bonus or not self.eos_ids:
            return ()
        weight = self.tuning.edit_weight
        return (CopyBias(prompt.source, bonus=bonus, end=min(self.eos_ids), edits=edits, edit_weight=weight),)
