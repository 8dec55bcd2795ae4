"""The Grammar tab: corrects a text and shows it as a word diff whose changes can be accepted or rejected.

Lays out the components and runs the corrections. May import ``state``, ``views`` and ``assets``; must not build HTML.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

import gradio as gr

from app.generation.events import NO_STATS, Correction, CorrectionDone, TextDelta
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, browser_scope, tab_id, text_of
from app.ui.state.error_display import reporting
from app.ui.views.chrome import problem_view
from app.ui.views.correction import correcting_view, correction_view

_SAMPLE = (
    "Yesterday she go to the library and borrow two book. "
    "She recieve a letter from her freind, which make her very happy."
)


def grammar_tab(state: AppState, page: gr.Blocks) -> None:
    """Build the tab inside ``page``."""
    with gr.Row(elem_id="grammar-grid"):
        with gr.Column(elem_id="grammar-input", min_width=0):
            text = gr.Textbox(
                label="Your text",
                lines=12,
                max_lines=30,
                max_length=200_000,
                elem_id="grammar-text",
                placeholder="Paste or write a text. It stays on this machine.",
            )
            with gr.Row(elem_id="grammar-buttons"):
                fix = gr.Button("Correct", variant="primary", elem_id="fix", scale=0, min_width=110)
                stop = gr.Button("Stop", variant="stop", elem_id="fix-stop", scale=0, min_width=110, visible=False)
                sample = gr.Button("Try a sample", elem_id="fix-sample", scale=0, min_width=150)
        with gr.Column(elem_id="grammar-output", min_width=0):
            view = gr.HTML("", apply_default_css=False, elem_id="correction", js_on_load=None)
    actions = GrammarActions(state, view=view, fix=fix, stop=stop)
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    outputs = [view, fix, stop]
    fix.click(actions.correct, [text], outputs, concurrency_limit=32, preprocess=False, **private)
    sample.click(lambda: _SAMPLE, None, [text], **private)
    stop.click(actions.stop, None, None, queue=False, **private)
    page.unload(actions.stop)


class GrammarActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, *, view: gr.HTML, fix: gr.Button, stop: gr.Button) -> None:
        """Run corrections on ``state`` and show them in ``view``; ``fix`` and ``stop`` are the two buttons."""
        self._state = state
        self._view = view
        self._fix = fix
        self._stop = stop

    def stop(self, request: gr.Request) -> None:
        """Stop the correction that runs in this browser tab."""
        self._state.runs.stop(_run_key(request))

    async def correct(self, sent_text: object, request: gr.Request) -> AsyncGenerator[Updates, None]:
        """Correct a text, showing the corrected text as it is written."""
        text = text_of(sent_text)
        if not text.strip():
            yield {self._view: gr.skip()}
            return
        yield {self._view: correcting_view("", "Reading the text"), **self._busy(True)}
        scope = browser_scope(request) or None
        run = self._state.runs.start(_run_key(request), lambda: self._state.pipeline.stream_correct(text, scope=scope))
        written, correction, began_s = "", None, time.monotonic()
        try:
            with reporting() as problems:
                async with contextlib.aclosing(run.batches()) as batches:
                    async for batch in batches:
                        written += "".join(event.text for event in batch if isinstance(event, TextDelta))
                        correction = next(
                            (event.correction for event in batch if isinstance(event, CorrectionDone)), correction
                        )
                        yield {self._view: correcting_view(written, _status(time.monotonic() - began_s))}
        finally:
            self._state.runs.finish(run)
        if problems:
            view = problem_view(problems[0])
        else:
            view = correction_view(correction or _unedited(text), stopped=run.stopped)
        yield {self._view: view, **self._busy(False)}

    def _busy(self, busy: bool) -> Updates:
        return {self._fix: gr.Button(visible=not busy), self._stop: gr.Button(visible=busy)}


def _status(elapsed_s: float) -> str:
    return "Correcting" if elapsed_s < 1 else f"Correcting, {elapsed_s:.0f} s"


def _unedited(text: str) -> Correction:
    """The outcome of a correction that was stopped before its first event: no edits."""
    return Correction(source=text, corrected=text, edits=(), stats=NO_STATS)


def _run_key(request: gr.Request) -> str:
    return f"{tab_id(request)} grammar"
