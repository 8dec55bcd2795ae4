"""Errors of the training floor; each carries a `cause` and a `hint`, one line each.

TrainingError
├── ConfigError           a training configuration is not one, or a stage lacks what it needs
├── DataMissingError      training data, or what an earlier stage makes of it, is not where it was said to be
├── MaterialError         a file of material is damaged, of another version, or too large to travel
├── CheckpointError       a checkpoint is damaged or belongs to another plan
└── ExportError           what was trained does not fit the bundle
"""

from __future__ import annotations


class TrainingError(Exception):
    """Base of all errors raised here."""

    def __init__(self, cause: str, *, hint: str) -> None:
        super().__init__(f"{cause}\n{hint}")
        self.cause = " ".join(cause.split())
        self.hint = " ".join(hint.split())


class ConfigError(TrainingError):
    """A training configuration cannot be used."""


class DataMissingError(TrainingError):
    """Training data, or the result of an earlier stage, is missing."""


class MaterialError(TrainingError):
    """A file of material cannot be used, or would be too large."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be resumed or exported."""


class ExportError(TrainingError):
    """What was trained does not fit the bundle."""
