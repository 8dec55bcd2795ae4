"""Renews the README's replay figures and their picture: ``python -m app.bench.replay.figures``.

    python -m app.bench.replay.figures
    python -m app.bench.replay.figures --outside FOLDER      the table of outside sets, too: every
    FOLDER/*_traces.jsonl, in
                                                      tokens of FOLDER/gpt2_tokenizer.json

Run by hand, at the top of the repository. Rewrites what stands between ``<!-- replay -->`` and its end mark (and
``outside``); a table says with which command a reader gets its numbers.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from app.bench.replay import bench
from app.bench.report import Report, Row
from app.config.settings import Settings
from decoding.drafting.presets import PRESETS

README = Path("README.md")
PICTURE = Path("app/bench/replay.png")
OUTSIDE = {
    "rag_traces.jsonl": "answers from passages",
    "summary_traces.jsonl": "summaries",
    "gec_traces.jsonl": "learners' sentences",
}


def main() -> None:
    """Renew the README in the current folder."""
    parser = argparse.ArgumentParser(description="renew the README's replay figures")
    parser.add_argument("--outside", type=Path, metavar="FOLDER", help="also the table of outside sets, kept there")
    args = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    text = renewed(text, "replay", own_table())
    if args.outside is not None:
        text = renewed(text, "outside", outside_table(args.outside))
    README.write_text(text, encoding="utf-8", newline="\n")


def own_table() -> str:
    """Every method on the bundled records; those that need a model on the bundled target."""
    free = [name for name, one in PRESETS.items() if not one.needs_model]
    rows = list(_replayed("--methods", ",".join(free), "--plot", str(PICTURE)).rows)
    rows += _replayed("--methods", "token-recycling", "--model", "bundled").rows
    return table(rows, {"answers": "answers", "corrections": "corrections"})


def outside_table(folder: Path) -> str:
    """The same on sets that are not in the repository; only methods that need no model."""
    free = [name for name, one in PRESETS.items() if not one.needs_model]
    files = [str(folder / name) for name in OUTSIDE]
    report = _replayed(*files, "--tokenizer", str(folder / "gpt2_tokenizer.json"), "--methods", ",".join(free))
    return table(report.rows, {Path(name).stem: title for name, title in OUTSIDE.items()})


def table(rows: Sequence[Row], titles: dict[str, str]) -> str:
    """Markdown: a line a method, best last, a column a file; the best figure of each column bold."""
    found = {(str(row["method"]), str(row["traces"])): row["mean_acceptance_length"] for row in rows}
    names = [name for name in PRESETS if any(method == name for method, _ in found)]
    best = {file: max(_number(found[name, file]) for name in names) for file in titles}
    lines = ["| method | " + " | ".join(titles.values()) + " |", "|---|" + "---|" * len(titles)]
    for name in names:
        cells = [_cell(_number(found[name, file]), best[file]) for file in titles]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def renewed(text: str, mark: str, block: str) -> str:
    """``text`` with ``block`` between the marks. Raises ValueError if they are not there once."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    text, count = pattern.subn(lambda found: f"{found[1]}{block}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"the README has no single <!-- {mark} --> ... <!-- /{mark} -->")
    return text


def _replayed(*words: str) -> Report:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return bench.run(parser.parse_args(words), Settings.load())


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value


def _cell(value: float, best: float) -> str:
    text = f"{value:.2f}"
    return f"**{text}**" if text == f"{best:.2f}" else text


if __name__ == "__main__":
    main()
