"""What the Library tab does with corpora and their documents: show, create, find, remove.

Works on the registry. Must not build HTML.
"""

from __future__ import annotations

from dataclasses import replace

import gradio as gr

from app.ui.chat.history import ChatHistory
from app.ui.library.components import LibraryComponents, View
from app.ui.library.job_actions import JobActions
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, browser, number_in, text_in, words
from app.ui.state.error_display import reporting
from app.ui.views.chrome import announcement, problem_view
from app.ui.views.documents import (
    corpus_removal_view,
    damaged_view,
    documents_view,
    receipt_view,
    removal_view,
    upload_view,
)
from corpora.loaders.registry import LOADERS

_ARCHIVE = ".zip"
_KINDS = sorted({*(loader.split(":")[0].rpartition(".")[2] for loader in LOADERS.values()), "zip"})


class LibraryActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, components: LibraryComponents, jobs: JobActions, history: ChatHistory) -> None:
        """Work with ``state`` on ``components``; ``jobs`` shows a corpus' jobs, ``history`` the conversations."""
        self._state = state
        self._ui = components
        self._jobs = jobs
        self._history = history

    def load(self) -> Updates:
        """Fill the tab when the page opens, at a corpus that files are being added to if there is one."""
        return self._all(self._jobs.active() or "")

    def show(self, corpus: object) -> Updates:
        """Another corpus was chosen."""
        return self._corpus(words(corpus))

    def create(self, name: object, chatting: object) -> Updates:
        """Make a corpus and show it."""
        name = words(name).strip()
        if not name:
            return {self._ui.said: gr.skip()}
        with reporting() as problems:
            self._state.registry.create(name)
        if problems:
            return {self._ui.said: problem_view(problems[0])}
        return {**self._all(name, words(chatting)), self._ui.name: ""}

    def find(self, corpus: object, wanted: object, view: object) -> Updates:
        """Show the documents whose names have these words in them."""
        seen = replace(View.of(view), listed=0)
        return {self._ui.view: seen.written(), **self._documents(words(corpus), words(wanted), seen)}

    def turn(self, corpus: object, wanted: object, view: object, event: gr.EventData) -> Updates:
        """Show another part of the documents."""
        seen = replace(View.of(view), listed=max(0, number_in(event, "first")))
        return {self._ui.view: seen.written(), **self._documents(words(corpus), words(wanted), seen)}

    def ask(self, event: gr.EventData) -> Updates:
        """Before a document or a corpus is removed: say what goes with it."""
        corpus, document = text_in(event, "corpus"), text_in(event, "document")
        with reporting() as problems:
            if not document:
                return {self._ui.question: corpus_removal_view(corpus, self._state.registry.listing(corpus, limit=1))}
            held = self._state.registry.holdings(corpus, document)
            if held is None:
                return self._corpus(corpus)
            return {self._ui.question: removal_view(corpus, held)}
        return {self._ui.said: problem_view(problems[0])}

    def remove_document(self, wanted: object, view: object, event: gr.EventData, request: gr.Request) -> Updates:
        """Remove the document that the button names; show the receipt, and which conversations still quote it."""
        corpus, document = text_in(event, "corpus"), text_in(event, "document")
        with reporting() as problems:
            receipt = self._state.registry.remove_document(corpus, document)
            self._state.pipeline.forget()
            quoting = {one.id for one in receipt.conversations}
            own = [(one.id, one.title) for one in self._state.conversations.of(browser(request)) if one.id in quoting]
            return {
                self._ui.question: "",
                self._ui.said: "",
                self._ui.receipt: receipt_view(receipt, own),
                **self._documents(corpus, words(wanted), View.of(view)),
            }
        return {self._ui.question: "", self._ui.said: problem_view(problems[0])}

    def remove_corpus(self, chatting: object, event: gr.EventData) -> Updates:
        """Remove the corpus that the button names."""
        with reporting() as problems:
            self._state.registry.remove_corpus(text_in(event, "corpus"))
            self._state.pipeline.forget()
        if problems:
            return {self._ui.question: "", self._ui.said: problem_view(problems[0])}
        return {**self._all("", words(chatting)), self._ui.question: ""}

    def remove_conversations(
        self, conversation: object, corpus: object, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """Remove those of this browser's conversations that the button names."""
        scope = browser(request)
        gone = text_in(event, "conversations").split()
        for key in gone:
            self._state.conversations.remove(scope, key)
        if scope:
            self._state.pipeline.forget(scope)
        said = announcement("Conversations removed")
        shown = words(conversation)
        chat = self._history.fresh(corpus, request) if shown in gone else self._history.chooser(scope, shown)
        return {**chat, self._ui.receipt: "", self._ui.said: said}

    def _all(self, wanted: str, chatting: str = "") -> Updates:
        names, shown = self._state.corpus_choices(wanted)
        _, asked = self._state.corpus_choices(chatting)
        return {
            self._ui.corpus: gr.Dropdown(choices=names, value=shown),
            self._ui.chat_corpus: gr.Dropdown(choices=names, value=asked),
            **self._corpus(shown or ""),
        }

    def _corpus(self, corpus: str) -> Updates:
        fresh: Updates = {
            self._ui.said: "",
            self._ui.receipt: "",
            self._ui.wanted: "",
            self._ui.view: View().written(),
        }
        with reporting() as problems:
            if corpus:
                self._state.registry.listing(corpus, limit=1)
        if problems:  # a damaged corpus: said once, and nothing can be added to it
            damaged = damaged_view(corpus, problem_view(problems[0]))
            return {
                **fresh,
                self._ui.upload: "",
                self._ui.jobs: "",
                self._ui.documents: damaged,
            }
        return {
            **fresh,
            self._ui.upload: upload_view(corpus, _KINDS, (*LOADERS, _ARCHIVE)),
            **self._jobs.shown(corpus, View()),
            **self._documents(corpus, "", View()),
        }

    def _documents(self, corpus: str, wanted: str, view: View) -> Updates:
        if not corpus:
            return {self._ui.documents: ""}
        with reporting() as problems:
            found = self._state.registry.listing(corpus, wanted=wanted, offset=view.listed)
            return {self._ui.documents: documents_view(corpus, found, first=view.listed, wanted=wanted)}
        return {self._ui.documents: problem_view(problems[0])}
