"""What surrounds the answers: header, starter questions, conversation buttons, problems, announcements."""

from __future__ import annotations

from app.conversations.turns import Problem
from app.output.formatting import sentence
from app.ui.views.markup import Html, join, tag

_STARTERS = (
    "How does the with statement work?",
    "What is a generator function?",
    "When are default parameter values evaluated?",
    "What does the nonlocal statement do?",
)


def header_view(target: str, note: str = "") -> Html:
    """Name, promise and model of the page; ``note`` is one line about the model."""
    return tag(
        "header",
        tag("h1", tag("span", class_="logo", aria_hidden="true"), "Spandraft"),
        tag(
            "p",
            "Answers copied from your documents, cited to the character. Nothing leaves this machine.",
            class_="promise",
        ),
        tag(
            "p",
            tag("span", "Model", class_="key"),
            target,
            tag("small", note, class_="note") if note else "",
            class_="model",
            title="The target: the model that decides every token",
        ),
        class_="masthead",
    )


def starters_view(corpus: str, *, is_sample: bool) -> Html:
    """An empty conversation: questions to start with, or what to do first."""
    if not corpus:
        text = "There is no corpus yet. Create one in the Library and add files to it."
        return tag("section", tag("h2", "Nothing to ask yet"), tag("p", text), class_="hello")
    if not is_sample:
        title = f"Ask {corpus}"
        text = "The answer is copied from its documents, and every copied run links to the exact characters."
        return tag("section", tag("h2", title), tag("p", text), class_="hello")
    buttons = [
        tag("button", question, type="button", data_event="starter", data_question=question) for question in _STARTERS
    ]
    text = "The sample corpus is the language reference of the Python on this machine. Try one of these:"
    return tag(
        "section",
        tag("h2", "Ask your documents"),
        tag("p", text),
        tag("div", *buttons, class_="starters"),
        class_="hello",
    )


def tools_view(stored: bool) -> Html:
    """The buttons beside the list of conversations: a new one, and delete if this one is stored."""
    fresh = tag("button", "New", type="button", class_="quiet", data_event="fresh", title="Start a new conversation")
    if not stored:
        return fresh
    forget = tag(
        "button",
        "Delete",
        type="button",
        class_="quiet danger",
        data_event="forget",
        data_confirm="Really delete?",
        title="Delete this conversation",
    )
    return join(fresh, forget)


def problem_view(problem: Problem) -> Html:
    """An error: one line of cause, one line of remedy."""
    return tag(
        "div",
        tag("strong", sentence(problem.cause)),
        tag("span", sentence(problem.hint)),
        class_="problem",
        role="alert",
    )


def announcement(text: str) -> Html:
    """A sentence for screen readers only."""
    return tag("p", text, class_="sr", role="status")
