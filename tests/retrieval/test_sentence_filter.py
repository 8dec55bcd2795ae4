"""What counts as a statement and what is passed over."""

from __future__ import annotations

import pytest

from retrieval.evidence.scraps import is_prose


@pytest.mark.parametrize(
    "sentence",
    [
        'The "with" statement is used to wrap the execution of a block.',
        "It was built in 1889 for the world's fair.",
        "“He left early that day.”",
        "装饰器是一个返回函数的函数。",
        "three people came from the village by the sea on foot",
        "  Blanks around it do not matter here.  ",
        "For lists, see the library reference.",
    ],
)
def test_statements(sentence: str) -> None:
    assert is_prose(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "   \n",
        "The with statement",
        "8.5. The with statement",
        "See also.",
        "The execution of the statement proceeds as follows:",
        ">>> print(value and nothing else at all here)",
        "... continues the block of the line before it",
        "    indented like code, and so it is code in reading text.",
        "def correct(text, source, target, budget):",
        "with_stmt ::= 'with' ( '(' item ','? ')' ) ':' suite (x | y | z)* [a] {b}",
        "--------------------------",
        "3.14 2.71 1.41 [1, 2, 3]",
        "装饰器",
    ],
)
def test_scraps(sentence: str) -> None:
    assert not is_prose(sentence)
