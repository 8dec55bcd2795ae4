"""Style and script of the page, as files beside this module. Nothing is fetched from elsewhere."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

# Runs once for each gr.HTML. Buttons inside say which event they raise; the names must stand here in quotes, because
# gr.HTML offers exactly the listeners that it finds in this text.
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
