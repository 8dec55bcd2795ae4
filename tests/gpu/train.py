"""Trains the bundled models on one GPU, in calls of a few minutes.

Run as ``python -m tests.gpu.train`` until it exits with 0; each call resumes where the one before stopped (exit
code 1). Each call writes `logs.jsonl` and `stages.json`, the last one also the models, as a tar in pieces of at most
15 MiB, because larger files cannot be fetched from such a machine: ``cat models.tar.* | tar x -C app/models`` unpacks
them.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
from pathlib import Path

from app import cli

PIECE_BYTES = 15 * 2**20


def main(argv: list[str] | None = None) -> int:
    """One call; 0 if everything is trained and packed, else what `spandraft train all` ended with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="kept between calls")
    parser.add_argument("--out", type=Path, required=True, help="what comes back")
    parser.add_argument("--config", default="cuda")
    parser.add_argument("--minutes", type=float, default=9.0)
    args = parser.parse_args(argv)
    everything = ["train", "all", "--config", args.config, "--material", str(args.material), "--out", str(args.run)]
    code = cli.main([*everything, "--minutes", str(args.minutes)])
    args.out.mkdir(parents=True, exist_ok=True)
    _write_logs(args.run, args.out)
    if code != 0:
        return code
    models = args.run / "bundle"
    code = cli.main(["train", "export", "--run", str(args.run), "--out", str(models)])
    if code == 0:
        _write_pieces(models, args.out)
    return code


def _write_logs(run: Path, out: Path) -> None:
    """All stages' lines of progress, and the records of the finished ones."""
    lines = [
        json.dumps({"stage": log.parent.name, **json.loads(line)}) + "\n"
        for log in sorted(run.glob("*/log.jsonl"), key=lambda path: path.stat().st_mtime)
        for line in log.read_text(encoding="utf-8").splitlines()
    ]
    (out / "logs.jsonl").write_text("".join(lines), encoding="utf-8")
    records = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in run.glob("*/stage.json")}
    (out / "stages.json").write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def _write_pieces(models: Path, out: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for part in sorted(models.iterdir()):
            archive.add(part, arcname=part.name)
    content = packed.getvalue()
    for number, start in enumerate(range(0, len(content), PIECE_BYTES)):
        (out / f"models.tar.{number}").write_bytes(content[start : start + PIECE_BYTES])


if __name__ == "__main__":
    sys.exit(main())
