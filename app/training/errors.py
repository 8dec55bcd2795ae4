"""Errors of the training floor; each carries a `hint`: one line of cause, one line of remedy.

TrainingError
├── DataMissingError      a file of the training data is not where it was said to be
└── CheckpointError       a checkpoint does not fit the model that should be resumed
"""

from __future__ import annotations


class TrainingError(Exception):
    """Base of all errors raised here."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class DataMissingError(TrainingError):
    """A file of the training data is missing."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be resumed or exported."""
