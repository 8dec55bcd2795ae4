"""What can go wrong in the decoder. Every error says its cause in one line and its remedy in another.

DecodingError
+-- ModelNotFound       no model at that path or name
+-- ModelTooLarge       the weights do not fit the free memory
+-- MissingLibrary      loading the model needs a library that is not installed
+-- UnsupportedModel    the model cannot be verified exactly (its cache, its attention, or not a causal LM)
+-- PromptTooLong       prompt and at least one new token do not fit the context
+-- InvalidRequest      a generation option outside its range
+-- Overloaded          too many requests are waiting
+-- OutOfMemory         a request does not fit the memory, not even without drafts
"""

from __future__ import annotations


class DecodingError(Exception):
    """Base of this floor's errors: ``cause`` and ``hint``, one line each."""

    def __init__(self, cause: str, *, hint: str) -> None:
        super().__init__(cause, hint)
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.cause}\n{self.hint}"


class ModelNotFound(DecodingError):
    """No model at that path or name."""


class ModelTooLarge(DecodingError):
    """The weights do not fit the free memory."""


class MissingLibrary(DecodingError):
    """Loading the model needs a library that is not installed."""


class UnsupportedModel(DecodingError):
    """The model cannot be verified exactly."""


class PromptTooLong(DecodingError):
    """Prompt and at least one new token do not fit the context."""


class InvalidRequest(DecodingError):
    """A generation option outside its range."""


class Overloaded(DecodingError):
    """Too many requests are waiting."""


class OutOfMemory(DecodingError):
    """A request does not fit the memory, not even without drafts."""
