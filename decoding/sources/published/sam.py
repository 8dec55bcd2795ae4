"""SAM decoding: copy what follows the first occurrence of the longest repeated end of prompt and output.

Hu et al. 2024, "SAM Decoding: Speculative Decoding via Suffix Automaton": a match of m tokens drafts 1 + 4 m, and below
m = 5 an auxiliary drafter is asked instead, one or the other. Their second automaton, a static one over a corpus, is
not built. The automaton of the request is that of Blumer et al. 1985: it grows token by token in amortised constant
time, and keeps the longest end of the text that occurs in it earlier. A published method to compare with; ``blend`` is
ours.
"""

from __future__ import annotations

from collections.abc import Iterable

from decoding.interfaces import Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree


class SuffixAutomaton:
    """The suffix automaton of a growing ``text``; its states are numbered, 0 is that of the empty text.

    ``match_length`` is the length of the longest suffix that occurs earlier, ``match_end`` where it first ended.
    """

    def __init__(self) -> None:
        self.text: list[int] = []
        self._next: list[dict[int, int]] = [{}]
        self._link = [-1]
        self._length = [0]
        self._first_end = [-1]
        self._last = 0
        self._match = 0
        self.match_length = 0

    @property
    def match_end(self) -> int:
        """Index of the last token of the first occurrence of the match."""
        return self._first_end[self._match]

    def extend(self, tokens: Iterable[int]) -> None:
        """Append tokens and move the match along."""
        for token in tokens:
            self._advance(token)
            self._append(token)

    def _advance(self, token: int) -> None:
        """The longest suffix of text and ``token`` in the text before it."""
        while self._match and token not in self._next[self._match]:
            self._match = self._link[self._match]
            self.match_length = self._length[self._match]
        following = self._next[self._match].get(token)
        self._match = following if following is not None else 0
        self.match_length = self.match_length + 1 if following is not None else 0

    def _append(self, token: int) -> None:
        self.text.append(token)
        state = self._state({}, self._length[self._last] + 1, len(self.text) - 1)
        at = self._last
        while at != -1 and token not in self._next[at]:
            self._next[at][token] = state
            at = self._link[at]
        self._last = state
        if at == -1:
            self._link[state] = 0
            return
        following = self._next[at][token]
        if self._length[following] == self._length[at] + 1:
            self._link[state] = following
            return
        copy = self._state(dict(self._next[following]), self._length[at] + 1, self._first_end[following])
        self._link[copy] = self._link[following]
        while at != -1 and self._next[at].get(token) == following:
            self._next[at][token] = copy
            at = self._link[at]
        self._link[following] = self._link[state] = copy
        # A match shorter than the copy is long now belongs to it: the longer strings stay with the old state.
        if self._match == following and self.match_length <= self._length[copy]:
            self._match = copy

    def _state(self, following: dict[int, int], length: int, first_end: int) -> int:
        self._next.append(following)
        self._link.append(0)
        self._length.append(length)
        self._first_end.append(first_end)
        return len(self._next) - 1


class Sam(DraftSource):
    """``auxiliary`` drafts where the match is short; the copy is drafted all the same where it has nothing."""

    name = "sam"

    def __init__(self, auxiliary: DraftSource | None = None, *, threshold: int = 5, most: int = 60) -> None:
        self._auxiliary = auxiliary
        self._threshold = threshold
        self._most = most
        self._automaton = SuffixAutomaton()
        self._prompt_length = 0

    def start(self, request: Request) -> None:
        """Build the automaton of the prompt."""
        self._automaton = SuffixAutomaton()
        self._automaton.extend(request.prompt)
        self._prompt_length = len(request.prompt)
        if self._auxiliary is not None:
            self._auxiliary.start(request)

    def propose(self, context: DraftContext) -> DraftTree:
        """A copy as long as the match allows, or what the auxiliary drafter proposes."""
        automaton = self._automaton
        automaton.extend(context.output[len(automaton.text) - self._prompt_length :])
        if self._auxiliary is not None and automaton.match_length < self._threshold:
            draft = self._auxiliary.propose(context)
            if draft:
                return draft
        start = automaton.match_end + 1
        count = min(1 + 4 * automaton.match_length, self._most, context.limit) if automaton.match_length else 0
        return DraftTree.chain(automaton.text[start : start + count], 1.0)

    def observe(self, commit: Commit) -> None:
        """The auxiliary drafter may learn."""
        if self._auxiliary is not None:
            self._auxiliary.observe(commit)

    def finish(self) -> None:
        """Forget the session."""
        self._automaton = SuffixAutomaton()
        if self._auxiliary is not None:
            self._auxiliary.finish()
