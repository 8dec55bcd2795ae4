"""Renews the replay tables of `app/bench/README.md` and their picture.

    python -m app.bench.replay.figures
    python -m app.bench.replay.figures --outside FOLDER

The second form also renews the table of outside sets: the files of ``OUTSIDE`` in FOLDER, in tokens of
FOLDER/gpt2_tokenizer.json. Run by hand at the top of the repository; it rewrites what stands between
``<!-- replay -->`` (and ``<!-- outside -->``) and the end mark.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from app.bench.replay import bench
from app.bench.report import PAGE, Report, Row, renew_block
from app.config.settings import Settings
from decoding.drafting.presets import PRESETS

PICTURE = Path("app/bench/replay.png")
OUTSIDE = {
    "rag_traces.jsonl": "answers from passages",
    "summary_traces.jsonl": "summaries",
    "gec_traces.jsonl": "learners' sentences",
}


def main() -> None:
    """Renew the tables in the current folder."""
    parser = argparse.ArgumentParser(description=f"renew the replay figures of {PAGE}")
    parser.add_argument("--outside", type=Path, metavar="FOLDER", help="also the table of the outside sets in FOLDER")
    args = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    text = renew_block(text, "replay", own_table())
    if args.outside is not None:
        text = renew_block(text, "outside", outside_table(args.outside))
    PAGE.write_text(text, encoding="utf-8", newline="\n")


def own_table() -> str:
    """Every method on the bundled records; those that need a model on the bundled target."""
    rows = list(_report("--methods", _without_model(), "--plot", str(PICTURE)).rows)
    rows += _report("--methods", "token-recycling", "--model", "bundled").rows
    return table(rows, {"answers": "answers", "corrections": "corrections"})


def outside_table(folder: Path) -> str:
    """The methods that need no model on sets that are not in the repository."""
    files = [str(folder / name) for name in OUTSIDE]
    report = _report(*files, "--tokenizer", str(folder / "gpt2_tokenizer.json"), "--methods", _without_model())
    return table(report.rows, {Path(name).stem: title for name, title in OUTSIDE.items()})


def table(rows: Sequence[Row], titles: dict[str, str]) -> str:
    """Markdown: a line a method, best last, a column a file; the best figure of each column bold."""
    lengths = {(str(row["method"]), str(row["traces"])): row["mean_acceptance_length"] for row in rows}
    names = [name for name in PRESETS if any(method == name for method, _ in lengths)]
    best = {file: max(_number(lengths[name, file]) for name in names) for file in titles}
    lines = ["| method | " + " | ".join(titles.values()) + " |", "|---|" + "---|" * len(titles)]
    for name in names:
        cells = [_cell(_number(lengths[name, file]), best[file]) for file in titles]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _without_model() -> str:
    return ",".join(name for name, preset in PRESETS.items() if not preset.needs_model)


def _report(*words: str) -> Report:
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
