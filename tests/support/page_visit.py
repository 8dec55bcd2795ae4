"""Steps that browser tests share: ask a question, read a text."""

from __future__ import annotations

import dataclasses
from typing import Any

QUESTION = "#question textarea"
DONE = "#live .turn:not(.running)"


@dataclasses.dataclass(slots=True)
class Watched:
    """A browser page, with everything it asked other servers for and everything it complained about."""

    page: Any
    outside: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)
    dialogs: list[str] = dataclasses.field(default_factory=list)


def asked(page: Any, question: str = "What is assert?") -> None:
    page.fill(QUESTION, question)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{DONE} >> text={question}")


def letters(page: Any, selector: str) -> str:
    """The text of all matching elements, as the document holds it."""
    text: str = page.eval_on_selector_all(selector, "all => all.map((one) => one.textContent).join('')")
    return text
