"""``spandraft corpus add`` and ``sync``: reads files into a corpus as a job, and shows its progress.

A terminal shows a live table of the files being read; otherwise there is a line for each file. Ctrl-C pauses the job:
what is in the corpus stays there, and the command that resumes the job is named.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.commands.options import require_there
from app.commands.terminal import LiveLines, Terminal, is_terminal, plain
from app.config.settings import BUNDLED, Settings
from app.errors import InputError
from app.output.answer_json import error_document
from app.output.formatting import amount, count, duration
from corpora.jobs.job_records import ACTIVE
from corpora.store.corpus_names import in_shell
from corpora.store.library import Library

if TYPE_CHECKING:
    from app.library.corpus import Corpus
    from corpora.jobs.ingest import FileOutcome
    from corpora.jobs.job_records import Job
    from corpora.jobs.plan import Plan

_WRONG_INPUT, _INTERRUPTED = 2, 130
_TICK_S: Final = 0.25
_REPORT_S: Final = 10.0  # between two lines of progress where there is no live table
_SHOWN: Final = 40  # files of a plan that are listed
_NAMED: Final = 10  # left-out files that are named
_NOTHING: Final = "No files were found in there."
_LEFT_OUT: Final = ("unsupported", "empty")
_QUIET: Final = ("unchanged", *_LEFT_OUT)  # outcomes that are counted, not listed


def add(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Add files and folders, or say what that would do."""
    require_there(args.paths, all_of_them=args.sync)
    if args.dry_run:
        from corpora.jobs.jobs import Jobs

        jobs = Jobs(Library(settings.home).open(args.name))
        return _show_plan(jobs.plan(args.paths, sync=args.sync), terminal, args.name)
    from app.library.corpus import Corpus
    from corpora.store.listing import languages
    from retrieval.language import mostly_unknown

    corpus = Corpus.open(args.name, settings=settings)
    if args.sync and not args.yes:
        _require_content(corpus.plan(*args.paths, sync=True))
    code = watch(corpus, corpus.begin(*args.paths, sync=args.sync), terminal)
    if settings.encoder == BUNDLED and not terminal.json and (remark := mostly_unknown(languages(corpus.store))):
        terminal.note(f"note: {remark}")
    return code


def watch(corpus: Corpus, job: Job, terminal: Terminal, *, before: frozenset[int] = frozenset()) -> int:
    """Run a job to its end and report the outcomes of its files, except those done ``before``; the exit code."""
    progress = _JobProgress(corpus, job, terminal)
    with interrupts() as stop:
        done = progress.run(stop)
    return _report(corpus, done, terminal, progress.reported, before)


class _JobProgress:
    """Runs a job in a thread of its own, and shows its progress meanwhile."""

    def __init__(self, corpus: Corpus, job: Job, terminal: Terminal) -> None:
        self._corpus = corpus
        self._job = job
        self._terminal = terminal
        self._live = LiveLines(terminal.err, off=terminal.json or not is_terminal(terminal.err))
        self._reports = not terminal.json and not is_terminal(terminal.err)
        self._errors: list[BaseException] = []
        self._done: Job | None = None
        self._reported_s = time.monotonic()
        self._reported = (0, 0)
        self.reported: set[int] = set()

    def run(self, stop: threading.Event) -> Job:
        """Run the job to its end, or until ``stop`` is set, which pauses it."""
        thread = threading.Thread(target=self._work, name="spandraft-job", daemon=True)
        thread.start()
        is_pausing = False
        while thread.is_alive():
            thread.join(_TICK_S)
            if stop.is_set() and not is_pausing:
                is_pausing = True
                self._corpus.jobs.pause(self._job.number)
                self._live.clear()
                if not self._terminal.json:
                    self._terminal.note("Pausing after what is being embedded now ...")
            self._show()
        self._live.clear()
        if self._errors:
            raise self._errors[0]
        assert self._done is not None, "it ran to its end or raised"
        return self._done

    def _work(self) -> None:
        try:
            self._done = self._corpus.run(self._job.number)
        except BaseException as error:  # noqa: BLE001  # raised again by `run`
            self._errors.append(error)

    def _show(self) -> None:
        job = self._corpus.jobs.get(self._job.number)
        if self._reports and time.monotonic() - self._reported_s > _REPORT_S:
            self._reported_s = time.monotonic()
            done = job.files_done, job.bytes_done  # One large file is shown on its way, too.
            if done != self._reported:  # Nothing has changed while an encoder is being loaded.
                self._reported = done
                self._terminal.note(_headline(job))
        if self._reports or self._terminal.json:
            return
        failed = [file for file in self._corpus.jobs.files(job.number, ["failed"]) if file.number not in self.reported]
        if failed:
            self._live.clear()
            for file in failed:
                self.reported.add(file.number)
                self._terminal.note(f"error: {plain(named(file.name, str(file.cause)))}\nhint: {plain(str(file.hint))}")
        active = self._corpus.jobs.files(job.number, ACTIVE)
        rows = [(file.state, f"{file.done} of {file.total}" if file.total else "", file.name) for file in active]
        self._live.draw([_headline(job), *(f"  {state:<10} {progress:<14} {name}" for state, progress, name in rows)])


