"""What to search for when a question goes on with a conversation: with what the one before it was about, if need be.

    "How many beds has the hostel?", then
    "Who runs it?"              asks something else of the same: searched for with what that question was about
    "And the inn?"              asks the same of something else: searched for behind the whole question
    "And where is the ferry?"   stands alone

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
    r"the former|the latter|the same|ones?|(?:what|who|where|anything|something) else)\b",
    re.IGNORECASE,
)
_PERSON: Final = re.compile(r"\b(?:he|him|his|she|her|hers|they|them|their)\b", re.IGNORECASE)
_GOES_ON: Final = re.compile(r"^\W*(?:and|but|or|also|what about|how about|what if|why not|how so|if)\b", re.IGNORECASE)
_AND: Final = re.compile(r"^\W*(?:(?:and|but|or|also|so|then)\b[\s,]*)+", re.IGNORECASE)
_ASKS: Final = re.compile(
    r"(?!(?:what|how) about\b|what if\b|why not\b|how so\b)"
    r"(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|will|should|may|must|has|have)"
    r"\b",
    re.IGNORECASE,
)
_SMALL: Final = frozenset(
    """a an the of to in on at by for from with and or but who whom whose what which when where why how much many long
    often is are was were be been am do does did can could will would shall should may might must has have had i you
    we me my our us your it its they them their he him his she her this that these those there please tell about
    """.split()
)
_WORD: Final = re.compile(r"\w+(?:['’.-]\w+)*")
_NAME: Final = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z]\w+(?:\s+[A-Z]\w+)*|\b[A-Z]\w+(?:\s+[A-Z]\w+)+")
_MARKER: Final = re.compile(r"\[\d+\]\s*")
_FEW_WORDS: Final = 3
_FEW_TELLING_WORDS: Final = 2


def search_text(question: str, history: Sequence[Message]) -> str:
    """The question with what it leans on: the user's question before it, or what that was about."""
    at = next((n for n in reversed(range(len(history))) if history[n].role == "user"), None)
    if at is None or not _leans_on_what_was_said(question):
        return question
    own, earlier = _AND.sub("", question), history[at].content
    if not _ASKS.match(own) or len(_WORD.findall(own)) < _FEW_WORDS:
        return f"{earlier} {question}"
    topic = _telling(earlier)
    if _PERSON.search(own):
        answers = [message.content for message in history[at + 1 :] if message.role == "assistant"]
        topic += [name for answer in answers for name in _NAME.findall(_MARKER.sub("", answer))]
    return " ".join([own, *dict.fromkeys(topic)])


def _leans_on_what_was_said(question: str) -> bool:
    if _REFERS.search(question) or len(_WORD.findall(question)) <= _FEW_WORDS:
        return True
    own = _AND.sub("", question)
    return bool(_GOES_ON.match(question)) and not (_ASKS.match(own) and len(_telling(own)) > _FEW_TELLING_WORDS)


def _telling(text: str) -> list[str]:
    """The words of a question that say what it is about, in order."""
    return [word for word in _WORD.findall(text) if word.casefold() not in _SMALL]
