"""Target-side logits processors: part of the target, verified like any other choice of it."""

from decoding.processors.copybias import CopyBias
from decoding.processors.quote import QuotedSpan, QuoteProcessor

__all__ = ["CopyBias", "QuoteProcessor", "QuotedSpan"]
