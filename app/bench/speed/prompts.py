"""The bundled prompts of the benches: questions on the sample corpus, and texts to correct, one a line."""

from __future__ import annotations

from pathlib import Path

_FILES = {"answer": "questions.txt", "grammar": "texts.txt"}


def prompts(task: str) -> list[str]:
    """The prompts of ``answer`` or ``grammar``."""
    file = Path(__file__).parents[1] / "data" / _FILES[task]
    return file.read_text(encoding="utf-8").strip().split("\n")
