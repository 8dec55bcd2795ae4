"""The line of figures under an answer or a correction, and the outcome of a proof.

Every figure was measured in the engine; the page times nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.conversations.turns import Proof
from app.generation.events import RunStats
from app.output.formatting import count
from app.ui.views.markup import Html, join, tag


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its unit, and one sentence on what it means."""

    value: str
    unit: str
    meaning: str


def figures(stats: RunStats, share: float | None) -> list[Figure]:
    """The figures of one request; ``share`` is the copied share of its characters, 0 to 1, if there is one."""
    listed = [
        Figure(f"{stats.tokens:,}", "tokens", "Tokens written, the end token included."),
        Figure(
            f"{stats.mean_acceptance_length:.1f}",
            "tokens per pass",
            "Tokens per forward pass of the target. Without drafts it is 1.",
        ),
        Figure(f"{stats.tokens_per_s:,.0f}", "tokens/s", "Decoding only, measured in the engine."),
        Figure(_readable(stats.ttft_s), "to first token", "From the request to the first token, search included."),
    ]
    if share is not None:
        listed.append(Figure(f"{share:.0%}", "copied", "Share of the characters that stand identically in a source."))
    if stats.drafting_note:
        about = f"Slower than it could be: {stats.drafting_note}. The output is the same."
        listed.append(Figure("no", "drafts" if not stats.by_source else "draft trees", about))
    if stats.failed_sources:
        names = ", ".join(sorted(stats.failed_sources))
        about = f"Switched off for this request after an error: {names}. The output is the same, only slower."
        listed.append(Figure(f"{len(stats.failed_sources)}", "draft source off", about))
    return listed


def figures_view(listed: list[Figure]) -> Html:
    """The figures as one line; the meaning of each shows on hover and is read by screen readers."""
    items = [
        tag(
            "li",
            tag("b", figure.value),
            " ",
            figure.unit,
            tag("span", ": ", figure.meaning, class_="sr"),
            title=figure.meaning,
        )
        for figure in listed
    ]
    return tag("ul", *items, class_="figures", aria_label="Figures")


def proof_view(proof: Proof) -> Html:
    """Whether the answer without drafts was the same, and the times of both runs."""
    if proof.differs_at is None:
        verdict = tag("strong", "Identical.", class_="good")
        same = "It is" if proof.characters == 1 else "They are"
        text = f" {count(proof.characters, 'character')}. {same} the same without drafts."
    else:
        verdict = tag("strong", "Differs.", class_="bad")
        text = f" The first difference is at character {proof.differs_at:,}."
    times = (
        f" Decoding, asked again with drafts: {_readable(proof.with_drafts_s)} and {_passes(proof.with_forwards)}."
        f" Without: {_readable(proof.without_drafts_s)} and {_passes(proof.without_forwards)}"
    )
    faster = (
        f", {proof.without_drafts_s / proof.with_drafts_s:.1f} times as long."
        if proof.with_drafts_s > 0 and proof.without_drafts_s > proof.with_drafts_s
        else ": no gain here."
    )
    return tag("p", verdict, join(text, times, faster), class_="proof", role="status")


def _readable(duration_s: float) -> str:
    """``120 ms``, ``4.5 s``, ``2.0 min``."""
    if duration_s < 1:
        return f"{duration_s * 1000:.0f} ms"
    return f"{duration_s:.1f} s" if duration_s < 60 else f"{duration_s / 60:.1f} min"


def _passes(number: int) -> str:
    return count(number, "pass")
