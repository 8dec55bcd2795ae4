"""``spandraft corpus jobs``: lists, pauses, resumes, cancels and retries jobs, in whatever process they run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from app.commands.terminal import Terminal, plain
from app.config.settings import Settings
from app.errors import UsageError
from app.output.formatting import count, day, duration
from corpora.jobs.job_records import ENDED
from corpora.store.corpus_names import in_shell
from corpora.store.library import Library

if TYPE_CHECKING:
    from corpora.jobs.job_records import Job, JobFile
    from corpora.jobs.jobs import Jobs

ACTIONS: Final = ("list", "show", "pause", "resume", "cancel", "retry", "remove")


def jobs(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Do the action with the job; returns the exit code."""
    from corpora.jobs.jobs import Jobs

    queue = Jobs(Library(settings.home).open(args.name))
    if args.action == "list":
        if args.number is not None:
            raise UsageError(
                "list takes no number", hint=f"write spandraft corpus jobs {in_shell(args.name)} show {args.number}"
            )
        return _show_all(queue, args.name, terminal)
    if args.number is None:
        raise UsageError(
            f"{args.action} needs the number of a job",
            hint=f"see the numbers: spandraft corpus jobs {in_shell(args.name)}",
        )
    if args.file is not None and args.action not in ("cancel", "retry"):
        raise UsageError(f"{args.action} is for a whole job", hint="leave --file out")
    if args.action == "resume" and _is_over(queue, args, terminal):
        return 0
    if args.action in ("resume", "retry"):
        return _run_again(args, settings, terminal, queue)
    if args.action == "remove":
        queue.remove(args.number)
        return _say(f"Job {args.number} is forgotten; what it stored stays.", {"removed": args.number}, terminal)
    if args.file is None and _is_over(queue, args, terminal):
        return 0
    if args.action == "pause":
        queue.pause(args.number)
    elif args.action == "cancel":
        queue.cancel(args.number, args.file)
    return _show_one(queue, args.number, terminal)


def _run_again(args: argparse.Namespace, settings: Settings, terminal: Terminal, queue: Jobs) -> int:
    """Resume or retry the job in this process, unless another process is running it."""
    from app.commands.corpus_add import watch
    from app.library.corpus import Corpus

    before: frozenset[int] = frozenset()
    if args.action == "retry":
        before = _done_before(queue, args.number, args.file)
        job = queue.retry(args.number, args.file)
        if job.state in ENDED and not terminal.json:
            what = f"job {args.number}" if args.file is None else f"file {args.file} of job {args.number}"
            terminal.line(f"There is nothing to retry of {what}.")
            return 0
    else:
        job = queue.resume(args.number)
    if job.state != "queued":
        return _show_one(queue, args.number, terminal)
    return watch(Corpus.open(args.name, settings=settings), job, terminal, before=before)


def _done_before(queue: Jobs, number: int, file: int | None) -> frozenset[int]:
    """The files of a job that a retry does not touch."""
    files = queue.files(number)
    if file is not None:
        return frozenset(other.number for other in files if other.number != file)
    return frozenset(other.number for other in files if other.state in ("ready", "skipped", "cancelled"))


def _is_over(queue: Jobs, args: argparse.Namespace, terminal: Terminal) -> bool:
    """Say of a job that has ended that there is nothing to pause, resume or cancel; ``--json`` prints it as it is."""
    if args.action not in ("pause", "resume", "cancel") or terminal.json:
        return False
    job = queue.get(args.number)
    if job.state not in ENDED:
        return False
    again = f" Read what failed again: spandraft corpus jobs {in_shell(args.name)} retry {job.number}"
    failed = again if job.counts.get("failed") and args.action == "resume" else ""
    terminal.line(f"Job {job.number} is {job.state} already.{failed}")
    return True


def _show_all(queue: Jobs, corpus: str, terminal: Terminal) -> int:
    from app.output.library_json import job_document

    listed = queue.all()
    if terminal.json:
        terminal.document({"corpus": corpus, "jobs": [job_document(job) for job in listed]})
    elif listed:
        rows = [(str(job.number), job.kind, _state(job), _progress(job), _left(job), _what(job)) for job in listed]
        terminal.table([("job", "kind", "state", "done", "left", "from"), *rows])
    else:
        terminal.note(f"There is no job: spandraft corpus add {in_shell(corpus)} FILE")
    return 0


def _show_one(queue: Jobs, number: int, terminal: Terminal) -> int:
    from app.commands.corpus_add import left_out_lines, named, note_line
    from app.output.library_json import job_document, job_file_document

    job, files = queue.get(number), queue.files(number)
    if terminal.json:
        terminal.document({**job_document(job), "listed": [job_file_document(file) for file in files]})
        return 0
    terminal.line(f"Job {job.number} of {day(job.created_at)}: {_state(job)}, {_progress(job)}{_note(job)}")
    rows = [(str(file.number), file.outcome or file.state, _passages(file), plain(file.name)) for file in files]
    if rows:
        terminal.table([("file", "state", "passages", "name"), *rows])
    for line in left_out_lines((file.name, file.cause) for file in files if file.outcome in ("unsupported", "empty")):
        terminal.note(line)
    for file in files:
        if file.state == "ready" and file.cause:
            terminal.note(note_line(file.name, file.cause))
        if file.state == "failed":
            terminal.note(f"error: {plain(named(file.name, str(file.cause)))}\nhint: {plain(str(file.hint))}")
    return 0


def _say(line: str, document: dict[str, object], terminal: Terminal) -> int:
    if terminal.json:
        terminal.document(document)
    else:
        terminal.line(line)
    return 0


def _state(job: Job) -> str:
    asked = {"pause": " (to be paused)", "cancel": " (to be cancelled)"}
    return job.state + (asked.get(job.wanted, "") if job.state == "running" else "")


def _progress(job: Job) -> str:
    failed = job.counts.get("failed", 0)
    done = job.files_done - job.counts.get("cancelled", 0)
    return f"{done:,} of {count(job.files, 'file')}" + (f", {failed:,} failed" if failed else "")


def _left(job: Job) -> str:
    return duration(job.eta_s) if job.eta_s is not None and job.state not in ENDED else ""


def _what(job: Job) -> str:
    first = plain(str(job.paths[0])) if job.paths else ""
    return first if len(job.paths) < 2 else f"{first} and {count(len(job.paths) - 1, 'other')}"


def _note(job: Job) -> str:
    if job.cause is not None:
        return f"\n  {job.cause}\n  {job.hint}"
    return f", by process {job.holder.pid}" if job.holder is not None else ""


def _passages(file: JobFile) -> str:
    return f"{file.done} of {file.total}" if file.total and file.done < file.total else str(file.total or "")
