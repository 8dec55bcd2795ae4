"""The request of a correction: the sentence as a reference to copy, with the edits that it probably needs.

Who proposes the edits is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from app.generation.prompts import Collapsed, CorrectionPrompt
from app.generation.requests import DecodingOptions, RequestBuilder
from app.generation.tokenizer import Encoded
from decoding.interfaces import Edit, Processor, Reference, Request
from decoding.processors.copy_bias import CopyBias


class EditProposer(Protocol):
    """Guesses what a correction will change. Any thread may ask."""

    def edits(self, text: str, ids: Sequence[int], encode: Callable[[str], Encoded]) -> tuple[Edit, ...]:
        """Likely edits of ``ids``, which are those of ``text``, with a space before it or without."""
        ...


def correction_request(
    builder: RequestBuilder,
    proposer: EditProposer | None,
    text: str,
    options: DecodingOptions,
    *,
    max_new_tokens: int | None = None,
) -> Request | None:
    """What the decoder is asked to correct a sentence, always greedily; None if it is too long for the target.

    Without a limit the correction may be half as long again as the sentence. Without a ``proposer`` drafts copy the
    sentence as it is. Raises what the proposer raises.
    """
    context = builder.engine.target.context_length
    prompt = builder.template.correction(text, context - 1)
    if prompt is None or len(prompt.source) > (builder.template.longest_correction or context):
        return None
    likely = len(prompt.source) * 3 // 2 + 16
    edits = () if proposer is None else proposer.edits(Collapsed.of(text).text, prompt.source, builder.tokens.plain)
    return Request(
        prompt=prompt.ids,
        max_new_tokens=max_new_tokens or min(builder.settings.max_new_tokens, likely),
        references=(Reference(prompt.source, prompt.prompt_start, cursor=True, edits=edits),),
        eos_ids=builder.eos_ids,
        processors=(*builder.processors(prompt.ids, options), *_copying(builder, prompt, edits)),
        criterion=options.criterion,
        scope=options.scope,
        task="grammar",
    )


def _copying(builder: RequestBuilder, prompt: CorrectionPrompt, edits: tuple[Edit, ...]) -> tuple[Processor, ...]:
    setting = builder.settings.copy_bias
    bonus = builder.biases.copy_bias if setting is None else setting
    if not bonus or not builder.eos_ids:
        return ()
    weight = builder.biases.edit_weight
    return (CopyBias(prompt.source, bonus=bonus, end=min(builder.eos_ids), edits=edits, edit_weight=weight),)
