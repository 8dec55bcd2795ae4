"""What to search for when a question goes on with a conversation: with the question before it, if it needs that.

Knows words of English questions, not how passages are found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from app.generation.prompts import Message

# Words that stand for something said before, and beginnings that go on with it.
_REFERS: Final = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|such|there|then|"
    r"the former|the latter|the same|ones|(?:what|who|where|anything|something) else)\b",
    re.IGNORECASE,
)
_GOES_ON: Final = re.compile(r"^\W*(?:and|but|or|also|what about|how about|what if|why not|how so|if)\b", re.IGNORECASE)
_WORD: Final = re.compile(r"\w+")
_FEW_WORDS: Final = 3


def search_text(question: str, history: Sequence[Message]) -> str:
    """The question, behind the user's one before it where it refers to that or is too short to say what it is about."""
    earlier = next((message.content for message in reversed(history) if message.role == "user"), None)
    if earlier is None or not _leans_on_what_was_said(question):
        return question
    return f"{earlier} {question}"


def _leans_on_what_was_said(question: str) -> bool:
    return bool(_REFERS.search(question) or _GOES_ON.match(question) or len(_WORD.findall(question)) <= _FEW_WORDS)
