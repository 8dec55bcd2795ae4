"""Text becomes HTML in one place, escaped; a browser's parser reads the same text back."""

from __future__ import annotations

import html
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from app.ui.views.markup import Html, cut_at_spans, escape, join, tag
from tests.support.page_fakes import HOSTILE


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(name)
        self.attributes += attributes

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> _Reader:
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


def test_hostile_text_stays_text() -> None:
    for text in HOSTILE:
        reader = read(tag("p", text, title=text))
        assert reader.tags == ["p"]
        assert reader.attributes == [("title", text)]
        assert reader.text == text


@given(st.text())
def test_any_text_is_read_back(text: str) -> None:
    assert html.unescape(escape(text)) == text.replace("\x00", "�")


def test_lone_surrogates_can_be_sent() -> None:
    assert escape("a\ud800b").encode() == "a\N{REPLACEMENT CHARACTER}b".encode()


def test_markup_is_not_escaped_twice_and_strings_always_are() -> None:
    inner = tag("b", "<")
    assert join(inner, "<") == "<b>&lt;</b>&lt;"
    assert isinstance(inner, Html)


def test_attributes() -> None:
    assert tag("a", "x", class_="run", data_turn=3, disabled=True, hidden=None) == (
        '<a class="run" data-turn="3" disabled>x</a>'
    )


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(-3, 33), st.integers(-3, 33)), max_size=6))
def test_cut_pieces_are_the_text_and_know_their_spans(text: str, spans: list[tuple[int, int]]) -> None:
    pieces = cut_at_spans(text, spans)
    assert "".join(piece.text for piece in pieces) == text
    for index, (start, end) in enumerate(spans):
        covered = "".join(piece.text for piece in pieces if index in piece.covers)
        assert covered == text[max(0, start) : max(0, end)]
