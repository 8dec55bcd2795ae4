"""Target-side logits processors: part of the target, verified like any other choice of it."""

from decoding.processors.copy_bias import CopyBias
from decoding.processors.forbidding import BadWords, LogitBias, MinNewTokens, NoRepeatNgram
from decoding.processors.penalties import FrequencyPenalty, PresencePenalty, RepetitionPenalty
from decoding.processors.quote import QuotedSpan, QuoteProcessor
from decoding.processors.rules import TokenRules

__all__ = [
    "BadWords",
    "CopyBias",
    "FrequencyPenalty",
    "LogitBias",
    "MinNewTokens",
    "NoRepeatNgram",
    "PresencePenalty",
    "QuoteProcessor",
    "QuotedSpan",
    "RepetitionPenalty",
    "TokenRules",
]