def _headline(job: Job) -> str:
    left = f", about {duration(job.eta_s)} left" if job.eta_s is not None else ""
    sizes = f", {amount(job.bytes_done)} of {amount(job.bytes_total)}" if job.bytes_total else ""
    return f"job {job.number}: {job.files_done:,} of {count(job.files, 'file')}{sizes}{left}"


def _report(corpus: Corpus, job: Job, terminal: Terminal, reported: set[int], before: frozenset[int]) -> int:
    """Report the outcome of each file, and how to resume the job if it was stopped; returns the exit code."""
    from corpora.jobs.ingest import outcomes_of

    files = [file for file in corpus.jobs.files(job.number) if file.number not in before]
    outcomes = outcomes_of(corpus.store, files)
    named_itself = set(job.paths)  # A file that was named for itself is missed; one of a folder's is only left out.
    failed = [outcome for outcome in outcomes if _is_missed(outcome, named_itself)]
    resume = f"spandraft corpus jobs {in_shell(corpus.name)} resume {job.number}"
    is_stopped = job.state in ("paused", "queued", "running")
    if terminal.json:
        document: dict[str, object] = {"corpus": corpus.name, "job": job.number, "state": job.state}
        document["files"] = [file_document(outcome) for outcome in outcomes]
        if failed:
            document |= error_document(_cause(failed[0]), str(failed[0].hint))
        elif is_stopped:
            document |= error_document(f"job {job.number} is {job.state}", f"go on with it: {resume}")
        terminal.document(document)
    else:
        for file, outcome in zip(files, outcomes, strict=True):
            if file.number in reported:
                continue
            if _is_missed(outcome, named_itself):
                terminal.note(f"error: {plain(_cause(outcome))}\nhint: {plain(str(outcome.hint))}")
            elif outcome.status not in _QUIET:
                _show_outcome(outcome, terminal)
        _show_counts(
            outcomes, terminal, left_out=[outcome for outcome in outcomes if _is_left_out(outcome, named_itself)]
        )
        if not job.files:
            terminal.line(_NOTHING)
        if is_stopped:
            terminal.note(f"Job {job.number} is {job.state}: what is done stays. Go on with it: {resume}")
    if is_stopped:
        return _INTERRUPTED
    return _WRONG_INPUT if failed else 0


def _show_outcome(outcome: FileOutcome, terminal: Terminal) -> None:
    if outcome.status == "duplicate":
        known_as = f" as {plain(outcome.document.name)}" if outcome.document is not None else ""
        terminal.line(f"{plain(str(outcome.path))}: is there already{known_as}")
    elif outcome.status == "removed":
        terminal.line(f"{plain(str(outcome.path))}: is gone, and so is its document")
    elif outcome.status == "moved":
        was = f", {plain(outcome.cause)}" if outcome.cause else ""
        terminal.line(f"{plain(str(outcome.path))}: moved{was}")
    elif outcome.status in ("added", "replaced"):
        terminal.line(f"{plain(str(outcome.path))}: {outcome.status}, {count(outcome.passages, 'passage')}")
        if outcome.cause:
            terminal.note(note_line(str(outcome.path), outcome.cause))


