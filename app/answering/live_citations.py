"""Live citations: while an answer grows, the tokens it took over from a draft say where they came from.

Provisional: the final citations are computed from the text (``citations.py``). One is given when a run has ended,
and only if the document's characters are those of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.answering.citations import LEAST_TOKENS, computed_citations
from app.generation.events import Citation, Computation, SourcePassage
from app.generation.prompts import Prompt
from decoding.interfaces import Origin, OriginKind


@dataclass(frozen=True, slots=True)
class _Run:
    """Tokens ``[first, next)`` of a reference, copied to characters ``[start, end)`` of the answer."""

    reference: int
    first: int
    next: int
    start: int
    end: int


class LiveCitations:
    """Feed it every token with its origin and the answer's length around it; it returns a citation when a run ends."""

    def __init__(self, prompt: Prompt, passages: Sequence[SourcePassage], computed: Sequence[Computation] = ()) -> None:
        self._prompt = prompt
        self._passages = passages
        self._computed = computed
        self._run: _Run | None = None

    def push(self, token: int, origin: Origin, start: int, end: int, text: str) -> Citation | None:
        """``token`` wrote characters ``[start, end)`` of ``text``; a citation if it is the first not copied."""
        run = self._run
        if run is not None:
            # The target's own token behind an accepted draft often goes on with the copy.
            ids = self._prompt.references[run.reference].ids
            if run.next < len(ids) and ids[run.next] == token:
                self._run = _Run(run.reference, run.first, run.next + 1, run.start, end)
                return None
        self._run = None
        if origin.kind is OriginKind.REFERENCE:
            self._run = _Run(origin.index, origin.offset, origin.offset + 1, start, end)
        return self._citation(run, text) if run is not None else None

    def finish(self, text: str) -> Citation | None:
        """The answer ends: a citation for the run at its end."""
        run, self._run = self._run, None
        return self._citation(run, text) if run is not None else None

    def _citation(self, run: _Run, text: str) -> Citation | None:
        if run.next - run.first < LEAST_TOKENS:
            return None
        source = self._prompt.source_spans[run.reference]
        passage = self._passages[source.hit]
        if not source.starts:
            said = (one for each in self._computed for one in computed_citations(each, text, run.start))
            return next(said, None)
        source_start = source.starts[run.first]
        copied = passage.text[source_start - passage.start : source.ends[run.next - 1] - passage.start]
        written = text[run.start : run.end]
        source_start += len(copied) - len(copied.lstrip())
        start = run.start + len(written) - len(written.lstrip())
        if not copied.strip() or copied.strip() != written.strip():
            return None
        length = len(copied.strip())
        return Citation(
            passage_id=passage.passage_id,
            document=passage.document,
            source_start=source_start,
            source_end=source_start + length,
            answer_start=start,
            answer_end=start + length,
            kind="copied",
            place=passage.place_of(source_start, source_start + length),
        )
