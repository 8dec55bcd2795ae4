"""The Library tab: corpora, what is being added to them, and their documents.

Lays out the components and connects them; the work is in ``library_actions`` and ``library_jobs``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.ui.app_state import AppState
from app.ui.assets import ON_LOAD
from app.ui.chat.tab import ChatTab
from app.ui.library.actions import LibraryActions
from app.ui.library.jobs import JobActions
from app.ui.library.parts import LibraryParts
from app.ui.views.library import loading_view


def library_tab(desk: AppState, page: gr.Blocks, chat: ChatTab) -> None:
    """Build the tab inside ``page``; the chat follows what happens to corpora and conversations."""
    with gr.Row(elem_id="library-bar", elem_classes="bar-row"):
        corpus = gr.Dropdown(
            label="Corpus", choices=[], elem_id="library-corpus", filterable=False, scale=2, min_width=140
        )
        name = gr.Textbox(
            label="New corpus", placeholder="its name", max_length=64, elem_id="new-corpus", scale=2, min_width=140
        )
        create = gr.Button("Create", elem_id="create-corpus", scale=0, min_width=100)
    upload, said, jobs, receipt = (_html(name) for name in ("upload", "library-said", "jobs", "receipt"))
    wanted = gr.Textbox(
        label="Find a document", placeholder="part of its name", max_length=200, elem_id="find-document"
    )
    documents, question = _html("documents", loading_view()), _html("library-question")
    parts = LibraryParts(
        corpus=corpus,
        name=name,
        upload=upload,
        said=said,
        jobs=jobs,
        receipt=receipt,
        wanted=wanted,
        documents=documents,
        question=question,
        view=_hidden("library-view"),
        pulse=_hidden("library-pulse"),
        timer=gr.Timer(4.0),
        chat_corpus=chat.parts.corpus,
    )
    _connect(desk, page, chat, parts, create)


def _html(elem_id: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, apply_default_css=False, elem_id=elem_id, js_on_load=ON_LOAD)


def _hidden(elem_id: str) -> gr.Textbox:
    return gr.Textbox("", label=elem_id, elem_id=elem_id, visible="hidden", max_length=500)


def _connect(desk: AppState, page: gr.Blocks, chat: ChatTab, parts: LibraryParts, create: gr.Button) -> None:
    steering = JobActions(desk, parts)
    actions = LibraryActions(desk, parts, steering, chat.history)
    outputs = parts.all()

    def on(listener: Callable[..., Any], action: Callable[..., Any], *inputs: Any, **how: Any) -> None:
        listener(
            action,
            list(inputs),
            how.pop("outputs", outputs),
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=8,
            preprocess=False,
            **how,
        )

    on(page.load, actions.load)
    on(parts.corpus.input, actions.show, parts.corpus)
    on(create.click, actions.create, parts.name, parts.chat_corpus)
    on(parts.name.submit, actions.create, parts.name, parts.chat_corpus)
    on(parts.wanted.change, actions.find, parts.corpus, parts.wanted, parts.view, queue=False)
    on(parts.documents.listing, actions.turn, parts.corpus, parts.wanted, parts.view)
    on(parts.documents.doomed, actions.ask)
    on(parts.question.remove, actions.remove_document, parts.wanted, parts.view)
    on(parts.question.drop, actions.remove_corpus, parts.chat_corpus)
    on(
        parts.receipt.conversations,
        actions.remove_conversations,
        chat.parts.conversation,
        chat.parts.corpus,
        outputs=[*chat.parts.all(), parts.receipt, parts.said],
    )
    on(parts.upload.staged, steering.staged, parts.view)
    on(parts.jobs.job, steering.act, parts.corpus, parts.view)
    # Not queued: a beat must neither wait for an answer that is being written nor hold one up.
    on(parts.timer.tick, steering.beat, parts.corpus, parts.view, parts.pulse, parts.wanted, queue=False)
