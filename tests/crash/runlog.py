"""The log of what the suites have tried so far, one line of JSON a run, and its sum.

python -m tests.crash.runlog        what has been run, added up
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.crash.tally import Tally

LOG = Path(__file__).with_name("log.jsonl")


def append(tally: Tally) -> None:
    """Add one run."""
    entry = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "suite": tally.suite,
        "n": tally.tried,
        "seed": tally.seed,
        "result": "ok" if not tally.problems else f"{len(tally.problems)} problems: {tally.problems[0][:300]}",
        "seconds": tally.seconds,
        "figures": tally.figures,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "commit": _commit(),
    }
    with LOG.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry, ensure_ascii=False) + "\n")


def summed(entries: list[dict[str, Any]]) -> list[tuple[str, int, int, int]]:
    """(suite, runs, tried in all, runs with problems) of each suite, by name."""
    rows = []
    for suite in sorted({entry["suite"] for entry in entries}):
        own = [entry for entry in entries if entry["suite"] == suite]
        bad = sum(entry["result"] != "ok" for entry in own)
        rows.append((suite, len(own), sum(entry["n"] for entry in own), bad))
    return rows


def entries_of(log: Path = LOG) -> list[dict[str, Any]]:
    """All runs, oldest first."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [json.loads(line) for line in lines]


def _commit() -> str:
    """The commit that was tried; ``+`` says that the files had been changed since."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=LOG.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    for suite, runs, tried, bad in summed(entries_of()):
        sys.stdout.write(f"{suite:55} {runs:4} runs {tried:8} tried {bad:3} with problems\n")
