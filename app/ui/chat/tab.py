"""The Chat tab: a question box, the conversation, and the sources beside it.

Lays out the components and connects each event with its handler in ``actions`` or ``history``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.ui.assets.styling import ON_LOAD
from app.ui.chat.actions import ChatActions
from app.ui.chat.history import NEW_CONVERSATION, ChatComponents, ChatHistory
from app.ui.state.app_state import AppState

_PLACEHOLDER = "Ask your documents"
# So many browsers may wait for the model at once; further ones wait in Gradio's queue and hold no thread.
_CONCURRENT = 32


@dataclass(frozen=True, slots=True)
class ChatTab:
    """What the Library tab needs of this one, to keep its corpora and conversations up to date."""

    components: ChatComponents
    history: ChatHistory


def chat_tab(state: AppState, page: gr.Blocks) -> ChatTab:
    """Build the tab inside ``page``."""
    with gr.Row(elem_id="chat-bar", elem_classes="bar-row"):
        corpus = gr.Dropdown(label="Corpus", choices=[], elem_id="corpus", filterable=False, scale=1, min_width=140)
        conversation = gr.Dropdown(
            label="Conversation",
            choices=[NEW_CONVERSATION],
            value="",
            elem_id="conversation",
            filterable=False,
            scale=2,
            min_width=140,
        )
        tools = _html("chat-tools")
    with gr.Row(elem_id="chat-grid"):
        with gr.Column(elem_id="chat-answers", min_width=0):
            thread, live, message = _html("thread"), _html("live"), _html("said")
        with gr.Column(elem_id="chat-sources", min_width=0):
            sources, reader = _html("sources"), _html("reader")
        with gr.Row(elem_id="chat-composer"):
            question = gr.Textbox(
                label="Question",
                show_label=False,
                placeholder=_PLACEHOLDER,
                lines=1,
                max_lines=8,
                max_length=20_000,
                elem_id="question",
                container=False,
                autofocus=True,
                scale=8,
                min_width=0,
            )
            ask = gr.Button("Ask", variant="primary", elem_id="ask", scale=0, min_width=88)
            stop = gr.Button("Stop", variant="stop", elem_id="stop", scale=0, min_width=88, visible=False)
    components = ChatComponents(
        corpus=corpus,
        conversation=conversation,
        tools=tools,
        thread=thread,
        live=live,
        message=message,
        sources=sources,
        reader=reader,
        question=question,
        ask=ask,
        stop=stop,
    )
    return ChatTab(components, _connect(state, components, page))


def _html(elem_id: str) -> gr.HTML:
    return gr.HTML("", js_on_load=ON_LOAD, apply_default_css=False, elem_id=elem_id)


def _connect(state: AppState, ui: ChatComponents, page: gr.Blocks) -> ChatHistory:
    history = ChatHistory(state, ui)
    actions = ChatActions(state, ui, history)
    outputs: list[Any] = ui.all()

    def on(listener: Callable[..., Any], handler: Callable[..., Any], *inputs: Any) -> None:
        listener(
            handler,
            list(inputs),
            outputs,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=_CONCURRENT,
            preprocess=False,
        )

    on(page.load, history.load)
    on(ui.conversation.input, history.switch, ui.conversation, ui.corpus)
    on(ui.corpus.input, history.change_corpus, ui.corpus, ui.conversation)
    on(ui.tools.fresh, history.start_new, ui.corpus)
    on(ui.tools.forget, history.delete, ui.corpus, ui.conversation)
    # The browser knows a moment after the page shows it that an answer is complete: what is asked in between waits.
    for asked in (ui.question.submit, ui.ask.click):
        on(functools.partial(asked, trigger_mode="always_last"), actions.ask, ui.question, ui.corpus, ui.conversation)
    on(ui.thread.starter, actions.ask_starter, ui.corpus, ui.conversation)
    for cards in (ui.thread, ui.live):
        on(cards.prove, actions.prove, ui.conversation)
        on(cards.sources, actions.show_sources, ui.conversation)
    on(ui.sources.open, actions.open_document, ui.conversation)
    ui.stop.click(actions.stop, None, None, api_visibility="private", show_progress="hidden", queue=False)
    page.unload(actions.stop)
    return history
