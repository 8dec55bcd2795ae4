"""The request of an answer: quotations and refusal, as the prompt and the biases of the target have them.

Knows prompts, not how passages were found.
"""

from __future__ import annotations

from app.errors import ModelError
from app.generation.detokenizer import stop_factory
from app.generation.prompts import Prompt
from app.generation.requests import DecodingOptions, RequestBuilder
from decoding.interfaces import Opening, Processor, Request, TokenIndex
from decoding.processors.quote import QuoteProcessor


def answer_request(
    builder: RequestBuilder, prompt: Prompt, options: DecodingOptions, *, corpus: TokenIndex | None = None
) -> Request:
    """What the decoder is asked to write an answer; ``corpus`` is what drafts may copy beside the prompt.

    Raises ModelError for a target without an end token that is to quote.
    """
    return Request(
        prompt=prompt.ids,
        max_new_tokens=options.max_new_tokens,
        references=prompt.references,
        sampling=options.sampling,
        eos_ids=builder.eos_ids,
        processors=(*builder.processors(prompt.ids, options), *_quoting(builder, prompt)),
        stop=stop_factory(builder.tokens, options.stop_strings),
        criterion=options.criterion,
        scope=options.scope,
        task="answer",
        corpus=corpus,
        openings=_openings(builder, prompt),
    )


def _quotes(builder: RequestBuilder) -> bool:
    """Whether answers are held to quotations."""
    setting = builder.settings.quote
    return builder.template.quotes_by_default if setting is None else setting


def _openings(builder: RequestBuilder, prompt: Prompt) -> tuple[Opening, ...]:
    """The refusal, to be drafted whole."""
    chance = builder.biases.refusal_chance(prompt.relevance, quotes=_quotes(builder))
    return (Opening(prompt.refusal, chance),) if prompt.refusal else ()


def _quoting(builder: RequestBuilder, prompt: Prompt) -> tuple[Processor, ...]:
    if not _quotes(builder):
        return ()
    if not builder.eos_ids:
        raise ModelError(
            f"{builder.engine.target.name} names no end token, so that a quotation could never end",
            hint="switch quotations off (--set quote=false), or name eos_token_id in its generation_config.json",
        )
    bonus = builder.biases.refusal_bonus(prompt.relevance)
    weighted = prompt.weighted_quotes(builder.biases.evidence_slope)
    return (QuoteProcessor(weighted, eos_ids=builder.eos_ids, refusal=prompt.refusal, refusal_bonus=bonus),)
