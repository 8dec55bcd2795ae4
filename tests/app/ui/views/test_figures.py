"""The line of figures says it where nothing was drafted, or no trees, and why."""

from __future__ import annotations

import dataclasses

import pytest

from app.generation.events import NO_STATS, SourceCounts
from app.ui.views.chrome import header_view
from app.ui.views.figures import figures, figures_view

CAUSE = "trees and plain logits differ by 1"


@pytest.mark.parametrize(("drafted", "said"), [({}, "drafts"), ({"blend": SourceCounts(3, 1)}, "draft trees")])
def test_missing_drafts_are_a_figure_with_their_cause(drafted: dict[str, SourceCounts], said: str) -> None:
    listed = figures(dataclasses.replace(NO_STATS, by_source=drafted, drafting_note=CAUSE), None)
    assert (listed[-1].value, listed[-1].unit) == ("no", said)
    assert CAUSE in str(figures_view(listed))
    assert all(one.value != "no" for one in figures(dataclasses.replace(NO_STATS, by_source=drafted), None))


def test_the_header_has_the_cause_beside_the_model() -> None:
    assert CAUSE in str(header_view("a model", CAUSE))
