"""What a browser sends with an event: the scope in its cookie, its tab, and values that must not be trusted.

A scope is a random secret that stands for one browser: it sees its own conversations only. Every value comes straight
from the browser, so anything may stand there. Must not know what the events do.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, Final, TypeAlias

import gradio as gr

SCOPE_COOKIE: Final = "spandraft_scope"
_SCOPE_BYTES: Final = 24
_SCOPE_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{32}")

# What a handler returns: values by component; one that is left out stays as it is.
Updates: TypeAlias = dict[Any, Any]


def scope_of(cookies: dict[str, str]) -> str:
    """The browser's scope among its cookies; empty if it has none that we could have made."""
    value = cookies.get(SCOPE_COOKIE, "")
    return value if _SCOPE_SHAPE.fullmatch(value) else ""


def new_scope() -> str:
    """A scope for a browser that has none."""
    return secrets.token_urlsafe(_SCOPE_BYTES)


def browser(request: gr.Request) -> str:
    """The scope of the browser that asks; empty if it refuses cookies, and then nothing is kept for it."""
    return scope_of(dict(request.cookies))


def tab(request: gr.Request) -> str:
    """The browser tab that asks."""
    return request.session_hash or ""


def words(value: object) -> str:
    """A text that the page sent. It comes straight from the browser, so it may be anything.

    Gradio's own check is left out: it knows the choices of a list only as long as it remembers the browser tab, so
    that a page that was open while the server restarted could not ask any more.
    """
    return value if isinstance(value, str) else ""


def text_in(event: gr.EventData, key: str) -> str:
    """A text that a button carries; the browser sends it, so anything may stand there."""
    return words(event._data.get(key)) if isinstance(event._data, dict) else ""


def number_in(event: gr.EventData, key: str) -> int:
    """A whole number that a button carries, -1 if it is none."""
    text = text_in(event, key)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
