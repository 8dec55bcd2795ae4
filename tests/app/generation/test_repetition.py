"""Where a text repeats itself is found at the same character however it was cut, and nothing shown is taken back."""

from __future__ import annotations

import random

import pytest

from app.generation.detokenizer import TextEnd
from app.generation.repetition import Repetition

TALE = "The fox went into the forest. It met an owl, who was wise. The fox asked the owl for help."
LIST = "Steps to take:\n1. Open the file for reading.\n2. Close the file at the end.\n"
CODE = "Like this:\n```python\nprint('the same line again')\nprint('the same line again')\n```\nThat is all there is."


def shown(text: str, sizes: random.Random | None = None) -> tuple[str, bool]:
    """What of a text is shown, pushed in pieces of 1 to 9 characters."""
    repetition, pieces, at = Repetition(), [], 0
    while at < len(text):
        size = sizes.randint(1, 9) if sizes else 1
        pieces.append(repetition.push(text[at : at + size]))
        at += size
    return "".join(pieces) + repetition.finish(), repetition.stopped


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"{TALE} The fox went into the forest. And more.", TALE),
        (f"{TALE}\n\nThe fox went  into the forest. And more.", TALE),
        (f'{TALE} "The fox went into the forest." And more.', None),
        (f"{TALE} [2] The fox asked the owl for help. And more.", TALE),
        (f"{LIST}3. Open the file for reading.\n4. And more.", LIST.rstrip()),
        ("It was made in 1990. It was made in 1990. And more.", "It was made in 1990."),
        (f"{LIST}- Open the file for reading.\n", LIST.rstrip()),
        ("a very " + "very " * 20, "a " + "very " * 8 + "very"),
        ("He said " + "and then he went " * 5, "He said and then he went and then he went and then he went"),
    ],
)
def test_a_text_ends_where_it_says_something_again(text: str, kept: str | None) -> None:
    result, stopped = shown(text)
    if kept is None:  # An opening quotation mark is part of the sentence.
        assert (result, stopped) == (text, False)
        return
    assert stopped
    assert result == kept


@pytest.mark.parametrize(
    "text",
    [
        TALE,
        LIST,
        CODE,
        "Yes. No. Yes. No. Yes.",
        "It met an owl, who was wise. It met an owl, who was wise and old.",
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n| --- | --- |\n",
        "The fox went into the forest. The fox went into the fo",
        "According to Dr. Smith, foxes run. According to Dr. Jones, owls fly.",
        "The value is 3. The value is 3.5 in summer.",
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0",
    ],
)
def test_a_text_that_does_not_is_shown_whole(text: str) -> None:
    assert shown(text) == (text, False)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_any_size_give_the_same(seed: int) -> None:
    for text in (f"{TALE} The fox went into the forest. More.", f"{LIST}3. Open the file for reading.\n", CODE, LIST):
        assert shown(text, random.Random(seed)) == shown(text)


def test_a_stop_string_ends_it_before_a_repetition_can() -> None:
    end = TextEnd(["owl"], end_repeats=True)
    assert end.push(TALE) + end.finish() == "The fox went into the forest. It met an "
    assert end.stopped
    assert not end.repeats
