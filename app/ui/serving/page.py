"""The page as Gradio Blocks: the header and three tabs. Analytics, share links and public endpoints are off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.ui.chat.tab import chat_tab
from app.ui.grammar import grammar_tab
from app.ui.library.tab import library_tab
from app.ui.state.app_state import AppState
from app.ui.views.chrome import header_view

# Gradio deletes what is older than this from its cache, which holds something only after a crash.
_SWEEP_EVERY_S = 3600


def page(state: AppState) -> Page:
    """Build the page; its handlers work on ``state``."""
    blocks = Page(
        analytics_enabled=False, title="Spandraft", fill_width=True, delete_cache=(_SWEEP_EVERY_S, _SWEEP_EVERY_S)
    )
    with blocks:
        gr.HTML(
            header_view(state.pipeline.target_name, state.pipeline.target_note),
            apply_default_css=False,
            elem_id="masthead",
            js_on_load=None,
        )
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Chat", id="chat", elem_id="tab-chat"):
                chat = chat_tab(state, blocks)
            with gr.Tab("Library", id="library", elem_id="tab-library", render_children=True):
                library_tab(state, blocks, chat)
            with gr.Tab("Grammar", id="grammar", elem_id="tab-grammar", render_children=True):
                grammar_tab(state, blocks)
    blocks.queue(default_concurrency_limit=8, api_open=False)
    return blocks


class Page(gr.Blocks):
    """Blocks whose events can name no file but an uploaded one.

    Gradio copies every file that an event's data names into its cache, for any component, and downloads addresses.
    It checks only for launched Blocks, not for mounted ones, that the file lies in the upload folder.
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """Raise ``gr.Error`` for data that names a file elsewhere, before Gradio touches it."""
        folder = Path(gr.utils.get_upload_folder()).resolve()
        for path in _paths(inputs):
            if not isinstance(path, str) or "\x00" in path or not Path(path).resolve().is_relative_to(folder):
                raise gr.Error("this file was not uploaded here")
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)


def _paths(data: Any) -> Iterator[Any]:
    """Every value that Gradio would take for a path, anywhere in an event's data."""
    if isinstance(data, dict):
        if "path" in data:
            yield data["path"]
        yield from (path for value in data.values() for path in _paths(value))
    elif isinstance(data, list):
        yield from (path for value in data for path in _paths(value))
