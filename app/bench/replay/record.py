"""``spandraft bench record FOLDER``: what the bundled target writes over the sample corpus, as records to replay.

A line of ``answers.jsonl`` has a question with the passages found and the answer, a line of ``corrections.jsonl`` a
sentence with its correction. Run on ``app/bench/traces`` it renews the records that ``spandraft bench replay`` takes by
default.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from app.bench.report import Report
from app.bench.workload.jobs import prompts
from app.bench.workload.traces import TRACES
from app.config.settings import AUTO, TINY, Settings
from app.correction.segments import segments
from app.errors import InputError
from app.pipeline import Pipeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("folder", type=Path, help="an existing folder")
    parser.add_argument("--n", type=int, default=None, metavar="N", help="only the first N questions and texts")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Write both files. Raises InputError if they cannot be written."""
    if args.n is not None and args.n < 1:
        raise InputError(f"--n cannot be {args.n}", hint="it must be at least 1")
    settings = settings.replace(target=TINY) if settings.target == AUTO else settings
    pipeline = Pipeline.from_pretrained(settings=settings, corpus="sample")
    written = (answers(pipeline, prompts("answer")[: args.n]), corrections(pipeline, prompts("sentences")[: args.n]))
    rows = [_write(args.folder / file.name, records) for file, records in zip(TRACES, written, strict=True)]
    return Report.of(f"spandraft bench record {args.folder}", rows)


def answers(pipeline: Pipeline, questions: Iterable[str]) -> Iterator[dict[str, object]]:
    """Each question with its hits and the target's answer."""
    for question in questions:
        answer = pipeline.answer(question)
        passages = [passage.text for passage in answer.passages]
        yield {"question": question, "passages": passages, "output": answer.text.strip()}


def corrections(pipeline: Pipeline, texts: Iterable[str]) -> Iterator[dict[str, object]]:
    """Each segment of the texts with its correction, in the form of outside sets."""
    for text in texts:
        for segment in segments(text):
            source = text[segment.start : segment.end]
            yield {"source": source, "references": [pipeline.correct(source).corrected]}


def _write(file: Path, records: Iterable[Mapping[str, object]]) -> dict[str, object]:
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    try:
        file.write_text("".join(lines), encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror or error}", hint="name an existing folder"
        ) from error
    return {"method": file.name, "records": len(lines), "bytes": file.stat().st_size}
