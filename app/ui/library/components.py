"""The components of the Library tab by name, and what a browser has chosen to see of it.

The choice travels with each event in a hidden field, so that the server remembers no browser.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import gradio as gr


@dataclass(frozen=True, slots=True)
class LibraryComponents:
    """The components of the tab. ``view`` is written by what a person does, ``pulse`` by the timer alone."""

    corpus: gr.Dropdown
    name: gr.Textbox
    upload: gr.HTML
    said: gr.HTML
    jobs: gr.HTML
    receipt: gr.HTML
    wanted: gr.Textbox
    documents: gr.HTML
    question: gr.HTML
    view: gr.Textbox
    pulse: gr.Textbox
    timer: gr.Timer
    chat_corpus: gr.Dropdown

    def all(self) -> list[Any]:
        """Every component, as outputs."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: the files of ``job`` (0 the newest, -1 none) from ``first`` on, documents from ``listed`` on."""

    job: int = 0
    failed: bool = False
    first: int = 0
    listed: int = 0

    @classmethod
    def of(cls, text: object) -> View:
        """What a browser sent; anything may stand there."""
        found = _numbers(text)
        return cls(
            job=found.get("job", 0),
            failed=bool(found.get("failed", 0)),
            first=max(0, found.get("first", 0)),
            listed=max(0, found.get("listed", 0)),
        )

    def written(self) -> str:
        """For the hidden field."""
        return json.dumps({key: int(value) for key, value in dataclasses.asdict(self).items()})


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the last beat of the timer has shown: the corpus' version and a digest of the jobs; when, and how fast."""

    version: int = -1
    jobs: int = 0
    listed_ms: int = 0
    every_ms: int = 0

    @classmethod
    def of(cls, text: object) -> Pulse:
        """What a browser sent; anything may stand there."""
        found = _numbers(text)
        return cls(**{key: found[key] for key in (field.name for field in dataclasses.fields(cls)) if key in found})

    def written(self) -> str:
        """For the hidden field."""
        return json.dumps(dataclasses.asdict(self))


def _numbers(text: object) -> dict[str, int]:
    """The whole numbers of a JSON object, as far as it is one."""
    try:
        found = json.loads(text) if isinstance(text, str) and len(text) < 500 else {}
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if type(value) is int and abs(value) < 2**53}
