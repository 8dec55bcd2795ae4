"""How a process takes a job over, and how it leaves it: finished, paused with a cause, or to be run by the next.

Every way out writes where the job is; a process that is killed writes nothing, and ``begin`` tidies up after it.
Whoever calls these holds the job's lock. Knows nothing of reading and embedding.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from corpora import job_records
from corpora.errors import CorporaError, one_line
from corpora.found_files import safe_name
from corpora.job_types import ENDED, Holder, Wanted
from corpora.staging import Staging
from corpora.store import CorpusStore

_PATIENCE_S = 0.1


def begin(store: CorpusStore, number: int) -> bool:
    """Take a job over; False if nobody wants it to be run."""
    with store.connections.writing() as connection:
        job = job_records.find_job(connection, number)
        if job is None or job.state in (*ENDED, "paused"):
            return False
        job_records.stop(connection, number, job.wanted)  # whoever held it before may have died in the middle
        if job.wanted != "run":
            return False
        job_records.set_state(connection, number, "running")
        job_records.set_holder(connection, number, _this_process())
        job_records.set_trouble(connection, number, None, None)
    return True


def end(store: CorpusStore, number: int, wanted: Wanted | None) -> None:
    """Leave a job: finished, or as it is wanted."""
    with store.connections.writing() as connection:
        if wanted is None:
            job_records.set_state(connection, number, "finished")
            job_records.set_holder(connection, number, None)
        else:
            job_records.stop(connection, number, wanted)
        spare = job_records.spare_copies(connection, number)
    Staging(store.folder).discard_some(spare)


def interrupted(store: CorpusStore, number: int, error: BaseException) -> None:
    """Leave a job that cannot go on: paused with the cause, or, if somebody only ended the process, queued."""
    try:
        _put_down(store, number, error)
    except CorporaError as another:
        try:
            store.connections.emptied_log(_PATIENCE_S)  # a full disk, most likely: now there may be room for a word
            _put_down(store, number, error)
        except CorporaError:  # The job's lock is let go all the same, so that it counts as interrupted.
            error.add_note(f"and the job could not be paused: {another}")


def _put_down(store: CorpusStore, number: int, error: BaseException) -> None:
    with store.connections.writing() as connection:
        if not isinstance(error, Exception):
            job_records.stop(connection, number, "run")
            return
        job_records.stop(connection, number, "pause")
        cause = getattr(error, "cause", None) or f"{type(error).__name__}: {error}"
        hint = getattr(error, "hint", None) or "remedy it, then resume the job"
        job_records.set_trouble(connection, number, one_line(str(cause)), one_line(str(hint)))


def _this_process() -> Holder:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]]) if sys.argv else "python"
    return Holder(os.getpid(), safe_name(command), datetime.now(UTC))
