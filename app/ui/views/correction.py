"""A correction as a word diff in which each change can be accepted or rejected, and the text that results.

An edit may replace two letters inside a word; a reader wants to see the word before and after, so edits are widened to
changes of whole words. Deleted and inserted words differ by strike and underline, not by colour alone. Accepting and
rejecting happens in the browser (``assets/page.js``): the result is read from the diff's own letters, so rejecting all
gives the source exactly, and accepting all the corrected text. Offsets are Unicode code points, half-open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.generation.events import Correction, Edit
from app.output.formatting import count
from app.ui.views.figures import figures, figures_view
from app.ui.views.markup import Html, join, tag


@dataclass(frozen=True, slots=True)
class Change:
    """``source[start:end]``, which is ``before``, becomes ``after``."""

    start: int
    end: int
    before: str
    after: str


def correcting_view(text: str, status: str) -> Html:
    """The corrected text so far."""
    step = tag("p", tag("span", class_="pulse", aria_hidden="true"), status, class_="step")
    body = tag("div", text, tag("span", class_="caret", aria_hidden="true"), class_="text")
    return tag("section", step, body, class_="correction running", aria_busy="true")


def correction_view(correction: Correction, *, stopped: bool = False) -> Html:
    """The finished correction."""
    changes = word_changes(correction.source, correction.edits)
    notice = tag("p", correction.notice, class_="notice") if correction.notice else Html()
    if stopped:
        notice = join(notice, tag("p", "Stopped: what follows was not looked at.", class_="stopped"))
    body = _unchanged(correction.source) if not changes else _diff(correction.source, changes)
    line = figures_view(figures(correction.stats, None)) if correction.stats.tokens else Html()
    return tag("section", notice, body, tag("footer", line), class_="correction")


def word_changes(source: str, edits: Sequence[Edit]) -> list[Change]:
    """Changes of whole words in order, none overlapping; edits of the same word become one change."""
    groups: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        start, end = _widened(source, edit)
        if groups and start < groups[-1][1]:
            group_start, group_end, group = groups.pop()
            groups.append((min(group_start, start), max(group_end, end), [*group, edit]))
        else:
            groups.append((start, end, [edit]))
    return [
        Change(start, end, source[start:end], _with_edits(source, start, end, group)) for start, end, group in groups
    ]


def _unchanged(source: str) -> Html:
    return join(
        tag("p", "Nothing to change.", class_="verdict"),
        tag("div", source, class_="text diff", data_diff=True),
    )


def _diff(source: str, changes: list[Change]) -> Html:
    parts: list[str] = []
    position = 0
    for index, change in enumerate(changes):
        parts += [source[position : change.start], _edit(index, change)]
        position = change.end
    parts.append(source[position:])
    bar = tag(
        "div",
        tag(
            "span",
            f"{count(len(changes), 'change')}, {len(changes)} accepted",
            class_="count",
            role="status",
            data_count=True,
        ),
        tag("button", "Accept all", type="button", class_="quiet", data_all="true"),
        tag("button", "Reject all", type="button", class_="quiet", data_all="false"),
        tag("button", "Copy result", type="button", class_="quiet", data_copy="[data-result]"),
        class_="bar",
    )
    rows = [_row(index, change) for index, change in enumerate(changes)]
    after = join(*_result_parts(source, changes))
    return join(
        bar,
        tag("div", *parts, class_="text diff", data_diff=True),
        tag(
            "details",
            tag("summary", "Result"),
            tag("div", after, class_="text", data_result=True),
            class_="result",
            open=True,
        ),
        tag("details", tag("summary", "Changes one by one"), tag("ol", *rows), class_="changes"),
    )


def _result_parts(source: str, changes: list[Change]) -> list[str]:
    parts: list[str] = []
    position = 0
    for change in changes:
        parts += [source[position : change.start], change.after]
        position = change.end
    return [*parts, source[position:]]


def _edit(index: int, change: Change) -> Html:
    return tag(
        "button",
        tag("del", change.before),
        tag("ins", change.after),
        type="button",
        class_="edit",
        data_edit=index,
        aria_pressed="true",
        aria_label=_label(change),
        title="Accepted. Click to leave it as it was.",
    )


def _row(index: int, change: Change) -> Html:
    return tag(
        "li",
        tag("span", tag("del", change.before), " ", tag("ins", change.after), class_="what"),
        tag("button", "Accept", type="button", class_="quiet", data_take=index, aria_pressed="true"),
        tag("button", "Reject", type="button", class_="quiet", data_leave=index, aria_pressed="false"),
    )


def _label(change: Change) -> str:
    if not change.before.strip():
        return f"insert {change.after.strip()}"
    if not change.after.strip():
        return f"delete {change.before.strip()}"
    return f"change {change.before.strip()} to {change.after.strip()}"


def _with_edits(source: str, start: int, end: int, edits: Sequence[Edit]) -> str:
    parts: list[str] = []
    for edit in edits:
        parts += [source[start : edit.start], edit.replacement]
        start = edit.end
    return "".join([*parts, source[start:end]])


def _widened(source: str, edit: Edit) -> tuple[int, int]:
    """The span of an edit, widened to the borders of the words that it cuts into."""
    start, end = edit.start, edit.end
    removed = source[start:end]
    if _in_word(removed[:1]) or _in_word(edit.replacement[:1]):
        while start > 0 and _in_word(source[start - 1]):
            start -= 1
    if _in_word(removed[-1:]) or _in_word(edit.replacement[-1:]):
        while end < len(source) and _in_word(source[end]):
            end += 1
    return start, end


def _in_word(character: str) -> bool:
    return character.isalnum() or character in {"'", "’"}
