"""What a browser sends with an event: the scope in its cookie, its tab, and values that must not be trusted.

A scope is a random secret that stands for one browser, which sees its own conversations only. Every value comes
straight from the browser, so it may be anything. Must not know what handlers do with it.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, Final, TypeAlias

import gradio as gr

SCOPE_COOKIE: Final = "spandraft_scope"
_SCOPE_BYTES: Final = 24
_SCOPE_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{32}")

# What a handler returns: new values by component. A component that is left out stays as it is.
Updates: TypeAlias = dict[Any, Any]


def new_scope() -> str:
    """A scope for a browser that has none."""
    return secrets.token_urlsafe(_SCOPE_BYTES)


def scope_of(cookies: dict[str, str]) -> str:
    """The browser's scope among its cookies; empty if none of them is a scope that ``new_scope`` could have made."""
    value = cookies.get(SCOPE_COOKIE, "")
    return value if _SCOPE_SHAPE.fullmatch(value) else ""


def browser_scope(request: gr.Request) -> str:
    """The scope of the browser that sent ``request``; empty if it refuses cookies, and then nothing is kept for it."""
    return scope_of(dict(request.cookies))


def tab_id(request: gr.Request) -> str:
    """The browser tab that sent ``request``, by the id that Gradio gave it."""
    return request.session_hash or ""


def text_of(value: object) -> str:
    """``value`` if it is a text, else the empty text.

    Gradio's own check (``preprocess``) is off: it knows the choices of a list only as long as it remembers the browser
    tab, so a page that was open while the server restarted could not ask any more.
    """
    return value if isinstance(value, str) else ""


def text_in(event: gr.EventData, key: str) -> str:
    """The text that a button carries as its ``data-`` attribute ``key``; empty if there is none."""
    return text_of(event._data.get(key)) if isinstance(event._data, dict) else ""


def number_in(event: gr.EventData, key: str) -> int | None:
    """The whole number, 0 or more, that a button carries as ``key``; None if there is none."""
    text = text_in(event, key)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
