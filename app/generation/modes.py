"""What kind of output is wanted: a quotation, an answer in free words, a turn of a chat; and what each may come to.

A question of documents is answered in quotations where the target was made or calibrated for that, unless it asks for
more than a fact. Knows words of English questions, not prompts or models.
"""

from __future__ import annotations

import enum
import re
from typing import Final


class Mode(enum.StrEnum):
    """How an output is written. A quotation is nothing but sentences of the documents, or the refusal."""

    QUOTATION = "quotation"
    ANSWER = "answer"
    CHAT = "chat"

    @property
    def usual_limit(self) -> int:
        """Most tokens of an output unless somebody sets a limit."""
        return _LIMITS[self]


_LIMITS: Final = {Mode.QUOTATION: 256, Mode.ANSWER: 192, Mode.CHAT: 256}

_POLITE: Final = r"(?:(?:please|now|ok|okay|so|and|then|can you|could you|would you|will you|i want you to)[,\s]+)*"
_MORE_THAN_A_FACT: Final = re.compile(
    rf"^\W*{_POLITE}(?:summari[sz]e|sum up|explain|elaborate|compare|contrast|rewrite|rephrase|reword|paraphrase|"
    r"translate|simplify|shorten|outline|discuss|describe|write|draft|compose|continue|go on|tell me more|say more|"
    r"give (?:me |us )?(?:an? |the )?(?:\w+ )?(?:summary|overview|outline|example|examples)|what do you think|"
    r"hello|hi|hey|thanks|thank you)\b"
    r"|\bin (?:your own|other|simpler|simple|plain|a few|one|two|three) (?:words?|sentences?)\b"
    r"|\b(?:a|the) (?:short )?(?:summary|overview) of\b|\btl;?dr\b|\bin (?:more|greater) detail\b|\bstep by step\b",
    re.IGNORECASE,
)


def asks_for_more_than_a_fact(question: str) -> bool:
    """Whether no sentence of a document can be the answer, however good: a summary, an explanation, a greeting."""
    return bool(_MORE_THAN_A_FACT.search(question))
