"""Where a question asks for several things, the list that holds a likely one answers it better than that item alone.

Knows questions as strings and evidence with its relevance. Rules of thumb about words, for English mostly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from retrieval.interfaces import Evidence, Hit

_ABOVE_ITS_ITEMS: Final = 0.1
"""How much likelier (log-odds) a list is than its likeliest item, where several things are asked for."""

_SEVERAL = re.compile(
    r"\b(?:which|what) (?:[\w-]+ (?:of )?){0,2}?"
    r"(?!(?:was|does|this|its|happens|means|makes|comes|costs|class|status|address|process|business|news)\b)[\w-]{3,}s\b"
    r"|\bwhat (?:do|does|did|should|must|can|may|will|would|shall) \w+ (?:have to |need to |want to )?"
    r"(?:need|bring|know|pack|take|have|do|wear|buy|prepare|contain|include)\b"
    r"|\b(?:which|what) are\b|\b(?:list|name|enumerate) (?:all|the|every|some|me|of)\b|\b(?:all|list) of the\b"
    r"|\b(?:kinds|types|sorts|ways|steps|reasons|ingredients|rules|conditions|requirements|members|options) "
    r"|\bwas (?:brauch|muss|benötig)\w*|\b(?:welche|welches|quels|quelles|cuáles)\b",
    re.IGNORECASE,
)
_HOW = re.compile(r"\b(?:how (?:do|can|should|to|is|are)|wie|comment|cómo)\b", re.IGNORECASE)
_NUMBERED = re.compile(r"(?m)^\s*\(?(?:1|a)[.)]\s")


def with_lists_first(question: str, evidence: Sequence[Evidence], hits: Sequence[Hit]) -> list[Evidence]:
    """The evidence, its lists as likely as the likeliest of their items where the question asks for several things.

    A question how something is done asks for the steps of a list that is numbered.
    """
    asks_for_several, asks_how = _SEVERAL.search(question) is not None, _HOW.search(question) is not None
    raised: list[Evidence] = []
    for one in evidence:
        is_wanted = asks_for_several or (asks_how and _NUMBERED.search(one.text) is not None)
        if one.kind == "list" and is_wanted:
            document = hits[one.hit].passage.document_id
            inside = [
                item.relevance
                for item in evidence
                if item.kind != "list"
                and one.start <= item.start
                and item.end <= one.end
                and hits[item.hit].passage.document_id == document
            ]
            relevance = max([one.relevance, *(each + _ABOVE_ITS_ITEMS for each in inside)])
            one = replace(one, relevance=relevance)
        raised.append(one)
    return raised
