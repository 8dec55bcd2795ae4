"""Hugging Face's own generation on our target, as the yardstick: greedy, and with its prompt lookup.

Our processors are handed over as its logits processors, so that both write the same output. B batch (1), V
vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from decoding.interfaces import Processor, Request
from decoding.target import Target

NGRAM, LOOKUP_TOKENS = 2, 10


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """``model.generate`` of an unmodified model."""

    target: Target

    def greedy(self, request: Request) -> list[int]:
        """One token a forward."""
        return self._generate(request)

    def prompt_lookup(self, request: Request) -> list[int]:
        """Its draft-and-verify without a draft model; n-grams of at most 2, 10 tokens a draft."""
        return self._generate(request, prompt_lookup_num_tokens=LOOKUP_TOKENS, max_matching_ngram_size=NGRAM)

    def _generate(self, request: Request, **options: Any) -> list[int]:
        ids = torch.tensor([request.prompt], device=self.target.device)
        processors = LogitsProcessorList([_Adapter(one, len(request.prompt)) for one in request.processors])
        ends = sorted(request.eos_ids) or None
        with torch.inference_mode():
            output = self.target.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=request.max_new_tokens,
                do_sample=False,
                eos_token_id=ends,
                pad_token_id=ends[0] if ends else 0,
                logits_processor=processors,
                **options,
            )
        tokens: list[int] = output[0, len(request.prompt) :].tolist()
        return tokens


class _Adapter(LogitsProcessor):
    """A processor of ours as one of theirs. The states along the output are kept, so a call costs one step."""

    def __init__(self, processor: Processor, prompt_length: int) -> None:
        self._processor = processor
        self._prompt_length = prompt_length
        self._tokens: list[int] = []
        self._states = [processor.start()]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """(B, tokens so far) ids and (B, V) scores, B = 1."""
        output: list[int] = input_ids[0, self._prompt_length :].tolist()
        shared = 0
        while shared < min(len(output), len(self._tokens)) and output[shared] == self._tokens[shared]:
            shared += 1
        del self._tokens[shared:], self._states[shared + 1 :]
        for token in output[shared:]:
            self._tokens.append(token)
            self._states.append(self._processor.advance(self._states[-1], token))
        logits_V = scores[0].float().cpu().numpy().copy()
        self._processor.apply(self._states[-1], logits_V)
        processed = torch.from_numpy(logits_V)[None].to(scores.device, scores.dtype)
        assert isinstance(processed, torch.Tensor)
        return processed  # type: ignore[return-value]  # transformers names a legacy tensor type
