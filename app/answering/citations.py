"""Citations of an answer, computed from its text: what was copied, from where, down to the character.

A copied run is a maximal identical run of at least six tokens in a retrieved passage; a quotation behind its marker
may be shorter, and each of its lines is a run. Only text is compared, never how it was drafted, so the same answer has
the same citations with speculation on or off. Offsets are Unicode code points, half-open, and for a copied run the
document's characters equal the answer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.generation.events import Citation, Computation, SourcePassage
from corpora.text.chunking import sentences

LEAST_TOKENS: Final = 6

_MARKER: Final = re.compile(r"\[(\d{1,4})\]")
_WORD: Final = re.compile(r"\S+")
_LAST_MARKER: Final = re.compile(r"\s*\[\d{1,4}\]\s*$")


@dataclass(frozen=True, slots=True)
class _Run:
    """Tokens ``[first, last)`` of the answer that stand in a passage, beginning at character ``at`` of its text."""

    first: int
    last: int
    passage: int
    at: int


def cite(
    answer: str,
    token_spans: Sequence[tuple[int, int]],
    passages: Sequence[SourcePassage],
    computed: Sequence[Computation] = (),
) -> tuple[Citation, ...]:
    """The citations of ``answer`` in its order.

    ``token_spans`` are the characters of each of its tokens; passages come best first. Where several passages hold
    a run, the one whose ``[n]`` the answer wrote next to it is cited, then the better one. What stands behind a marker
    and is in its passage but for line breaks is cited line by line, however short they are. A marker without a
    verbatim copy of its passage in its sentence is cited as ``marked``, with the whole passage. Sentences of
    ``computed`` that the answer has word for word are cited with their rows, and with nothing else.
    """
    said = [citation for one in computed for citation in computed_citations(one, answer)]
    spans = [span for span in (_trimmed(answer, *span) for span in token_spans) if span[0] < span[1]]
    spans = [span for span in spans if not _is_within(span, said)]
    copied = [_copied(run, spans, passages) for run in _chosen(answer, spans, passages)]
    copied += _rest_of_quotations(answer, (*said, *copied), passages)
    marked = _marked(answer, (*said, *copied), passages)
    return tuple(sorted((*said, *copied, *marked), key=lambda found: (found.answer_start, found.answer_end)))


def computed_citations(one: Computation, answer: str, start: int = 0) -> Iterator[Citation]:
    """A citation for each place behind ``start`` where an answer says what was computed."""
    for at in _occurrences(one.text, answer):
        if at >= start:
            yield Citation(
                passage_id=one.passage_id,
                document=one.document,
                source_start=one.rows[0][0],
                source_end=one.rows[-1][1],
                answer_start=at,
                answer_end=at + len(one.text),
                kind="computed",
                place=one.place,
                rows=one.rows,
            )


def _is_within(span: tuple[int, int], citations: Sequence[Citation]) -> bool:
    return any(one.answer_start < span[1] and span[0] < one.answer_end for one in citations)


def _chosen(answer: str, spans: Sequence[tuple[int, int]], passages: Sequence[SourcePassage]) -> list[_Run]:
    """Longest runs first; a run that overlaps a longer one keeps what that one leaves over, if it is enough."""
    nearest = _nearest_marker(answer)

    def rank(run: _Run) -> tuple[int, int, bool, int, int]:
        wanted = nearest(spans[run.first][0], spans[run.last - 1][1])
        is_other = wanted is None or passages[run.passage].number != wanted
        return run.first - run.last, run.first, is_other, run.passage, run.at

    taken: list[_Run] = []
    queue = sorted(_maximal_runs(answer, spans, passages), key=rank)
    while queue:
        run = queue.pop(0)
        left = _uncovered(run, taken, spans)
        if left == run:
            taken.append(run)
        elif left is not None:
            queue = sorted((*queue, left), key=rank)
    return sorted(taken, key=lambda run: run.first)


def _maximal_runs(answer: str, spans: Sequence[tuple[int, int]], passages: Sequence[SourcePassage]) -> Iterator[_Run]:
    for index, passage in enumerate(passages):
        reached: dict[int, int] = {}
        for first in range(len(spans) - LEAST_TOKENS + 1):
            start = spans[first][0]
            for at in _occurrences(answer[start : spans[first + LEAST_TOKENS - 1][1]], passage.text):
                # On one diagonal the first run found is the one that reaches furthest to the left.
                if reached.get(at - start, -1) >= first:
                    continue
                last = _extended(answer, spans, first, passage.text, at)
                reached[at - start] = last - 1
                yield _Run(first, last, index, at)


def _occurrences(wanted: str, text: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _extended(answer: str, spans: Sequence[tuple[int, int]], first: int, text: str, at: int) -> int:
    """Index behind the last token up to which answer and passage agree."""
    start, last = spans[first][0], first + LEAST_TOKENS
    while last < len(spans):
        begin, end = spans[last - 1][1], spans[last][1]
        if answer[begin:end] != text[at + begin - start : at + end - start]:
            break
        last += 1
    return last


def _uncovered(run: _Run, taken: Iterable[_Run], spans: Sequence[tuple[int, int]]) -> _Run | None:
    """The longest part of ``run`` that no taken run covers, None if it is too short."""
    covered = {token for other in taken for token in range(other.first, other.last)}
    best, first = (0, 0), run.first
    for token in range(run.first, run.last + 1):
        if token in covered or token == run.last:
            best = max(best, (token - first, -first))
            first = token + 1
    length, start = best[0], -best[1]
    if length < LEAST_TOKENS:
        return None
    return _Run(start, start + length, run.passage, run.at + spans[start][0] - spans[run.first][0])


def _rest_of_quotations(
    answer: str, cited: Sequence[Citation], passages: Sequence[SourcePassage]
) -> Iterator[Citation]:
    """What is quoted behind its marker and not yet ``cited``: short sentences, and the lines of lists and addresses."""
    by_number = {passage.number: passage for passage in passages if passage.number is not None}
    markers = [found for found in _MARKER.finditer(answer) if not _is_within(found.span(), cited)]
    for index, marker in enumerate(markers):
        end = markers[index + 1].start() if index + 1 < len(markers) else len(answer)
        passage, (start, stop) = by_number.get(int(marker[1])), _trimmed(answer, marker.end(), end)
        if passage is None or all(_is_within((at, at + 1), cited) for at in range(start, stop)):
            continue
        for place, at, length in _lines_in(answer[start:stop], passage.text):
            if not _is_within((start + place, start + place + length), cited):
                yield _copy(passage, at, start + place, length)


def _lines_in(quotation: str, text: str) -> Iterator[tuple[int, int, int]]:
    """The pieces of a quotation that a text has in one go, as (offset in it, offset in the text, length).

    White space between two pieces differs, that inside of one does not; nothing if the words are not all there.
    """
    words = [found.span() for found in _WORD.finditer(quotation)] if any(map(str.isalnum, quotation)) else []
    found = re.search(r"\s+".join(re.escape(quotation[slice(*span)]) for span in words), text) if words else None
    if found is None:
        return
    theirs = [(found.start() + a, found.start() + b) for a, b in (each.span() for each in _WORD.finditer(found[0]))]
    first = 0
    for last in range(len(words)):
        is_last = last + 1 == len(words)
        if is_last or quotation[words[last][1] : words[last + 1][0]] != text[theirs[last][1] : theirs[last + 1][0]]:
            yield words[first][0], theirs[first][0], words[last][1] - words[first][0]
            first = last + 1


def _copied(run: _Run, spans: Sequence[tuple[int, int]], passages: Sequence[SourcePassage]) -> Citation:
    passage = passages[run.passage]
    start, end = spans[run.first][0], spans[run.last - 1][1]
    return _copy(passage, run.at, start, end - start)


def _copy(passage: SourcePassage, at: int, start: int, length: int) -> Citation:
    """The citation of so many characters of the answer from ``start`` on, at character ``at`` of a passage."""
    source_start, source_end = passage.start + at, passage.start + at + length
    return Citation(
        passage_id=passage.passage_id,
        document=passage.document,
        source_start=source_start,
        source_end=source_end,
        answer_start=start,
        answer_end=start + length,
        kind="copied",
        place=passage.place_of(source_start, source_end),
    )


def _nearest_marker(answer: str) -> Callable[[int, int], int | None]:
    """For a span of the answer, the number of the marker nearest to it; the one before it if two are as near."""
    markers = [(found.start(), found.end(), int(found[1])) for found in _MARKER.finditer(answer)]

    def nearest(start: int, end: int) -> int | None:
        before = [(start - stop, 0, number) for _, stop, number in markers if stop <= start]
        behind = [(begin - end, 1, number) for begin, _, number in markers if begin >= end]
        return min((*before, *behind))[2] if before or behind else None

    return nearest


def _marked(answer: str, copied: Sequence[Citation], passages: Sequence[SourcePassage]) -> Iterator[Citation]:
    by_number = {passage.number: passage for passage in passages if passage.number is not None}
    for start, end in _claims(answer):
        verbatim = {c.passage_id for c in copied if c.answer_start < end and c.answer_end > start}
        # Brackets inside a copy are the document's own.
        written = {
            int(found[1])
            for found in _MARKER.finditer(answer, start, end)
            if not any(c.answer_start <= found.start() < c.answer_end for c in copied)
        }
        for number in sorted(written):
            passage = by_number.get(number)
            if passage is None or passage.passage_id in verbatim:
                continue
            claim_start, claim_end = _without_markers(answer, start, end)
            yield Citation(
                passage_id=passage.passage_id,
                document=passage.document,
                source_start=passage.start,
                source_end=passage.end,
                answer_start=claim_start,
                answer_end=claim_end,
                kind="marked",
                place=passage.place,
            )


def _claims(answer: str) -> list[tuple[int, int]]:
    """Sentences of the answer; one that is nothing but markers belongs to the sentence before it."""
    claims: list[tuple[int, int]] = []
    for start, end in sentences(answer):
        text = _MARKER.sub("", answer[start:end])
        if claims and not any(character.isalnum() for character in text):
            claims[-1] = (claims[-1][0], end)
        else:
            claims.append((start, end))
    return claims


def _without_markers(answer: str, start: int, end: int) -> tuple[int, int]:
    """The claim without the markers at its ends; as it is if nothing else is in it."""
    begin, stop = _trimmed(answer, start, end)
    while found := _MARKER.match(answer, begin, stop):
        begin = _trimmed(answer, found.end(), stop)[0]
    while found := _LAST_MARKER.search(answer, begin, stop):
        stop = found.start()
    return (begin, stop) if begin < stop else _trimmed(answer, start, end)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without whitespace at both ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
