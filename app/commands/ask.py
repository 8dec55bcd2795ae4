"""``spandraft ask`` streams an answer and then lists its sources; ``spandraft search`` lists passages only."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from app.commands.loading import load_pipeline
from app.commands.options import GENERATION, MODEL, SEARCH, add_common, add_no_speculation
from app.commands.terminal import Terminal, plain
from app.config.settings import Settings
from app.errors import InputError
from app.output.answer_json import answer_document, hit_document
from app.output.formatting import count, percent
from app.output.links import where as source_in_words
from app.output.shown_text import ShownText, list_marks, without

if TYPE_CHECKING:
    from app.answering.stream import AnswerStream
    from app.generation.events import Answer, Citation

_EXCERPT = 160  # characters of a citation that are shown
_INTERRUPTED = 130


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``ask`` and ``search``."""
    ask = commands.add_parser("ask", help="answer a question from your documents, with sources")
    ask.add_argument("question", nargs="+", help="the question, in quotes or not")
    ask.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end the answer before TEXT")
    add_no_speculation(ask)
    add_common(ask, (*SEARCH, "evidence_sentences", "quote", *MODEL, *GENERATION))
    ask.set_defaults(run=_ask, answers_once_loaded=True)

    search = commands.add_parser("search", help="find passages; no language model is used")
    search.add_argument("query", nargs="+", help="what to look for, in quotes or not")
    add_common(search, SEARCH)
    search.set_defaults(run=_search, answers_once_loaded=True)


def _ask(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    question = _text(args.question, "question", 'spandraft ask "What is a lambda?"')
    pipeline = load_pipeline(settings, terminal, corpus=settings.corpus)
    code = 0
    with closing(pipeline.stream(question, speculate=settings.speculate, stop_strings=tuple(args.stop))) as stream:
        try:
            _follow(stream, terminal)
        except KeyboardInterrupt:
            if not stream.text:
                raise
            code = _INTERRUPTED
    answer = stream.so_far
    if terminal.json:
        terminal.document(answer_document(answer))
    else:
        _sources(answer, terminal)
    return code


def _follow(stream: AnswerStream, terminal: Terminal) -> None:
    """Show the text as it comes, without marks of lists that it copied along."""
    from app.generation.events import Done, Retrieval, TextDelta

    said, shown = "", ShownText(())
    for event in stream:
        match event:
            case Retrieval(passages=passages, notice=notice):
                shown, said = ShownText(passages), notice or ""
                if said:
                    terminal.note(f"note: {said}")
            case TextDelta(text=text) if not terminal.json:
                terminal.write(shown.push(text))
            case Done(answer=answer):
                if not terminal.json:
                    terminal.write(shown.finish())
                if rest := (answer.notice or "").removeprefix(said).strip():
                    if not terminal.json:
                        terminal.line()
                    terminal.note(f"note: {rest}")


def _sources(answer: Answer, terminal: Terminal) -> None:
    """List what the answer was copied from, and how fast it was."""
    from app.generation.events import UNFINISHED

    terminal.line()
    if answer.finish_reason == UNFINISHED:
        terminal.note("Stopped: this is not the whole answer.")
    numbers = {passage.passage_id: passage.number for passage in answer.passages}
    if answer.citations:
        terminal.line("\n" + terminal.bold("Sources"))
    for citation in answer.citations:
        where = _where(citation.document, citation.place, citation.source_start, citation.source_end)
        number = numbers.get(citation.passage_id)
        source = where if number is None else f"[{number}] {where}"
        how = "computed from these rows: " if citation.kind == "computed" else ""
        terminal.line(f"  {source}: {how}{terminal.dim(_cited(answer, citation))}")
    if answer.is_refusal and answer.passages:
        terminal.line("\n" + terminal.bold("The nearest passages"))
        for passage in answer.nearest:
            where = _where(passage.document, passage.place, passage.start, passage.end)
            chance = "" if passage.chance is None else f" (answers: {percent(passage.chance)})"
            terminal.line(f"  {where}{chance}: {terminal.dim(_excerpt(passage.text))}")
    stats = answer.stats
    if not stats.tokens:
        return
    terminal.note(
        f"{count(stats.tokens, 'token')} in {count(stats.target_forwards, 'forward')} of the target "
        f"({stats.mean_acceptance_length:.1f} tokens each), {stats.tokens_per_s:.0f} tokens/s"
    )


def _cited(answer: Answer, citation: Citation) -> str:
    start, end = citation.answer_start, citation.answer_end
    marks = [(a - start, b - start) for a, b in list_marks(answer.text, answer.passages) if start <= a and b <= end]
    return _excerpt(without(answer.text[start:end], marks))


def _excerpt(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text}”" if len(text) <= _EXCERPT else f"“{text[:_EXCERPT]}...”"


def _search(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    query = _text(args.query, "query", 'spandraft search "lambda"')
    from app.library.corpus import Corpus
    from corpora.documents import describe_location

    hits = Corpus.open(settings.corpus, settings=settings).retrieve(query, settings.k).hits
    if terminal.json:
        terminal.document({"query": query, "corpus": settings.corpus, "passages": [hit_document(hit) for hit in hits]})
        return 0
    for number, hit in enumerate(hits, start=1):
        passage = hit.passage
        location = describe_location(passage.marks, passage.start, passage.end)
        where = _where(passage.document_name, location, passage.start, passage.end)
        chance = "" if hit.chance is None else f"  answers: {percent(hit.chance)}"
        terminal.line(terminal.bold(f"{number}. {where}") + terminal.dim(chance))
        terminal.line("   " + " ".join(passage.text.split()) + "\n")
    return 0


def _where(document: str, place: str, start: int, end: int) -> str:
    """``handbook.pdf, page 7, characters 3,410 to 3,468``; control characters of a document's name are replaced."""
    return plain(source_in_words(document, place, start, end))


def _text(words: Sequence[str], what: str, example: str) -> str:
    text = " ".join(words).strip()
    if not text:
        raise InputError(f"the {what} is empty", hint=f"write one: {example}")
    return text
