"""Handlers of the Library tab for corpora and their documents: show, create, find, remove.

Must not build HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import gradio as gr

from app.conversations.quotations import QuotingConversation
from app.ui.chat.history import ChatHistory
from app.ui.library.components import LibraryComponents, View
from app.ui.library.job_actions import JobActions
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, browser_scope, number_in, text_in, text_of
from app.ui.state.error_display import reporting
from app.ui.views.chrome import announcement, problem_view
from app.ui.views.documents import (
    corpus_receipt_view,
    corpus_removal_view,
    damaged_view,
    documents_view,
    receipt_view,
    removal_view,
    upload_view,
)
from corpora.loaders.registry import LOADERS

_ARCHIVE = ".zip"
_FORMATS = sorted({*(loader.split(":")[0].rpartition(".")[2] for loader in LOADERS.values()), "zip"})


class CorpusActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, components: LibraryComponents, jobs: JobActions, history: ChatHistory) -> None:
        """``jobs`` shows the jobs of a corpus, ``history`` the conversations in the Chat tab."""
        self._state = state
        self._ui = components
        self._jobs = jobs
        self._history = history

    def load(self) -> Updates:
        """Fill the tab when the page opens, at a corpus that files are being added to if there is one."""
        return self._show_all(self._jobs.active_corpus() or "")

    def show(self, corpus: object) -> Updates:
        """Show another corpus."""
        return self._show_corpus(text_of(corpus))

    def create(self, name: object, chat_corpus: object) -> Updates:
        """Make a corpus and show it."""
        name = text_of(name).strip()
        if not name:
            return {self._ui.message: gr.skip()}
        with reporting() as problems:
            name = self._state.registry.create(name)
        if problems:
            return {self._ui.message: problem_view(problems[0])}
        return {**self._show_all(name, text_of(chat_corpus)), self._ui.name: ""}

    def find(self, corpus: object, name_filter: object, view: object) -> Updates:
        """Show the documents whose names have the words of ``name_filter`` in them."""
        next_view = replace(View.from_json(view), listed=0)
        documents = self._documents(text_of(corpus), text_of(name_filter), next_view)
        return {self._ui.view: next_view.to_json(), **documents}

    def show_documents_from(self, corpus: object, name_filter: object, view: object, event: gr.EventData) -> Updates:
        """Show the part of the documents that the button names."""
        next_view = replace(View.from_json(view), listed=number_in(event, "first") or 0)
        documents = self._documents(text_of(corpus), text_of(name_filter), next_view)
        return {self._ui.view: next_view.to_json(), **documents}

    def ask_removal(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Before a document or a corpus is removed: say what is deleted with it, and ask."""
        corpus, document = text_in(event, "corpus"), text_in(event, "document")
        with reporting() as problems:
            if not document:
                listing = self._state.registry.listing(corpus, limit=1)
                own = self._own(self._state.registry.quoting(corpus), request)
                return {self._ui.question: corpus_removal_view(corpus, listing, own)}
            holdings = self._state.registry.holdings(corpus, document)
            if holdings is None:
                return self._show_corpus(corpus)
            own = self._own(self._state.registry.quoting(corpus, document), request)
            return {self._ui.question: removal_view(corpus, holdings, own)}
        return {self._ui.message: problem_view(problems[0])}

    def remove_document(self, name_filter: object, view: object, event: gr.EventData, request: gr.Request) -> Updates:
        """Remove the document that the button names; show the receipt, and which conversations still quote it."""
        corpus, document = text_in(event, "corpus"), text_in(event, "document")
        with reporting() as problems:
            receipt = self._state.registry.remove_document(corpus, document)
            self._state.pipeline.forget()
            return {
                self._ui.question: "",
                self._ui.message: "",
                self._ui.receipt: receipt_view(receipt, self._own(receipt.conversations, request)),
                **self._documents(corpus, text_of(name_filter), View.from_json(view)),
            }
        return {self._ui.question: "", self._ui.message: problem_view(problems[0])}

    def remove_corpus(self, chat_corpus: object, event: gr.EventData, request: gr.Request) -> Updates:
        """Remove the corpus that the button names; show which conversations still quote it."""
        corpus, own = text_in(event, "corpus"), list[QuotingConversation]()
        with reporting() as problems:
            own = self._own(self._state.registry.quoting(corpus), request)
            self._state.registry.remove_corpus(corpus)
            self._state.pipeline.forget()
        if problems:
            return {self._ui.question: "", self._ui.message: problem_view(problems[0])}
        shown = self._show_all("", text_of(chat_corpus))
        return {**shown, self._ui.question: "", self._ui.receipt: corpus_receipt_view(corpus, own)}

    def remove_conversations(
        self, conversation: object, corpus: object, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """Remove those of this browser's conversations that the button names."""
        scope = browser_scope(request)
        removed = text_in(event, "conversations").split()
        with reporting() as problems:
            self._state.conversations.remove(scope, *removed)
        if scope:
            self._state.pipeline.forget(scope)
        if problems:
            return {self._ui.message: problem_view(problems[0])}
        shown = text_of(conversation)
        if shown in removed:
            chat = self._history.start_new(corpus, request)
        else:
            chat = self._history.conversation_list(scope, shown)
        return {**chat, self._ui.receipt: "", self._ui.message: announcement(_removed(len(removed)))}

    def _own(self, quoting: Sequence[QuotingConversation], request: gr.Request) -> list[QuotingConversation]:
        """Those of this browser: it learns nothing of what others asked."""
        own = {conversation.id for conversation in self._state.conversations.of(browser_scope(request))}
        return [conversation for conversation in quoting if conversation.id in own]

    def _show_all(self, preferred: str, chat_preferred: str = "") -> Updates:
        names, shown = self._state.corpus_choices(preferred)
        _, chat_shown = self._state.corpus_choices(chat_preferred)
        return {
            self._ui.corpus: gr.Dropdown(choices=names, value=shown),
            self._ui.chat_corpus: gr.Dropdown(choices=names, value=chat_shown),
            **self._show_corpus(shown or ""),
        }

    def _show_corpus(self, corpus: str) -> Updates:
        cleared: Updates = {
            self._ui.message: "",
            self._ui.receipt: "",
            self._ui.name_filter: "",
            self._ui.view: View().to_json(),
        }
        with reporting() as problems:
            if corpus:
                self._state.registry.listing(corpus, limit=1)
        if problems:  # a damaged corpus: the cause is shown once, and nothing can be added to it
            damaged = damaged_view(corpus, problem_view(problems[0]))
            return {**cleared, self._ui.upload: "", self._ui.jobs: "", self._ui.documents: damaged}
        return {
            **cleared,
            self._ui.upload: upload_view(corpus, _FORMATS, (*LOADERS, _ARCHIVE)),
            **self._jobs.show(corpus, View()),
            **self._documents(corpus, "", View()),
        }

    def _documents(self, corpus: str, name_filter: str, view: View) -> Updates:
        if not corpus:
            return {self._ui.documents: ""}
        with reporting() as problems:
            listing = self._state.registry.listing(corpus, name_filter=name_filter, offset=view.listed)
            return {self._ui.documents: documents_view(corpus, listing, first=view.listed, name_filter=name_filter)}
        return {self._ui.documents: problem_view(problems[0])}


def _removed(conversations: int) -> str:
    return "Conversation removed" if conversations == 1 else "Conversations removed"
