"""A process that runs the job of a corpus and says so when it is done; made to be killed in the middle."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from corpora.documents import Passage
from corpora.jobs.runner import run
from corpora.store.library import Library


class Copies:
    """Rows that say of what passage they are; as slow as an encoder."""

    kind = "copy"

    def __init__(self, pause_s: float = 0.0) -> None:
        self._pause_s = pause_s

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        time.sleep(self._pause_s * len(passages))
        return [passage.text.encode() for passage in passages]


def main(home: str, number: str, pause_s: str, largest_file_bytes: str = "0") -> None:
    if int(largest_file_bytes):  # a disk with no more room than this for any file
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file_bytes), resource.RLIM_INFINITY))
    store = Library(Path(home)).open("x")
    sys.stdout.write("started\n")
    sys.stdout.flush()
    job = run(store, int(number), derived=[Copies(float(pause_s))])
    sys.stdout.write(f"{job.state}\n")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
