"""``spandraft corpus add`` and ``sync``: files into a corpus, as a job that is watched.

Who sees a terminal sees a table of what is being read; others get a line for each file. Ctrl-C pauses the job: what is
in the corpus stays there, and the command that goes on is named.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from app.commands.options import require_there
from app.commands.terminal import LiveLines, Terminal, is_terminal, plain
from app.config.settings import Settings
from app.errors import InputError
from app.output.answer_json import error_document
from app.output.formatting import amount, count, duration
from corpora.jobs.job_records import ACTIVE
from corpora.store.library import Library

if TYPE_CHECKING:
    from app.library.corpus import Corpus
    from corpora.jobs.ingest import FileOutcome
    from corpora.jobs.job_records import Job
    from corpora.jobs.plan import Plan

_WRONG_INPUT, _INTERRUPTED = 2, 130
_TICK_S: Final = 0.25
_REPORT_S: Final = 10.0  # between two lines of progress where nobody sees a table
_SHOWN: Final = 40  # files of a plan
_NAMED: Final = 10  # files that were left out
_NOTHING: Final = "No files were found in there."
_QUIET: Final = ("unchanged", "unsupported")  # outcomes that are counted, not listed


def add(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Add files and folders, or say what that would do."""
    require_there(args.paths, all_of_them=args.sync)
    if args.dry_run:
        from corpora.jobs.jobs import Jobs

        jobs = Jobs(Library(settings.home).open(args.name))
        return _show_plan(jobs.plan(args.paths, sync=args.sync), terminal, args.name)
    from app.library.corpus import Corpus

    corpus = Corpus.open(args.name, settings=settings)
    if args.sync and not args.yes:
        _require_content(corpus.plan(*args.paths, sync=True))
    return watch(corpus, corpus.begin(*args.paths, sync=args.sync), terminal)


def watch(corpus: Corpus, job: Job, terminal: Terminal, *, before: frozenset[int] = frozenset()) -> int:
    """Run a job to its end, and tell what becomes of its files, save those done ``before``."""
    watcher = _Watcher(corpus, job, terminal)
    with asked_to_stop() as asked:
        done = watcher.run(asked)
    return _tell(corpus, done, terminal, watcher.told, before)


class _Watcher:
    """One run of a job in a thread of its own, and what is seen of it meanwhile."""

    def __init__(self, corpus: Corpus, job: Job, terminal: Terminal) -> None:
        self._corpus = corpus
        self._job = job
        self._terminal = terminal
        self._live = LiveLines(terminal.err, off=terminal.json or not is_terminal(terminal.err))
        self._reports = not terminal.json and not is_terminal(terminal.err)
        self._raised: list[BaseException] = []
        self._done: Job | None = None
        self._reported_s = time.monotonic()
        self._reported_files = 0
        self.told: set[int] = set()

    def run(self, asked: threading.Event) -> Job:
        """Wait for its end; a wish to stop pauses it."""
        thread = threading.Thread(target=self._work, name="spandraft-job", daemon=True)
        thread.start()
        is_pausing = False
        while thread.is_alive():
            thread.join(_TICK_S)
            if asked.is_set() and not is_pausing:
                is_pausing = True
                self._corpus.jobs.pause(self._job.number)
                self._live.clear()
                if not self._terminal.json:
                    self._terminal.note("pausing after what is being embedded now ...")
            self._look()
        self._live.clear()
        if self._raised:
            raise self._raised[0]
        assert self._done is not None, "it ran to its end or raised"
        return self._done

    def _work(self) -> None:
        try:
            self._done = self._corpus.run(self._job.number)
        except BaseException as error:  # noqa: BLE001  # raised again by who waits for it
            self._raised.append(error)

    def _look(self) -> None:
        job = self._corpus.jobs.get(self._job.number)
        if self._reports and time.monotonic() - self._reported_s > _REPORT_S:
            self._reported_s = time.monotonic()
            if job.files_done != self._reported_files:  # An encoder that is being loaded is no news.
                self._reported_files = job.files_done
                self._terminal.note(_headline(job))
        if self._reports or self._terminal.json:
            return
        failed = [one for one in self._corpus.jobs.files(job.number, ["failed"]) if one.number not in self.told]
        if failed:
            self._live.clear()
            for one in failed:
                self.told.add(one.number)
                self._terminal.note(f"error: {plain(named(one.name, str(one.cause)))}\nhint: {plain(str(one.hint))}")
        active = self._corpus.jobs.files(job.number, ACTIVE)
        rows = [(one.state, f"{one.done} of {one.total}" if one.total else "", one.name) for one in active]
        self._live.draw([_headline(job), *(f"  {state:<10} {progress:<14} {name}" for state, progress, name in rows)])