def _show_counts(outcomes: list[FileOutcome], terminal: Terminal, *, left_out: list[FileOutcome]) -> None:
    counts = Counter(outcome.status for outcome in outcomes)
    if len(outcomes) > 1 or counts["unchanged"] or left_out:
        names = {"unsupported": "left out", "queued": "not read yet"}
        shown = [f"{number:,} {names.get(status, status)}" for status, number in counts.items()]
        terminal.line(", ".join(shown))
    for line in left_out_lines((outcome.path.name, outcome.cause) for outcome in left_out):
        terminal.note(line)


def _is_missed(outcome: FileOutcome, named_itself: Container[Path]) -> bool:
    """Whether somebody who asked for this file has to be told that it is not in the corpus."""
    return outcome.status == "failed" or (outcome.status in _LEFT_OUT and outcome.path in named_itself)


def _is_left_out(outcome: FileOutcome, named_itself: Container[Path]) -> bool:
    return outcome.status in _LEFT_OUT and not _is_missed(outcome, named_itself)


def left_out_lines(files: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """A line for each reason, with the names of files that were left out for it: ten in all, the others counted."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in files:
        by_reason.setdefault(_unnamed(name, reason or ""), []).append(plain(name))
    remaining = _NAMED
    for reason, names in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        shown, remaining = names[:remaining], max(0, remaining - len(names))
        others = f"{len(names) - len(shown):,} more" if shown and len(shown) < len(names) else ""
        listed = ", ".join([*shown, *filter(None, [others])])
        yield f"left out: {count(len(names), 'file')}{': ' if listed else ''}{listed} ({plain(reason)})"


def _unnamed(name: str, reason: str) -> str:
    """A reason that does not say whose it is, so that files that share it are told together."""
    return (reason.partition(f"{name} is ")[2] or reason).removeprefix("it is ").removeprefix("it has ")


def note_line(name: str, note: str) -> str:
    """What of a file is not in its document's text, as one line."""
    return f"note: {plain(named(name, note))}"


def _cause(outcome: FileOutcome) -> str:
    return named(str(outcome.path), str(outcome.cause))


def named(name: str, cause: str) -> str:
    """The cause with the file's name, once."""
    if name in cause:
        return cause
    parts = name.split("/")
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    tail = next((tail for tail in tails if tail and cause.startswith(tail)), None)
    return f"{name}: {cause}" if tail is None else f"{name}{cause.removeprefix(tail)}"


def file_document(outcome: FileOutcome) -> dict[str, object]:
    """A file as ``--json`` prints it."""
    return {
        "path": str(outcome.path),
        "status": outcome.status,
        "document": None if outcome.document is None else outcome.document.name,
        "passages": outcome.passages,
        "cause": outcome.cause,
        "hint": outcome.hint,
    }


def _show_plan(plan: Plan, terminal: Terminal, corpus: str) -> int:
    from app.output.library_json import plan_document

    if terminal.json:
        terminal.document({"corpus": corpus, **plan_document(plan)})
        return 0
    if not plan.files:
        terminal.line(_NOTHING)
        return 0
    listed = [file for file in plan.files if file.verdict != "unchanged"]
    if listed:
        rows = [
            (plain(file.name), file.kind, amount(file.bytes), file.verdict, plain(file.cause or ""))
            for file in listed[:_SHOWN]
        ]
        terminal.table([("file", "type", "size", "would be", "why"), *rows])
    if len(listed) > _SHOWN:
        terminal.line(f"... and {len(listed) - _SHOWN:,} more")
    for verdict, number in plan.counts.items():
        terminal.line(f"{verdict}: {count(number, 'file')}, {amount(plan.bytes.get(verdict, 0))}")
    known = plan.estimate_s is not None
    terminal.line(f"It would take about {duration(plan.estimate_s or 0)}." if known else "How long is not known yet.")
    return 0


def _require_content(plan: Plan) -> None:
    """Raise ``InputError`` if all files are gone: a folder whose disk is not mounted must not empty the corpus."""
    gone, total = plan.counts.get("gone", 0), sum(plan.counts.values())
    if gone and gone == total:
        raise InputError(
            f"nothing is left in there, and {count(gone, 'document')} would be removed from the corpus",
            hint="if these files were meant to go, add --yes; else see whether their disk is there",
        )


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second ends the process as usual. A job is left in order either way."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def handle(number: int, frame: Any) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
