"""A turn of the conversation as a card: the question, the answer with its linked runs, the figures, the proof.

Every linked run is an anchor to the characters in the sources panel; ``assets/page.js`` highlights both on hover and
focus. Colour is never the only sign: each run also has the number of its source.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.conversations.turns import Turn
from app.generation.events import UNFINISHED, Answer, Citation, SourcePassage
from app.output.formatting import count, percent
from app.output.links import Link, copied_share, links
from app.output.shown_text import unshown
from app.ui.views.chrome import problem_view
from app.ui.views.figures import figures, figures_view, proof_view
from app.ui.views.markup import Html, cut_at_spans, escape, join, tag

_EXCERPT = 200  # characters of a passage that came near
_NUMBER = re.compile(r"(\[\d+\])")
_ENDINGS = {
    "cancelled": "Stopped.",
    UNFINISHED: "Stopped.",
    "length": "Cut off: the answer has reached max_new_tokens.",
    "context": "Cut off: the model's context is full.",
}
_RELATIONS = {"copied": "Identical text in", "marked": "Refers to", "computed": "Computed from rows of"}


@dataclass(frozen=True, slots=True)
class RunningAnswer:
    """What is known of an answer that is being written."""

    question: str
    text: str = ""
    citations: tuple[Citation, ...] = ()
    passages: tuple[SourcePassage, ...] = ()
    notice: str | None = None
    status: str = "Searching"


def running_view(running: RunningAnswer) -> Html:
    """The card while the answer streams. Screen readers announce it once, when it is complete."""
    linked = links(running.text, running.citations, running.passages)
    body = tag(
        "div",
        _runs(0, running.text, linked, running.passages),
        tag("span", class_="caret", aria_hidden="true"),
        class_="text",
    )
    status = tag("p", tag("span", class_="pulse", aria_hidden="true"), running.status, class_="step")
    return tag(
        "article",
        _question(running.question),
        status,
        _notice(running.notice),
        body,
        class_="turn running",
        aria_busy="true",
    )


def thread_view(turns: Sequence[Turn], proving: dict[int, str] | None = None) -> Html:
    """Cards one under the other; ``proving`` has the status of proofs that run, by turn id."""
    running = proving or {}
    return join(*(turn_view(turn, proving=running.get(turn.id, "")) for turn in turns))


def turn_view(turn: Turn, *, proving: str = "") -> Html:
    """The card of a finished turn; ``proving`` is the status of a proof that runs right now."""
    if turn.problem is not None:
        return tag("article", _question(turn.question), problem_view(turn.problem), class_="turn")
    answer = turn.answer
    assert answer is not None  # a turn has an answer or a problem
    linked = links(answer.text, answer.citations, answer.passages)
    ending = _ENDINGS.get(answer.finish_reason)
    return tag(
        "article",
        _question(turn.question),
        tag("p", _searched(turn, linked), class_="step"),
        _notice(answer.notice),
        tag("div", _runs(turn.id, answer.text, linked, answer.passages), class_="text"),
        _nearest(answer) if answer.is_refusal else Html(),
        tag("p", ending, class_="stopped") if ending else Html(),
        tag(
            "footer",
            figures_view(figures(answer.stats, copied_share(answer.text, linked))),
            _buttons(turn, bool(proving)),
        )
        if answer.stats.tokens
        else Html(),
        _proof(turn, proving),
        class_="turn",
        data_turn=turn.id,
    )


def _question(question: str) -> Html:
    return tag("h3", question, class_="question")


def _notice(notice: str | None) -> Html:
    return tag("p", notice, class_="notice") if notice else Html()


def _searched(turn: Turn, linked: Sequence[Link]) -> Html:
    assert turn.answer is not None  # the caller checked it
    cited = len({link.passage for link in linked})
    passages = count(len(turn.answer.passages), "passage")
    summary = f"{passages} found in {turn.corpus}, {cited or 'none'} cited"
    return tag("button", summary, type="button", class_="linklike", data_event="sources", data_turn=turn.id)


def _nearest(answer: Answer) -> Html:
    """What a refusal shows: the passages that came nearest, for a reader who finds the answer there."""
    if not answer.passages:
        return Html()
    items = []
    for passage in answer.nearest:
        text = " ".join(passage.text.split())
        name = ", ".join(filter(None, (passage.document, passage.place)))
        chance = "" if passage.chance is None else f" (answers: {percent(passage.chance)})"
        shown = text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."
        items.append(tag("li", tag("b", name), chance, tag("br"), shown))
    return tag("div", tag("p", "The nearest passages:"), tag("ul", *items), class_="nearest")


def _buttons(turn: Turn, proving: bool) -> Html:
    prove = tag(
        "button",
        "Prove it",
        type="button",
        class_="quiet",
        data_event="prove",
        data_turn=turn.id,
        disabled=proving,
        title="Ask the same again without drafts, and compare letter for letter",
    )
    copy = tag("button", "Copy", type="button", class_="quiet", data_copy=".text")
    return tag("div", copy, prove, class_="buttons")


def _proof(turn: Turn, proving: str) -> Html:
    if proving:
        return tag("p", tag("span", class_="pulse", aria_hidden="true"), proving, class_="proof", role="status")
    return proof_view(turn.proof) if turn.proof is not None else Html()


def _runs(turn_id: int, text: str, linked: Sequence[Link], passages: Sequence[SourcePassage]) -> Html:
    spans = [(link.answer_start, link.answer_end) for link in linked]
    pieces = cut_at_spans(text, [*spans, *unshown(text, linked, passages)])
    return join(*(_piece(turn_id, piece.text, piece.covers, linked) for piece in pieces))


def _piece(turn_id: int, text: str, covers: tuple[int, ...], linked: Sequence[Link]) -> Html:
    """A piece of the text; what is not shown stays in it, so that what is copied is the whole answer."""
    if any(index >= len(linked) for index in covers):
        return tag("span", text, hidden=True)
    return _run(turn_id, text, covers, linked)


def _run(turn_id: int, text: str, covers: tuple[int, ...], linked: Sequence[Link]) -> Html:
    # Where citations overlap, identical text says more than a number that the answer wrote.
    best = min(covers, key=lambda index: (linked[index].kind == "marked", index), default=None)
    if best is None:
        parts = _NUMBER.split(text)
        return join(*(tag("span", part, class_="number") if i % 2 else escape(part) for i, part in enumerate(parts)))
    link = linked[best]
    relation = _RELATIONS[link.kind]
    return tag(
        "a",
        text,
        tag("sup", class_="badge", data_label=_badge(link), aria_hidden="true"),
        href=f"#source-{turn_id}-{best}",
        class_=f"run {link.kind} c{link.colour}",
        data_turn=turn_id,
        data_cite=best,
        title=f"{relation} source {link.label}: {link.where}",
    )


def _badge(link: Link) -> str:
    return f"computed {link.label}" if link.kind == "computed" else link.label
