"""SAM decoding: copy what follows the first place of the longest repeated end of prompt and output.

Hu et al. 2024, "SAM Decoding: Speculative Decoding via Suffix Automaton": a match of m tokens drafts 1 + 4 m, and below
m = 5 an auxiliary drafter is asked instead, one or the other. The automaton of the request alone; their second, static
one over a corpus is not built. A published method to compare with; ``spans`` is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import NO_ORIGIN, Commit, Draft, DraftSource, Request
from decoding.sources.automaton import SuffixAutomaton


class Sam:
    """``auxiliary`` drafts where the match is short; the copy is drafted all the same where it has nothing."""

    def __init__(self, auxiliary: DraftSource | None = None, *, threshold: int = 5, most: int = 60) -> None:
        self._auxiliary = auxiliary
        self._threshold = threshold
        self._most = most
        self._automaton = SuffixAutomaton()
        self._prompt_length = 0

    @property
    def name(self) -> str:
        """``sam``."""
        return "sam"

    def start(self, request: Request) -> None:
        """Build the automaton of the prompt."""
        self._automaton = SuffixAutomaton()
        self._automaton.extend(request.prompt)
        self._prompt_length = len(request.prompt)
        if self._auxiliary is not None:
            self._auxiliary.start(request)

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """A copy as long as the match allows, or what the auxiliary drafter proposes."""
        automaton = self._automaton
        automaton.extend(tokens[len(automaton.text) - self._prompt_length :])
        if self._auxiliary is not None and automaton.match_length < self._threshold:
            drafts = self._auxiliary.propose(tokens, limit)
            if drafts:
                return drafts
        start = automaton.match_end + 1
        count = min(1 + 4 * automaton.match_length, self._most, limit) if automaton.match_length else 0
        ids = tuple(automaton.text[start : start + count])
        return [Draft(ids, (1.0,) * len(ids), (NO_ORIGIN,) * len(ids))] if ids else []

    def observe(self, commit: Commit) -> None:
        """The auxiliary drafter may learn."""
        if self._auxiliary is not None:
            self._auxiliary.observe(commit)

    def finish(self) -> None:
        """Forget the session."""
        self._automaton = SuffixAutomaton()
        if self._auxiliary is not None:
            self._auxiliary.finish()
