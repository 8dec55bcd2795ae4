"""Which tokens a generation likes and forbids, in numbers, and the processors that follow from it in one fixed order.

The order is Hugging Face's: logit bias (its ``sequence_bias``), repetition penalty, n-grams, bad words, least length.
The frequency and presence penalties, which it does not have, follow the repetition penalty; they commute with what
comes after, which only forbids. Processors of the caller's own, such as quote and copy bias, come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from decoding.interfaces import Processor
from decoding.processors.forbidding import BadWords, LogitBias, MinNewTokens, NoRepeatNgram
from decoding.processors.penalties import FrequencyPenalty, PresencePenalty, RepetitionPenalty


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Hugging Face's names; ``logit_bias`` and the two other penalties as OpenAI's interface has them."""

    logit_bias: tuple[tuple[int, float], ...] = ()
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    no_repeat_ngram_size: int = 0
    bad_words_ids: tuple[tuple[int, ...], ...] = ()
    min_new_tokens: int = 0

    def processors(self, prompt: Sequence[int], *, eos_ids: Iterable[int], vocab_size: int) -> tuple[Processor, ...]:
        """What ``Request.processors`` wants for a prompt; none for rules that change nothing.

        Raises InvalidRequest for a rule out of range and for ids outside the vocabulary.
        """
        ends = frozenset(eos_ids)
        made: list[Processor] = []
        if self.logit_bias:
            made.append(LogitBias(dict(self.logit_bias), vocab_size=vocab_size))
        if self.repetition_penalty != 1:
            made.append(RepetitionPenalty(prompt, self.repetition_penalty))
        if self.frequency_penalty != 0:
            made.append(FrequencyPenalty(self.frequency_penalty))
        if self.presence_penalty != 0:
            made.append(PresencePenalty(self.presence_penalty))
        if self.no_repeat_ngram_size != 0:
            made.append(NoRepeatNgram(prompt, self.no_repeat_ngram_size))
        if self.bad_words_ids:
            made.append(BadWords(self.bad_words_ids, prompt=prompt, eos_ids=ends, vocab_size=vocab_size))
        if self.min_new_tokens != 0 and ends:
            made.append(MinNewTokens(self.min_new_tokens, eos_ids=ends))
        return tuple(made)
