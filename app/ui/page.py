"""The whole page: header and three tabs. Gradio's analytics, share links and public endpoints are off."""

from __future__ import annotations

import gradio as gr

from app.ui.chat import chat_tab
from app.ui.desk import Desk
from app.ui.grammar import grammar_tab
from app.ui.library import library_tab
from app.ui.views.chrome import header_view

# Uploaded files are deleted as soon as they are read; this sweeps up after a crash.
_SWEEP_EVERY_S = 3600


def page(desk: Desk) -> gr.Blocks:
    """Build the page around ``desk``."""
    with gr.Blocks(
        analytics_enabled=False, title="Spandraft", fill_width=True, delete_cache=(_SWEEP_EVERY_S, _SWEEP_EVERY_S)
    ) as blocks:
        gr.HTML(header_view(desk.pipeline.target_name), apply_default_css=False, elem_id="masthead", js_on_load=None)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Chat", id="chat", elem_id="tab-chat"):
                corpus = chat_tab(desk, blocks)
            with gr.Tab("Library", id="library", elem_id="tab-library", render_children=True):
                library_tab(desk, blocks, corpus)
            with gr.Tab("Grammar", id="grammar", elem_id="tab-grammar", render_children=True):
                grammar_tab(desk, blocks)
    blocks.queue(default_concurrency_limit=8, api_open=False)
    return blocks
