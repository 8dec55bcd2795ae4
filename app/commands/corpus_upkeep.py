"""``spandraft corpus verify``, ``rebuild``, ``export`` and ``import``: a corpus as files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.options import require_folder_of
from app.commands.terminal import LiveLines, Terminal, is_terminal, plain
from app.config.settings import Settings
from app.errors import InputError
from app.output.formatting import amount, count
from corpora.store.library import Library

if TYPE_CHECKING:
    from corpora.recovery.recovery import Recovered
    from corpora.recovery.verify import Report

_FINDINGS, _LOST, _INTERRUPTED = 1, 2, 130


def verify(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Compare every file of a corpus, or of all corpora, with what was written."""
    from corpora.recovery.verify import examine

    names = [args.name] if args.name is not None else Library(settings.home).names()
    reports = {name: examine(_folder_of(settings, name)) for name in names}
    if terminal.json:
        terminal.document({"corpora": [_report_document(name, report) for name, report in reports.items()]})
    for name, report in () if terminal.json else reports.items():
        for finding in report.findings:
            terminal.note(f"error: {finding.cause}\nhint: {finding.hint}")
        proof = "every byte is what was written" if report.proof == "seal" else "its rows hold what they should"
        terminal.line(f"{name}: {count(len(report.findings), 'finding')}" if report.findings else f"{name}: {proof}")
    if not names and not terminal.json:
        terminal.note("There is no corpus yet.")
    return _FINDINGS if any(report.findings for report in reports.values()) else 0


def _report_document(name: str, report: Report) -> dict[str, object]:
    findings = [
        {"file": str(finding.file), "cause": finding.cause, "hint": finding.hint} for finding in report.findings
    ]
    return {"corpus": name, "proof": report.proof, "findings": findings}


def rebuild(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Make the index files anew, and all passages if encoder or chunking of the settings are others."""
    salvaged = _salvage(args, settings, terminal) if args.salvage else None
    from app.commands.corpus_add import interrupts
    from app.library.corpus import Corpus

    corpus = Corpus.open(args.name, settings=settings)
    if args.abandon:
        from corpora.store.generations import abandon_build

        abandon_build(corpus.store)
    live = _live(terminal)
    with interrupts() as stop:
        done = corpus.rebuild(progress=_shown(live, "passages of", "document"), stop=stop)
    live.clear()
    if terminal.json:
        document: dict[str, object] = {
            "corpus": args.name,
            "whole": done.is_whole,
            "recut": done.recut,
            "passages": done.passages,
            "computed": done.computed,
            "encoder": done.encoder,
            "chunk_chars": done.chunking.target_chars,
            "chunk_overlap": done.chunking.overlap_sentences,
        }
        if salvaged is not None:
            lost = [{"name": document.name, "source": document.source} for document in salvaged.lost]
            kept = None if salvaged.damaged_copy is None else str(salvaged.damaged_copy)
            document |= {"saved": list(salvaged.saved), "lost": lost, "complete": salvaged.is_complete, "kept": kept}
        terminal.document(document)
    elif not done.is_whole:
        terminal.note("Stopped: the old passages are still searched. The same command goes on where it stopped.")
    elif done.recut:
        terminal.line(f"Rebuilt {args.name}: {count(done.passages, 'passage')}, all made anew with {done.encoder}")
    else:
        filled = f", {count(done.computed, 'row')} that were missing" if done.computed else ""
        terminal.line(f"Rebuilt the index files of {args.name}: {count(done.passages, 'passage')}{filled}")
    if not done.is_whole:
        return _INTERRUPTED
    return _LOST if salvaged is not None and (salvaged.lost or not (salvaged.saved or salvaged.is_complete)) else 0


def _salvage(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> Recovered:
    from corpora.recovery.recovery import recover

    keep = True if args.keep_damaged else False if args.discard_damaged else None
    done = recover(_folder_of(settings, args.name), keep=keep)
    if terminal.json:
        return done
    saved = f"{count(len(done.saved), 'document')} saved" if done.saved else "No document could be saved"
    if done.is_complete:
        terminal.line(f"{saved}, {len(done.lost)} lost")
    else:
        known = f"{len(done.lost)} known to be lost; " if done.lost else ""
        terminal.line(f"{saved}; {known}it is not known how many there were")
    for document in done.lost:
        source = f", add it again: {document.source}" if document.source else ""
        terminal.note(plain(f"Lost: {document.name}{source}"))
    if done.damaged_copy is not None:
        terminal.note(f"The damaged database is kept: {done.damaged_copy}")
    return done


def export(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Write a corpus to one file."""
    from app.library.corpus import Corpus

    path: Path = args.file if args.file is not None else Path(f"{args.name}.spandraft")
    if path.is_dir():
        path = path / f"{args.name}.spandraft"
    require_folder_of(path)
    if path.exists() and not args.overwrite:
        raise InputError(f"{path} is there already", hint="choose another name, or add --overwrite")
    live = _live(terminal)
    done = Corpus.open(args.name, settings=settings).export(path, progress=_shown(live, "exported", "document"))
    live.clear()
    if terminal.json:
        document = {"corpus": args.name, "file": str(done.path), "bytes": done.bytes, "documents": done.documents}
        terminal.document({**document, "passages": done.passages, "vectors": list(done.kinds)})
    else:
        vectors = "with vectors" if done.kinds else "without vectors"
        terminal.line(f"{done.path}: {count(done.documents, 'document')}, {vectors}, {amount(done.bytes)}")
    return 0


def import_(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Make a new corpus of an export."""
    from app.library.corpus import Corpus

    live = _live(terminal)
    _, done = Corpus.import_with_report(
        args.file,
        args.name,
        recompute=args.recompute,
        settings=settings,
        progress=_shown(live, "imported", "document"),
    )
    live.clear()
    if terminal.json:
        document = {"corpus": done.name, "documents": done.documents, "passages": done.passages}
        terminal.document({**document, "reused": list(done.reused), "computed": list(done.computed)})
    else:
        vectors = "vectors of the file" if done.reused else "vectors computed here"
        counts = f"{count(done.documents, 'document')}, {count(done.passages, 'passage')}"
        terminal.line(f'There is now a corpus "{done.name}": {counts}, {vectors}')
    return 0


def _live(terminal: Terminal) -> LiveLines:
    return LiveLines(terminal.err, off=terminal.json or not is_terminal(terminal.err))


def _shown(live: LiveLines, doing: str, what: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        live.draw([f"{doing} {done:,} of {count(total, what)}"])

    return tell


def _folder_of(settings: Settings, name: str) -> Path:
    """Where a corpus is, whether or not it can be opened. Raises as ``Library.open`` for one that is not there."""
    return Library(settings.home).folder_of(name)
