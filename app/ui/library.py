"""The Library tab: corpora and their documents; create, upload, remove.

Lays out, connects, and works on the shelf. Must not build HTML, and must not read documents itself.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import gradio as gr

from app.ui.assets import ON_LOAD
from app.ui.chat_parts import Updates
from app.ui.desk import Desk, reporting, text_in, words
from app.ui.interfaces import IngestRow
from app.ui.turns import Problem
from app.ui.uploads import Upload, discard, received
from app.ui.views.answer import problem_view
from app.ui.views.library import documents_view, outcomes_view

_TICK_S = 0.4


def library_tab(desk: Desk, page: gr.Blocks, chat_corpus: gr.Dropdown) -> None:
    """Build the tab inside ``page``; ``chat_corpus`` follows what happens to the corpora."""
    with gr.Row(elem_id="library-bar", elem_classes="bar-row"):
        corpus = gr.Dropdown(
            label="Corpus", choices=[], elem_id="library-corpus", filterable=False, scale=2, min_width=140
        )
        name = gr.Textbox(
            label="New corpus", placeholder="its name", max_length=64, elem_id="new-corpus", scale=2, min_width=140
        )
        create = gr.Button("Create", elem_id="create-corpus", scale=0, min_width=100)
    files = gr.File(
        label="Add files: pdf, md, html, txt", file_count="multiple", elem_id="upload", height=150, type="filepath"
    )
    outcomes = gr.HTML("", apply_default_css=False, elem_id="outcomes", js_on_load=None)
    documents = gr.HTML("", apply_default_css=False, elem_id="documents", js_on_load=ON_LOAD)
    parts = _Parts(
        corpus=corpus, name=name, files=files, outcomes=outcomes, documents=documents, chat_corpus=chat_corpus
    )
    actions = LibraryActions(desk, parts)
    private: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress": "hidden",
        "concurrency_limit": 8,
        "preprocess": False,
    }
    outputs = [corpus, name, files, outcomes, documents, chat_corpus]
    page.load(actions.load, None, outputs, **private)
    corpus.input(actions.show, [corpus], outputs, **private)
    create.click(actions.create, [name, chat_corpus], outputs, **private)
    name.submit(actions.create, [name, chat_corpus], outputs, **private)
    files.upload(actions.add, [corpus, files], outputs, **private)
    documents.remove(actions.remove_document, [chat_corpus], outputs, **private)
    documents.drop(actions.remove_corpus, [chat_corpus], outputs, **private)


@dataclasses.dataclass(frozen=True, slots=True)
class _Parts:
    corpus: gr.Dropdown
    name: gr.Textbox
    files: gr.File
    outcomes: gr.HTML
    documents: gr.HTML
    chat_corpus: gr.Dropdown


class LibraryActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, desk: Desk, parts: _Parts) -> None:
        """Work with ``desk`` on ``parts``."""
        self._desk = desk
        self._parts = parts

    def load(self) -> Updates:
        """Fill the tab when the page opens."""
        return self._shown("")

    def show(self, corpus: object) -> Updates:
        """Another corpus was chosen."""
        return {self._parts.documents: self._documents(words(corpus)), self._parts.outcomes: ""}

    def create(self, name: object, chatting: object) -> Updates:
        """Make a corpus and show it."""
        name = words(name).strip()
        if not name:
            return {self._parts.outcomes: gr.skip()}
        with reporting() as problems:
            self._desk.shelf.create(name)
        if problems:
            return {self._parts.outcomes: problem_view(problems[0])}
        return {**self._shown(name, words(chatting)), self._parts.name: ""}

    async def add(self, corpus: object, files: object) -> AsyncGenerator[Updates, None]:
        """Read uploaded files into ``corpus`` one after the other; one bad file does not stop the rest."""
        chosen, uploads = words(corpus) or self._desk.corpus_choices()[1], received(files)
        rows = [IngestRow(upload.name, "waiting") for upload in uploads]
        try:
            if chosen is None:
                missing = Problem("there is no corpus yet", "create one above, then add the files again")
                yield {self._parts.outcomes: problem_view(missing), self._parts.files: None}
                return
            for index, upload in enumerate(uploads):
                async for rows[index] in self._ingesting(chosen, upload):
                    yield {self._parts.outcomes: outcomes_view(rows), self._parts.files: None}
                yield {self._parts.documents: self._documents(chosen)}
        finally:
            for upload in uploads:
                discard(upload)

    def remove_document(self, chatting: object, event: gr.EventData) -> Updates:
        """Remove the document that the button names."""
        corpus, document = text_in(event, "corpus"), text_in(event, "document")
        with reporting() as problems:
            self._desk.shelf.remove_document(corpus, document)
            self._desk.pipeline.forget()
        if problems:
            return {self._parts.outcomes: problem_view(problems[0])}
        return {self._parts.documents: self._documents(corpus), self._parts.outcomes: ""}

    def remove_corpus(self, chatting: object, event: gr.EventData) -> Updates:
        """Remove the corpus that the button names."""
        with reporting() as problems:
            self._desk.shelf.remove_corpus(text_in(event, "corpus"))
            self._desk.pipeline.forget()
        if problems:
            return {self._parts.outcomes: problem_view(problems[0])}
        return self._shown("", words(chatting))

    async def _ingesting(self, corpus: str, upload: Upload) -> AsyncGenerator[IngestRow, None]:
        """The row of one file while it is read, and at last its outcome."""
        stages, began_s = ["reading"], time.monotonic()
        reading = asyncio.create_task(asyncio.to_thread(self._ingest, corpus, upload, stages.append))
        while not reading.done():
            elapsed_s = time.monotonic() - began_s
            doing = stages[-1] if elapsed_s < 1 else f"{stages[-1]}, {elapsed_s:.0f} s"
            yield IngestRow(upload.name, "reading", doing=doing)
            await asyncio.wait({reading}, timeout=_TICK_S)
        yield reading.result()

    def _ingest(self, corpus: str, upload: Upload, tell: Callable[[str], None]) -> IngestRow:
        with reporting() as problems, upload.named() as path:
            return dataclasses.replace(self._desk.shelf.add(corpus, path, tell), file=upload.name)
        return IngestRow(upload.name, "failed", problems[0].cause, problems[0].hint)

    def _shown(self, wanted: str, chatting: str = "") -> Updates:
        names, shown = self._desk.corpus_choices(wanted)
        _, asked = self._desk.corpus_choices(chatting)
        return {
            self._parts.corpus: gr.Dropdown(choices=names, value=shown),
            self._parts.chat_corpus: gr.Dropdown(choices=names, value=asked),
            self._parts.documents: self._documents(shown),
            self._parts.outcomes: "",
        }

    def _documents(self, corpus: str | None) -> str:
        if not corpus:
            return ""
        with reporting() as problems:
            return documents_view(corpus, self._desk.shelf.documents(corpus))
        return problem_view(problems[0])
