"""Ctrl-C while an answer is written: what was there stays, with its sources, marked as unfinished."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app import cli
from app.commands import ask
from app.generation.events import NO_STATS, UNFINISHED, Answer, Citation, Event, Retrieval, SourcePassage, TextDelta

_TEXT = "1. Open the page.\n2. Log in with your key."
_PASSAGE = SourcePassage("p", "steps.md", 0, len(_TEXT), _TEXT, 1.0, 1)
_CITED = Citation("p", "steps.md", 18, 42, 4, 28, "copied")
_WRITTEN = f"[1] {_TEXT[18:42]}"


class Interrupted:
    """A pipeline and its stream, which is interrupted after ``written``."""

    def __init__(self, written: str) -> None:
        self.text = written
        self.closed = False
        citations = (_CITED,) if written == _WRITTEN else ()
        self.so_far = Answer("q", written, citations, (_PASSAGE,), NO_STATS, UNFINISHED)

    def stream(self, question: str, **options: object) -> Interrupted:
        return self

    def close(self) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[Event]:
        yield Retrieval((_PASSAGE,))
        if self.text:
            yield TextDelta(self.text)
        raise KeyboardInterrupt


def run(written: str, monkeypatch: pytest.MonkeyPatch, *argv: str) -> tuple[int, bool]:
    stream = Interrupted(written)
    monkeypatch.setattr(ask, "load_pipeline", lambda *_, **__: stream)
    return cli.main(["ask", "q", *argv]), stream.closed


def test_what_was_written_is_shown_with_its_sources(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(_WRITTEN, monkeypatch) == (130, True)
    out, err = capfd.readouterr()
    assert out.splitlines()[0] == "[1] Log in with your key."
    assert "[1] steps.md, characters 18 to 42: “Log in with your key.”" in out
    assert "not the whole answer" in err
    assert "tokens/s" not in err


def test_a_program_gets_the_part_as_its_one_document(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(_WRITTEN, monkeypatch, "--json") == (130, True)
    document = json.loads(capfd.readouterr().out)
    assert (document["answer"], document["finish_reason"]) == (_WRITTEN, "unfinished")
    assert document["citations"][0]["document"] == "steps.md"


def test_before_the_first_text_it_is_as_any_interruption(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("", monkeypatch, "--json") == (130, True)
    assert json.loads(capfd.readouterr().out)["error"]["cause"] == "interrupted"
