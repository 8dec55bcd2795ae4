"""The one place where text becomes HTML: every string is escaped unless it was built here.

``tag("p", text)`` escapes ``text``; ``Html`` values, which only this module makes, pass unchanged, so a caller cannot
forget to escape. The page gives the result to ``gr.HTML`` as the *value* of the template ``${value}``, which Gradio
inserts without evaluating it; nothing from here may ever become a template.
"""

from __future__ import annotations

import html
from typing import Final

_VOID: Final = frozenset({"br", "hr", "input"})
_SURROGATES: Final = dict.fromkeys(range(55296, 57344), "�")
# The HTML parser turns a raw carriage return into a newline and drops NUL: one is written as a reference, one replaced.
_EXACT: Final = {0x0D: "&#13;", 0x00: "�"}


class Html(str):
    """Markup that is safe to insert: made by ``tag``, ``join`` and ``escape`` only."""

    __slots__ = ()


def escape(text: str) -> Html:
    """``text`` as markup that shows exactly ``text``, in an element or a quoted attribute."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(text.translate(_SURROGATES)).translate(_EXACT))


def join(*parts: str) -> Html:
    """The parts joined without a separator, plain strings escaped."""
    return Html("".join(escape(part) for part in parts))


def tag(name: str, *children: str, **attributes: str | int | bool | None) -> Html:
    """An element. ``class_`` and ``data_turn`` become ``class`` and ``data-turn``; None and False leave one out.

    Example: ``tag("a", "1 < 2", href="#x", class_="run")``.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")
