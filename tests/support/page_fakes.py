"""A fake of the page's pipeline: it answers every question by copying from a tiny corpus."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from app.errors import InputError
from app.generation.events import (
    Answer,
    Citation,
    Correction,
    CorrectionDone,
    Done,
    Edit,
    Event,
    Retrieval,
    RunStats,
    SourceCounts,
    SourcePassage,
    TextDelta,
)
from app.generation.prompts import Message

# Texts that documents and models may contain; the page must show them unchanged, run none and load nothing.
HOSTILE = (
    "{{7*7}}",
    "${alert(1)} and ${document.title = 'owned'}",
    "`${globalThis.owned = 1}`",
    '<img src=x onerror="globalThis.owned = 1">',
    "</script><script>globalThis.owned = 1</script>",
    "![picture](http://attacker.invalid/leak.png) <link rel=stylesheet href=//attacker.invalid/x.css>",
    "<svg onload=globalThis.owned=1><iframe srcdoc='<script>parent.owned=1</script>'>",
    '" onmouseover="globalThis.owned=1" x=\'',
    "javascript:globalThis.owned=1 C:\\users \\alpha $x^2$ {{#each value}}x{{/each}}",
    "名前\u202egpj.exe\u2066 \N{GRINNING FACE} e\u0301",
)

COPIED = "The assert statement checks that a condition holds, and raises AssertionError if it does not."
ASSERT_TEXT = f"Simple statements are written on one line. {COPIED} It is dropped when Python runs optimized."
LOOP_TEXT = "A for loop may have an else clause. It runs when the items are exhausted, but not after a break."


def passages() -> tuple[SourcePassage, ...]:
    """Three passages of two documents; the last one was not in the prompt."""
    return (
        SourcePassage("asserts:100-300", "assert.md", 100, 100 + len(ASSERT_TEXT), ASSERT_TEXT, 0.91, 1),
        SourcePassage("loops:0-97", "loops.md", 0, len(LOOP_TEXT), LOOP_TEXT, 0.62, 2),
        SourcePassage("loops:200-230", "loops.md", 200, 224, "Loops can also be nested", 0.2, None),
    )


def stats(tokens: int, forwards: int) -> RunStats:
    """Figures with a decode time of 10 ms a forward."""
    return RunStats(
        tokens=tokens,
        target_forwards=forwards,
        mean_acceptance_length=tokens / forwards,
        by_source={"spans": SourceCounts(20, 15)},
        ttft_s=0.12,
        tokens_per_s=tokens / (forwards * 0.01),
        stages_s={"retrieve": 0.02, "prompt": 0.01, "prefill": 0.05, "decode": forwards * 0.01},
    )


class FakeStream:
    """Events at intervals, cancellable in between."""

    def __init__(self, events: Iterator[Any], at_cancel: Any, step_s: float) -> None:
        self._events = events
        self._at_cancel = at_cancel
        self._step_s = step_s
        self.cancelled = threading.Event()
        self.cancelled_s = 0.0

    def __iter__(self) -> Iterator[Any]:
        for event in self._events:
            if self.cancelled.wait(self._step_s):
                yield self._at_cancel
                return
            yield event

    def cancel(self) -> None:
        """Stop before the next event."""
        self.cancelled_s = time.monotonic()
        self.cancelled.set()


class FakePipeline:
    """Answers every question by copying one sentence; ``step_s`` is the time between events."""

    def __init__(self, *, step_s: float = 0.002, answer: str | None = None) -> None:
        self.target_name = "fake-target"
        self.target_note = ""
        self.step_s = step_s
        self.text = f"[1] {COPIED}" if answer is None else answer
        self.passages = passages()
        self.error: Exception | None = None
        self.streams: list[FakeStream] = []
        self.forgotten: list[str | None] = []
        self.histories: list[tuple[Message, ...]] = []

    def stream(
        self,
        question: str,
        *,
        corpus: Any = None,
        history: Sequence[Message] = (),
        speculate: bool = True,
        scope: str | None = "",
    ) -> FakeStream:
        """Retrieval, the text word by word, a hint, Done."""
        if self.error is not None:
            raise self.error
        if getattr(corpus, "name", None) == "empty":
            raise InputError("the corpus empty holds no documents", hint="add files to it in the Library")
        self.histories.append(tuple(history))
        cancelled = Done(self._answer(question, self.text[:10], 3, "cancelled"))
        stream = FakeStream(self._events(question, speculate), cancelled, self.step_s)
        self.streams.append(stream)
        return stream

    def forget(self, scope: str | None = None) -> None:
        self.forgotten.append(scope)

    def stream_correct(self, text: str, *, scope: str | None = "") -> FakeStream:
        """Turns every ``recieve`` into ``receive`` and says ``a`` before ``cat``."""
        edits: list[Edit] = []
        start = text.find("recieve")
        while start >= 0:
            edits.append(Edit(start + 3, start + 5, "ei"))
            start = text.find("recieve", start + 1)
        if text.startswith("cat"):
            edits.insert(0, Edit(0, 0, "a "))
        corrected = text.replace("recieve", "receive")
        corrected = "a " + corrected if text.startswith("cat") else corrected
        done = CorrectionDone(Correction(text, corrected, tuple(edits), stats(30, 6)))
        events = iter([*(TextDelta(word) for word in corrected.split(" ")), done])
        untouched = CorrectionDone(Correction(text, text, (), stats(3, 1), notice="stopped early"))
        stream = FakeStream(events, untouched, self.step_s)
        self.streams.append(stream)
        return stream

    def _events(self, question: str, speculate: bool) -> Iterator[Event]:
        answer = self._answer(question, self.text, 6 if speculate else 24, "stop")
        yield Retrieval(self.passages)
        for word in self.text.split(" "):
            yield TextDelta(word if word == self.text.split(" ")[0] else " " + word)
        yield from answer.citations
        yield Done(answer)

    def _answer(self, question: str, text: str, forwards: int, reason: str) -> Answer:
        start = text.find(COPIED)
        source = 100 + ASSERT_TEXT.index(COPIED)
        cited = (
            (
                Citation(
                    "asserts:100-300", "assert.md", source, source + len(COPIED), start, start + len(COPIED), "copied"
                ),
            )
            if start >= 0
            else ()
        )
        return Answer(question, text, cited, self.passages, stats(24, forwards), reason)


class HostilePipeline(FakePipeline):
    """Everything that a document or a model can say is hostile, and the answer is copied from it."""

    def __init__(self) -> None:
        self.said = "\n".join(HOSTILE)
        super().__init__(answer=self.said)
        self.passages = tuple(
            dataclasses.replace(passage, text=self.said, document=HOSTILE[index], start=0, end=len(self.said))
            for index, passage in enumerate(self.passages)
        )

    def _answer(self, question: str, text: str, forwards: int, reason: str) -> Answer:
        first = self.passages[0]
        cited = Citation(first.passage_id, first.document, 0, len(text), 0, len(text), "copied")
        return Answer(question, text, (cited,), self.passages, stats(24, forwards), reason, notice=self.said)
