"""Lets the target of a stage write over training prompts, once for each target of a run.

Sequence-level distillation begins here: every drafter learns from outputs of its own target, written as serving would
write them. Drafts that are copied from the prompt make that fast and change nothing. Outputs are kept in parts, so
that a run can be stopped at any time. Knows stages, material and where a run keeps its outputs; must not know the
objectives.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from app.loading.bundled import MODELS, read_sums
from app.training.config import Stage, result_of
from app.training.data.material import Material
from app.training.data.records import Split
from app.training.errors import ConfigError, DataMissingError
from app.training.outputs.prompts import ANSWERS_SHARE, Prompts, given_prompts, served_prompts, served_tuning
from app.training.outputs.target_outputs import Row, RowBatches, TargetOutputs
from decoding.engine import Engine
from decoding.target.loading import load_target

SOURCES = ("blend", "evidence", "cursor")
"""Drafts that need no model: most of what the bundled target writes stands in its prompt."""

PART = 256
_ROWS_AT_ONCE = 48
"""Requests that share a GPU's forwards. On a CPU prefill is most of the work, and one at a time is enough."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Options of every kind of stage that learns from a target: how many outputs, and over which prompts.

    Stages with the same values share one file. `outputs_file`: use these outputs, whichever target wrote them.
    """

    outputs: int = 4000
    answers: float = ANSWERS_SHARE
    """The share of questions; the rest is text to correct."""
    processed: bool = True
    """Write as served: with the quote processor and the target's biases."""
    outputs_file: str = ""
    prompts_file: str = ""
    """For a target of one's own: a JSON Lines file of {"prompt": "..."}, continued as they are, without processors."""
    longest_output: int = 256


def row_batches(
    stage: Stage, material: Material, run: Path, device: torch.device, options: OutputOptions
) -> RowBatches:
    """Batches of the target's outputs, which are made first if they are not there.

    Raises ConfigError if the model's vocabulary is too small for them, DataMissingError if there is no target.
    """
    path = Path(options.outputs_file) if options.outputs_file else outputs_path(stage.target, run, options)
    if not options.outputs_file and not path.is_file():
        make_outputs(stage.target, material, run, device, options)
    outputs = TargetOutputs.load(path)
    largest = int(outputs.tokens_T.max(initial=0))
    if stage.shape is not None and largest >= stage.shape.vocabulary:
        raise ConfigError(
            f"the target of the stage {stage.name} writes token {largest}, its model knows {stage.shape.vocabulary}",
            hint="give the model in the configuration the vocabulary of the target",
        )
    return RowBatches(outputs, seed=stage.plan.seed, tokens=stage.plan.tokens)


def prepare(stage: Stage, material: Material, run: Path, device: torch.device, *, stopped: Callable[[], bool]) -> bool:
    """Make the outputs that a stage needs; False if `stopped` returned True first: then parts of them are kept."""
    common = {key: value for key, value in stage.options.items() if key in OutputOptions.__dataclass_fields__}
    options = dataclasses.replace(stage, options=common).read_options(OutputOptions)
    if options.outputs_file or outputs_path(stage.target, run, options).is_file():
        return True
    return make_outputs(stage.target, material, run, device, options, stopped=stopped).is_file()


def outputs_path(target: str, run: Path, options: OutputOptions) -> Path:
    """Where a run keeps the outputs of a target.

    Another target, other options, or other bundled files that change its logits in serving, mean another file.
    """
    folder = result_of(target, run)
    recipe = (options.answers, options.processed, options.prompts_file, options.longest_output, served_tuning(folder))
    served_with = sorted(read_sums(MODELS).items()) if options.processed else ()
    digest = hashlib.sha256(repr((recipe, served_with)).encode())
    for file in sorted(folder.glob("*.safetensors")):
        digest.update(file.read_bytes())
    return run / "outputs" / f"{Path(target).name}-{options.outputs}-{digest.hexdigest()[:12]}.npz"


def make_outputs(
    target: str,
    material: Material,
    run: Path,
    device: torch.device,
    options: OutputOptions,
    *,
    split: Split = "train",
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Let the target write over prompts of `split`, and keep the outputs; parts of an earlier call are kept.

    Raises DataMissingError if there is no target.
    """
    folder, path = result_of(target, run), outputs_path(target, run, options)
    if not (folder / "config.json").is_file():
        raise DataMissingError(
            f"there is no target at {folder}", hint="train it first, or name its folder as the stage's target"
        )
    prompts: Prompts
    loaded = load_target(str(folder), dtype="bfloat16", device=str(device))
    if options.prompts_file:
        given = given_prompts(Path(options.prompts_file), folder, longest=options.longest_output)
        # A chat model ends with tokens that its tokenizer does not name.
        prompts = replace(given, eos_ids=given.eos_ids | loaded.eos_ids)
    else:
        prompts = served_prompts(
            material, folder, split=split, answers_share=options.answers, processed=options.processed
        )
    at_once = _ROWS_AT_ONCE if device.type == "cuda" else 1
    # No two prompts begin alike: a prefix cache would be useless.
    engine = Engine(loaded, sources=SOURCES, max_rows=at_once, max_waiting=2 * at_once, prefix_bytes=0)
    write_outputs(engine, prompts, path, count=options.outputs, at_once=at_once, show=_show, stopped=stopped)
    return path


def write_outputs(
    engine: Engine,
    prompts: Prompts,
    path: Path,
    *,
    count: int,
    at_once: int = 1,
    part: int = PART,
    show: Callable[[str], None] = print,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Let the engine write `count` outputs into `path`; parts of `part` that an earlier call has finished are kept.

    `at_once` requests share the target's forwards (1 on a CPU, where prefill is most of the work). False if `stopped`
    returned True before the end: then only parts are there.
    """
    if path.is_file() and len(TargetOutputs.load(path)) == count:
        return True
    folder = path.with_suffix(".parts")
    folder.mkdir(parents=True, exist_ok=True)
    files = {first: folder / f"{first:08d}.npz" for first in range(0, count, part)}
    started_s, written = time.perf_counter(), 0
    for first, file in files.items():
        if file.is_file():
            continue
        if stopped():
            return False
        last = min(count, first + part)
        TargetOutputs.of(written_rows(engine, prompts, range(first, last), at_once=at_once)).save(file)
        written += last - first
        rate = written / (time.perf_counter() - started_s)
        show(f"outputs: {last:,} of {count:,}, {rate:.1f} a second, {(count - last) / rate / 60:.1f} minutes left")
    TargetOutputs.of(row for file in files.values() for row in _rows(TargetOutputs.load(file))).save(path)
    shutil.rmtree(folder)
    return True


def written_rows(engine: Engine, prompts: Prompts, numbers: range, *, at_once: int = 1) -> list[Row]:
    """Requests `numbers` with what the target writes behind them."""

    def row_of(number: int) -> Row:
        request = prompts.request(number)
        return Row(request.task, request.prompt, tuple(engine.generate(request).tokens))

    if at_once == 1:
        return [row_of(number) for number in numbers]
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(row_of, numbers))


def _rows(outputs: TargetOutputs) -> Iterator[Row]:
    return (outputs[number] for number in range(len(outputs)))


def _show(line: str) -> None:
    sys.stderr.write(line + "\n")
