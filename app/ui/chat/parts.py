"""The components of the Chat tab by name, and the updates that actions return for them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeAlias

import gradio as gr

# By component; one that is left out stays as it is.
Updates: TypeAlias = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class ChatParts:
    """The components of the tab. ``live`` holds the newest turn, ``thread`` those before it."""

    corpus: gr.Dropdown
    conversation: gr.Dropdown
    tools: gr.HTML
    thread: gr.HTML
    live: gr.HTML
    said: gr.HTML
    sources: gr.HTML
    reader: gr.HTML
    question: gr.Textbox
    ask: gr.Button
    stop: gr.Button

    def all(self) -> list[Any]:
        """Every component, as outputs."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def nothing(self) -> Updates:
        """Change nothing; Gradio takes an empty dict for a value."""
        return {self.said: gr.skip()}