def _headline(job: Job) -> str:
    left = f", about {duration(job.eta_s)} left" if job.eta_s is not None else ""
    sizes = f", {amount(job.bytes_done)} of {amount(job.bytes_total)}" if job.bytes_total else ""
    return f"job {job.number}: {job.files_done:,} of {count(job.files, 'file')}{sizes}{left}"


def _tell(corpus: Corpus, job: Job, terminal: Terminal, told: set[int], before: frozenset[int]) -> int:
    """What became of the files, and how to go on if it is not the end."""
    from corpora.jobs.ingest import outcomes_of

    files = [file for file in corpus.jobs.files(job.number) if file.number not in before]
    outcomes = outcomes_of(corpus.store, files)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    again = f"spandraft corpus jobs {corpus.name} resume {job.number}"
    is_stopped = job.state in ("paused", "queued", "running")
    if terminal.json:
        document: dict[str, object] = {"corpus": corpus.name, "job": job.number, "state": job.state}
        document["files"] = [file_document(outcome) for outcome in outcomes]
        if failed:
            document |= error_document(_cause(failed[0]), str(failed[0].hint))
        elif is_stopped:
            document |= error_document(f"job {job.number} is {job.state}", f"go on with it: {again}")
        terminal.document(document)
    else:
        for file, outcome in zip(files, outcomes, strict=True):
            if outcome.status not in _QUIET and file.number not in told:
                _show(outcome, terminal)
        _show_counts(outcomes, terminal)
        if not job.files:
            terminal.line(_NOTHING)
        if is_stopped:
            terminal.note(f"Job {job.number} is {job.state}: what is done stays. Go on with it: {again}")
    if is_stopped:
        return _INTERRUPTED
    return _WRONG_INPUT if failed else 0


def _show(outcome: FileOutcome, terminal: Terminal) -> None:
    if outcome.status == "failed":
        terminal.note(f"error: {plain(_cause(outcome))}\nhint: {plain(str(outcome.hint))}")
    elif outcome.status == "duplicate":
        twin = f" as {plain(outcome.document.name)}" if outcome.document is not None else ""
        terminal.line(f"{plain(str(outcome.path))}: is there already{twin}")
    elif outcome.status == "removed":
        terminal.line(f"{plain(str(outcome.path))}: is gone, and so is its document")
    elif outcome.status in ("added", "replaced"):
        terminal.line(f"{plain(str(outcome.path))}: {outcome.status}, {count(outcome.passages, 'passage')}")


def _show_counts(outcomes: list[FileOutcome], terminal: Terminal) -> None:
    counts = Counter(outcome.status for outcome in outcomes)
    if len(outcomes) > 1 or counts["unchanged"] or counts["unsupported"]:
        names = {"unsupported": "left out", "queued": "not read yet"}
        shown = [f"{number:,} {names.get(status, status)}" for status, number in counts.items()]
        terminal.line(", ".join(shown))
    for line in left_out_lines((outcome.path.name, outcome.cause) for outcome in outcomes if _is_left_out(outcome)):
        terminal.note(line)


def _is_left_out(outcome: FileOutcome) -> bool:
    return outcome.status == "unsupported"


def left_out_lines(files: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """A line for each reason, with the names of files that were left out for it: ten in all, the others counted."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in files:
        by_reason.setdefault((reason or "").removeprefix("it is ").removeprefix("it has "), []).append(plain(name))
    room = _NAMED
    for reason, names in sorted(by_reason.items(), key=lambda one: -len(one[1])):
        shown, room = names[:room], max(0, room - len(names))
        others = f"{len(names) - len(shown):,} more" if shown and len(shown) < len(names) else ""
        listed = ", ".join([*shown, *filter(None, [others])])
        yield f"left out: {count(len(names), 'file')}{': ' if listed else ''}{listed} ({plain(reason)})"


def _cause(outcome: FileOutcome) -> str:
    return named(str(outcome.path), str(outcome.cause))


def named(name: str, cause: str) -> str:
    """The cause with the file's name, once."""
    if name in cause:
        return cause
    parts = name.split("/")
    tails = ("/".join(parts[at:]) for at in range(len(parts)))
    said = next((tail for tail in tails if tail and cause.startswith(tail)), None)
    return f"{name}: {cause}" if said is None else f"{name}{cause.removeprefix(said)}"


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
    listed = [one for one in plan.files if one.verdict != "unchanged"]
    if listed:
        rows = [
            (plain(one.name), one.kind, amount(one.bytes), one.verdict, plain(one.cause or ""))
            for one in listed[:_SHOWN]
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
    """A folder whose disk is not mounted looks empty: that must not empty the corpus."""
    gone, found = plan.counts.get("gone", 0), sum(plan.counts.values())
    if gone and gone == found:
        raise InputError(
            f"nothing is left in there, and {count(gone, 'document')} would be removed from the corpus",
            hint="if these files were meant to go, add --yes; else see whether their disk is there",
        )


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C; the second ends the process as usual. A job is left in order either way."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def stop(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
