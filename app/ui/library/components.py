"""The Library tab's components by name, and what a browser remembers of its view of the tab.

That memory travels with each event in two hidden fields, so that the server remembers no browser.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import gradio as gr


@dataclass(frozen=True, slots=True)
class LibraryComponents:
    """The components of the tab. ``view`` is written by handlers of what a person does, ``pulse`` by the timer's."""

    corpus: gr.Dropdown
    name: gr.Textbox
    upload: gr.HTML
    message: gr.HTML
    jobs: gr.HTML
    receipt: gr.HTML
    name_filter: gr.Textbox
    documents: gr.HTML
    question: gr.HTML
    view: gr.Textbox
    pulse: gr.Textbox
    timer: gr.Timer
    chat_corpus: gr.Dropdown

    def all(self) -> list[Any]:
        """Every component, as outputs of a handler."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


@dataclass(frozen=True, slots=True)
class View:
    """What a browser looks at: files of a job from number ``first`` on, documents from number ``listed`` on.

    ``job`` 0 leaves the choice to the server. ``closed``: the files of no job; ``failed``: failed files only.
    """

    job: int = 0
    closed: bool = False
    failed: bool = False
    first: int = 0
    listed: int = 0

    @classmethod
    def from_json(cls, text: object) -> View:
        """The view that a browser sent; the default where that is not one."""
        numbers = _numbers(text)
        return cls(
            job=max(0, numbers.get("job", 0)),
            closed=bool(numbers.get("closed", 0)),
            failed=bool(numbers.get("failed", 0)),
            first=max(0, numbers.get("first", 0)),
            listed=max(0, numbers.get("listed", 0)),
        )

    def to_json(self) -> str:
        """The value of the hidden field."""
        return json.dumps({key: int(value) for key, value in dataclasses.asdict(self).items()})


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the timer's last event showed: the corpus' ``version`` (-1: none yet) and a digest of the ``jobs``.

    ``listed_ms`` is when the documents were listed, in ms since 1970; ``every_ms`` the interval of the timer.
    """

    version: int = -1
    jobs: int = 0
    listed_ms: int = 0
    every_ms: int = 0

    @classmethod
    def from_json(cls, text: object) -> Pulse:
        """The pulse that a browser sent; the default where that is not one."""
        numbers = _numbers(text)
        names = (field.name for field in dataclasses.fields(cls))
        return cls(**{name: numbers[name] for name in names if name in numbers})

    def to_json(self) -> str:
        """The value of the hidden field."""
        return json.dumps(dataclasses.asdict(self))


def _numbers(text: object) -> dict[str, int]:
    """The whole numbers of a JSON object; none if ``text`` is not one."""
    try:
        loaded = json.loads(text) if isinstance(text, str) and len(text) < 500 else {}
    except ValueError:
        return {}
    if not isinstance(loaded, dict):
        return {}
    return {key: value for key, value in loaded.items() if type(value) is int and abs(value) < 2**53}
