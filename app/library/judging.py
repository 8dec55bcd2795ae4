"""From passages that were found to what answers: a summary, the rows of tables, the likeliest units of them.

The same for a corpus and for texts in memory. Knows who judges, not who searches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.evidence.extractive_summary import Summaries
    from retrieval.evidence.relevance import Relevance
    from retrieval.interfaces import Evidence, Hit, Query, Retrieved
    from retrieval.tables.answers import TableAnswers


@dataclass(frozen=True, slots=True)
class Judges:
    """Who judges what was found. ``units``: all the evidence of some hits; ``relevance`` is called when needed."""

    summaries: Summaries
    tables: TableAnswers
    units: Callable[[Query, Sequence[Hit]], Sequence[Evidence]]
    relevance: Callable[[], Relevance]

    def retrieved(self, query: Query, find: Callable[[Query, int], Sequence[Hit]], k: int, sentences: int) -> Retrieved:
        """What answers, of the best ``k`` passages: at most ``sentences`` units. Raises what ``find`` raises.

        Where the question is over a table, its rows, or what is computed of them, are ahead of all other evidence;
        where it asks what a document is about, the most telling sentences of that are all the evidence.
        """
        from retrieval.evidence.selection import retrieved
        from retrieval.tables.answers import DEPTH

        found = find(query, max(k, DEPTH))
        if (summary := self.summaries.of(query, found[:k])) is not None:
            return summary
        told = self.tables.answer(query, found)
        hits, judged = told.merged(found[:k], self.units(query, found[:k]))
        return replace(retrieved(query, hits, judged, sentences, self.relevance()), remark=told.remark)
