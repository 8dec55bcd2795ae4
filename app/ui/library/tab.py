"""The Library tab: corpora, the jobs that add files to them, and their documents.

Lays out the components and connects each event with its handler in ``corpus_actions`` or ``job_actions``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.ui.assets.styling import ON_LOAD
from app.ui.chat.tab import ChatTab
from app.ui.library.components import LibraryComponents
from app.ui.library.corpus_actions import CorpusActions
from app.ui.library.job_actions import JobActions
from app.ui.state.app_state import AppState
from app.ui.views.documents import loading_view


def library_tab(state: AppState, page: gr.Blocks, chat: ChatTab) -> None:
    """Build the tab inside ``page``; the chat follows what happens to corpora and conversations."""
    with gr.Row(elem_id="library-bar", elem_classes="bar-row"):
        corpus = gr.Dropdown(
            label="Corpus", choices=[], elem_id="library-corpus", filterable=False, scale=2, min_width=140
        )
        name = gr.Textbox(
            label="New corpus",
            placeholder="name, such as My documents",
            max_length=64,
            elem_id="new-corpus",
            scale=2,
            min_width=140,
        )
        create = gr.Button("Create", elem_id="create-corpus", scale=0, min_width=100)
    upload, message, jobs, receipt = (_html(name) for name in ("upload", "library-said", "jobs", "receipt"))
    name_filter = gr.Textbox(
        label="Find a document", placeholder="part of a name", max_length=200, elem_id="find-document"
    )
    documents, question = _html("documents", loading_view()), _html("library-question")
    components = LibraryComponents(
        corpus=corpus,
        name=name,
        upload=upload,
        message=message,
        jobs=jobs,
        receipt=receipt,
        name_filter=name_filter,
        documents=documents,
        question=question,
        view=_hidden("library-view"),
        pulse=_hidden("library-pulse"),
        timer=gr.Timer(4.0),
        chat_corpus=chat.components.corpus,
    )
    _connect(state, page, chat, components, create)


def _html(elem_id: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, apply_default_css=False, elem_id=elem_id, js_on_load=ON_LOAD)


def _hidden(elem_id: str) -> gr.Textbox:
    return gr.Textbox("", label=elem_id, elem_id=elem_id, visible="hidden", max_length=500)


def _connect(state: AppState, page: gr.Blocks, chat: ChatTab, ui: LibraryComponents, create: gr.Button) -> None:
    job_actions = JobActions(state, ui)
    actions = CorpusActions(state, ui, job_actions, chat.history)
    outputs = ui.all()

    def on(listener: Callable[..., Any], handler: Callable[..., Any], *inputs: Any, **options: Any) -> None:
        listener(
            handler,
            list(inputs),
            options.pop("outputs", outputs),
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=8,
            preprocess=False,
            **options,
        )

    on(page.load, actions.load)
    on(ui.corpus.input, actions.show, ui.corpus)
    on(create.click, actions.create, ui.name, ui.chat_corpus)
    on(ui.name.submit, actions.create, ui.name, ui.chat_corpus)
    on(ui.name_filter.change, actions.find, ui.corpus, ui.name_filter, ui.view, queue=False)
    on(ui.documents.listing, actions.show_documents_from, ui.corpus, ui.name_filter, ui.view)
    on(ui.documents.doomed, actions.ask_removal)
    on(ui.question.remove, actions.remove_document, ui.name_filter, ui.view)
    on(ui.question.drop, actions.remove_corpus, ui.chat_corpus)
    on(
        ui.receipt.conversations,
        actions.remove_conversations,
        chat.components.conversation,
        chat.components.corpus,
        outputs=[*chat.components.all(), ui.receipt, ui.message],
    )
    on(ui.upload.staged, job_actions.begin, ui.view)
    on(ui.jobs.job, job_actions.act, ui.corpus, ui.view)
    # Not queued: the timer must neither wait for an answer that is being written nor hold one up.
    timer_inputs = (ui.corpus, ui.view, ui.pulse, ui.name_filter)
    on(ui.timer.tick, job_actions.tick, *timer_inputs, queue=False)
