"""The look and the scripts of the page, as Gradio wants them: theme, style sheet, head, icon, ``ON_LOAD``.

System fonts, one accent colour, light and dark. Colours of our own HTML are in ``page.css``.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

import gradio as gr

# JavaScript that runs once for each gr.HTML. Buttons inside name the event they raise in ``data-event``. The names are
# listed here in quotes because gr.HTML offers exactly the listeners that it finds in this text.
ON_LOAD: Final = """
const known = ["starter", "prove", "sources", "open", "fresh", "forget", "remove", "drop", "doomed", "listing", "job",
  "staged", "conversations"];
element.addEventListener("click", (click) => {
  const button = click.target.closest("[data-event]");
  if (button && known.includes(button.dataset.event) && spandraft.confirmed(button))
    trigger(button.dataset.event, {...button.dataset});
});
watch("value", () => spandraft.shown(element));
"""
_SANS: Final = (
    "ui-sans-serif",
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Arial",
    "sans-serif",
)
_MONO: Final = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """A theme that fetches no font."""
    built = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        font=_SANS,
        font_mono=_MONO,
    )
    return built.set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#161513",
        body_text_color="#1f1d1a",
        body_text_color_dark="#eae7e1",
        body_text_color_subdued="#6a655c",
        body_text_color_subdued_dark="#a39d92",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1e1d1a",
        block_border_color="#e4e0d8",
        block_border_color_dark="#34312c",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1e1d1a",
        input_border_color="#cfc9be",
        input_border_color_dark="#4a463f",
        button_primary_background_fill="#0f6b66",
        button_primary_background_fill_hover="#0b5551",
        button_primary_background_fill_dark="#1b8a83",
        button_primary_background_fill_hover_dark="#22a39b",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
    )


def style() -> str:
    """The style sheet."""
    return _read("page.css") + _read("library.css")


def head() -> str:
    """What goes into the head of the page: the scripts, inline."""
    return f"<script>{_read('page.js')}</script><script>{_read('library.js')}</script>"


def icon() -> str:
    """The path of the page's icon."""
    return str(Path(__file__).parent / "favicon.png")


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
