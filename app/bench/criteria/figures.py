"""Renews the README's table of criteria and its picture from a report of ``spandraft bench criteria --json``:

    spandraft bench criteria --json > report.json
    python -m app.bench.criteria.figures report.json

Run by hand, at the top of the repository. Rewrites what stands between ``<!-- criteria -->`` and its end mark; of the
temperatures it shows the lowest and the highest, the picture shows them all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from app.bench.criteria import plot
from app.bench.criteria.table import Figures, lines
from app.bench.replay.figures import README, renewed

PICTURE = Path("app/bench/criteria.png")
MARK = "criteria"


def main(argv: Sequence[str] | None = None) -> None:
    """Renew the README and the picture in the current folder."""
    parser = argparse.ArgumentParser(description="renew the README's table of criteria and its picture")
    parser.add_argument("report", type=Path, help="what `spandraft bench criteria --json` printed")
    rows: list[Figures] = json.loads(parser.parse_args(argv).report.read_text(encoding="utf-8"))["rows"]
    text = README.read_text(encoding="utf-8")
    README.write_text(renewed(text, MARK, markdown(rows)), encoding="utf-8", newline="\n")
    plot.draw(PICTURE, rows)


def markdown(rows: Sequence[Figures]) -> str:
    """The table, and how much was written for it."""
    temperatures = sorted({one["temperature"] for one in rows})
    shown = [one for one in rows if one["temperature"] in (temperatures[0], temperatures[-1])]
    head, *body = lines(shown)
    table = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *body)]
    return "\n".join([*table, "", _counted(shown)])


def _counted(rows: Sequence[Figures]) -> str:
    """Items and seeds in a sentence."""
    items = {one["task"]: (one["items"], one["judged"]) for one in rows}
    named = [
        f"{count} of {task}" + (f" ({judged} answerable)" if judged != count else "")
        for task, (count, judged) in items.items()
    ]
    return f"n: {', '.join(named)}; {max(one['seeds'] for one in rows)} seeds of each where tokens are drawn."


if __name__ == "__main__":
    main()
